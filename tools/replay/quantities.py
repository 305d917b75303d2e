"""What a recording may hold, in which units, and how a cell becomes an integer in the sub-unit that the station judges.

Rules of this file: decimal all the way, no float; a cell that is no number is not one, whatever it looks like.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from gateway.amounts import DIMENSIONS
from wire.reading import VALUE_MAX, VALUE_MIN

_HEAD_MM_PER_KPA = Decimal("101.97162129779")  # 1 kPa / (1000 kg/m3 x 9.80665 m/s2)
_PRESSURE = {"Pa": "0.001", "hPa": "0.1", "mbar": "0.1", "kPa": "1", "bar": "100", "MPa": "1000", "psi": "6.894757"}


class Quantity(NamedTuple):
    """One of `--quantity`: the station's quantity, its units as factors to the sub-unit, how many values make one."""

    measured: str  # name in wire.reading.QUANTITIES
    units: dict[str, Decimal]


def _units(dimension: str, **others: str) -> dict[str, Decimal]:
    """Those of station.toml, and `others` that only recordings come in."""
    units = {name: Decimal(factor) for name, factor in DIMENSIONS[dimension][1].items()}
    return units | {name: Decimal(factor) for name, factor in others.items()}


_LENGTH = _units("length", ft="304.8", **{"in": "25.4"})
_RAIN = Quantity("rain_um", _units("fine_length", **{"in": "25400"}))
QUANTITIES = {
    "level": Quantity("level_mm", _LENGTH),
    "rain": _RAIN,
    "rain-tips": _RAIN,
    "tilt": Quantity("tilt_x_mdeg", _units("angle", rad="57295.779513082321")),
    "smoke": Quantity("smoke_mdbm", _units("smoke", **{"mdB/m": "1"})),
    "temperature": Quantity("temp_cdeg", _units("temperature")),
    "pressure": Quantity(
        "level_mm", _LENGTH | {name: Decimal(kpa) * _HEAD_MM_PER_KPA for name, kpa in _PRESSURE.items()}
    ),
}
VECTOR = 3  # values of an acceleration: only its direction is judged
_ACCELERATION = {name: _units("acceleration")[name] for name in ("count", "g", "mg")}  # Counts have no known scale.
TEMPERATURE_CDEG = Decimal(100)
BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "--", "---"})
_SCALED = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z°/]+)")
_PLAIN = re.compile(r"[+-]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:[eE][+-]?\d{1,2})?")


def factor_of(quantity: str, unit: str, values: int) -> Decimal | None:
    """Sub-units in one of `unit`, which may be scaled ("0.01 in" for counted tips); None where it does not fit."""
    units = _ACCELERATION if quantity == "tilt" and values == VECTOR else QUANTITIES[quantity].units
    match = _SCALED.fullmatch(unit)
    if match and match[2] in units:
        return Decimal(match[1]) * units[match[2]]
    return units.get(unit)


def fitting(quantity: str, values: int) -> tuple[str, ...]:
    """The units that `quantity` may be in."""
    return tuple(_ACCELERATION if quantity == "tilt" and values == VECTOR else QUANTITIES[quantity].units)


def quantities_in(unit: str) -> list[str]:
    """The quantities that may be given in `unit`."""
    return [name for name in QUANTITIES if factor_of(name, unit, 1) is not None]


def reader(factor: Decimal, decimal_comma: bool) -> Callable[[str], int]:
    """cell -> whole sub-units, halves to even. ValueError for what is no number, or larger than any sensor gives."""

    def read(cell: str) -> int:
        if decimal_comma and "," in cell and "." not in cell:
            cell = cell.replace(",", ".", 1)
        if not _PLAIN.fullmatch(cell):
            raise ValueError(cell)
        whole = round(Decimal(cell) * factor)
        if not VALUE_MIN <= whole <= VALUE_MAX:
            raise ValueError(cell)
        return whole

    return read
