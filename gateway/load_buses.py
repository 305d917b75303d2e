"""Buses of station.toml with their boards and bought sensors.

Rules of this file: what a board or a bought sensor can measure comes from boards/, never from station.toml; an address
has one owner per bus, a name one in the station; a bus that cannot be scanned in time is refused with its arithmetic.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from msgspec.structs import replace

from boards.definition import canonical
from boards.records import Profile
from gateway import wire_time
from gateway.bought import plan
from gateway.config import Bus, Channel, Source
from gateway.load_channels import MINUTE_MS, default_channel, read_channel
from gateway.toml_table import Table
from wire.modbus import ADDRESS_MAX
from wire.registers import now_count

BAUDS = (1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200)
FRAMINGS = ("8N1", "8E1", "8O1", "8N2")
SCAN_MS_MIN = 100
SCAN_MS_MAX = 3_600_000
_NAME = re.compile(r"[^\s\"'\\/#+]{1,32}")
_SERIAL = re.compile(r"[0-9a-f]{16}")
_UNITS = ("_mm", "_um", "_mdeg", "_mdbm", "_cdeg", "_mv", "_permil")


MakeBoard = Callable[[str, dict[str, Any] | None, list[str] | None], dict[str, Any]]  # type, calibration, fit


class Made(NamedTuple):
    """A source, and what it asks of its bus."""

    source: Source
    load: wire_time.Load


class Line(NamedTuple):
    """The settings of a bus that its sources need; baud and framing are usable even where they were wrong."""

    name: str
    baud: int
    framing: str

    @property
    def char_bits(self) -> int:
        return 10 if self.framing == "8N1" else 11


class Declared:
    """Names that stand in the file, right or wrong: a rule for one of them is not wrong again."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.unclear: set[str] = set()  # Sources of which not even the columns are known.

    def __contains__(self, name: str) -> bool:
        return name in self.names or name.split(".")[0] in self.unclear


def read_buses(root: Table, reader: "Reader") -> tuple[Bus, ...]:
    """All buses; a station without one has its boards on Wi-Fi (load_local.py)."""
    tables = root.tables("bus")
    if not tables and not root.has("bus") and not root.has("local"):
        root.problem("bus", "is missing; add a [[bus]] with its port, and the boards on it")
    buses = []
    for table in tables:
        buses.append(reader.bus(table))
        table.close()
    return tuple(bus for bus in buses if bus)


def read_name(table: Table, example: str) -> str | None:
    """The table's `name`; None where it cannot be one."""
    name = table.text("name", example=example)
    if name is not None and not _NAME.fullmatch(name):
        remedy = 'use up to 32 characters without spaces, quotes, "/", "#", "+"'
        table.problem("name", f'"{name[:40]}" cannot be a name; {remedy}')
        return None
    return name


def default_name(source: str, quantity: str) -> str:
    """ "level.supply": the channel's name where station.toml gives none."""
    for unit in _UNITS:
        quantity = quantity.removesuffix(unit)
    return f"{source}.{quantity}"


