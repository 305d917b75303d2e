"""What `riverpost provision` says when all goes well, in both languages, beside tools/phrases.py.

Rules of this file: data, and the function that prints it. What goes wrong stands in tools/faults.toml.
"""

from gateway import words

PHRASES = {
    "board": ("{name}，{type}", "{name}, {type}"),
    "same_unit": ("{serial}，与 station.toml 相同", "{serial}, as in station.toml"),
    "new_unit": ("{serial}，将写入 station.toml", "{serial}, goes into station.toml"),
    "other_unit": (
        "{serial}；station.toml 里是 {before}，将改为这一块",
        "{serial}; station.toml has {before}, which this one replaces",
    ),
    "blank": ("板上还没有配置", "the board has no settings yet"),
    "sensors": ("传感器：{fitted}", "sensors: {fitted}"),
    "unchanged": ("相同：没有要改的", "the same: nothing to change"),
    "change": ("{name}：{before} → {after}", "{name}: {before} → {after}"),
    "added": ("{name}：{after}（新）", "{name}: {after} (new)"),
    "removed": ("{name}：{before}（去掉）", "{name}: {before} (goes)"),
    "secret": ("{name}：不同（不显示）", "{name}: another one (not shown)"),
    "hash": ("定义 {before} → {after}", "definition {before} → {after}"),
    "keys_new": (
        "新的 Wi-Fi 密钥和密码，只给这一块板，存于 {folder}（不显示）",
        "a new Wi-Fi key and password, for this board alone, kept in {folder} (not shown)",
    ),
    "keys_kept": ("这块板自己的，不变（不显示）", "its own, as they were (not shown)"),
    "keys_withdrawn": ("{serial} 的密钥作废", "those of {serial} are withdrawn"),
    "rows": ("{rows} 条，{unsent} 条没有人存过；保留", "{rows} rows, {unsent} stored by nobody; they stay"),
    "rows_blank": ("空", "blank"),
    "rows_bad": ("读不出：{error}", "not readable: {error}"),
    "rows_go": (
        "从 {before} 移到 {station}：{rows} 条清空（其中 {unsent} 条没有人存过）",
        "moves from {before} to {station}: {rows} rows go ({unsent} stored by nobody)",
    ),
    "no_station": ("（未写明的站）", "(a station that is not said)"),
    "question": ("写入采集板？[y/N] ", "Write it to the board? [y/N] "),
    "declined": ("没有写入。板已重新运行。", "Nothing was written. The board runs again."),
    "dry": ("没有写入任何东西（--dry-run）；板已重新运行。", "Nothing was written (--dry-run); the board runs again."),
    "nothing_to_do": ("没有要改的，什么都没有写。", "There was nothing to change; nothing was written."),
    "done": ("完成，{seconds} 秒。", "Done, {seconds} s."),
    "next_call": ("下一步：同一命令，不带 --dry-run", "Next: the same without --dry-run"),
    "next_rs485": (
        "下一步：贴好标签，接上总线，riverpost scan",
        "Next: put the label on, connect the bus, riverpost scan",
    ),
    "next_wifi": (
        "下一步：贴好标签，把 {folder} 里的文件交给网关：\n"
        "  mosquitto  passwords、rights、mosquitto.conf 里的几行\n"
        "  hostapd    wpa_psk（wpa_psk_file=）\n"
        "  两者在 SIGHUP 时重新读取：\n"
        "  sudo systemctl reload mosquitto hostapd",
        "Next: put the label on, give the files in {folder} to the gateway:\n"
        "  mosquitto  passwords, rights, the lines of mosquitto.conf\n"
        "  hostapd    wpa_psk (wpa_psk_file=)\n"
        "  both read them again on SIGHUP:\n"
        "  sudo systemctl reload mosquitto hostapd",
    ),
    "no_gateway": (
        "注意：station.toml 的 [local] 没有 username 和 password_file：站内 mosquitto 会拒绝网关",
        "look: [local] of station.toml has no username and password_file: the broker will refuse the gateway",
    ),
    "running": ("板已重新运行", "the board runs again"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)
