"""Water level: the 4-20 mA probe against exact fractions, the UART sensor against a search over all windows."""

from fractions import Fraction
from math import floor

import pytest
from drivers.integers import checked_points, corrected, median, rounded
from drivers.pressure_420 import Pressure420
from drivers.ultrasonic_uart import CHUNK_LENGTH, FRAMES_MAX, READS_MAX, UltrasonicUart
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.firmware.drivers_world import Voltage, Wire
from wire.reading import GOOD, MISSING, SUSPECT

SHUNT_MOHM = 100_000
NOTHING = [(None, MISSING)]


def nearest(number: Fraction) -> int:
    """To the nearest integer, halves up."""
    return floor(number + Fraction(1, 2))


def probe(uv, **settings):
    return Pressure420(Voltage(uv), SHUNT_MOHM, 10_000, **settings)


@given(
    uv=st.integers(0, 3_300_000),
    shunt_mohm=st.integers(1_000, 250_000),
    full_scale_mm=st.integers(100, 60_000),
    zero_na=st.integers(3_900_000, 4_100_000),
    full_na=st.integers(19_500_000, 20_500_000),
)
def test_head_is_the_nearest_millimetre_to_the_exact_fraction(uv, shunt_mohm, full_scale_mm, zero_na, full_na):
    loop_ma = Fraction(uv, shunt_mohm)
    got = Pressure420(Voltage(uv), shunt_mohm, full_scale_mm, zero_na, full_na).read(0)[0]
    if loop_ma < Fraction(36, 10) or loop_ma > 21:
        assert got == (None, MISSING)
        return
    zero_ma, full_ma = Fraction(zero_na, 10**6), Fraction(full_na, 10**6)
    head_mm = nearest((loop_ma - zero_ma) / (full_ma - zero_ma) * full_scale_mm)
    measured = Fraction(38, 10) <= loop_ma <= Fraction(205, 10)
    assert got == (head_mm, GOOD if measured else SUSPECT)


# Current in uA over 100 ohm is a tenth of it in mV: 3.6 mA = 360,000 uV.
@pytest.mark.parametrize(
    ("uv", "expected"),
    [
        (359_999, (None, MISSING)),
        (360_000, (-250, SUSPECT)),
        (379_999, (-125, SUSPECT)),
        (380_000, (-125, GOOD)),
        (400_000, (0, GOOD)),
        (1_200_000, (5_000, GOOD)),
        (2_000_000, (10_000, GOOD)),
        (2_050_000, (10_313, GOOD)),
        (2_050_001, (10_313, SUSPECT)),
        (2_100_000, (10_625, SUSPECT)),
        (2_100_001, (None, MISSING)),
        (0, (None, MISSING)),
        (None, (None, MISSING)),
    ],
)
def test_a_loop_current_outside_ne43_gives_no_number_and_its_edges_are_suspect(uv, expected):
    driver = probe(uv)
    assert driver.read(0) == [expected]
    assert driver.errors == (1 if expected[0] is None else 0)


def test_a_converter_that_fails_in_one_of_its_samples_gives_no_number():
    assert probe([1_200_000, None, 1_200_000, 1_200_000]).read(0) == NOTHING


def test_samples_are_averaged():
    assert probe([1_199_000, 1_201_000, 1_204_000, 1_196_000]).read(0) == [(5_000, GOOD)]
    voltage = Voltage(1_200_000)
    Pressure420(voltage, SHUNT_MOHM, 10_000, samples=7).read(0)
    assert voltage.reads == 7


def test_staff_readings_bend_the_line_of_the_probe():
    points = [(0, 10), (5_000, 5_030), (10_000, 10_000)]
    assert probe(1_200_000, points=points).read(0) == [(5_030, GOOD)]
    assert probe(800_000, points=points).read(0) == [(2_520, GOOD)]
    assert probe(390_000, points=points).read(0) == [(-52, GOOD)]  # 62 or 63 mm below, and 10 up.


