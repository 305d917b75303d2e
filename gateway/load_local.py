"""The station's own broker in station.toml, and the boards on Wi-Fi that come over it.

Rules of this file: a board on Wi-Fi is known by its serial alone, so it must have one; an address that boards are to
call is an IPv4 address, because looking up a name would halt a board. A board that sleeps is seen when it reports; what
cannot be judged so is refused.
"""

from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import boards
from gateway.amounts import DIMENSION_OF
from gateway.config import Local, Source
from gateway.load_buses import Reader
from gateway.load_steps import DAY_MS
from gateway.toml_table import Table
from wire.reading import VALUE_MAX, VALUE_MIN

PORT = 1_883
HOST = "127.0.0.1"
BOARDS_MAX = 64
REPORT_EVERY_MAX = 1_000
SSID_BYTES_MAX = 32


def read_local(root: Table, reader: Reader, station_id: str, folder: Path) -> Local | None:
    """The section [local], None where there is none or where it is wrong."""
    table = root.table("local")
    if not root.has("local"):
        return None
    host = table.text("host", HOST, HOST)
    port = table.integer("port", 1, 65_535, PORT)
    board_host = _board_host(table, host)
    password_file = table.text("password_file", "", "local-password")
    if password_file and not (folder / password_file).is_file():
        table.problem("password_file", f'"{password_file}" is not there; make the file, or leave the key out')
    username = table.text("username", "", "gateway")
    ssid = table.text("ssid", "", "riverpost-CYB01")
    if ssid and len(ssid.encode()) > SSID_BYTES_MAX:
        table.problem("ssid", f"is longer than {SSID_BYTES_MAX} bytes; no Wi-Fi has such a name")
    sources: list[Source] = []
    scans_ms: list[int] = []
    owners: dict[str, Table] = {}

    def make(board_type: str, calibration: dict[str, Any] | None, fit: list[str] | None) -> dict[str, Any]:
        if boards.load_board(board_type, fit).link != "wifi":
            item.problem("type", f'"{board_type}" has no Wi-Fi; choose another, or put it on a [[bus]]')
        link = (board_host or HOST, port or PORT, station_id or "S")
        more = {"calibration": calibration, "fit": fit, "update_key": reader.update_key, "sleep": sleep}
        return boards.mqtt_board_json(board_type, *link, **more)

    tables = table.tables("board")
    for item in tables:
        sleep = _sleep(item)
        board = reader.board(item, "esp32-wifi", make)
        _check_serial(item, owners)
        item.close()
        if board:
            report_s = sleep["wake_s"] * sleep["report_every"] if sleep else 0
            sources.append(replace(board[0], bus="local", report_s=report_s, cadence_ms=report_s * 1_000))
            scans_ms.append(board[1])
    if not tables:
        table.problem("", "has no [[local.board]]; add one, or take [local] out")
    if len(tables) > BOARDS_MAX:
        table.problem("", f"has {len(tables)} boards, a gateway hears {BOARDS_MAX}; give some to another gateway")
    table.close()
    if host is None or port is None or board_host is None:
        return None
    return Local(
        host=host, port=port, username=username or "", board_host=board_host,
        password_file=str(folder / password_file) if password_file else "",
        scan_ms=max(scans_ms, default=1_000), sources=tuple(sources), ssid=ssid or "",
    )  # fmt: skip


def _sleep(board: Table) -> dict[str, Any] | None:
    """When a board sleeps, as boards/wifi.py takes it; None where it does not, or where that is wrong."""
    table = board.table("sleep")
    if not board.has("sleep"):
        return None
    wake_ms = table.amount("wake", "time", 60_000, DAY_MS, example="5 min")
    if wake_ms is not None and wake_ms % 1_000:
        table.problem("wake", "is not in whole seconds; round it")
    every = table.integer("report_every", 1, REPORT_EVERY_MAX, 1)
    limits = []
    for one in table.tables("at_once"):
        quantity = one.choice("quantity", DIMENSION_OF)
        if quantity is not None:
            dimension = DIMENSION_OF[quantity]
            ends = {key: one.amount(key, dimension, VALUE_MIN, VALUE_MAX, None) for key in ("above", "below")}
            limits.append({"quantity": quantity} | {key: end for key, end in ends.items() if end is not None})
        one.close()
    table.close()
    if wake_ms is None or every is None:
        return None
    return {"wake_s": wake_ms // 1_000, "report_every": every, "at_once": limits}


def _board_host(table: Table, host: str | None) -> str | None:
    """What boards call the broker: as it says, else the host itself."""
    key = "board_host" if table.has("board_host") else "host"
    address = table.text("board_host", host, "192.168.4.1")
    if address is None:
        return None
    try:
        return str(IPv4Address(address))
    except AddressValueError:
        remedy = 'add board_host = "192.168.4.1"' if key == "host" else 'write it like "192.168.4.1"'
        table.problem(key, f'"{address[:40]}" is no IPv4 address, and boards look up no names; {remedy}')
        return None


def _check_serial(table: Table, owners: dict[str, Table]) -> None:
    serial = table.values.get("serial")
    if not isinstance(serial, str) or not serial:
        if not table.has("serial"):
            table.problem("", 'serial is missing, a board on Wi-Fi is known by it; add serial = "0123456789abcdef"')
        return
    if serial in owners:
        first = owners[serial]
        reason = f'is the serial of "{first.label()}" in line {first.line("serial")} too'
        table.problem("serial", f"{reason}; copy each from its label")
    owners.setdefault(serial, table)
