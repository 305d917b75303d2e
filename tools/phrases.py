"""What the technician's commands say when all goes well, in both languages, beside the words of gateway/words.py.

Rules of this file: data, and the functions that print it. What goes wrong stands in tools/faults.py.
"""

import shutil
import sys
from collections.abc import Iterable

from gateway import words
from tools.failure import LINE_MAX, ROOM_LEAST, wrapped

PHRASES = {
    "ok": ("通过", "ok"),
    "look": ("注意", "look"),
    "FAIL": ("不通过", "FAIL"),
    "skip": ("跳过", "skip"),
    "stop": ("停止", "stop"),
    "Board": ("采集板", "Board"),
    "Port": ("端口", "Port"),
    "Chip": ("芯片", "Chip"),
    "Interpreter": ("解释器", "Interpreter"),
    "Application": ("应用程序", "Application"),
    "Settings": ("配置", "Settings"),
    "Image": ("镜像", "Image"),
    "Writes": ("写入", "Writes"),
    "Lost": ("失去", "Lost"),
    "Kept": ("保留", "Kept"),
    "Log": ("记录", "Log"),
    "Label": ("标签", "Label"),
    "Station": ("站点", "Station"),
    "Serial": ("序列号", "Serial"),
    "Change": ("改动", "Change"),
    "Keys": ("密钥", "Keys"),
    "known": ("已知（清单内）", "on our list"),
    "unknown": ("不在清单内，按 --accept-unknown 使用", "not on our list, taken by --accept-unknown"),
    "interpreter": ("MicroPython {version}，{known}", "MicroPython {version}, {known}"),
    "application": (
        "{count} 个文件，{size} 字节，两份（/safe 和 /a）",
        "{count} files, {size} bytes, twice (/safe and /a)",
    ),
    "settings": ("{what}，定义 {digest}", "{what}, definition {digest}"),
    "no_settings": ("没有：板等待配置", "none: the board waits for them"),
    "address": ("地址 {address}，{baud} {framing}", "address {address}, {baud} {framing}"),
    "broker": ("站点 {station}，经 {host}:{port}", "station {station}, over {host}:{port}"),
    "file": ("{name}，{size} 字节，从 {at} 起", "{name}, {size} bytes, from {at}"),
    "region": ("{at} {size:>9} 字节  {name}", "{at} {size:>9} bytes  {name}"),
    "erased": ("{at} {size:>9} 字节  {name}，只擦除", "{at} {size:>9} bytes  {name}, erased only"),
    "all_before": ("板上原有的程序、文件和 NVS", "what program, files and NVS the board holds"),
    "files_before": ("板上原有的程序和文件", "what program and files the board holds"),
    "rows_lost": ("{count} 条没有人存过的记录（--discard）", "{count} rows that nobody has stored (--discard)"),
    "rows_stored": ("{count} 条记录，网关都已存", "{count} rows, all stored by the gateway"),
    "rows_held": (
        "板上 {rows} 条，其中 {count} 条没有人存过",
        "{rows} rows on the board, {count} of them stored by nobody",
    ),
    "rows_kept": ("记录区不动：板上的记录保留", "the log is not touched: rows stay on the board"),
    "log_blank": ("空", "blank"),
    "log_foreign": ("不是我们的记录", "nothing of ours"),
    "wrote": ("已写 {path}。", "Wrote {path}."),
    "dry_image": ("没有写文件（--dry-run）。", "No file was written (--dry-run)."),
    "dry_flash": ("没有写入任何东西（--dry-run）。", "Nothing was written (--dry-run)."),
    "next_flash": ("下一步：riverpost flash {board} --image {path}", "Next: riverpost flash {board} --image {path}"),
    "next_settings": (
        "下一步：riverpost provision 板名 --station station.toml",
        "Next: riverpost provision NAME --station station.toml",
    ),
    "next_scan": ("下一步：接上总线，贴好标签", "Next: put the label on, connect the bus"),
    "Bus": ("总线", "Bus"),
    "Tells": ("可做", "Takes"),
    "next_bench": (
        '运行中，Ctrl-C 结束。下一步，在另一个终端：riverpost rig {folder} --tell "…"',
        'Runs until Ctrl-C. Next, in another terminal: riverpost rig {folder} --tell "…"',
    ),
    "next_call": ("下一步：同一命令，不带 --dry-run", "Next: the same without --dry-run"),
    "done": ("完成，{seconds} 秒。", "Done, {seconds} s."),
    "only_port": ("{port}（只找到这一个）", "{port} (only one found)"),
    "connect": ("连接", "connect"),
    "compare": ("核对", "check"),
    "erase": ("擦除", "erase"),
    "write": ("写入", "write"),
    "verify": ("校验", "verify"),
    "start": ("启动", "start"),
    "test": ("自检", "test"),
    "read_log": ("读记录", "read"),
    "readings": ("读数", "readings"),
    "question": ("擦除并写入？[y/N] ", "Erase it and write? [y/N] "),
    "declined": ("没有写入。", "Nothing was written."),
    "stopped": ("已停止。", "Stopped."),
    "left": ("还需 {time}", "{time} left"),
    "serial": ("序列号", "serial"),
    "definition": ("定义", "definition"),
    "station": ("站点", "station"),
    "addressed": ("地址", "address"),
    "reset_by_hand": (
        "板没有自动复位：点一下 RESET",
        "the board was not restarted by the cable: tap RESET",
    ),
    "first_words": ("板的第一句话：{text}", "the board's first words: {text}"),
    "unset_words": ("板已启动，等待配置", "the board has started, and waits for its settings"),
    "Likely": ("可能", "Likely"),
    "Do": ("处理", "Do"),
    "State": ("现状", "State"),
    "Exit": ("退出码", "Exit"),
    "said_state": ("报错时若写了别的现状，以报错为准", "where the error said another state, that one holds"),
}
NAME_COLUMNS = 13


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)


def facts(pairs: Iterable[tuple[str, str]], lang: str) -> str:
    """`named`, with the names by their keys."""
    return named((phrase(key, lang), value) for key, value in pairs)


def named(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values below each other; a pair with the same name as the one before goes on below it.

    On a terminal a value that is too long for it goes on below itself.
    """
    left = room() - NAME_COLUMNS - 1
    lines, before = [], ""
    for told, value in pairs:
        name = "" if told == before else told
        before = told
        for part in wrapped(value, max(left, ROOM_LEAST)):
            lines.append(name + " " * (NAME_COLUMNS - words.columns(name)) + part)
            name = ""
    return "\n".join(lines)


def room() -> int:
    """Columns that a line on standard output may take."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else LINE_MAX