@given(
    points=st.lists(st.tuples(st.integers(-1_000, 60_000), st.integers(-1_000, 60_000)), min_size=1, max_size=6),
    measured=st.integers(-2_000, 61_000),
)
def test_a_calibration_line_is_met_at_its_points_and_straight_between(points, measured):
    points = tuple(sorted(dict(points).items()))
    got = corrected(checked_points(points), measured)
    if measured <= points[0][0]:
        expected = Fraction(measured + points[0][1] - points[0][0])
    elif measured >= points[-1][0]:
        expected = Fraction(measured + points[-1][1] - points[-1][0])
    else:
        (x0, y0), (x1, y1) = next(
            pair for pair in zip(points, points[1:], strict=False) if pair[0][0] <= measured <= pair[1][0]
        )
        expected = y0 + Fraction((measured - x0) * (y1 - y0), x1 - x0)
    assert got == nearest(expected)


def test_settings_that_cannot_be_are_refused():
    for settings in ({"zero_na": 5, "full_na": 5}, {"points": [(5, 5), (5, 6)]}, {"samples": 0}, {"samples": 65}):
        with pytest.raises(ValueError):
            probe(0, **settings)
    for shunt_mohm, full_scale_mm in ((0, 10_000), (100_000, 0)):
        with pytest.raises(ValueError):
            Pressure420(Voltage(0), shunt_mohm, full_scale_mm)


@given(st.lists(st.integers(-70_000, 70_000), min_size=1, max_size=20))
def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    middle = [ordered[half]] if len(ordered) % 2 else ordered[half - 1 : half + 1]
    assert median(values) == nearest(Fraction(sum(middle), len(middle)))


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**9))
def test_rounding_goes_to_the_nearest_and_halves_go_up(numerator, denominator):
    assert rounded(numerator, denominator) == nearest(Fraction(numerator, denominator))


def frame(counts: int) -> bytes:
    high, low = counts >> 8, counts & 0xFF
    return bytes((0xFF, high, low, (0xFF + high + low) % 256))


def windows_with_right_sum(stream: bytes) -> list[tuple[int, int]]:
    """[(place, counts)] of every four bytes that could be a frame of a sensor below 65 m."""
    found = []
    for at in range(len(stream) - 3):
        start, high, low, total = stream[at : at + 4]
        if start == 0xFF and high != 0xFF and (start + high + low) % 256 == total:
            found.append((at, high * 256 + low))
    return found


def gaps_of(stream: bytes, **settings) -> list[int]:
    """Every gap that comes out when the bytes come one in a scan, in order."""
    sensor = UltrasonicUart(Wire(), min_mm=0, max_mm=60_000, quiet_scans=1, **settings)
    gaps = []
    for at in range(len(stream)):
        sensor._uart.data = stream[at : at + 1]
        value, quality = sensor.read(0)[0]
        assert (quality == GOOD) == (value is not None)
        if value is not None:
            gaps.append(value)
    return gaps


intact = st.integers(1, 60_000).map(frame)
mostly_ff = st.one_of(st.just(0xFF), st.integers(0, 255))
garbage = st.lists(mostly_ff, max_size=9).map(bytes)


@st.composite
def damaged(draw):
    """A frame with a byte dropped, doubled or changed."""
    data = bytearray(draw(intact))
    at = draw(st.integers(0, 3))
    kind = draw(st.sampled_from(["dropped", "doubled", "changed"]))
    if kind == "dropped":
        del data[at]
    elif kind == "doubled":
        data.insert(at, data[at])
    else:
        data[at] ^= draw(st.integers(1, 255))
    return bytes(data)


@given(st.lists(st.one_of(intact, damaged(), garbage), min_size=1, max_size=12))
def test_whatever_stands_between_frames_every_good_frame_is_read_and_nothing_else(pieces):
    stream = b"".join(pieces)
    candidates = windows_with_right_sum(stream)
    assume(all(after[0] - before[0] >= 4 for before, after in zip(candidates, candidates[1:], strict=False)))
    assert gaps_of(stream) == [counts for _, counts in candidates if counts]


@given(st.binary(max_size=60), st.lists(mostly_ff, max_size=60).map(bytes))
def test_a_number_never_comes_from_bytes_with_a_wrong_sum(noise, ones):
    for stream in (noise, ones, noise + ones):
        possible = {counts for _, counts in windows_with_right_sum(stream)}
        assert set(gaps_of(stream)) <= possible


def test_from_any_byte_of_a_steady_distance_the_reader_finds_its_frames():
    for counts in range(31, 7_501):
        stream = frame(counts) * 4
        for lost in (1, 2, 3):
            gaps = gaps_of(stream[lost:])
            assert gaps[-2:] == [counts, counts], (counts, lost)


