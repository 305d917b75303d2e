"""Amounts as people write them ("182.00 m", "10 s", "0.3 m/5min"), as exact integers in a quantity's sub-unit.

Rules of this file: decimal all the way, no float; an amount without a unit, or finer than the sub-unit, is refused and
the reason says how to write it. Amounts of the same dimension may be written in any of its units.
"""

import re
from decimal import Decimal

# dimension: (what it is, {unit: how many of the sub-unit}, sub-unit).
DIMENSIONS: dict[str, tuple[str, dict[str, int], str]] = {
    "length": ("a length", {"mm": 1, "cm": 10, "m": 1_000}, "mm"),
    "fine_length": ("a depth", {"um": 1, "mm": 1_000, "cm": 10_000}, "um"),
    "angle": ("an angle", {"mdeg": 1, "deg": 1_000, "°": 1_000}, "mdeg"),
    "turn_rate": ("an angle a day", {"mdeg/d": 1, "deg/d": 1_000, "°/d": 1_000}, "mdeg/d"),
    "fine_angle": ("an angle", {"udeg": 1, "mdeg": 1_000, "deg": 1_000_000, "°": 1_000_000}, "udeg"),
    "acceleration": ("an acceleration", {"ug": 1, "mg": 1_000, "g": 1_000_000, "count": 1_000}, "ug"),
    "fine_acceleration": ("an acceleration", {"ug": 1_000, "mg": 1_000_000, "count": 1_000_000}, "0.001 ug"),
    "smoke": ("an obscuration", {"dB/m": 1_000}, "0.001 dB/m"),
    "temperature": ("a temperature", {"degC": 100, "°C": 100}, "0.01 degC"),
    "voltage": ("a voltage", {"mV": 1, "V": 1_000}, "mV"),
    "fine_voltage": ("a voltage", {"uV": 1, "mV": 1_000, "V": 1_000_000}, "uV"),
    "current": ("a current", {"nA": 1, "uA": 1_000, "mA": 1_000_000}, "nA"),
    "volume": ("a volume", {"uL": 1, "mL": 1_000, "L": 1_000_000}, "uL"),
    "area": ("an area", {"mm2": 1, "cm2": 100, "m2": 1_000_000}, "mm2"),
    "share": ("a share", {"%": 10}, "0.1 %"),
    "contact": ("a contact's state", {"": 1}, "1"),
    "time": ("a time", {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}, "ms"),
    "size": ("a size", {"MiB": 1, "GiB": 1_024}, "MiB"),
}

DIMENSION_OF = {
    "gap_mm": "length",
    "head_mm": "length",
    "level_mm": "length",
    "distance_spread_mm": "length",
    "rain_um": "fine_length",
    "crack_um": "fine_length",
    "tilt_x_mdeg": "angle",
    "tilt_y_mdeg": "angle",
    "turn_mdeg": "angle",
    "turn_mdeg_per_day": "turn_rate",
    "acc_x_ug": "acceleration",
    "acc_y_ug": "acceleration",
    "acc_z_ug": "acceleration",
    "smoke_mdbm": "smoke",
    "smoke_contact": "contact",
    "temp_cdeg": "temperature",
    "supply_mv": "voltage",
    "humidity_permil": "share",
}

_USUAL = {
    "fine_length": "mm",
    "angle": "deg",
    "turn_rate": "deg/d",
    "fine_angle": "mdeg",
    "acceleration": "g",
    "fine_acceleration": "ug",
    "time": "s",
    "length": "m",
    "temperature": "degC",
    "voltage": "V",
    "fine_voltage": "V",
    "current": "mA",
    "volume": "mL",
    "area": "cm2",
    "size": "GiB",
}
_NUMBER = re.compile(r"([+-]?[0-9]{1,10}(?:\.[0-9]{1,9})?)[ \t]*(.*)", re.DOTALL)
_PERIOD = re.compile(r"([0-9]{0,6})[ \t]*([a-z]+)")
_SHOWN_MAX = 40


class AmountError(ValueError):
    """Not an amount of the wanted dimension; the text says why and how to write it."""


def shown(value: object) -> str:
    """`value` as it stands in an error: quoted if text, cut if long."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"  # Python refuses to write out the longest ones.
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def amount(value: object, dimension: str) -> int:
    """`value` in the sub-unit of `dimension`. AmountError."""
    number, unit = _split(value, dimension)
    return _whole(number * _factor(value, unit, dimension), value, DIMENSIONS[dimension][2])


def rate(value: object, dimension: str, per_ms: int) -> int:
    """A change per time, such as "0.3 m/5min", in sub-units per `per_ms`. AmountError."""
    what, units, sub_unit = DIMENSIONS[dimension]
    example = f'"1 {_usual(dimension)}/h"'
    number, rest = _split(value, dimension)
    unit, slash, period = rest.rpartition("/")
    match = _PERIOD.fullmatch(period.strip()) if slash and unit.strip() in units else None
    if match is None or match[2] not in DIMENSIONS["time"][1]:
        raise AmountError(f"{shown(value)} is not {what} per time; write it like {example}")
    period_ms = int(match[1] or 1) * DIMENSIONS["time"][1][match[2]]
    if period_ms == 0:
        raise AmountError(f"{shown(value)} is a change in no time; write it like {example}")
    change = number * units[unit.strip()] * per_ms
    if change % period_ms:
        per = next(name for name, ms in DIMENSIONS["time"][1].items() if ms == per_ms)
        raise AmountError(f"{shown(value)} is no whole number of {sub_unit} per {per}; choose a rounder one")
    return _whole(change / period_ms, value, sub_unit)


def _usual(dimension: str) -> str:
    return _USUAL.get(dimension) or next(iter(DIMENSIONS[dimension][1]))


def _split(value: object, dimension: str) -> tuple[Decimal, str]:
    what, units, _ = DIMENSIONS[dimension]
    unit = _usual(dimension)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not unit and isinstance(value, int) and abs(value) <= 1:
            return Decimal(value), ""
        raise AmountError(f'{shown(value)} has no unit; write "{shown(value)} {unit}"')
    if not isinstance(value, str):
        raise AmountError(f'{shown(value)} is not {what}; write it as text with its unit, like "1 {unit}"')
    match = _NUMBER.fullmatch(value.strip())
    if match is None:
        raise AmountError(f'{shown(value)} is not {what}; write a number and a unit, like "1 {unit}"')
    if not match[2] and "" not in units:
        raise AmountError(f"{shown(value)} has no unit; write {shown(f'{match[1]} {unit}')}")
    return Decimal(match[1]), match[2].strip()


def _factor(value: object, unit: str, dimension: str) -> int:
    what, units, _ = DIMENSIONS[dimension]
    if unit not in units:
        raise AmountError(f"{shown(value)}: {shown(unit)} is no unit of {what}; use {_choice(units)}")
    return units[unit]


def _choice(units: dict[str, int]) -> str:
    names = [name for name in units if name.isascii()]
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _whole(number: Decimal, value: object, sub_unit: str) -> int:
    if number != int(number):
        raise AmountError(f"{shown(value)} is finer than {sub_unit}; leave out the digits behind it")
    return int(number)
