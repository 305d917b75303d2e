"""Channels of station.toml: elevation, the site's own span, and the tests of quality.

Rules of this file: an elevation is whole or not there; every amount has its unit; what is wrong is noted with its key.
"""

from datetime import date
from typing import Any

from gateway.amounts import DIMENSION_OF
from gateway.config import Channel, Companion, DoubleCount, Drift, Level
from gateway.toml_table import Table
from wire.reading import QUANTITIES, QUANTITY_CODES, VALUE_MAX, VALUE_MIN

DATUMS = ("wusong", "cn1985", "huanghai", "local")
MINUTE_MS = 60_000
LONG_MS_MAX = 30 * 86_400_000
COMPANIONS = ("temp_cdeg", "supply_mv")
RATE_MM_PER_MIN = 60  # 0.3 m in 5 minutes, and
SPIKE_MM = 150  # field practice on the main stem: defaults of every level.
FLAT_MM = 1
STAFF_LIMIT_MM = 50
SOUND_CDEG = 2_000  # what most ultrasonic sensors assume of the air
_LEVEL_KEYS = ("gauge_zero", "offset", "datum", "surveyed")
_HEIGHTS = ("gap_mm", "head_mm")
_LEVELS = (*_HEIGHTS, "level_mm")
_DOUBLE_COUNT_KEYS = ("double_count", "double_count_window", "double_count_least")
_FINE = {"angle": "fine_angle", "acceleration": "fine_acceleration"}
_FLAT_KEYS = ("flat_after", "flat_tolerance", "flat_below")


def default_channel(name: str, source: str, columns: tuple[str, ...], column: int, same: tuple[str, ...]) -> Channel:
    """The channel of `columns[column]` where station.toml says nothing; `same` = all quantities of its instrument."""
    quantity = columns[column]
    rate, spike = (RATE_MM_PER_MIN, SPIKE_MM) if quantity in _LEVELS else (None, None)
    companions = default_companions(quantity, same)
    return Channel(name, source, column, quantity, rate_per_min=rate, spike=spike, companions=companions)


def default_companions(quantity: str, same: tuple[str, ...]) -> tuple[Companion, ...]:
    """Temperature and supply of the same instrument, impossible outside of what any sensor could give."""
    return tuple(Companion(other, *_span(other)) for other in COMPANIONS if other in same and other != quantity)


def read_channel(
    table: Table, name: str, source: str, quantity: str | None, columns: tuple[str, ...], same: tuple[str, ...]
) -> Channel | None:
    """A channel as its table says, one of the source's `columns`; None where it cannot be placed.

    `same` = the quantities of the same instrument.
    """
    level = _level(table, quantity)
    dimension = DIMENSION_OF.get(quantity or "", "length")
    low = table.amount("low", dimension, VALUE_MIN, VALUE_MAX, None, "150.00 m")
    high = table.amount("high", dimension, VALUE_MIN, VALUE_MAX, None, "205.00 m")
    if low is not None and high is not None and low >= high:
        table.problem("high", f'"{table.values["high"]}" is not above low ("{table.values["low"]}"); exchange them')
    tests = _tests(table, quantity, dimension)
    companions = _companions(table, quantity, columns, same)
    sound_cdeg = _sound(table, quantity, columns)
    staff_limit_mm = table.amount("staff_limit", "length", 1, VALUE_MAX, STAFF_LIMIT_MM, "0.05 m")
    if level is None and table.has("staff_limit"):
        table.problem("staff_limit", "only a channel with a gauge zero is read at a staff gauge; take staff_limit out")
    drift = _drift(table, quantity)
    neighbours = tuple(table.texts("neighbours") or ())
    double_count = _double_count(table, quantity)
    if quantity is None or quantity not in columns or (level is None and any(table.has(key) for key in _LEVEL_KEYS)):
        return None
    column = columns.index(quantity)
    return Channel(
        name, source, column, quantity, level, low, high, companions=companions, neighbours=neighbours,
        double_count=double_count, sound_cdeg=sound_cdeg, staff_limit_mm=staff_limit_mm or STAFF_LIMIT_MM, drift=drift,
        **tests,
    )  # fmt: skip


