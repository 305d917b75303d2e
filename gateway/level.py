"""Levels: from what a sensor measures to an elevation over a datum.

Rules of this file: integers in millimetres; the raw value stays what it is, the elevation is derived and never stored
in its place. An elevation without datum does not exist.
"""

from gateway.config import Channel, DatumOffset
from wire.reading import QUANTITY_CODES

# Raw quantity of a level sensor: +1 if more of it means more water (pressure), -1 if less (air gap). What is an
# elevation already (two sensors as one, a recording) stays one.
SIGNS = {"head_mm": 1, "gap_mm": -1, "level_mm": 1}

DATUM_NAMES = {
    "wusong": ("吴淞高程", "Wusong datum"),
    "cn1985": ("1985高程", "1985 datum"),
    "huanghai": ("黄海高程", "Huanghai datum"),
    "local": ("本地高程", "local datum"),
}


def line(channel: Channel) -> tuple[int, int]:
    """(zero, sign) with judged value = zero + sign * raw; (0, 1) for a channel that is judged as it is measured."""
    if channel.level is None:
        return 0, 1
    return channel.level.zero_mm, SIGNS[channel.quantity]


def judged_quantity(channel: Channel) -> int:
    """Code of the quantity that rules judge: level_mm where an elevation is derived, else the measured one."""
    return QUANTITY_CODES["level_mm" if channel.level is not None else channel.quantity]


def elevation_mm(channel: Channel, raw_mm: int) -> int:
    """Elevation of the water in the channel's datum. ValueError for a channel without gauge zero."""
    if channel.level is None:
        raise ValueError(f"channel {channel.name} has no gauge zero: no elevation")
    zero_mm, sign = line(channel)
    return zero_mm + sign * raw_mm


def metres(mm: int) -> str:
    """For people: "191.620 m"."""
    return f"{mm / 1000:.3f} m"


def other_datums(datum: str, offsets: tuple[DatumOffset, ...]) -> list[tuple[str, int]]:
    """Datums over which a height over `datum` can be told too, and what to add for each: surveyed offsets alone."""
    found = [(offset.minus, -offset.is_mm) for offset in offsets if offset.datum == datum]
    return found + [(offset.datum, offset.is_mm) for offset in offsets if offset.minus == datum]
