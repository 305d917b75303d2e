"""The words people read, in Chinese and English: one table, no other source. Levels have shape, character and word.

Rules of this file: data, and the few functions that print it; alarm is 告警, never 预警 (that word belongs to public
warnings).
"""

import os
import unicodedata

from wire.package import REASONS

LANGUAGES = ("zh", "en")

WORDS = {
    "level": ("水位", "Water level"),
    "rain": ("雨量", "Rain"),
    "tilt": ("倾斜", "Tilt"),
    "tilt_rate": ("倾斜速率", "Tilt rate"),
    "acceleration": ("加速度", "Acceleration"),
    "smoke": ("烟感", "Smoke"),
    "smoke_contact": ("烟感触点", "Smoke contact"),
    "supply": ("供电", "Supply"),
    "temperature": ("温度", "Temperature"),
    "humidity": ("湿度", "Humidity"),
    "crack": ("裂缝", "Crack"),
    "gap": ("空高", "Air gap"),
    "head": ("压力水头", "Pressure head"),
    "spread": ("离散", "Spread"),
    "guard": ("设防", "Guard"),
    "warning": ("警戒", "Warning"),
    "guarantee": ("保证", "Guarantee"),
    "record": ("历史最高", "Record"),
    "5-year": ("五年一遇", "5-year"),
    "10-year": ("十年一遇", "10-year"),
    "20-year": ("二十年一遇", "20-year"),
    "50-year": ("五十年一遇", "50-year"),
    "100-year": ("百年一遇", "100-year"),
    "station": ("站点", "Station"),
    "board": ("采集板", "Board"),
    "gateway": ("网关", "Gateway"),
    "center": ("中心", "Center"),
    "siren": ("警报器", "Siren"),
    "channel": ("通道", "Channel"),
    "value": ("数值", "Value"),
    "quality": ("质量", "Quality"),
    "age": ("时效", "Age"),
    "alarm": ("告警", "Alarm"),
    "alarms": ("告警", "Alarms"),
    "rule": ("规则", "Rule"),
    "state": ("状态", "State"),
    "since": ("起", "Since"),
    "source": ("来源", "Source"),
    "delivery": ("数据送达", "Delivery"),
    "to_send": ("待传", "to send"),
    "acknowledged_rows": ("中心已存", "stored at center"),
    "completeness": ("到报率", "Completeness"),
    "lost": ("失联", "Lost"),
    "stale": ("迟到", "Late"),
    "good": ("良好", "good"),
    "not evaluated": ("未评定", "not evaluated"),
    "suspect": ("可疑", "Suspect"),
    "fail": ("失效", "Failed"),
    "missing": ("缺测", "Missing"),
    "unacknowledged": ("未确认", "Not acknowledged"),
    "acknowledged": ("已确认", "Acknowledged"),
    "returned": ("已回落 · 待确认", "Returned · not acknowledged"),
    "latched": ("保持，须现场复位", "Held until reset on site"),
    "shelved": ("搁置", "Shelved"),
    "out of service": ("停用", "Out of service"),
    "exercise": ("演练模式 · 非真实险情", "EXERCISE · NOT A REAL EVENT"),
    "test": ("测试", "Test"),
    "flood season": ("汛期", "Flood season"),
    "holiday": ("节假日", "Holiday"),
    "fire danger": ("火险期", "Fire danger"),
    "emergency": ("应急加密", "Emergency"),
    "calendar": ("日历", "calendar"),
    "clock": ("时钟未知", "clock not known"),
    "until": ("至", "until"),
    "late_episodes": ("补判（迟到记录，仅存档）", "From late rows, for the record only"),
    "orders": ("未确认的指令", "Orders not confirmed"),
    "order_stored": ("已存中心，未送出", "stored at center, not sent"),
    "order_sent": ("已送出，站点未确认", "sent, not confirmed"),
    "order_refused": ("站点未执行", "refused"),
    "order_expired": ("已过期", "expired"),
    "name": ("名称", "Name"),
    "rows": ("记录", "Rows"),
    "events": ("事件", "Events"),
    "duplicates": ("重复到达", "Sent again"),
    "quarantined": ("隔离待查", "Set aside"),
    "waiting": ("待目录", "No catalogue yet"),
    "not_here": ("未到", "Not here"),
    "up_to": ("连续至", "Up to"),
    "gap_in": ("缺口所在", "Gap in"),
    "range": ("序号范围", "Numbers"),
    "between": ("前后记录时间 (UTC)", "Between (UTC)"),
    "gap_waiting": ("待到", "awaited"),
    "gap_asked": ("已请求补传", "asked for"),
    "gap_final": ("各处均已不存", "no log holds it"),
    "more_gaps": ("处缺口未列出，见 --json", "more gaps: see --json"),
    "conflicts": ("同号异文", "Same number, other content"),
    "doubted": ("时间不可能", "Impossible time"),
    "online": ("在线", "online"),
    "offline": ("离线", "offline"),
    "normal": ("正常", "Normal"),
    "no_alarm": ("无告警", "No alarm"),
    "threshold": ("限值", "Limit"),
    "no_station": ("还没有站点来报。等待 rp/1/+/state。", "No station has reported yet. Waiting for rp/1/+/state."),
    "never_seen": ("从未收到", "never received"),
    "stored_summary": ("已存", "Stored"),
    "clock_never": ("时钟未校准", "Clock not set"),
    "footer": (
        "监测告警，供值守使用，不是向社会发布的预警。",
        "Monitoring alarms for duty use, not public warnings.",
    ),
    "wusong": ("吴淞高程", "Wusong datum"),
    "cn1985": ("1985高程", "1985 datum"),
    "huanghai": ("黄海高程", "Huanghai datum"),
    "local": ("当地高程", "local datum"),
}

