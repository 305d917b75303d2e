"""What the registers of a bought sensor mean."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards import Point, Profile, load_profile
from gateway.bought import median, plan, reading, spread
from wire.reading import FAIL, GOOD, MISSING


def point(kind: str, **more) -> Point:
    settings = {"quantity": "gap_mm", "register": 5, "valid_low": 0, "valid_high": 10_000, "type": kind}
    settings["count"] = 1 if kind.endswith("16") else 2
    return Point(**{**settings, **more})


@pytest.mark.parametrize(
    ("made", "words", "expected"),
    [
        (point("uint16"), [4321], (4_321, GOOD)),
        (point("int16", valid_low=-100), [0xFFF6], (-10, GOOD)),
        (point("int16"), [0xFFF6], (-10, FAIL)),
        (point("uint16", scale_num=10), [432], (4_320, GOOD)),
        (point("uint16", scale_den=10), [43215], (4_322, GOOD)),
        (point("int16", scale_den=10, valid_low=-999), [0xFFF1], (-2, GOOD)),  # -1.5, halves away from zero.
        (point("uint32"), [0x0000, 0x1388], (5_000, GOOD)),
        (point("uint32", word_order="little"), [0x1388, 0x0000], (5_000, GOOD)),
        (point("int32", valid_low=-9), [0xFFFF, 0xFFFE], (-2, GOOD)),
        (point("uint32"), [0x8000, 0x0000], (None, MISSING)),  # No 32-bit signed value can carry it.
        (point("float32", scale_num=1_000), [0x3FA0, 0x0000], (1_250, GOOD)),  # 1.25
        (point("float32"), [0x7FC0, 0x0000], (None, MISSING)),  # NaN
        (point("float32"), [0x7F80, 0x0000], (None, MISSING)),  # infinite
        (point("uint16", invalid_codes=(0xFFFF,)), [0xFFFF], (None, MISSING)),
        (point("int16", invalid_codes=(0xFFFF,)), [0xFFFF], (None, MISSING)),  # A code is what stands in the register.
        (point("int16", invalid_codes=(-1,)), [0xFFFF], (None, MISSING)),
        (point("float32", invalid_codes=(-9999,)), [0xC61C, 0x3C00], (None, MISSING)),
        (point("uint16"), [10_000], (10_000, GOOD)),
        (point("uint16"), [10_001], (10_001, FAIL)),
        (point("uint16", valid_low=100), [99], (99, FAIL)),
    ],
)
def test_registers_become_a_value_in_the_sub_unit_or_none(made, words, expected):
    assert reading(made, {(3, 5, len(words)): words}) == expected
    assert reading(made, {(3, 3, len(words) + 3): [7, 7, *words, 7]}) == expected


def test_without_its_registers_a_value_is_missing():
    assert reading(point("uint16"), {}) == (None, MISSING)
    assert reading(point("uint16"), {(4, 5, 1): [1]}) == (None, MISSING)
    assert reading(point("uint32"), {(3, 5, 1): [1]}) == (None, MISSING)


def test_a_bad_status_makes_its_value_missing():
    made = point("uint16", status_register=16, status_ok=2)
    assert reading(made, {(3, 5, 1): [7], (3, 16, 1): [2]}) == (7, GOOD)
    assert reading(made, {(3, 5, 1): [7], (3, 16, 1): [3]}) == (None, MISSING)
    assert reading(made, {(3, 5, 1): [7]}) == (None, MISSING)


kinds = st.sampled_from(["int16", "uint16", "int32", "uint32", "float32"])


@given(kinds, st.binary(min_size=4, max_size=4), st.integers(-1_000, 1_000).filter(bool), st.integers(1, 1_000))
def test_no_registers_at_all_make_a_value_out_of_range_look_good(kind, raw, num, den):
    made = point(kind, scale_num=num, scale_den=den)
    words = list(struct.unpack(">2H", raw))[: made.count]
    value, quality = reading(made, {(3, 5, made.count): words})
    assert (value is None) == (quality == MISSING)
    assert quality != GOOD or (value is not None and 0 <= value <= 10_000)


def test_the_radar_that_forbids_block_reads_is_read_register_by_register_status_first():
    assert plan(load_profile("radar-60ghz")) == [(3, 0x0010, 1), (3, 0x0001, 1)]


def test_a_status_beside_its_value_comes_in_one_read():
    points = (point("uint16", register=5, status_register=4),)
    profile = Profile("x", "x", 1, 9_600, "8N1", 8, 0, 0, points)
    assert plan(profile) == [(3, 4, 2)]


@given(st.lists(st.integers(-9_999, 9_999), max_size=40))
def test_the_median_is_a_measured_value_in_the_middle(values):
    middle = median(values)
    if not values:
        assert middle is None
    else:
        assert middle in values
        assert sum(value < middle for value in values) <= len(values) / 2
        assert sum(value > middle for value in values) <= len(values) / 2


# 0 to 59 in a minute: the quartiles are at 15 and 44. A wake of 400 mm in 6 of 60 samples moves neither.
@pytest.mark.parametrize(
    ("values", "expected"),
    [([5], 0), ([5, 9], 4), (list(range(60)), 29), ([100] * 54 + [500] * 6, 0), ([1, 2, 3, 4, 5, 6, 7, 8], 3)],
)
def test_the_spread_of_a_row_is_between_the_quartiles(values, expected):
    assert spread(values) == expected
