"""Calibrations of station.toml: records of what was done to which thing, when, by whom, and until when it holds.

Rules of this file: a record changes no value; those stand where they always stood (`offset`, `calibration.…` of the
board). The last record of a thing is the one in force, and its due date holds for the channels that hang on the thing.
What a record speaks of must be there.
"""

import json
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from boards.converters import PAIRS_MAX, PAIRS_MIN
from boards.records import DRIVERS
from gateway.amounts import AmountError, amount, shown
from gateway.config import Bus, Calibration, Local, Source
from gateway.load_buses import Declared
from gateway.load_channels import read_date
from gateway.toml_table import Table
from wire.reading import VALUE_MAX, VALUE_MIN

LEVEL, TWO_POINT, TABLE = KINDS = ("level", "two-point", "table")
# What two known states can put right -> what its readings are; what is there may be told in the last one too.
SENSORS = {
    "pressure_420": ("length", "current"),
    "ultrasonic_uart": ("length",),
    "tipping_bucket": ("fine_length",),
}
_DIMENSIONS = {LEVEL: ("length",), TABLE: ("fine_voltage",)}
_EXAMPLES = {"length": "1.000 m", "fine_length": "10.0 mm", "fine_voltage": "1.1 V", "current": "4 mA"}
_PORTS = ("adc", "uart", "counter", "spi", "contact")  # Where a sensor is connected is no calibration.
_AT = "2026-05-30T14:20:00+08:00"
BEGIN, END = "2000", "2200"  # Years between which anything was calibrated.
BY_MAX = 100
COUNT_MAX = 10_000
_Pairs = tuple[tuple[int, int], ...]


class Thing(NamedTuple):
    """What a record is about: its name, the channels that hang on it, the board's driver where it is a sensor."""

    name: str
    channels: tuple[str, ...]
    driver: str = ""


def read_calibrations(
    root: Table, places: tuple[Bus | Local, ...], declared: Declared, zone: str | None
) -> tuple[Calibration, ...]:
    """All [[calibration]]s that are right, as they stand."""
    sources = {source.name: source for place in places for source in place.sources}
    made: list[Calibration] = []
    unread_ms: set[int | None] = set()  # of those in which something else is wrong: that has been said
    for table in root.tables("calibration"):
        kind = table.choice("kind", KINDS)
        if kind is None:
            continue  # What the other keys are hangs on the kind: one error is enough.
        thing = _thing(table, kind, sources, declared)
        at_ms = _moment(table, "at")
        table.mark("undoes")
        undoes_ms = _moment(table, "undoes") if table.has("undoes") else None
        by = table.text("by", example="07")
        if by is not None and (len(by) > BY_MAX or not by.isprintable()):
            table.problem("by", f"is no name; write it in {BY_MAX} characters at the most")
        due = read_date(table, "due")
        if due and due >= END:
            table.problem("due", f'"{due}" is too far away; take it out where it has no end')
            due = None
        _values(table, kind, thing)
        _readings(table, kind, thing)
        table.close()
        if thing is None or at_ms is None or by is None or due is None:
            unread_ms.add(at_ms)
            continue
        one = Calibration(kind, thing.name, thing.channels, at_ms, by, due, undoes_ms)
        earlier_ms = {m.at_ms for m in made if (m.kind, m.thing) == (kind, one.thing)} | unread_ms
        if table.has("undoes") and undoes_ms not in earlier_ms:
            table.problem("undoes", f'no earlier calibration of "{one.thing}" is of that time; copy its at')
        if due and undoes_ms is None and due <= _day(at_ms, zone):  # An undo brings the date before back.
            table.problem("due", f'"{due}" is not after the day of the calibration; write a later day')
        made.append(one)
    return tuple(made)


def with_due(places: tuple[Any, ...], calibrations: tuple[Calibration, ...], zone: str) -> tuple[Any, ...]:
    """The buses, or the local broker, with the date past which each channel is suspect."""
    due_ms: dict[str, int] = {}
    for one in in_force(calibrations):
        for name in one.channels if one.due else ():
            end_ms = _end_ms(one.due, zone)
            due_ms[name] = min(due_ms.get(name, end_ms), end_ms)
    dated = []
    for place in places:
        sources = []
        for source in place.sources:
            channels = [replace(channel, due_ms=due_ms.get(channel.name, 0)) for channel in source.channels]
            sources.append(replace(source, channels=tuple(channels)))
        dated.append(replace(place, sources=tuple(sources)))
    return tuple(dated)


def in_force(calibrations: tuple[Calibration, ...]) -> list[Calibration]:
    """The last one of each thing."""
    return list({(one.kind, one.thing): one for one in calibrations}.values())