class Reader:
    """Reads sources one behind another and remembers the names that are taken; `hardware` is the package boards,
    `dense_scan_ms` the scan of the most intensive operating mode: that must fit on the wire too. `update_key`: of our
    boards.
    """

    def __init__(
        self, hardware: ModuleType | Any, folder: Path, dense_scan_ms: int = SCAN_MS_MAX, update_key: str = ""
    ) -> None:
        self.update_key = update_key
        self._dense_scan_ms = dense_scan_ms
        self._hardware = hardware
        self._folder = folder
        self._bus_names: dict[str, int] = {}
        self._source_names: dict[str, int] = {}
        self._channel_names: dict[str, int] = {}
        self._ports: dict[str, int] = {}
        self._declared = Declared()
        self._gauges: list[tuple[Table, Channel]] = []  # that are held against neighbours

    def names(self) -> Declared:
        """The names that have been declared so far."""
        self._declared.names |= {*self._source_names, *self._channel_names}
        return self._declared

    def check_neighbours(self, channels: tuple[Channel, ...]) -> None:
        """Name what a gauge calls its neighbour and is none, now that all `channels` of the station are known."""
        rains = [channel.name for channel in channels if channel.quantity == "rain_um"]
        for table, gauge in self._gauges:
            others = [name for name in rains if name != gauge.name]
            shown = f"there are {', '.join(others[:12])}" if others else "there is no other; take the key out"
            for name in gauge.neighbours:
                unread = name in self.names() and name not in [channel.name for channel in channels]
                if name not in others and not unread:  # What is wrong with one that is unread has been said.
                    table.problem("neighbours", f'no other rain gauge is called "{name[:40]}"; {shown}')
            if not gauge.neighbours and gauge.double_count:
                table.problem("double_count", f"says nothing without neighbours; {shown}")

    def bus(self, table: Table) -> Bus | None:
        name = self._unique(table, self._bus_names, "bus")
        port = table.text("port", example="/dev/ttyAMA1")
        if port is not None and port in self._ports:
            reason = f'"{port}" is the port of the bus in line {self._ports[port]} too'
            table.problem("port", f"{reason}; two buses have two ports")
        if port is not None:
            self._ports.setdefault(port, table.line("port"))
        baud = table.choice("baud", BAUDS, 9_600)
        framing = table.choice("framing", FRAMINGS, "8N1")
        scan_ms = table.amount("scan", "time", SCAN_MS_MIN, SCAN_MS_MAX, 1_000, "1 s")
        line = Line(name or "", baud or 9_600, framing or "8N1")
        made = []
        owners: dict[int, Table] = {}
        for kind, read in (("board", self._board), ("sensor", self._sensor)):
            for item in table.tables(kind):
                address = self._address(item, owners)
                one = read(item, line, address or 0)
                item.close()
                if one:
                    made.append(one)
        if not owners and not made:
            table.problem("", "has no [[bus.board]] and no [[bus.sensor]]; add one, or take the bus out")
        if scan_ms is not None and baud is not None and framing is not None:
            _check_wire(table, line, min(scan_ms, self._dense_scan_ms), made)
        if None in (name, port, baud, framing, scan_ms):
            return None
        return Bus(
            name=name or "", port=port or "", baud=line.baud, framing=line.framing, scan_ms=scan_ms or 0,
            sources=tuple(one.source for one in made),
        )  # fmt: skip

    def _unique(self, table: Table, taken: dict[str, int], what: str) -> str | None:
        name = read_name(table, "main" if what == "bus" else "level")
        if name is None:
            return None
        if name in taken:
            table.problem("name", f'"{name}" is the name of the {what} in line {taken[name]} too; choose another')
            return None
        taken[name] = table.line("name")
        return name

    def _address(self, table: Table, owners: dict[int, Table]) -> int | None:
        address = table.integer("address", 1, ADDRESS_MAX)
        if address is not None and address in owners:
            first = owners[address]
            reason = f'{address} belongs to "{first.label()}" in line {first.line("address")} too'
            table.problem("address", f"{reason}; give each device on a bus its own")
        if address is not None:
            owners.setdefault(address, table)
        return address

    def _board(self, table: Table, line: Line, address: int) -> Made | None:
        def make(board_type: str, calibration: dict[str, Any] | None, fit: list[str] | None) -> dict[str, Any]:
            if self._hardware.load_board(board_type, fit).link != "rs485":
                table.problem("type", f'"{board_type}" has no RS-485 port; choose another, or take it off')
            link = (address, line.baud, line.framing)
            return self._hardware.board_json(board_type, *link, calibration, fit, self.update_key)

        made = self.board(table, "esp32-rs485", make)
        if made is None:
            return None
        source = replace(made[0], bus=line.name, address=address)
        return Made(source, board_load([channel.quantity for channel in source.channels]))

    def board(self, table: Table, example: str, make: MakeBoard) -> tuple[Source, int] | None:
        """A board of ours, of which the place is not known yet, and its scan in ms; `make` gives its board.json."""
        name = self._unique(table, self._source_names, "source")
        board_type = self._definition_name(table, "type", example)
        fit = table.texts("fit")
        serial = table.text("serial", "", "0123456789abcdef")
        if serial and not _SERIAL.fullmatch(serial):
            table.problem("serial", f'"{serial[:40]}" is not 16 hex digits; copy it from the label, or leave it out')
        calibration = table.table("calibration")
        board = self._definition(table, board_type, fit, calibration, make)
        if board is None:
            self._channels(table, name, ())
            return None
        channels = self._channels(table, name, tuple(tuple(sensor["channels"]) for sensor in board["sensors"]))
        tip_um = next((sensor["um_per_tip"] for sensor in board["sensors"] if "um_per_tip" in sensor), 0)
        channels = tuple(replace(one, tip_um=tip_um) if one.quantity == "rain_um" else one for one in channels)
        bare = self._hardware.uncalibrated(board)
        channels = tuple(replace(one, uncalibrated=bare.get(one.quantity, "")) for one in channels)
        if name is None or board_type is None:
            return None
        source = Source(
            name=name, bus="", address=0, board_type=board_type, serial=serial or "", channels=channels,
            row_s=board["row_s"], definition=board["definition"], board_json=canonical(board),
        )  # fmt: skip
        return source, board["scan_ms"]

    def _definition(
        self, table: Table, board_type: str | None, fit: list[str] | None, calibration: Table, make: MakeBoard
    ) -> dict[str, Any] | None:
        """The board.json that this board should run."""
        if board_type is None or (fit is None and table.has("fit")):
            return None
        try:
            return make(board_type, calibration.values or None, fit)
        except self._hardware.DefinitionError as error:
            for found in error.found:
                key = "fit" if found.key.endswith("fit") else found.file.partition(" of ")[0]
                key = key if key in ("fit", "calibration", "sleep") else "type"
                table.problem(key, f'"{board_type}" {found.key}: {found.reason}'.replace(" :", ":"))
            return None

    def _sensor(self, table: Table, line: Line, address: int) -> Made | None:
        name = self._unique(table, self._source_names, "source")
        profile_name = self._definition_name(table, "profile", "radar-60ghz")
        row_ms = table.amount("row", "time", 1_000, 3_600_000, MINUTE_MS, "60 s")
        if row_ms is not None and 3_600_000 % row_ms:
            table.problem("row", f'"{table.values["row"]}" does not divide an hour; use 10 s, 60 s, 5 min …')
            row_ms = None
        profile = None
        if profile_name is not None:
            try:
                profile = self._hardware.load_profile(profile_name)
            except self._hardware.DefinitionError as error:
                for found in error.found:
                    table.problem("profile", f'"{profile_name}" {found.key}: {found.reason}'.replace(" :", ":"))
        channels = self._channels(table, name, (profile.columns,) if profile else ())
        if name is None or profile is None or row_ms is None or profile_name is None:
            return None
        load = sensor_load(profile)
        source = Source(
            name=name, bus=line.name, address=address, profile=profile_name, channels=channels, row_s=row_ms // 1_000,
            cadence_ms=len(load.reads) * profile.min_interval_ms,
        )  # fmt: skip
        return Made(source, load)

    def _definition_name(self, table: Table, key: str, example: str) -> str | None:
        """A name in boards/, or the path of a file beside station.toml."""
        name = table.text(key, example=example)
        return str(self._folder / name) if name is not None and name.endswith(".toml") else name

    def _channels(
        self, table: Table, source: str | None, instruments: tuple[tuple[str, ...], ...]
    ) -> tuple[Channel, ...]:
        """One channel per quantity of the source's instruments: as its [[channel]] says, or by default."""
        same = {quantity: instrument for instrument in instruments for quantity in instrument}
        columns = tuple(quantity for instrument in instruments for quantity in instrument)
        if not columns and source is not None:
            self._declared.unclear.add(source)
        named: dict[str, Channel] = {}
        for item in table.tables("channel"):
            quantity = item.choice("quantity", columns) if columns else item.text("quantity", example="head_mm")
            name = self._unique(item, self._channel_names, "channel")
            channel = read_channel(item, name or "", source or "", quantity, columns, same.get(quantity or "", ()))
            item.close()
            if quantity is not None and quantity in named:
                item.problem("quantity", f'"{quantity}" of this source has a channel already; keep one of the two')
            elif channel and name is not None:
                named[channel.quantity] = channel
                if channel.quantity == "rain_um" and (channel.neighbours or channel.double_count):
                    self._gauges.append((item, channel))
        channels = []
        for column, quantity in enumerate(columns):
            name = default_name(source or "", quantity)
            if quantity not in named and source is not None:
                if name in self._channel_names:
                    reason = f'its channel "{name}" is called like another in line {self._channel_names[name]}'
                    table.problem("name", f"{reason}; rename one")
                self._channel_names.setdefault(name, table.line("name"))
            default = default_channel(name, source or "", columns, column, same[quantity])
            channels.append(named.get(quantity) or default)
        return tuple(channels)


