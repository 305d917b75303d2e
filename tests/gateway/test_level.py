"""Elevations from gauge zero, offset and what the sensor measures."""

import pytest

from gateway.config import Channel, Level
from gateway.level import elevation_mm, judged_quantity
from wire.reading import QUANTITY_CODES


def channel(quantity, level=None):
    return Channel("river", "board", 0, quantity, level)


# (quantity, gauge zero, offset, raw, elevation), by hand: zero + head, zero - gap.
CASES = [
    ("head_mm", 160_000, 0, 31_620, 191_620),
    ("head_mm", 160_000, -120, 31_740, 191_620),
    ("gap_mm", 200_000, 0, 8_380, 191_620),
    ("gap_mm", 200_000, 30, 8_410, 191_620),
    ("head_mm", -500, 0, 406, -94),  # Hebden Bridge: low flow is negative.
]


@pytest.mark.parametrize(("quantity", "zero", "offset", "raw", "elevation"), CASES)
def test_more_head_is_more_water_and_more_gap_is_less(quantity, zero, offset, raw, elevation):
    assert elevation_mm(channel(quantity, Level(zero, offset, "wusong", "")), raw) == elevation


def test_without_a_gauge_zero_there_is_no_elevation():
    with pytest.raises(ValueError, match="gauge zero"):
        elevation_mm(channel("head_mm"), 5)
    assert judged_quantity(channel("head_mm")) == QUANTITY_CODES["head_mm"]
    assert judged_quantity(channel("gap_mm", Level(0, 0, "local", ""))) == QUANTITY_CODES["level_mm"]