def _tests(table: Table, quantity: str | None, dimension: str) -> dict[str, Any]:
    """What the tests of single samples need; defaults only where the quantity has some."""
    is_level = quantity in _LEVELS
    rate = table.rate("rate", dimension, MINUTE_MS, VALUE_MAX, RATE_MM_PER_MIN if is_level else None, "0.3 m/5min")
    spike = table.amount("spike", dimension, 0, VALUE_MAX, SPIKE_MM if is_level else None, "0.15 m")
    flat_after_ms = table.amount("flat_after", "time", 1_000, LONG_MS_MAX, 0, "6 h")
    tolerance = table.amount("flat_tolerance", dimension, 0, VALUE_MAX, FLAT_MM if is_level else 0, "1 mm")
    below = table.amount("flat_below", dimension, VALUE_MIN, VALUE_MAX, None, "0.20 m")
    gap_after_ms = table.amount("gap_after", "time", 1, LONG_MS_MAX, 0, "5 min")
    invalid = table.amounts("invalid", dimension, "9.999 m")
    given = [key for key in _FLAT_KEYS if table.has(key)]
    if given and quantity == "rain_um":
        table.problem(given[0], f"a rain counter stands still while it is dry; take {', '.join(given)} out")
    elif given and "flat_after" not in given:
        table.problem(given[0], 'says nothing without flat_after; add flat_after = "6 h", or take it out')
    if quantity == "rain_um" and table.has("spike"):
        table.problem("spike", "a rain counter only counts up and has no spikes; take spike out")
    return {
        "rate_per_min": rate, "spike": spike, "flat_after_ms": flat_after_ms or 0, "flat_tolerance": tolerance or 0,
        "flat_below": below, "gap_after_ms": gap_after_ms or 0, "invalid": invalid or (),
    }  # fmt: skip


def _sound(table: Table, quantity: str | None, columns: tuple[str, ...]) -> int | None:
    """The temperature that an ultrasonic sensor assumes, where its gap is to be corrected by the measured one."""
    compensate = table.choice("compensate", ("temp",), None)
    sound_cdeg = table.amount("sound_at", "temperature", -4_000, 6_000, SOUND_CDEG, "20 degC")
    if compensate is None:
        if table.has("sound_at"):
            table.problem("sound_at", 'says nothing without compensate; add compensate = "temp", or take it out')
        return None
    if quantity not in ("gap_mm", None):
        table.problem("compensate", f"{quantity} is not measured by sound; take compensate out")
    elif columns and "temp_cdeg" not in columns:
        table.problem("compensate", "this source measures no temperature; fit one, or take compensate out")
    else:
        return sound_cdeg
    return None


def _double_count(table: Table, quantity: str | None) -> DoubleCount | None:
    """How a rain gauge is held against its neighbours; which they are, Reader.check_neighbours knows."""
    permil = table.amount("double_count", "share", 1_001, 100_000, None, "150 %")
    window_ms = table.amount("double_count_window", "time", 60_000, 3 * 86_400_000, 86_400_000, "24 h")
    least_um = table.amount("double_count_least", "fine_length", 1, VALUE_MAX, 6_000, "6 mm")
    given = [key for key in ("neighbours", *_DOUBLE_COUNT_KEYS) if table.has(key)]
    if given and quantity not in ("rain_um", None):
        table.problem(given[0], f"only rain gauges have neighbours; take {', '.join(given)} out")
    elif given and not table.has("double_count"):
        table.problem(given[0], 'says nothing without double_count; add double_count = "150 %", or take it out')
    if permil is None or window_ms is None or least_um is None:
        return None
    return DoubleCount(permil, window_ms, least_um)