def test_the_data_sheets_example_is_1953_mm():
    assert UltrasonicUart(Wire(bytes.fromhex("FF07A1A7"))).read(0) == [(1_953, GOOD)]


def test_a_frame_that_came_in_two_scans_is_read_in_the_second():
    sensor = UltrasonicUart(Wire(frame(1_000)[:3]))
    assert sensor.read(0) == NOTHING
    sensor._uart.data = frame(1_000)[3:]
    assert sensor.read(0) == [(1_000, GOOD)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [(0, None), (30, None), (31, 31), (7_500, 7_500), (7_501, None), (0xFEFF, None)],
)
def test_a_distance_at_or_below_the_blind_zone_or_beyond_the_range_is_no_number(counts, expected):
    got = UltrasonicUart(Wire(frame(counts)), min_mm=30, max_mm=7_500).read(0)
    assert got == [(expected, MISSING if expected is None else GOOD)]


def test_no_echo_is_known_at_once_and_counted():
    sensor = UltrasonicUart(Wire(frame(1_000)))
    sensor.read(0)
    assert sensor.errors == 0
    sensor._uart.data = frame(0)
    assert sensor.read(1) == NOTHING
    assert sensor.errors == 1


def test_a_long_range_sensor_counts_centimetres():
    assert UltrasonicUart(Wire(frame(543)), unit_mm=10, min_mm=250, max_mm=15_000).read(0) == [(5_430, GOOD)]
    assert UltrasonicUart(Wire(frame(25)), unit_mm=10, min_mm=250, max_mm=15_000).read(0) == NOTHING


def test_the_gap_is_the_median_of_the_scans_frames():
    stream = b"".join(frame(counts) for counts in (1_000, 1_004, 5_000, 1_002, 999))
    assert UltrasonicUart(Wire(stream)).read(0) == [(1_002, GOOD)]


def test_a_stray_echo_among_many_without_echo_is_no_number():
    stream = frame(0) * 2 + frame(700)
    assert UltrasonicUart(Wire(stream)).read(0) == NOTHING
    assert UltrasonicUart(Wire(frame(0) + frame(700))).read(0) == [(700, GOOD)]


def test_a_silent_sensor_is_lost_after_the_scans_that_it_may_miss_and_comes_back():
    sensor = UltrasonicUart(Wire(frame(1_000)), quiet_scans=3)
    assert [list(sensor.read(scan)) for scan in range(5)] == [[(1_000, GOOD)]] * 3 + [NOTHING] * 2
    sensor._uart.data = frame(1_001)
    assert sensor.read(5) == [(1_001, GOOD)]
    assert sensor.read(6) == [(1_001, GOOD)]


def test_only_the_newest_frames_of_a_scan_count():
    stream = frame(500) * FRAMES_MAX + frame(900) * FRAMES_MAX
    assert UltrasonicUart(Wire(stream)).read(0) == [(900, GOOD)]


def test_a_babbling_line_does_not_hold_the_scan():
    sensor = UltrasonicUart(Wire(b"\x55" * 10_000))
    sensor.read(0)
    assert len(sensor._uart.data) == 10_000 - READS_MAX * CHUNK_LENGTH
    assert sensor.dropped == READS_MAX * CHUNK_LENGTH - 4


def test_a_gap_follows_the_line_through_two_known_distances():
    points = [(508, 500), (3_020, 3_000)]
    for counts, gap_mm in ((508, 500), (3_020, 3_000), (1_764, 1_750), (400, 392), (4_000, 3_980)):
        assert UltrasonicUart(Wire(frame(counts)), points=points).read(0) == [(gap_mm, GOOD)]
    assert UltrasonicUart(Wire(frame(7_501)), points=points).read(0) == NOTHING, "the range is the sensor's own"


def test_settings_of_the_uart_sensor_that_cannot_be_are_refused():
    for settings in ({"unit_mm": 0}, {"min_mm": 9, "max_mm": 9}, {"quiet_scans": 0}):
        with pytest.raises(ValueError):
            UltrasonicUart(Wire(), **settings)
    with pytest.raises(ValueError):
        UltrasonicUart(Wire(), points=[(2, 2), (1, 1)])
