"""Flags of stored rows, by the other readings of the same row.

Rules of this file: no clock, no disk, no network. A stored reading has no neighbour in time here: spans, companions of
its row, and the air's temperature alone.
"""

from gateway.air import stored_gap_mm
from gateway.points import Point
from gateway.quality import impossible, usable
from wire.reading import MISSING, NEVER
from wire.row import Row

NO_READING = (None, MISSING)

Measured = dict[int, tuple[int | None, int]]  # column: (value, quality)


def judged_otherwise(points: dict[int, Point], row: Row) -> dict[int, int]:
    """{column: flag} where the gateway judges a reading of the row otherwise than the board did."""
    out = {}
    measured = {reading.channel: (reading.value, reading.quality) for reading in row.readings}
    for reading in row.readings:
        point = points.get(reading.channel)
        if point is None:
            continue
        raw = reading.value
        value, ill = (0, False) if raw is None else _judged(point, raw, measured)
        ill = ill or any(
            impossible(*measured.get(column, NO_READING), low, high) for column, low, high in point.companions
        )
        flag = point.watch.stored(raw, value, reading.quality, ill or _overdue(point, row))
        if flag != reading.quality:
            out[reading.channel] = flag
    return out


def _overdue(point: Point, row: Row) -> bool:
    """Was the calibration past its date when the row was made? What no clock dated is not judged by a date."""
    due_ms = point.channel.due_ms
    return bool(due_ms) and row.time_quality != NEVER and row.t_s * 1_000 >= due_ms


def _judged(point: Point, raw: int, measured: Measured) -> tuple[int, bool]:
    """(what rules would judge of the raw value, is it in doubt)."""
    if point.air is None:
        return point.zero + point.sign * raw, False
    cdeg, quality = measured.get(point.air.column, NO_READING)
    gap_mm = stored_gap_mm(raw, cdeg if usable(quality) else None, point.air.assumed_cdeg)
    return (point.zero - raw, True) if gap_mm is None else (point.zero - gap_mm, False)
