"""How a bought Modbus sensor is read, and what its registers mean, by its profile in boards/.

Rules of this file: no port, no clock. An invalid code, a bad status or an answer that cannot be a number is "missing",
never a value; a value outside the profile's valid range keeps its number and is flagged "fail".
"""

import math
import struct
from collections.abc import Iterable, Mapping

from boards import Point, Profile
from gateway.wire_time import coalesce
from wire.reading import FAIL, GOOD, MISSING, VALUE_MAX, VALUE_MIN

Read = tuple[int, int, int]  # function, first register, count

_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}


def plan(profile: Profile) -> list[Read]:
    """The reads of one look at the sensor: status registers first, so that a value is never newer than its status."""
    status = [(p.function, p.status_register, 1) for p in profile.points if p.status_register is not None]
    values = [(p.function, p.register, p.count) for p in profile.points]
    together = coalesce([*status, *values], profile.max_block)
    before = coalesce(status, profile.max_block)
    after = coalesce(values, profile.max_block)
    return together if len(together) < len(before) + len(after) else before + after


def reading(point: Point, answers: Mapping[Read, list[int]]) -> tuple[int | None, int]:
    """(value in the quantity's sub-unit or None, quality) of `point` from the registers of one look."""
    if point.status_register is not None:
        status = _registers(answers, point.function, point.status_register, 1)
        if status is None or status[0] != point.status_ok:
            return None, MISSING
    words = _registers(answers, point.function, point.register, point.count)
    if words is None or len(words) != struct.calcsize(_FORMATS[point.type]) // 2:
        return None, MISSING
    if point.word_order == "little":
        words = words[::-1]
    raw = struct.unpack(_FORMATS[point.type], struct.pack(f">{len(words)}H", *words))[0]
    unsigned = int.from_bytes(struct.pack(f">{len(words)}H", *words), "big")
    if unsigned in point.invalid_codes or (not isinstance(raw, float) and raw in point.invalid_codes):
        return None, MISSING
    if isinstance(raw, float):
        if not math.isfinite(raw) or raw in point.invalid_codes:
            return None, MISSING
        value = round(raw * point.scale_num / point.scale_den)
    else:
        value = _rounded(raw * point.scale_num, point.scale_den)
    if not VALUE_MIN <= value <= VALUE_MAX:
        return None, MISSING
    return value, GOOD if point.valid_low <= value <= point.valid_high else FAIL


def median(values: Iterable[int]) -> int | None:
    """The middle value (the lower of two), so that it is one that was measured; None of nothing."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def spread(values: Iterable[int]) -> int:
    """Between the quartiles, as boards say it; of a bell it is 1.35 standard deviations, twice the median deviation."""
    ordered = sorted(values)
    return max(0, ordered[(3 * len(ordered) - 1) // 4] - ordered[len(ordered) // 4])


def _registers(answers: Mapping[Read, list[int]], function: int, register: int, count: int) -> list[int] | None:
    for (read_function, first, length), words in answers.items():
        if read_function == function and first <= register and register + count <= first + length:
            return words[register - first : register - first + count]
    return None


def _rounded(numerator: int, denominator: int) -> int:
    """Quotient to the nearest integer, halves away from zero."""
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient
