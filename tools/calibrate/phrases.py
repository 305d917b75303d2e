"""What `riverpost calibrate` says, in both languages, beside the words of gateway/words.py.

Rules of this file: data, and the function that gives it. What goes wrong stands in tools/faults.toml.
"""

from gateway import words

PHRASES = {
    # Names of facts.
    "Now": ("现值", "Now"),
    "Staff": ("水尺", "Staff"),
    "Change": ("改动", "Change"),
    "Baseline": ("基准", "Baseline"),
    "Result": ("结果", "Result"),
    "Kept": ("保留", "Kept"),
    "Then": ("然后", "Then"),
    "Next": ("下一步", "Next"),
    "Undo": ("撤回", "Undo"),
    # What is read.
    "now_level": (
        "{value} {datum}（{count} 个读数，离散 {spread} mm）",
        "{value} {datum} ({count} readings, spread {spread} mm)",
    ),
    "left_out": ("另有 {count} 个读数不良，未用", "{count} more were not good and are left out"),
    "staff_level": ("{value} {datum}", "{value} {datum}"),
    "staff_over_zero": ("{over} 在水尺零点以上，即 {value} {datum}", "{over} over gauge zero, {value} {datum}"),
    # Level.
    "ask_staff": ("水尺读数，按{datum}，m：", "Staff gauge reads, as elevation ({datum}), m: "),
    "ask_over_zero": ("水尺读数，零点以上，m：", "Staff gauge reads, over its zero, m: "),
    "offset": (
        "offset {change} m：由 {before} 改为 {after}（原为 {when}）",
        "offset by {change} m: from {before} to {after} (before: {when})",
    ),
    "when_by": ("{day}，{by}", "{day}, {by}"),
    "surveyed_on": ("{day} 测定", "surveyed {day}"),
    "comma": ("，", ", "),
    "never": ("无记录", "no record"),
    "write_as": ("以 {by} 写入？[y/N] ", "Write it as {by}? [y/N] "),
    "declined": ("没有写入。", "Nothing was written."),
    "dry": ("没有写入（--dry-run）。", "Nothing was written (--dry-run)."),
    "written": ("{file}：{what}", "{file}: {what}"),
    "before_kept": ("原文件保存为 {file}", "the file before is {file}"),
    "start_anew": ("网关重新启动后才使用新值。", "The gateway takes it when it is started anew."),
    "start_anew_board": (
        "先把新配置写到采集板“{name}”上，再重新启动网关。",
        'Put it onto the board "{name}" first, then start the gateway anew.',
    ),
    "stopped_old": ("已停止。{file} 没有改动。", "Stopped. {file} is as it was."),
    "stopped_new": (
        "已停止。{file} 已含新率定。",
        "Stopped. {file} holds the new calibration.",
    ),
    "stopped_gateway": (
        "已停止。指令若已交给网关，它会执行一次；用 riverpost calibrate show 查看。",
        "Stopped. What the gateway had taken already, it does once: see riverpost calibrate show.",
    ),
    # Two points.
    "ask_low_loop": (
        "第一个已知状态，m 或 mA（如 0 m，或 4 mA）：",
        "First known state, m or mA (such as 0 m, or 4 mA): ",
    ),
    "ask_high_loop": ("第二个，较大（如 1.000 m，或 20 mA）：", "Second one, higher (such as 1.000 m, or 20 mA): "),
    "ask_low_gap": ("第一个已知距离，m：", "First known distance, m: "),
    "ask_high_gap": ("第二个，较大，m：", "Second one, larger, m: "),
    "put_it_so": (
        "请置于 {state}，稳定后按回车：",
        "Put it to {state}, wait until it stands, press Enter: ",
    ),
    "now_raw": ("{value}（{count} 个读数，离散 {spread} mm）", "{value} ({count} readings, spread {spread} mm)"),
    "then_shows": ("{there} 时示 {shows}，改后示 {after}", "{there} shows {shows}, then {after}"),
    "why_order": ("第二个状态不高于第一个", "the second state is not above the first"),
    "why_still": ("传感器在第二个状态的示值不大于第一个", "the sensor does not show more at the second state"),
    "why_same": ("对传感器来说两者相同", "the two are the same to the sensor"),
    "why_near": ("两个状态相距不到量程的 {least} %", "the two states are less than {least} % of its scale apart"),
    "why_points": (
        "现有的 points 不递增，看不出传感器的示值",
        "its present points do not rise: what it measured is not known",
    ),
    "why_own_zero": ("该传感器自动调零", "this sensor follows its own zero"),
    "why_dry": ("没有水，或没有翻斗", "no water, or no tip"),
    "slip": ("“{text}”不是可用的数值：写数字和单位", '"{text}" is no amount: write a number and a unit'),
    "setting": ("{name} 改为 {after}（原为 {before}）", "{name} becomes {after} (was {before})"),
    "ask_test": (
        "本站处于实况：置于传感器的状态会引发告警。转入测试 1 小时？[y/N] ",
        "The station is in actual mode: what is put to its sensors may raise alarms. Put it into test for 1 h? [y/N] ",
    ),
    "actual_again": ("本站已恢复实况。", "The station is in actual mode again."),
    "test_goes_on": (
        "本站仍在测试，1 小时后自动结束。",
        "The station stays in test and leaves it by itself after 1 h.",
    ),
    "water_stays": (
        "倒入的水仍在更长的雨量时段内。",
        "The water that was poured stays in its longer rain windows.",
    ),
    # Buckets.
    "ask_water": ("要倒入的水，mL：", "Water that is poured, mL: "),
    "ask_funnel": ("承雨口直径，mm：", "Width of the funnel, mm: "),
    "pour": ("慢慢倒水，翻斗停止后按回车：", "Pour it slowly; when the bucket has stopped, press Enter: "),
    "poured": ("{depth} 的水，{tips} 次翻斗，示 {shown}", "{depth} of water, {tips} tips, shows {shown}"),
    "tip_is": (
        "每次 {um} µm，即 {left}；一次之差为 {share} %",
        "{um} um a tip, which makes {left}; one tip more or less is {share} %",
    ),
    # Tables.
    "ask_voltage": ("{terminal} 端子上的电压，V：", "Voltage at the terminal {terminal}, V: "),
    "ask_voltage_or_end": (
        "{terminal} 端子上的电压，V（回车结束）：",
        "Voltage at the terminal {terminal}, V (Enter: no more): ",
    ),
    "shows": ("{there} 时示 {shows}", "{there} shows {shows}"),
    "straight": ("与直线最大相差 {off}", "no further than {off} from a straight line"),
    "table_change": ("{count} 点（原为 {before}）", "{count} points (was {before})"),
    # Verify.
    "differs": ("传感器减水尺 {value} mm，允许 ±{limit} mm", "sensor minus staff {value} mm, ±{limit} mm are allowed"),
    "agrees": ("一致。", "They agree."),
    "differs_end": ("不一致：再率定一次，或检查传感器。", "They do not agree: calibrate again, or look at the sensor."),
    # Undo.
    "undo_what": ("撤回 {day} {by} 的率定", "takes back the calibration of {day}, {by}"),
    "undo_key": ("{name} 改回 {after}（现为 {before}）", "{name} back to {after} (is {before})"),
    "not_set": ("未设", "not set"),
    "undone": ("已撤回 {day} 的率定", "the calibration of {day} is taken back"),
    # Tilt.
    "baseline_is": ("第 {version} 版，{day}，{by}{reason}", "version {version}, {day}, {by}{reason}"),
    "baseline_none": ("尚无", "none yet"),
    "zero_as": ("以 {by} 把现在的位置取作基准？[y/N] ", "Take where it stands now as baseline, as {by}? [y/N] "),
    "unzero_as": ("以 {by} 恢复上一个基准？[y/N] ", "Go back to the baseline before, as {by}? [y/N] "),
    "zeroed": ("基准由网关保存，已记入事件", "the gateway keeps the baseline and has told it as an event"),
    "station_took_it": ("本站自取", "taken by the station"),
    "from_file": ("station.toml 给定", "given by station.toml"),
    # Show.
    "show_head": ("{station} 的率定", "Calibrations of {station}"),
    "until": ("有效至 {due}", "until {due}"),
    "overdue": ("已于 {due} 到期", "was due {due}"),
    "by_hand": ("此后被手工改为 {value}", "by hand since: {value}"),
    "no_table": (
        "{port} 没有率定表：只显示，不告警",
        "{port} has no table: it is shown, and carries no alarm",
    ),
    "level_value": ("offset {offset}", "offset {offset}"),
    "kind_level": ("水位", "level"),
    "kind_two-point": ("两点", "two-point"),
    "kind_table": ("率定表", "table"),
    "kind_tilt": ("基准", "baseline"),
    "points": ("{count} 点", "{count} points"),
    "counted": ("{ok} 项通过，{look} 项注意，{fail} 项不通过", "{ok} ok, {look} to look at, {fail} failed"),
    "no_gateway": ("网关没有运行：倾斜基准看不到", "no gateway runs: baselines of tilts are not seen"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)
