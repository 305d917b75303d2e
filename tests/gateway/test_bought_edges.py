"""The last values on each side of every limit that a bought sensor's registers pass."""

import pytest

from boards import Point
from gateway.bought import reading
from wire.reading import FAIL, GOOD, MISSING

WIDE = 0x7FFFFFFF


def point(kind: str, low: int = -WIDE, high: int = WIDE, **more) -> Point:
    return Point("gap_mm", 5, kind, low, high, count=1 if kind.endswith("16") else 2, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "words", "expected"),
    [
        (point("int32"), [0x7FFF, 0xFFFF], (WIDE, GOOD)),
        (point("int32"), [0x8000, 0x0001], (-WIDE, GOOD)),
        (point("int32"), [0x8000, 0x0000], (None, MISSING)),  # Packed rows mark "no value" with it.
        (point("int16", -5, 5), [0xFFFB], (-5, GOOD)),
        (point("int16", -5, 5), [0xFFFA], (-6, FAIL)),
        (point("int16", -5, 5), [5], (5, GOOD)),
        (point("int16", -5, 5), [6], (6, FAIL)),
        (point("int16"), [0xFFFF], (-1, GOOD)),
        (point("int16"), [0], (0, GOOD)),
    ],
)
def test_a_limit_holds_its_own_value_and_not_the_next(made, words, expected):
    assert reading(made, {(3, 5, len(words)): words}) == expected


def test_a_value_is_taken_from_the_read_that_holds_all_of_it():
    words = {(3, 4, 2): [9, 9], (3, 5, 2): [0x0001, 0x0002]}
    assert reading(point("uint32"), words) == (0x10002, GOOD)
