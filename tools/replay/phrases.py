"""The sentences of a replay in both languages, beside the words of gateway/words.py.

Rules of this file: data; a note is a key of this table with its facts, so that it can be said in either language.
"""

from gateway import words

Note = tuple[str, dict[str, object]]

PHRASES = {
    "reading": ("读取 {name}：{rows} 行，{percent} %", "reading {name}: {rows} rows, {percent} %"),
    "left": ("还需 {seconds} 秒", "{seconds} s left"),
    "head": ("{rows} 行 · {first} 至 {last} · 间隔 {cadence}", "{rows} rows · {first} to {last} · every {cadence}"),
    "zone": ("时间：{zone}", "times: {zone}"),
    "site_known": (
        "站点：{name}（按文件指纹认出，见 {file}）",
        "site: {name_en} (the file is a known recording: {file})",
    ),
    "site_given": ("站点：{name}（{file}）", "site: {name_en} ({file})"),
    "site_default": (
        "站点未知：按默认规则判别。用 --station 给出站点",
        "no site is known: judged by the default rules. Give --station for a site's own",
    ),
    "site_none": (
        "站点未知，水位不设默认限值：只做质量检查。用 --station 给出限值",
        "no site is known, and no limits can be assumed for it: quality only. Give --station for its thresholds",
    ),
    "filled": ("按已知记录补上：{names}", "taken from what is known of this recording: {names}"),
    "no_rules": ("该站点没有规则：只做质量检查", "this site has no rules: quality only"),
    "left_out": ("记录无法回答的规则已略去：{names}", "rules that this recording cannot answer are left out: {names}"),
    "encoding": ("文件按 {name} 编码读取", "the file was read as {name}"),
    "unstamped": (
        "{count} 行没有可读的时间，未判别；首个：{first}",
        "{count} rows have no readable time and were not judged; first: {first}",
    ),
    "repeated": (
        "夏令时结束，{first} 起的一小时出现两次：按行序，{once} 行归第一次，{twice} 行归第二次",
        "summer time ended: of the hour that came twice, from {first}, {once} rows were taken as the first passing"
        " and {twice} as the second, by their order",
    ),
    "repeated_once": (
        "夏令时结束，{first} 起的一小时有两次，文件只有一次（{count} 行）：归第一次",
        "summer time ended: the hour from {first} came twice, the file has it once ({count} rows): taken as the first",
    ),
    "never": (
        "夏令时开始，{count} 行的时间不存在，未判别；首个：{first}",
        "summer time began: {count} rows have a time that the clock never showed, and were not judged; first: {first}",
    ),
    "no_episode": ("没有告警", "No alarm"),
    "not_judged": ("未判别告警：没有规则", "No alarm was judged: there are no rules"),
    "no_flags": ("没有质量标记", "No flags of quality"),
    "episodes": ("告警过程", "Episodes"),
    "flags": ("质量标记", "Flags"),
    "stands": ("仍在持续", "still standing"),
    "start": ("开始", "Start"),
    "peak": ("峰值", "Peak"),
    "peak_at": ("峰值时间", "Peak at"),
    "end": ("结束", "End"),
    "rows": ("行数", "Rows"),
    "kind": ("种类", "Kind"),
    "count": ("次数", "Count"),
    "first": ("首个", "First"),
    "last": ("最后", "Last"),
    "sentence": ("{lowest} 至 {highest}；缺口 {gaps} 处", "{lowest} to {highest}; gaps: {gaps}"),
    "summary": ("告警过程 {count} 次", "episodes: {count}"),
    "page_title": ("回放：{name}", "Replay: {name}"),
    "generated": (
        "由 riverpost replay 生成 · 文件 {file} · SHA-256 {sha256}",
        "made by riverpost replay · file {file} · SHA-256 {sha256}",
    ),
    "rehearsal": ("历史回放 · 非真实险情", "REPLAY OF A RECORDING · NOT A REAL EVENT"),
    "wrote": ("已写 {path}", "wrote {path}"),
    "next_page": ("下一步：加 --html replay.html 看曲线网页", "Next: the same with --html replay.html for the page"),
    "next_site": ("下一步：加 --station station.toml", "Next: the same with --station station.toml"),
    "judged_in": ("判别 {rows} 行用时 {seconds} 秒", "judged {rows} rows in {seconds} s"),
    "below": ("↓ {name} {value}", "↓ {name} {value}"),
    "gap_length": ("缺测 {length}", "missing {length}"),
    "table": ("数据表", "Table"),
    "more_rows": ("另有 {count} 行，见 --json", "{count} more rows: see --json"),
    "agrees": ("一致", "agrees"),
    "differs": ("不一致", "differs"),
    "skipped": ("跳过", "skip"),
    "absent": ("本机没有 {file}", "{file} is not on this machine"),
    "stage_differs": ("{name}：应为 {wanted}", "{name}: expected {wanted}"),
    "not_expected": ("不应出现：{what}", "not expected: {what}"),
    "scenario_agrees": ("每一级都在预期时刻，没有其他告警", "every stage at its time, and no other alarm"),
    "scenario_differs": ("与预期不一致", "not as expected"),
    "all_result": (
        "一致 {agrees}，不一致 {differs}，跳过 {skipped}",
        "{agrees} agree, {differs} differ, {skipped} skipped",
    ),
}

# Kind of flag -> what it says.
KINDS = {
    "missing": ("缺测", "missing"),
    "invalid": ("无效码", "invalid code"),
    "range": ("超传感器量程", "outside the sensor's span"),
    "span": ("超本站范围", "outside the site's span"),
    "rate": ("变化过快", "too fast"),
    "spike": ("尖峰", "spike"),
    "flat": ("停滞", "stands still"),
    "gap": ("缺口", "gap"),
    "companion": ("温度或供电异常", "temperature or supply impossible"),
    "double-count": ("雨量重复计数", "double counting"),
    "due": ("率定过期", "calibration past its date"),
    "doubled": ("重复行", "sent twice"),
    "back-dated": ("时间倒退", "clock went back"),
    "conflict": ("同时刻不同值", "other value, same time"),
    "text": ("不是数字", "not a number"),
    "unit": ("单位不同", "another unit"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)


def kind_word(kind: str, lang: str) -> str:
    """What a kind of flag says, with the name that stands in JSON and in expected.toml."""
    said = KINDS[kind][words.LANGUAGES.index(lang)]
    return kind if said == kind else f"{said} ({kind})"
