"""What the demo says, in Chinese and English. Terms come from gateway.words; sentences stand here."""

from gateway.words import LANGUAGES

PHRASES = {
    "starting": (
        "启动：消息服务器、中心、四块采集板、一台外购传感器、网关",
        "Starting broker, center, four boards, one bought sensor and a gateway",
    ),
    "latencies": ("原速测量时延：烟感触点闭合 {trials} 次", "Measuring latencies at 1x: {trials} smoke contacts"),
    "playing": ("以 {rate:.0f} 倍速回放 {minutes:.0f} 分钟：", "Playing {minutes:.0f} minutes at {rate:.0f}x:"),
    "draining": ("收尾：最后的记录送往中心", "Draining: the last rows go to the center"),
    "progress": (
        "  {minutes:4.0f} 分  中心已存 {stored:6,} 条，待传 {waiting:3} 条  {alarms}",
        "  {minutes:4.0f} min  {stored:6,} rows at the center, {waiting:3} to send  {alarms}",
    ),
    "slower": ("  本机跟不上：改为 {rate:.0f} 倍速", "  this machine does not keep up: going on at {rate:.0f}x"),
    "position": ("第 {done:.0f}/{all:.0f} 分，{rate:.0f} 倍速", "{done:.0f} of {all:.0f} min, {rate:.0f}x"),
    "scans": ("扫描 {scans:,} 次，漏 {skipped}", "{scans:,} scans, {skipped} skipped"),
    "bus": ("总线占用 {percent:.0f} %", "bus {percent:.0f} % used"),
    "above": ("超{name} {by}", "{by} above {name}"),
    "since": ("{time} 起 {age}", "since {time}, {age}"),
    "held": ("失联不解除", "held: losing sight never clears"),
    "lost": ("失联", "lost sight"),
    "Rows": ("记录", "Rows"),
    "Lost": ("丢失", "Lost"),
    "Doubled": ("重复", "Doubled"),
    "Readings": ("读数", "Readings"),
    "Channels": ("通道", "Channels"),
    "Alarms": ("告警", "Alarms"),
    "Siren after": ("警报器时延", "Siren after"),
    "Center after": ("中心时延", "Center after"),
    "Scans": ("扫描", "Scans"),
    "Gateway": ("网关", "Gateway"),
    "Time": ("用时", "Time"),
    "rows": ("产生 {made:,} 条，中心已存 {stored:,} 条", "{made:,} made, {stored:,} stored at the center"),
    "readings": ("{count:,} 个，每个 {size:.2f} 字节", "{count:,}, {size:.2f} bytes each"),
    "delay": (
        "{p50:.0f} ms（p50），{p99:.0f} ms（p99），原速 {trials} 次",
        "{p50:.0f} ms (p50), {p99:.0f} ms (p99), {trials} trials at 1x",
    ),
    "scanned": (
        "{scans:,} 次，每次 {scan_s} s，漏 {skipped} 次，总线占用 {percent:.0f} %",
        "{scans:,} of {scan_s} s, {skipped} skipped, bus {percent:.0f} % used",
    ),
    "costs": ("内存 {mib:.0f} MiB，CPU {cpu_s:.1f} s", "{mib:.0f} MiB, {cpu_s:.1f} s of CPU"),
    "took": (
        "{wall_s:.0f} s，站上 {hours:.1f} 小时（{speed:.0f} 倍速）",
        "{wall_s:.0f} s for {hours:.1f} h at the station ({speed:.0f}x)",
    ),
    "well": (
        "通过  没有丢失，没有重复。   下一步：README.zh-CN.md，或 riverpost test",
        "ok  Nothing lost, nothing doubled.   Next: README.md, or riverpost test",
    ),
    "FAIL": ("不通过", "FAIL"),
}


def phrase(key: str, lang: str, **values: object) -> str:
    """The sentence `key` with its values. KeyError for an unknown one, or a value that is missing."""
    return PHRASES[key][LANGUAGES.index(lang)].format(**values)
