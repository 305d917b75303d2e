"""Channels of station.toml: elevation, the site's own span, and the tests of quality.

Rules of this file: an elevation is whole or not there; every amount has its unit; what is wrong is noted with its key.
"""

from datetime import date

from gateway.amounts import DIMENSION_OF
from gateway.config import Channel, Level
from gateway.toml_table import Table
from wire.reading import VALUE_MAX, VALUE_MIN

DATUMS = ("wusong", "cn1985", "huanghai", "local")
MINUTE_MS = 60_000
_LEVEL_KEYS = ("gauge_zero", "offset", "datum", "surveyed")
_HEIGHTS = ("gap_mm", "head_mm")


def read_channel(
    table: Table, name: str, source: str, quantity: str | None, columns: tuple[str, ...]
) -> Channel | None:
    """A channel with its elevation and its user span; None where it cannot be placed."""
    level = _level(table, quantity)
    dimension = DIMENSION_OF.get(quantity or "", "length")
    low = table.amount("low", dimension, VALUE_MIN, VALUE_MAX, None, "150.00 m")
    high = table.amount("high", dimension, VALUE_MIN, VALUE_MAX, None, "205.00 m")
    if low is not None and high is not None and low >= high:
        table.problem("high", f'"{table.values["high"]}" is not above low ("{table.values["low"]}"); exchange them')
    rate = table.rate("rate", dimension, MINUTE_MS, VALUE_MAX, None, "0.3 m/5min")
    if quantity is None or quantity not in columns or (level is None and any(table.has(key) for key in _LEVEL_KEYS)):
        return None
    return Channel(name, source, columns.index(quantity), quantity, level, low, high, rate)


def _level(table: Table, quantity: str | None) -> Level | None:
    """Gauge zero, offset, datum and survey: all of a level, or nothing."""
    given = [key for key in _LEVEL_KEYS if table.has(key)]
    zero_mm = table.amount("gauge_zero", "length", VALUE_MIN, VALUE_MAX, None, "160.00 m")
    offset_mm = table.amount("offset", "length", VALUE_MIN, VALUE_MAX, 0, "0.00 m")
    datum = table.choice("datum", DATUMS, None)
    surveyed = _survey(table)
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


def _survey(table: Table) -> str | None:
    value = table.values.get("surveyed")
    if type(value) is date:  # A date without quotes is TOML too.
        table.mark("surveyed")
        return value.isoformat()
    text = table.text("surveyed", "", "2020-05-30")
    if text:
        try:
            date.fromisoformat(text)
        except ValueError:
            table.problem("surveyed", f'"{text[:40]}" is not a date; write it like "2020-05-30"')
            return None
    return text