# Why something that a person wanted was not done.
REFUSALS = {
    "no rule": ("没有名为 {rule} 的规则", "no rule is called {rule}"),
    "risen": ("告警已升为{level}，请重新确认", "it has become {level}: acknowledge again"),
    "seen": ("{rule} 已确认", "{rule} is acknowledged already"),
    "normal": ("{rule} 没有告警", "no alarm of {rule} stands"),
    "not latched": ("{rule} 没有保持", "{rule} is not held"),
    "red": ("红色告警不能搁置", "a red alarm is never shelved"),
    "over": ("时间已过", "that time is over"),
    "too long": ("最长 8 小时", "no longer than 8 hours"),
    "not shelved": ("{rule} 没有搁置", "{rule} is not shelved"),
    "in service": ("{rule} 在用", "{rule} is in service"),
    "out of service": ("{rule} 已停用", "{rule} is out of service already"),
    "quiet": ("警报器没有鸣响", "the siren is quiet"),
    "not silenced": ("警报器没有消音", "the siren is not silenced"),
    "no siren": ("本站没有警报器", "this station has no siren"),
    "loud": ("有告警", "an alarm stands"),
}

# What has become of a package for a board (gateway.update_course.STATES).
UPDATE_STATES = {
    "waiting": ("等待采集板", "Waits for the board"),
    "sending": ("传送中", "Sending"),
    "verifying": ("采集板校验中", "The board checks it"),
    "ready": ("待安装", "Ready to install"),
    "installing": ("重启安装中", "Restarting into it"),
    "trial": ("试运行", "On trial"),
    "confirmed": ("已确认", "Confirmed"),
    "rolled back": ("已退回旧版本", "Rolled back"),
    "refused": ("已拒绝", "Refused"),
}

# Why a package was not installed; what can be said more exactly comes behind it.
UPDATE_REASONS = {
    "no package": ("不是完整的升级包", "not a whole package"),
    "signature": ("签名与本站公钥不符", "its signature is not by this station's key"),
    "chip": ("升级包用于其他芯片", "it is for another chip"),
    "no board": ("本站没有这块板", "there is no such board"),
    "no gap": ("总线空隙不足", "the bus has no gap for it"),
    "counter": ("计数不大于现有版本", "its counter is not above that of what runs"),
    "no updates": ("采集板不支持升级", "the board does not take updates"),
    "exception": ("采集板拒收", "the board does not take it"),
    "losses": ("采集板多次丢失已收部分", "the board lost again and again what it had"),
    "no progress": ("24 小时无进展", "no progress in 24 h"),
    "no restart": ("采集板没有重启安装", "the board did not restart into it"),
    "replaced": ("被另一升级包取代", "another package took its place"),
    "withdrawn": ("升级包已撤回", "it was taken back"),
    "rolled back": ("新版本未通过试运行", "it did not pass its trial"),
    "board 1": ("采集板：不是升级包", REASONS[1]),
    "board 2": ("采集板：没有公钥", REASONS[2]),
    "board 3": ("采集板：签名不符", REASONS[3]),
    "board 4": ("采集板：用于其他芯片", REASONS[4]),
    "board 5": ("采集板：计数不大于现有版本", REASONS[5]),
    "board 6": ("采集板：没有可用的分区", REASONS[6]),
    "board 7": ("采集板：存储空间不足", REASONS[7]),
    "board 8": ("采集板：文件与清单不符", REASONS[8]),
    "board 9": ("采集板：写入后读回不符", REASONS[9]),
    "board 10": ("采集板：内存不足", REASONS[10]),
}

# Alarm level: (shape, character, word) in each language; more corners = worse.
LEVEL_MARKS = {
    0: ("○", ("", ""), ("正常", "Normal")),
    1: ("●", ("蓝", "B"), ("蓝色", "Blue")),
    2: ("▲", ("黄", "Y"), ("黄色", "Yellow")),
    3: ("◆", ("橙", "O"), ("橙色", "Orange")),
    4: ("⯃", ("红", "R"), ("红色", "Red")),
}
LEVEL_NAMES = ("none", "blue", "yellow", "orange", "red")  # As station.toml, the siren's file and JSON say them.