def board_load(quantities: Sequence[str]) -> wire_time.Load:
    """What a board of ours with these quantities asks of its bus."""
    row_registers = wire_time.row_registers(len(quantities), "rain_um" in quantities)
    return wire_time.Load((now_count(len(quantities)),), row_registers)


def sensor_load(profile: Profile) -> wire_time.Load:
    """What a bought sensor asks of its bus."""
    return wire_time.Load(tuple(count for _, _, count in plan(profile)))


def _check_wire(table: Table, line: Line, scan_ms: int, made: list[Made]) -> None:
    """Every source once, and the longest row of a log, must fit into one scan."""
    loads = [one.load for one in made]
    looks_us, logs_us = wire_time.scan_us(loads, line.baud, line.char_bits)
    needed_us = looks_us + logs_us
    if needed_us <= scan_ms * 1_000:
        return
    do = [f'scan = "{-(-needed_us // 100_000) / 10:g} s"']
    for baud in BAUDS:
        faster_us = sum(wire_time.scan_us(loads, baud, line.char_bits))
        if baud > line.baud and faster_us <= scan_ms * 1_000:
            do.append(f"baud = {baud} ({_ms(faster_us)})")
            break
    reads = sum(len(load.reads) for load in loads)
    reason = (
        f"{len(made)} sources need {_ms(looks_us)} for {reads} reads + {_ms(logs_us)} for the logs = {_ms(needed_us)}"
        f" on the wire at {line.baud} baud {line.framing}, but a scan is {scan_ms} ms"
    )
    table.problem("scan", f"{reason}; use {' or '.join(do)}, or put some on another bus")


def _ms(us: int) -> str:
    return f"{-(-us // 1_000)} ms"
