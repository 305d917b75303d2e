"""The arithmetic of calibrations against the drivers that a board runs: what was known comes out of them again."""

from fractions import Fraction

import pytest
from drivers.integers import corrected
from drivers.pressure_420 import Pressure420
from drivers.supply import Supply
from drivers.ultrasonic_uart import UltrasonicUart
from hypothesis import assume, given
from hypothesis import strategies as st

from tools.calibrate import arithmetic
from tools.calibrate.arithmetic import Known, NoSettings
from wire.reading import GOOD

SHUNT_MOHM = 100_000
STRAIGHT = [[0, 0], [2_450_000, 2_450_000]]
LIMIT_UV = 2_450_000


class Voltage:
    def __init__(self, uv):
        self.uv = uv

    def read_uv(self):
        return self.uv


class Wire:
    def __init__(self, mm):
        self.frame = bytes((0xFF, mm >> 8, mm & 0xFF, (0xFF + (mm >> 8) + mm) & 0xFF))

    def readinto(self, buffer):
        buffer[:4] = self.frame
        return 4


def probe(sensor, uv, **settings):
    """What a board says of `uv` at its shunt."""
    asked = {key: sensor[key] for key in ("shunt_mohm", "full_scale_mm", "zero_na", "full_na", "points")}
    ((value, quality),) = Pressure420(Voltage(uv), **(asked | settings)).read(0)
    return value, quality


def sensor_of(scale_mm, zero_na=4_000_000, full_na=20_000_000, points=()):
    sensor = {"driver": "pressure_420", "shunt_mohm": SHUNT_MOHM, "full_scale_mm": scale_mm, "points": points}
    return sensor | {"zero_na": zero_na, "full_na": full_na, "adc_points": STRAIGHT}


@st.composite
def rising(draw, lowest=0, highest=LIMIT_UV, most=8, least_step=1_000, bend=40_000):
    """Pairs that rise on both sides, as a bent converter gives them."""
    shown = sorted(draw(st.sets(st.integers(lowest + bend, highest - bend), min_size=2, max_size=most)))
    pairs: list[list[int]] = []
    for uv in shown:
        there = uv + draw(st.integers(-bend, bend))
        if not pairs or (uv >= pairs[-1][0] + least_step and there >= pairs[-1][1] + least_step):
            pairs.append([uv, there])
    assume(len(pairs) >= 2)
    return pairs