def _thing(table: Table, kind: str, sources: dict[str, Source], declared: Declared) -> Thing | None:
    """What the record is about; None where that is not there."""
    if kind == LEVEL:
        name = table.text("channel", example="river")
        channels = {c.name: c for source in sources.values() for c in source.channels if c.level is not None}
        if name is None or name in channels:
            return None if name is None else Thing(name, (name,))
        if name not in declared or any(name == c.name for source in sources.values() for c in source.channels):
            table.problem("channel", f'no channel "{name[:40]}" has a gauge zero; {_there_are(channels)}')
        return None
    name = table.text("board", example="level")
    ours = {source.name: source for source in sources.values() if source.board_json}
    board = ours.get(name or "")
    if board is None:
        table.mark("sensor" if kind == TWO_POINT else "port")
        if name is not None and (name not in declared or name in sources):
            table.problem("board", f'no board is called "{name[:40]}"; {_there_are(ours)}')
        return None
    sensors = json.loads(board.board_json)["sensors"]
    if kind == TWO_POINT:
        known = [sensor["driver"] for sensor in sensors if sensor["driver"] in SENSORS]
        if not known:
            table.problem("board", f'"{name}" has none of {", ".join(SENSORS)}; take this [[calibration]] out')
            table.mark("sensor")
            return None
        driver = table.choice("sensor", known)
        return None if driver is None else Thing(f"{name} {driver}", _channels(board, DRIVERS[driver][1]), driver)
    port = table.choice("port", [f"adc {sensor['adc']}" for sensor in sensors if "adc" in sensor])
    if port is None:
        return None
    on_port = [sensor["driver"] for sensor in sensors if "adc" in sensor and port == f"adc {sensor['adc']}"]
    return Thing(f"{name} {port}", _channels(board, tuple(q for one in on_port for q in DRIVERS[one][1][:1])))


def _channels(board: Source, quantities: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(channel.name for channel in board.channels if channel.quantity in quantities)


def _there_are(names: dict[str, Any]) -> str:
    return f"there is {', '.join(list(names)[:12])}" if names else "there is none; take this [[calibration]] out"


def _moment(table: Table, key: str) -> int | None:
    """Unix ms of a date-time with its offset; None where it is wrong."""
    value = table.values.get(key)
    table.mark(key)
    if value is None:
        table.problem("", f"{key} is missing; add {key} = {_AT}")
    elif not isinstance(value, datetime) or value.tzinfo is None:
        table.problem(key, f"{shown(str(value))} is no time with its zone; write {key} = {_AT}, without quotes")
    elif not BEGIN <= str(value) < END:
        table.problem(key, f"{shown(str(value))} is no time of a calibration; write {key} = {_AT}")
    else:
        return round(value.timestamp() * 1_000)
    return None


def _values(table: Table, kind: str, thing: Thing | None) -> None:
    """The values before and after, as strictly as where they stand."""
    for key in ("before", "after"):
        if not table.has(key):
            table.problem("", f"{key} is missing; add {key} = {{ … }} with the values that were changed")
        inner = table.table(key)
        if kind == LEVEL:
            inner.amount("offset", "length", VALUE_MIN, VALUE_MAX, None, "0.06 m")
            read_date(inner, "surveyed")
        elif kind == TABLE:
            _whole(inner, "pairs", _Pairs)
            pairs = inner.values.get("pairs")
            if isinstance(pairs, list) and not PAIRS_MIN <= len(pairs) <= PAIRS_MAX:
                inner.problem("pairs", f"has {len(pairs)} pairs; a table has {PAIRS_MIN} to {PAIRS_MAX}")
        elif thing is not None and thing.driver:
            for name in DRIVERS[thing.driver][0].__struct_fields__:
                if name not in _PORTS:
                    _whole(inner, name, int | _Pairs)
        else:
            continue
        inner.close()


def _whole(table: Table, key: str, kind: Any) -> None:
    """Note where `key` is there and is not whole numbers."""
    table.mark(key)
    if table.has(key):
        try:
            msgspec.convert(table.values[key], kind)
        except msgspec.ValidationError:
            table.problem(key, f"{shown(table.values[key])} is neither a whole number nor pairs of them; write those")


def _readings(table: Table, kind: str, thing: Thing | None) -> None:
    """What was read of it, beside what was there."""
    dimensions = _DIMENSIONS.get(kind) or SENSORS.get(thing.driver if thing else "", ())
    for inner in table.tables("readings"):
        if not dimensions:
            continue
        example = _EXAMPLES[dimensions[0]]
        inner.amount("shows", dimensions[0], VALUE_MIN, VALUE_MAX, example=example)
        inner.amount("spread", dimensions[0], 0, VALUE_MAX, 0, example)
        inner.integer("count", 1, COUNT_MAX, 1)
        there = inner.text("is", example=example)
        if there is not None and not any(_reads(there, dimension) for dimension in dimensions):
            inner.problem("is", f"{shown(there)} is not what such a sensor is shown; write it like {shown(example)}")
        inner.close()


def _reads(text: str, dimension: str) -> bool:
    try:
        amount(text, dimension)
    except AmountError:
        return False
    return True


def _day(at_ms: int, zone: str | None) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(zone or "UTC")).date().isoformat()


def _end_ms(due: str, zone: str) -> int:
    """The end of the day `due` in the station's zone, as unix ms."""
    after = date.fromisoformat(due) + timedelta(days=1)
    return round(datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).timestamp() * 1_000)
