"""The rate of a turn, against the median of the slopes between all pairs, worked out with fractions."""

import math
from fractions import Fraction

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tilt_rate import COVERED_PERCENT, PART_SAMPLES_MAX, POINTS, POINTS_MIN, Slopes, TurnRate

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
WINDOW_MS = 6 * HOUR_MS
AT = 1_700_000_000_000


def kept(thing, mono_ms):
    """As it comes back from the disk."""
    return cbor2.loads(cbor2.dumps(thing.save(mono_ms)))


def all_pairs(points, window_ms, within_ms=None):
    """Per day, of the (time, value) in the window; `within_ms`: only of pairs that lie whole days apart."""
    now = points[-1][0]
    inside = [point for point in points if point[0] > now - window_ms]
    slopes = []
    for i, (before_ms, before) in enumerate(inside):
        for at_ms, value in inside[i + 1 :]:
            apart_ms = at_ms - before_ms
            days = round(Fraction(apart_ms, DAY_MS))
            if within_ms is None or (days >= 1 and abs(apart_ms - days * DAY_MS) <= within_ms):
                slopes.append(Fraction((value - before) * DAY_MS, apart_ms))
    covered = inside[-1][0] - inside[0][0]
    if len(inside) < POINTS_MIN or len(slopes) < POINTS_MIN or covered * 100 < COVERED_PERCENT * window_ms:
        return None
    slopes.sort()
    return (slopes[(len(slopes) - 1) // 2] + slopes[len(slopes) // 2]) / 2


steps = st.lists(st.tuples(st.integers(60_000, 2 * HOUR_MS), st.integers(-2_000, 2_000)), min_size=1, max_size=40)


@given(steps)
def test_the_slope_is_the_median_of_all_pairs_whatever_the_spacing_and_the_gaps(gaps):
    slopes, points, now = Slopes(WINDOW_MS), [], 0
    for gap, value in gaps:
        now += gap
        slopes.add(now, value)
        points.append((now, value))
        expected = all_pairs(points, WINDOW_MS)
        if expected is None:
            assert slopes.slope() is None
        else:
            assert abs(slopes.slope() - expected) < 2  # rounded down, twice


@given(st.lists(st.tuples(st.integers(HOUR_MS, 20 * HOUR_MS), st.integers(-500, 500)), min_size=8, max_size=40))
def test_of_the_same_hour_only_whole_days_count(gaps):
    window_ms = 10 * DAY_MS
    slopes, points, now = Slopes(window_ms, same_hour=True), [], 0
    for gap, value in gaps:
        now += gap
        slopes.add(now, value)
        points.append((now, value))
    expected = all_pairs(points, window_ms, window_ms // POINTS // 2)
    if expected is None:
        assert slopes.slope() is None
    else:
        assert abs(slopes.slope() - expected) < 2


@given(steps, st.integers(0, 40), st.integers(0, 10 * HOUR_MS))
def test_a_slope_goes_on_over_a_restart(gaps, place, down_ms):
    whole, first, now = Slopes(WINDOW_MS), Slopes(WINDOW_MS), 0
    for gap, value in gaps[:place]:
        now += gap
        whole.add(now, value)
        first.add(now, value)
    second, at = Slopes(WINDOW_MS), 5_000
    second.restore(kept(first, now), at, down_ms)
    now += down_ms
    for gap, value in gaps[place:]:
        now += gap
        at += gap
        whole.add(now, value)
        second.add(at, value)
    assert second.slope() == whole.slope()


def test_two_points_at_one_time_have_no_slope_between_them():
    slopes = Slopes(WINDOW_MS)
    for i in range(20):
        slopes.add(i // 2 * HOUR_MS, i // 2)
    assert slopes.slope() == 24


def run(rate, course, gap_ms=60_000, start=0):
    """Feed `course(time in days)` each `gap_ms` for as long as it gives vectors; all results."""
    out, now = [], start
    while (values := course(now / DAY_MS)) is not None:
        out.append(rate.feed(tuple(round(value) for value in values), now, AT))
        now += gap_ms
    return out


def test_one_axis_gives_its_slope_and_which_way():
    rate = TurnRate(1, WINDOW_MS)
    found = run(rate, lambda day: (-480 * day,) if day < 0.3 else None)
    assert found[-1] == 480
    assert rate.way() == (-480,)
    first = next(i for i, value in enumerate(found) if value is not None)
    covered_ms = first * 60_000
    assert covered_ms >= WINDOW_MS * COVERED_PERCENT // 100
    assert covered_ms <= WINDOW_MS


@given(st.floats(-180, 180), st.floats(-180, 180), st.floats(0, 360), st.sampled_from([50, 250, 2_000]), st.booleans())
def test_the_rate_does_not_depend_on_the_mounting(yaw, pitch, heading, mdeg_per_day, upside_down):
    """Gravity turned about an axis square to it: written down here as a great circle."""
    a, b = math.radians(yaw), math.radians(pitch)
    down = (math.cos(a) * math.cos(b), math.sin(a) * math.cos(b), math.sin(b) * (-1 if upside_down else 1))
    east = (-math.sin(a), math.cos(a), 0.0)
    north = (
        down[1] * east[2] - down[2] * east[1],
        down[2] * east[0] - down[0] * east[2],
        down[0] * east[1] - down[1] * east[0],
    )
    c, s = math.cos(math.radians(heading)), math.sin(math.radians(heading))
    towards = tuple(c * e + s * n for e, n in zip(east, north, strict=True))

    def course(day):
        turned = math.radians(mdeg_per_day * day / 1000)
        if day > 0.26:
            return None
        return tuple(1e7 * (d * math.cos(turned) + t * math.sin(turned)) for d, t in zip(down, towards, strict=True))

    rate = TurnRate(3, WINDOW_MS)
    found = run(rate, course, gap_ms=450_000)[-1]
    assert abs(found - mdeg_per_day) <= 2
    for along, part in zip(rate.way(), towards, strict=True):
        assert abs(along - mdeg_per_day * part) <= 2


def test_two_inclinations_of_a_steep_board_turn_as_fast_as_gravity_does():
    def course(day):
        if day > 0.3:
            return None
        x, y, z = math.sin(math.radians(60 + day)), 0.0, math.cos(math.radians(60 + day))
        return 1000 * math.degrees(math.atan2(x, math.hypot(y, z))), 1000 * math.degrees(
            math.atan2(y, math.hypot(x, z))
        )

    assert abs(run(TurnRate(2, WINDOW_MS), course)[-1] - 1_000) <= 10


def test_blows_and_a_gap_bend_nothing_but_a_gap_too_long_says_nothing():
    def course(day):
        blow = 3_000 if round(day * 1440) % 9 == 0 else 0
        return (200 * day + blow,) if day < 0.5 else None

    rate = TurnRate(1, WINDOW_MS)
    assert abs(run(rate, course)[-1] - 200) <= 2
    now = round(0.5 * DAY_MS) + HOUR_MS
    assert abs((rate.feed((106,), now, AT) or 0) - 200) <= 2
    now += WINDOW_MS * (100 - COVERED_PERCENT) // 100 + 1
    assert rate.feed((112,), now, AT) is None
    assert rate.way() == ()


def test_a_sensor_that_was_mounted_anew_begins_anew():
    rate = TurnRate(3, WINDOW_MS)
    assert run(rate, lambda day: (0, 0, 1_000_000) if day < 0.4 else None)[-1] == 0
    found = run(rate, lambda day: (0, 1_000_000, 0) if day < 0.8 else None, start=round(0.4 * DAY_MS))
    assert found[0] == 0  # The part before it was full: the rate as it was.
    assert set(found) == {0, None}
    assert found[-1] == 0


def test_what_does_not_pull_is_no_point():
    rate = TurnRate(3, WINDOW_MS)
    assert set(run(rate, lambda day: (0, 0, 0) if day < 0.4 else None)) == {None}
    assert run(rate, lambda day: (0, 0, 1_000) if day < 0.8 else None, start=round(0.4 * DAY_MS))[-1] == 0


def test_a_part_keeps_no_more_samples_than_its_limit_and_still_gives_their_median():
    rate = TurnRate(1, 72 * HOUR_MS)
    most = 0
    for i in range(6_000):
        rate.feed((i,), i * 1_000, AT)
        if i % 50:
            continue
        most = max(most, len(kept(rate, 0)[4][0]))
    assert PART_SAMPLES_MAX - 50 < most <= PART_SAMPLES_MAX
    ages_and_values = kept(rate, 0)[3][0]
    assert len(ages_and_values) == 2  # one point: 90 minutes of a second each, the first of them 0
    assert ages_and_values[1] == 0
    assert abs(kept(rate, 0)[2][0] - 2_700) <= 16  # what it is measured from


courses = st.lists(st.tuples(st.integers(30_000, 1_200_000), st.integers(-900, 900)), min_size=1, max_size=90)


@given(courses, st.integers(0, 90), st.integers(0, 10 * HOUR_MS))
def test_a_rate_goes_on_over_a_restart_at_any_sample(gaps, place, down_ms):
    whole, first, now = TurnRate(1, WINDOW_MS), TurnRate(1, WINDOW_MS), 0
    for gap, value in gaps[:place]:
        now += gap
        whole.feed((value,), now, AT)
        first.feed((value,), now, AT)
    second, at = TurnRate(1, WINDOW_MS), 5_000
    second.restore(kept(first, now), at, down_ms)
    assert (second.rate, second.way()) == (first.rate, first.way())
    now += down_ms
    for gap, value in gaps[place:]:
        now += gap
        at += gap
        assert whole.feed((value,), now, AT) == second.feed((value,), at, AT)


def test_a_state_of_another_window_is_taken_over_as_far_as_it_goes_and_a_broken_one_not_at_all():
    rate = TurnRate(1, WINDOW_MS)
    run(rate, lambda day: (480 * day,) if day < 0.3 else None)
    now = round(0.3 * DAY_MS)
    other = TurnRate(1, 24 * HOUR_MS)
    other.restore(kept(rate, now), now, 0)
    assert other.rate is None
    assert run(other, lambda day: (480 * day,) if day < 1.0 else None, start=now)[-1] == 480
    gravity = TurnRate(3, WINDOW_MS)
    gravity.restore(kept(rate, now), now, 0)
    assert gravity.rate is None
    for broken in (None, [], "x", [1, 2, None, [[1]], [[], [0, 0], 1, 0]], [1, 2, [1, 2], [[]], [[], [0, 0], 1, 0]]):
        with pytest.raises(ValueError):
            rate.restore(broken, now, 0)
    assert rate.rate == 480


def test_the_wave_of_a_day_is_a_slope_to_a_short_window_and_none_to_the_same_hour():
    """Why `same_hour` is there: 50 mdeg of daily warmth, and no creep."""

    def wave(day):
        return (50 * math.sin(2 * math.pi * day),) if day < 6 else None

    assert max(filter(None, run(TurnRate(1, 24 * HOUR_MS), wave, 600_000))) > 100
    assert max(filter(None, run(TurnRate(1, 72 * HOUR_MS, same_hour=True), wave, 600_000)), default=0) <= 2