@given(
    st.sampled_from((3_000, 10_000, 20_000)),
    st.integers(-100_000, 100_000), st.integers(-300_000, 300_000),  # how the present settings are off,
    st.integers(-60_000, 60_000), st.integers(-300_000, 300_000),  # and the probe itself, in nA
    st.integers(0, 900), st.integers(50, 1_000),  # of the scale, in thousandths
)  # fmt: skip
def test_a_probe_gives_back_both_known_heads_within_a_millimetre(scale_mm, zero, full, off, gain, low, wide):
    sensor = sensor_of(scale_mm, 4_000_000 + zero, 20_000_000 + full)
    heads_mm = [low * scale_mm // 1_000, min(low + wide, 1_000) * scale_mm // 1_000]
    assume((heads_mm[1] - heads_mm[0]) * 1_000 >= 50 * scale_mm)
    uvs = [
        ((4_000_000 + off) * scale_mm + (16_000_000 + gain) * mm) * SHUNT_MOHM // scale_mm // 1_000_000
        for mm in heads_mm
    ]
    shown = [probe(sensor, uv) for uv in uvs]
    known = [Known(value * 1_000, Fraction(mm)) for (value, _), mm in zip(shown, heads_mm, strict=True)]
    settings = arithmetic.loop_settings(sensor, *known)
    for uv, mm, one in zip(uvs, heads_mm, known, strict=True):
        value, _ = probe(sensor, uv, **settings)
        assert abs(value - mm) <= 1
        assert abs(arithmetic.loop_head(sensor, settings, one.shown_milli) - mm) < Fraction(1, 10)


@given(st.integers(-200, 200), st.integers(-200, 200), st.integers(500, 9_000), st.integers(400, 9_000))
def test_a_probe_with_points_is_read_past_them(first, second, low_mm, wide_mm):
    assume(low_mm + wide_mm <= 9_500)
    points = [[500, 500 + first], [9_500, 9_500 + second]]
    sensor = sensor_of(10_000, points=points)
    uvs = [400_000 + 160 * mm for mm in (low_mm, low_mm + wide_mm)]
    known = [
        Known(probe(sensor, uv)[0] * 1_000, Fraction(mm))
        for uv, mm in zip(uvs, (low_mm + 10, low_mm + wide_mm + 10), strict=True)
    ]
    settings = arithmetic.loop_settings(sensor, *known)
    for uv, one in zip(uvs, known, strict=True):
        assert abs(probe(sensor, uv, **settings, points=())[0] - one.there) <= 1


@pytest.mark.parametrize(("zero_na", "full_na"), [(4_000_000, 20_000_000), (4_050_000, 19_900_000)])
def test_four_and_twenty_milliamperes_are_the_ends_of_the_scale(zero_na, full_na):
    sensor = sensor_of(10_000, zero_na, full_na)
    currents = (4_000_000, 20_000_000)
    bent = [current * 1_005 // 1_000 + 20_000 for current in currents]  # A shunt and a converter that are a little off.
    uvs = [na * SHUNT_MOHM // 1_000_000 for na in bent]
    known = [
        Known(probe(sensor, uv)[0] * 1_000, arithmetic.head_of(na, sensor))
        for uv, na in zip(uvs, currents, strict=True)
    ]
    settings = arithmetic.loop_settings(sensor, *known)
    assert [abs(settings[key] - na) <= 1_000 for key, na in zip(("zero_na", "full_na"), bent, strict=True)] == [
        True,
        True,
    ]
    assert [probe(sensor, uv, **settings)[0] for uv in uvs] == [0, 10_000]


@given(st.integers(100, 3_000), st.integers(100, 3_000), st.integers(-60, 60), st.integers(-60, 60), st.booleans())
def test_a_sensor_of_distance_gives_back_both_known_ones_exactly(low_mm, wide_mm, off, gain, again):
    points = [[100, 140], [6_000, 6_100]] if again else []
    gaps_mm = [low_mm, low_mm + wide_mm]
    measured = [mm + off + gain * mm // 1_000 for mm in gaps_mm]
    assume(40 <= measured[0] < measured[1])
    shown = [UltrasonicUart(Wire(mm), points=points).read(0)[0][0] for mm in measured]
    known = [Known(value * 1_000, Fraction(mm)) for value, mm in zip(shown, gaps_mm, strict=True)]
    found = arithmetic.gap_points({"points": points}, *known)
    again_mm = [UltrasonicUart(Wire(mm), points=found).read(0)[0] for mm in measured]
    assert all(abs(value - mm) <= (1 if again else 0) for (value, _), mm in zip(again_mm, gaps_mm, strict=True))
    assert {quality for _, quality in again_mm} == {GOOD}


@given(rising(), st.integers(0, LIMIT_UV))
def test_a_table_read_backwards_says_what_the_converter_showed(table, raw_uv):
    there_uv = corrected(tuple(map(tuple, table)), raw_uv)
    steepest = max(Fraction(b[0] - a[0], b[1] - a[1]) for a, b in zip(table, table[1:], strict=False))
    assert abs(arithmetic.before_points(table, Fraction(there_uv)) - raw_uv) <= max(steepest, 1)
    assert abs(arithmetic.after_points(table, Fraction(raw_uv)) - there_uv) <= 1


@given(rising(), st.integers(0, LIMIT_UV), st.integers(0, LIMIT_UV))
def test_a_table_that_rises_keeps_the_order_of_voltages(table, one_uv, other_uv):
    points = tuple(map(tuple, table))
    low, high = sorted((one_uv, other_uv))
    assert corrected(points, low) <= corrected(points, high)


@given(rising(), st.integers(400_000, 2_000_000))
def test_the_converter_is_read_out_of_a_level_as_exactly_as_a_millimetre_is(table, raw_uv):
    sensor = sensor_of(10_000) | {"adc_points": table}
    value, quality = probe(sensor, raw_uv, adc_points=table)
    assume(value is not None and quality == GOOD)
    steepest = max(1, *(Fraction(b[0] - a[0], b[1] - a[1]) for a, b in zip(table, table[1:], strict=False)))
    assert abs(arithmetic.converter_uv(sensor, value * 1_000) - raw_uv) <= 82 * steepest + 1


@given(rising(), st.integers(300_000, 2_000_000))
def test_the_converter_is_read_out_of_a_supply_too(table, raw_uv):
    sensor = {"driver": "supply", "ratio_permil": 11_000, "adc_points": table}
    ((value, _),) = Supply(Voltage(raw_uv), 11_000, adc_points=table).read(0)
    steepest = max(1, *(Fraction(b[0] - a[0], b[1] - a[1]) for a, b in zip(table, table[1:], strict=False)))
    assert abs(arithmetic.converter_uv(sensor, value * 1_000) - raw_uv) <= 47 * steepest + 1


def test_a_chamber_that_follows_its_own_zero_says_nothing_of_its_converter():
    with pytest.raises(NoSettings, match="why_own_zero"):
        arithmetic.converter_uv({"driver": "smoke_photo"}, 0)


@given(st.integers(20, 500), st.integers(100, 600))
def test_the_rain_of_a_tip_makes_the_water_again_within_half_a_micrometre_a_tip(tips, um):
    depth_um = Fraction(tips * um * 10 + 7, 10)
    assert abs(arithmetic.tip_um(depth_um, tips) * tips - depth_um) <= Fraction(tips, 2)


@given(rising(most=6), st.integers(-50_000, 50_000))
def test_pairs_on_a_line_are_no_distance_from_it(table, off):
    on_line = [(x, 2 * x + off) for x, _ in table]
    line = arithmetic.nearest_line(on_line)
    assert line.slope == 2
    assert set(line.off) == {0}


def test_what_gives_no_settings_says_why():
    sensor = sensor_of(10_000)
    with pytest.raises(NoSettings, match="why_order"):
        arithmetic.loop_settings(sensor, Known(0, Fraction(1_000)), Known(9, Fraction(1_000)))
    with pytest.raises(NoSettings, match="why_still"):
        arithmetic.loop_settings(sensor, Known(9, Fraction(0)), Known(9, Fraction(1_000)))
    with pytest.raises(NoSettings, match="why_points"):
        arithmetic.gap_points({"points": [[1, 5], [2, 4]]}, Known(0, Fraction(0)), Known(9, Fraction(1)))
    with pytest.raises(NoSettings, match="why_same"):
        arithmetic.gap_points({"points": []}, Known(1_000_000, Fraction(1)), Known(1_000_100, Fraction(2)))
    with pytest.raises(NoSettings, match="why_same"):
        arithmetic.nearest_line([(5, 1), (5, 2)])
    with pytest.raises(NoSettings, match="why_dry"):
        arithmetic.tip_um(Fraction(1), 0)