# Name of a quantity without its unit -> key of WORDS.
QUANTITY_WORDS = {
    "level_mm": "level",
    "gap_mm": "gap",
    "head_mm": "head",
    "rain_um": "rain",
    "tilt_x_mdeg": "tilt",
    "tilt_y_mdeg": "tilt",
    "turn_mdeg": "tilt",
    "turn_mdeg_per_day": "tilt_rate",
    "acc_x_ug": "acceleration",
    "acc_y_ug": "acceleration",
    "acc_z_ug": "acceleration",
    "crack_um": "crack",
    "smoke_mdbm": "smoke",
    "smoke_contact": "smoke_contact",
    "temp_cdeg": "temperature",
    "supply_mv": "supply",
    "humidity_permil": "humidity",
    "distance_spread_mm": "spread",
}

# Quantity -> (decimals of the integer, decimals shown, unit shown): a level in m with 2 decimals, and so on.
SHOWN = {
    "level_mm": (3, 2, "m"),
    "gap_mm": (3, 2, "m"),
    "head_mm": (3, 2, "m"),
    "rain_um": (3, 1, "mm"),
    "tilt_x_mdeg": (3, 2, "°"),
    "tilt_y_mdeg": (3, 2, "°"),
    "turn_mdeg": (3, 2, "°"),
    "turn_mdeg_per_day": (3, 2, "°/d"),
    "acc_x_ug": (6, 3, "g"),
    "acc_y_ug": (6, 3, "g"),
    "acc_z_ug": (6, 3, "g"),
    "crack_um": (3, 1, "mm"),
    "smoke_mdbm": (3, 2, "dB/m"),
    "smoke_contact": (0, 0, ""),
    "temp_cdeg": (2, 1, "°C"),
    "supply_mv": (3, 1, "V"),
    "humidity_permil": (1, 1, "%"),
    "distance_spread_mm": (0, 0, "mm"),
}


def language(wanted: str | None = None) -> str:
    """ "zh" or "en": what was asked for, else what LANG says."""
    if wanted in LANGUAGES:
        return wanted
    return "zh" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("zh") else "en"


def word(key: str, lang: str) -> str:
    """The word for `key`. KeyError for an unknown one: a missing translation is a defect."""
    return WORDS[key][LANGUAGES.index(lang)]


def mark(level: int, lang: str) -> str:
    """Shape and character of an alarm level, e.g. "◆橙"; the character also stands where colour is not seen."""
    shape, characters, _ = LEVEL_MARKS[level]
    return shape + characters[LANGUAGES.index(lang)]


def level_word(level: int, lang: str) -> str:
    return LEVEL_MARKS[level][2][LANGUAGES.index(lang)]


def refusal(key: str, lang: str = "en", *, rule: str = "", level: int = 0) -> str:
    """Why something was not done, as a sentence."""
    text = REFUSALS[key][LANGUAGES.index(lang)]
    return text.format(rule=rule[:40], level=level_word(level, lang) if lang == "zh" else LEVEL_NAMES[level])


def update_state(key: str, lang: str = "en") -> str:
    """What has become of a package."""
    return UPDATE_STATES[key][LANGUAGES.index(lang)]


def update_reason(key: str, detail: str = "", lang: str = "en") -> str:
    """Why a package was not installed, as a sentence; a reason that a newer board gives is told by its number."""
    known = UPDATE_REASONS.get(key)
    text = known[LANGUAGES.index(lang)] if known else key
    return f"{text}{'：' if lang == 'zh' else ': '}{detail}" if detail else text


def shown(quantity: str, value: int | None) -> str:
    """A value as people read it, with its unit: "193.02 m"; "—" if there is none. Minus is "−"; rounds half away
    from zero.
    """
    if value is None:
        return "—"
    decimals, places, unit = SHOWN[quantity]
    step = 10 ** (decimals - places)
    rounded = (abs(value) + step // 2) // step
    text = f"{rounded // 10**places:,}" + (f".{rounded % 10**places:0{places}d}" if places else "")
    sign = "−" if value < 0 and rounded else ""
    return f"{sign}{text} {unit}".rstrip()


def age(age_ms: int, lang: str) -> str:
    """An age: under 120 s in seconds, under 120 min in minutes, then hours and minutes."""
    seconds = age_ms // 1000
    s, minute, h = ("秒", "分", "小时") if lang == "zh" else ("s", "min", "h")
    if seconds < 120:
        return f"{seconds} {s}"
    if seconds < 7200:
        return f"{seconds // 60} {minute}"
    return f"{seconds // 3600} {h} {seconds % 3600 // 60} {minute}"


def columns(text: str) -> int:
    """Terminal columns of `text`: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
