"""What `riverpost scan` says, in both languages, beside tools/phrases.py and gateway/words.py.

Rules of this file: data, and the function that prints it. What goes wrong with the call stands in tools/faults.toml.
"""

from gateway import words

PHRASES = {
    "bus": ("总线 {port}，{setting}，地址 {addresses}", "Bus {port}, {setting}, addresses {addresses}"),
    "all_settings": ("{count} 种速率与格式", "{count} rates and framings"),
    "shared": (
        "{port} 还被 {users} 打开：它取走的字节我们看不到",
        "{port} is open in {users} too: what it takes, we miss",
    ),
    "would_ask": (
        "将询问 {asks} 次，约 {minutes}（--dry-run：没有询问）",
        "Would ask {asks} times, about {minutes} (--dry-run: nothing was asked)",
    ),
    "minutes": ("{count} 分钟", "{count} min"),
    "seconds": ("{count} 秒", "{count} s"),
    "expects": ("{file} 在此总线上有 {count} 个设备", "{file} has {count} devices on this bus"),
    "stopped_at": ("已停止：只有下面这些；没有改变任何东西", "Stopped: only what stands below; nothing was changed"),
    "result": ("{ok} 个通过，{look} 个注意，{fail} 个不通过", "{ok} ok, {look} to look at, {fail} failed"),
    "next": ("下一步：{what}", "Next: {what}"),
    "serial": ("序列号 {serial}", "serial {serial}"),
    "slot": ("分区 {slot}", "slot {slot}"),
    "says": ("自称 {text}", "says {text}"),
    # Of a device.
    "in_station": ("在 station.toml 中", "in station.toml"),
    "not_in_station": ("不在 station.toml 中", "not in station.toml"),
    "fits": ("符合型号文件", "fits its profile"),
    "silent": ("已配置，无应答", "configured, silent"),
    "unlooked": ("有应答，还没有细看", "answers, not looked at closely"),
    "unknown": ("有应答，型号未知", "answers, no known profile"),
    "garbled": ("应答总是乱码（{garbled}/{asked}）", "answers, garbled {garbled} of {asked} times"),
    "unsteady": ("{asked} 次中应答 {answered} 次", "answered {answered} of {asked} times"),
    "twins": ("两台设备用同一地址", "two devices have this address"),
    "twins_serials": ("两块板用同一地址：{serials}", "two boards have this address: {serials}"),
    "twins_likely": (
        "可能两台设备同址：{asked} 次中 {garbled} 次乱码",
        "two devices here? garbled {garbled} of {asked} times",
    ),
    "other_setting": ("设为 {setting}，总线是 {bus}", "is set to {setting}, the bus to {bus}"),
    "also": ("用 {settings} 也应答：分不出", "answers at {settings} too: cannot be told apart"),
    "no_board": ("station.toml 中是 {type}，应答的不是", "station.toml has {type} here, this is none"),
    "board_for_sensor": (
        "station.toml 中是 {profile}，应答的是采集板",
        "station.toml has {profile} here, this is a board",
    ),
    "other_type": ("station.toml 中是 {type}", "station.toml has {type} here"),
    "other_serial": ("station.toml 中序列号是 {serial}", "station.toml has serial {serial}"),
    "other_profile": ("station.toml 中是 {profile}，不符", "station.toml has {profile}, which it does not fit"),
    "several_profiles": ("符合几个型号文件：{profiles}", "fits several profiles: {profiles}"),
    "refused": ("应答异常 {code}，没有 {profile} 的数值", "exception {code} where {profile} has its value"),
    "not_as_profile": ("有应答，不符合 {profile}", "answers, not as {profile} would"),
    "definition_right": ("定义 {digest}，一致", "definition {digest}, right"),
    "definition_other": ("定义 {digest}，与 station.toml 不同", "definition {digest}, not that of station.toml"),
    "definition_plain": ("定义 {digest}，同 boards/，接 {fit}", "definition {digest}, as in boards/ with {fit}"),
    "definition_own": ("定义 {digest}，含率定或密钥", "definition {digest}, its own (calibration or keys)"),
    "unprovisioned": ("没有可用的配置", "has no settings that it can use"),
    "no_status": ("读不出状态", "its status cannot be read"),
    "safe": ("在运行安全应用：{words}", "runs its safe application: {words}"),
    "trial": ("新版本试运行中", "a new version is on trial"),
    # Of the line.
    "Line": ("线路", "Line"),
    "cannot": ("此端口不能设为：{settings}", "this port could not be set to {settings}"),
    "at_space": (
        "{asked} 次询问后 {count} 次只收到一个 00：线路静止在“空号”。可能 A、B 接反（有偏置时），或一根线断开、短路",
        "a single 00 after {count} of {asked} questions: the line rests at space. A and B exchanged at this end (on a "
        "pair with bias), or a wire off or shorted",
    ),
    "floating": (
        "{seconds} 秒无人说话时收到 {count} 字节：总线没有偏置电阻；或有人用别的速率说话",
        "{count} bytes in {seconds} s while nobody spoke: no bias resistors on the pair; or somebody talks at another "
        "rate",
    ),
    "never_whole": (
        "{asked} 次中 {damaged} 次有应答，但都不完整：速率或校验不同（试 --all），或两台设备同址",
        "{damaged} of {asked} answers came, none of them whole: another rate or parity (try --all), or two devices "
        "with one address",
    ),
    "reflections": (
        "{asked} 次应答坏 {damaged} 次，越长越坏，{baud} 波特：线路末端没有 120 Ω 终端电阻，或对此速率太长",
        "{damaged} of {asked} answers damaged, the longer the worse, at {baud} baud: no 120 Ω at the ends of the pair, "
        "or too long for this rate",
    ),
    "damaged": (
        "{asked} 次应答坏 {damaged} 次：干扰、接触不良或没有公共地",
        "{damaged} of {asked} answers damaged: interference, a loose wire, or no common ground",
    ),
    "counted": (
        "串口计数：帧错 {framing}，校验错 {parity}，中断 {breaks}",
        "the UART counted {framing} framing errors, {parity} parity errors, {breaks} breaks",
    ),
    "echo": ("适配器回送自己的字节：已去掉", "the adapter hears its own bytes: they were taken off"),
    # What comes next.
    "next_check": (
        "启动网关，再 riverpost check --station {file}",
        "start the gateway, then riverpost check --station {file}",
    ),
    "next_provision": (
        "riverpost provision {board} --station {file}",
        "riverpost provision {board} --station {file}",
    ),
    "next_settings": (  # A board that waits at the address of nobody is likely the one that is silent.
        "riverpost provision {board} --station {file}",
        "riverpost provision {board} --station {file}",
    ),
    "next_cable": (
        "查无应答设备的供电、A/B 和地址，再 riverpost scan",
        "look at power, A/B and address of what is silent",
    ),
    "next_readdress": ("断开其中一台，另设地址", "take one of the two off, give it another address"),
    "next_setting": ("把该设备设为总线的速率", "set that device to the rate of the bus"),
    "next_all": ("riverpost scan --all", "riverpost scan --all"),
    "next_line": ("先修好线路，再 riverpost scan", "put the line right, then riverpost scan"),
    "asked_nothing": (
        "{setting}：问了 {asked} 个地址，没有收到一个字节",
        "{setting}: {asked} addresses asked, not one byte came",
    ),
    "asked_some": (
        "{setting}：问了 {asked} 个地址，没有完整应答",
        "{setting}: {asked} addresses asked, no whole answer",
    ),
    "heard_frames": ("{setting}：{count} 帧，地址 {addresses}", "{setting}: {count} frames, addresses {addresses}"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)