def _companions(
    table: Table, quantity: str | None, columns: tuple[str, ...], same: tuple[str, ...]
) -> tuple[Companion, ...]:
    """As given; by default temperature and supply of the same instrument. `companion = []` = none."""
    given = table.tables("companion")
    if not table.has("companion"):
        return default_companions(quantity or "", same)
    found: list[Companion] = []
    for item in given:
        name = item.choice("quantity", COMPANIONS)
        lowest, highest = _span(name or "temp_cdeg")
        low = item.amount("low", DIMENSION_OF[name], lowest, highest, lowest, "-30 degC") if name else None
        high = item.amount("high", DIMENSION_OF[name], lowest, highest, highest, "60 degC") if name else None
        for key in ("low", "high"):
            item.mark(key)
        item.close()
        if name is None or low is None or high is None:
            continue
        if low >= high:
            item.problem("high", f'"{item.values.get("high")}" is not above low; exchange them')
        elif columns and (name not in columns or name == quantity):
            others = [column for column in columns if column in COMPANIONS and column != quantity]
            remedy = f"there is {' and '.join(others)}" if others else "it has none; take companion out"
            item.problem("quantity", f"this source measures no other {name}; {remedy}")
        else:
            found.append(Companion(name, low, high))
    return tuple(found)


def _drift(table: Table, quantity: str | None) -> Drift | None:
    """What warmth alone makes an inclinometer show, in 0.001 of its sub-unit a degree."""
    if not table.has("drift"):
        table.mark("drift")
        return None
    fine = _FINE.get(DIMENSION_OF.get(quantity or "", ""))
    if quantity is not None and fine is None:
        table.problem("drift", f"is taken off tilts and accelerations only; take it out of {quantity}")
    inner = table.table("drift")
    channel = inner.text("temperature", example="wall_temp")
    per_degc_milli = inner.amount("per_degc", fine or "fine_angle", VALUE_MIN, VALUE_MAX, example="1.5 mdeg")
    reference_cdeg = inner.amount("reference", "temperature", *_span("temp_cdeg"), example="20 degC")
    low_cdeg = inner.amount("low", "temperature", *_span("temp_cdeg"), example="-5 degC")
    high_cdeg = inner.amount("high", "temperature", *_span("temp_cdeg"), example="40 degC")
    inner.close()
    if channel is None or per_degc_milli is None or reference_cdeg is None or low_cdeg is None or high_cdeg is None:
        return None
    if low_cdeg >= high_cdeg:
        inner.problem("high", f'"{inner.values["high"]}" is not above low ("{inner.values["low"]}"); exchange them')
        return None
    return Drift(channel, per_degc_milli, reference_cdeg, low_cdeg, high_cdeg) if fine else None


def _span(quantity: str) -> tuple[int, int]:
    return QUANTITIES[QUANTITY_CODES[quantity]][2:4]


def _level(table: Table, quantity: str | None) -> Level | None:
    """Gauge zero, offset, datum and survey: all of a level, or nothing."""
    given = [key for key in _LEVEL_KEYS if table.has(key)]
    zero_mm = table.amount("gauge_zero", "length", VALUE_MIN, VALUE_MAX, None, "160.00 m")
    offset_mm = table.amount("offset", "length", VALUE_MIN, VALUE_MAX, 0, "0.00 m")
    datum = table.choice("datum", DATUMS, None)
    surveyed = read_date(table, "surveyed")
    if not given:
        return None
    if quantity is not None and quantity not in _HEIGHTS:
        table.problem(given[0], f"{quantity} has no elevation; take {', '.join(given)} out")
        return None
    for key, example in (("gauge_zero", "160.00 m"), ("datum", "wusong")):
        if not table.has(key):
            table.problem("", f'{key} is missing, an elevation needs it; add {key} = "{example}"')
    if zero_mm is None or offset_mm is None or datum is None or surveyed is None:
        return None
    return Level(zero_mm, offset_mm, datum, surveyed)


def read_date(table: Table, key: str) -> str | None:
    """A day as ISO text, "" where none is given."""
    value = table.values.get(key)
    if type(value) is date:  # A date without quotes is TOML too.
        table.mark(key)
        return value.isoformat()
    text = table.text(key, "", "2020-05-30")
    if text:
        try:
            date.fromisoformat(text)
        except ValueError:
            table.problem(key, f'"{text[:40]}" is not a date; write it like "2020-05-30"')
            return None
    return text
