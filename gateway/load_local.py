"""The station's own broker in station.toml, and the boards on Wi-Fi that come over it.

Rules of this file: a board on Wi-Fi is known by its serial alone, so it must have one; an address that boards are to
call is an IPv4 address, because looking up a name would halt a board.
"""

from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import boards
from gateway.config import Local, Source
from gateway.load_buses import Reader
from gateway.toml_table import Table

PORT = 1_883
HOST = "127.0.0.1"
BOARDS_MAX = 64


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
    sources: list[Source] = []
    scans_ms: list[int] = []
    owners: dict[str, Table] = {}

    def make(board_type: str, calibration: dict[str, Any] | None, fit: list[str] | None) -> dict[str, Any]:
        if boards.load_board(board_type, fit).link != "wifi":
            item.problem("type", f'"{board_type}" has no Wi-Fi; choose another, or put it on a [[bus]]')
        link = (board_host or HOST, port or PORT, station_id or "S")
        return boards.mqtt_board_json(board_type, *link, calibration=calibration, fit=fit, update_key=reader.update_key)

    tables = table.tables("board")
    for item in tables:
        board = reader.board(item, "esp32-wifi", make)
        _check_serial(item, owners)
        item.close()
        if board:
            sources.append(replace(board[0], bus="local"))
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
        scan_ms=max(scans_ms, default=1_000), sources=tuple(sources),
    )  # fmt: skip


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
