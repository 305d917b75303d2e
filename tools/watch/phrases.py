"""What `riverpost watch` says, in both languages, beside the words of gateway/words.py and tools/phrases.py.

Rules of this file: data, and the function that prints it.
"""

from gateway import words

PHRASES = {
    "keys": ("q 退出  p 暂停  z English  jk 曲线", "q quit  p pause  z 中文  jk plot"),
    "keys_narrow": ("q p z", "q p z"),
    "paused": ("暂停：以下不是现在的情况", "Paused: this is not the present"),
    "frozen": (
        "画面停更 {age}：以下不是现在的情况。网关停止更新 {file}",
        "Screen not updating for {age}: this is not the present. The gateway does not renew {file}",
    ),
    "since": ("{time} 起 {age}", "since {time}, {age}"),
    "held": ("保持 · 失联不解除", "held, losing sight never clears"),
    "above": ("超{name} {by}", "{by} above {name}"),
    "below": ("低于{name} {by}", "{by} below {name}"),
    "more_alarms": ("另有 {count} 条", "{count} more"),
    "address": ("地址", "addr"),
    "curve": ("曲线", "curve"),
    "errors": ("错误", "errors"),
    "no_answer": ("无应答 {age}", "no answer {age}"),
    "never": ("从未收到", "never received"),
    "asleep": ("休眠", "asleep"),
    "still": ("网关停止更新", "gateway stands still"),
    "bus": ("总线 {name}", "Bus {name}"),
    "use": ("占用 {percent}%", "{percent}% in use"),
    "scans": ("扫描 {count}，漏 {skipped}", "{count} scans, {skipped} skipped"),
    "polls": ("应答 {count}", "{count} answers"),
    "no_errors": ("没有错误", "no errors"),
    "local": ("站内消息服务器", "Station's broker"),
    "connected": ("已连接", "connected"),
    "apart": ("断开", "not connected"),
    "safe": ("在运行安全应用：{words}", "runs its safe application: {words}"),
    "trial": ("新版本试运行中", "a new version is on trial"),
    "failed_starts": ("启动失败 {count} 次", "{count} failed starts"),
    "withheld": ("供电过低，未写 {count} 条", "{count} rows not written, supply too low"),
    "row_errors": ("闪存拒写 {count} 条", "{count} rows refused by its flash"),
    "update": ("升级：{state}", "update: {state}"),
    "update_share": ("升级：{state} {percent} %", "update: {state} {percent} %"),
    "to_center": ("与中心连接", "in contact with the center"),
    "center_away": ("与中心断开", "no contact with the center"),
    "no_center": ("没有配置中心", "no center is configured"),
    "store": ("存储已用 {percent}%，还可存约 {days} 天", "store {percent}% full, room for about {days} days"),
    "one_hour": ("1 小时", "in 1 h"),
    "store_failed": ("存储故障：{why}", "the store fails: {why}"),
    "sounding": ("鸣响", "sounding"),
    "silenced": ("已消音", "silenced"),
    "siren_failed": ("故障：{why}", "fails: {why}"),
    "more_rows": ("另有 {count} 行：窗口太矮", "{count} more rows: the window is too low"),
    "no_channels": ("这个站点没有通道", "This station has no channels"),
    "plot_empty": ("还没有数值", "no values yet"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)
