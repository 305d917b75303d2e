"""What `riverpost update` says, in both languages, beside the words of gateway/words.py.

Rules of this file: data, and the functions that give it. What goes wrong stands in tools/faults.toml.
"""

from collections.abc import Iterable

from gateway import words
from tools.failure import wrapped
from tools.phrases import named, room

PHRASES = {
    # Names of facts.
    "Board": ("采集板", "Board"),
    "Runs": ("正在运行", "Runs"),
    "Package": ("升级包", "Package"),
    "Signed": ("签名", "Signed"),
    "Takes": ("用时", "Takes"),
    "Then": ("随后", "Then"),
    "Replaces": ("取代", "Replaces"),
    "Before": ("上次", "Before"),
    "Station": ("站点", "Station"),
    "See": ("查看", "See"),
    "Undo": ("撤回", "Undo"),
    # What is known before.
    "none": ("无", "none"),
    "place_bus": ("总线 {bus} 地址 {address}", "bus {bus}, address {address}"),
    "place_wifi": ("Wi-Fi", "Wi-Fi"),
    "runs": ("{version}，计数 {counter}，分区 {slot}", "{version}, counter {counter}, slot {slot}"),
    "runs_trial": (
        "{version}，计数 {counter}，分区 {slot}，试运行中",
        "{version}, counter {counter}, slot {slot}, on trial",
    ),
    "runs_safe": ("安全程序，不测量；最后的话：{words}", "its safe application, measures nothing; last words: {words}"),
    "runs_unknown": (
        "未知：网关启动后还没有收到它的应答",
        "not known: it has not answered since the gateway started",
    ),
    "package": (
        "{version}，计数 {counter}，类别 {class_name}，{size} 字节",
        "{version}, counter {counter}, class {class_name}, {size} bytes",
    ),
    "package_short": ("{version}，计数 {counter}", "{version}, counter {counter}"),
    "signed": ("与本站公钥 {digits}… 相符", "by this station's key, {digits}…"),
    "counters": ("升级包计数 {package}，板上 {runs}", "the package's counter {package}, the board's {runs}"),
    "takes_bus": (
        "约 {time}，用总线 {bus}（{baud}）轮询之间的空隙；补传记录时更久",
        "about {time} in the gaps of bus {bus} ({baud} baud); longer while a log is read",
    ),
    "takes_wifi": ("Wi-Fi 上通常不到一分钟", "mostly less than a minute over Wi-Fi"),
    "then": (
        "重启一次，静默数秒；它的通道有告警时不重启；约十分钟内未证明自己，就自动退回",
        "it restarts once, silent for seconds, not while an alarm of its channels stands; if it does not prove itself"
        " in about ten minutes, it goes back by itself",
    ),
    "replaces": ("正在进行的 {package}，从头开始", "{package}, which is under way: from the beginning"),
    "other_config": (
        "station.toml 在网关启动后改过：网关用的是改动前的",
        "station.toml was changed after the gateway started, which runs the one before",
    ),
    # Asked and done.
    "update_question": ("升级？[y/N] ", "Update it? [y/N] "),
    "update_declined": ("没有交给网关。", "Nothing was handed to the gateway."),
    "dry_update": ("没有交给网关（--dry-run）。", "Nothing was handed to the gateway (--dry-run)."),
    "next_call": ("下一步：同一命令，不带 --dry-run", "Next: the same without --dry-run"),
    "dry_cancel": ("没有撤回（--dry-run）。", "Nothing was taken back (--dry-run)."),
    "update_runs_already": ("它已在运行这个升级包，并已确认。", "It runs this package already, and has confirmed it."),
    "update_done": (
        "完成，{time}：{board} 已确认 {version}，计数 {counter}。",
        "Done, {time}: {board} has confirmed {version}, counter {counter}.",
    ),
    "next_update": ("下一步：riverpost update {board} {path}", "Next: riverpost update {board} {path}"),
    "update_goes_on": ("不再观看，网关自己继续升级。", "Watching has stopped; the gateway goes on by itself."),
    "update_taken_back": (
        "已撤回。{board} 收到的部分不会启动。",
        "Taken back. What {board} has of it never starts.",
    ),
    # Steps, and for what they wait.
    "send": ("发送", "send"),
    "verify": ("校验", "verify"),
    "install": ("重启", "restart"),
    "trial": ("试运行", "trial"),
    "wait_gateway": ("等网关接手", "until the gateway takes it"),
    "wait_away": ("网关没有应答", "the gateway does not answer"),
    "wait_lost": ("采集板没有应答，恢复后继续", "the board does not answer: goes on when it does"),
    "wait_asleep": ("采集板在休眠，醒来后继续", "the board sleeps: goes on when it wakes"),
    "wait_alarm": ("它的通道有告警，解除后重启", "an alarm of its channels stands: restarts after it"),
    "wait_turn": ("另一块板在试运行，之后重启", "another board is on trial: restarts after it"),
    # States of a note.
    "state_waiting": ("等待", "waiting"),
    "state_sending": ("发送中", "sending"),
    "state_verifying": ("校验中", "verifying"),
    "state_ready": ("待重启", "ready to restart"),
    "state_installing": ("重启中", "restarting"),
    "state_trial": ("试运行", "on trial"),
    "state_confirmed": ("已确认", "confirmed"),
    "state_rolled_back": ("已退回", "rolled back"),
    "state_refused": ("被拒", "refused"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)


def said(key: str, lang: str, **facts: object) -> str:
    """The same in lines that a terminal has room for."""
    return "\n".join(wrapped(phrase(key, lang, **facts), room()))


def facts(pairs: Iterable[tuple[str, str]], lang: str) -> str:
    """Names, by their keys, and values below each other."""
    return named((phrase(key, lang), value) for key, value in pairs)
