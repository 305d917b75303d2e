"""Sliding medians and rises against sorting and searching everything."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.windows import MEDIAN_SAMPLES_MAX, SAMPLES_MAX, Median, Rise

history = st.lists(st.tuples(st.integers(1, 30), st.integers(-100, 100)), max_size=60)
WINDOW_MS = 60


def timed(steps):
    now = 0
    for gap, value in steps:
        now += gap
        yield now, value


@given(history)
def test_the_median_is_the_middle_of_all_that_is_newer_than_the_window(steps):
    median = Median(WINDOW_MS)
    seen = []
    for now, value in timed(steps):
        seen.append((now, value))
        inside = [v for at, v in seen if at > now - WINDOW_MS]
        inside = inside if len(inside) >= 3 else [v for _, v in seen[-3:]]
        expected = sorted(inside)[len(inside) // 2] if len(seen) >= 3 else None
        assert median.feed(value, now) == expected


@given(history)
def test_the_rise_is_over_the_lowest_that_is_newer_than_the_window(steps):
    rise = Rise(WINDOW_MS)
    seen = []
    for now, value in timed(steps):
        seen.append((now, value))
        assert rise.feed(value, now) == value - min(v for at, v in seen if at > now - WINDOW_MS)


@given(history, st.integers(0, 100))
def test_a_rise_goes_on_over_a_restart(steps, down_ms):
    rise, other = Rise(WINDOW_MS), Rise(WINDOW_MS)
    now = 0
    for now, value in timed(steps):
        rise.feed(value, now)
    other.restore(rise.save(now), 5_000 + down_ms, down_ms)
    assert other.feed(50, 5_001 + down_ms) == rise.feed(50, now + down_ms + 1)


def test_a_calibration_between_is_no_rise():
    before, after = Rise(WINDOW_MS, 160_000), Rise(WINDOW_MS, 160_500)
    before.feed(170_000, 1)
    before.feed(170_010, 2)
    after.restore(before.save(2), 2, 0)
    assert after.feed(170_530, 3) == 30


def test_nothing_is_measured_later_from_a_doubtful_value():
    rise = Rise(WINDOW_MS)
    rise.feed(100, 1)
    assert rise.feed(-500, 2, doubt=True) == 0
    assert rise.feed(110, 3) == 10


@given(history, st.integers(0, 100))
def test_a_median_goes_on_over_a_restart(steps, down_ms):
    median, other = Median(WINDOW_MS), Median(WINDOW_MS)
    now = 0
    for now, value in timed(steps):
        median.feed(value, now)
    other.restore(median.save(now), 5_000 + down_ms, down_ms)
    assert other.feed(50, 5_001 + down_ms) == median.feed(50, now + down_ms + 1)


def test_a_median_that_was_long_away_begins_anew():
    median, other, again = Median(WINDOW_MS, 30), Median(WINDOW_MS, 30), Median(WINDOW_MS, 30)
    for now in range(0, 60, 10):
        median.feed(7, now)
    other.restore(median.save(50), 1_000, 60)
    assert [other.feed(9, 1_000 + after) for after in (0, 10, 29, 30)] == [None, None, None, 9]
    again.restore(median.save(50), 1_000, 10)
    assert again.feed(9, 1_001) == 7


def test_a_median_begins_after_a_part_of_its_window():
    median = Median(WINDOW_MS, 30)
    assert [median.feed(7, now) for now in (100, 110, 120, 129, 130)] == [None, None, None, None, 7]


def test_one_wild_value_does_not_move_a_median():
    median = Median(WINDOW_MS)
    assert [median.feed(value, i) for i, value in enumerate([5, 5, 9_999, 6])] == [None, None, 5, 6]


def test_windows_keep_no_more_than_their_limit():
    median, rise = Median(1 << 40), Rise(1 << 40)
    for i in range(SAMPLES_MAX + 10):
        rise.feed(i, i)
    assert len(rise.save(0)) == 1 + 2 * SAMPLES_MAX
    for i in range(MEDIAN_SAMPLES_MAX + 10):
        median.feed(i, i)
    assert median.feed(0, 1 << 20) == (MEDIAN_SAMPLES_MAX + 20) // 2 + 1 - 1
