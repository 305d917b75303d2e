"""Rain windows against adding up every tip: sliding, wrap, restart, another counter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rain import GAP_S, TIPS_MAX, Rain
from tests.gateway.alarm_oracle import RainOracle

WRAP_UM = 100_000_000
WINDOWS_S = (1, 10, 60, 300)
events = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, 9, 10, 11, 59, 60, 110]),  # seconds since the last sample
        st.sampled_from([0, 0, 0, 200, 200, 400, 5_000]),  # rain since then
        st.sampled_from(["", "", "", "", "restart", "reset", "wild"]),
    ),
    max_size=80,
)


def feed_all(windows_s, history, start_um):
    """Yield (Rain, oracle, second) after each sample; the counter wraps, resets and glitches as the history says."""
    rain, oracle = Rain(windows_s), RainOracle()
    counter_um, now_s, origin_s = start_um % WRAP_UM, 1_000_000, 0
    rain.feed(counter_um, now_s)
    for gap_s, fell_um, what in history:
        if what == "restart":
            saved = rain.save(now_s - origin_s)
            origin_s += 123_456  # The monotonic clock of another process begins elsewhere.
            rain = Rain(windows_s)
            rain.restore(saved, now_s + gap_s - origin_s, gap_s)
        elif what == "reset":
            counter_um = (counter_um - 1_000_000) % WRAP_UM
            now_s += 1
            rain.feed(counter_um, now_s - origin_s)  # The first sample of another counter is doubted,
            now_s += 1
            rain.feed(counter_um, now_s - origin_s)  # the second confirms it.
        elif what == "wild":
            rain.feed((counter_um + 50_000_000) % WRAP_UM, now_s - origin_s)
        now_s += gap_s
        counter_um = (counter_um + fell_um) % WRAP_UM
        if fell_um:
            oracle.tip(now_s, fell_um)
        rain.feed(counter_um, now_s - origin_s)
        yield rain, oracle, now_s


@settings(max_examples=300)
@given(events, st.integers(WRAP_UM - 20_000, WRAP_UM + 20_000))
def test_every_history_gives_the_sums_of_brute_force(history, start_um):
    for rain, oracle, now_s in feed_all(WINDOWS_S, history, start_um):
        assert rain.sums == [oracle.sum(now_s, window_s) for window_s in WINDOWS_S]


def test_a_window_is_open_on_the_left_and_closed_on_the_right():
    rain = Rain((10,))
    rain.feed(0, 100)
    rain.feed(200, 101)
    assert rain.sums == [200]
    rain.feed(200, 110)
    assert rain.sums == [200]
    rain.feed(200, 111)
    assert rain.sums == [0]


def test_the_wrap_of_the_counter_is_rain():
    rain = Rain((60,))
    rain.feed(WRAP_UM - 200, 0)
    assert rain.feed(400, 1) == 600


def test_a_counter_that_starts_anew_is_continued_without_counting_the_jump():
    rain = Rain((60,))
    rain.feed(5_000_000, 0)
    assert rain.feed(0, 1) == 0
    assert rain.feed(200, 2) == 200
    assert rain.sums == [200]


def test_one_wild_counter_value_costs_no_rain():
    rain = Rain((60,))
    rain.feed(1_000, 0)
    rain.feed(90_000_000, 1)
    assert rain.feed(1_400, 2) == 400


def test_a_counter_reset_after_days_of_silence_is_no_flood():
    rain = Rain((86_400,))
    rain.feed(5_000_000, 0)
    rain.feed(0, 400_000)
    rain.feed(0, 400_001)
    assert rain.sums == [0]


def test_rain_of_a_long_silence_is_spread_over_it():
    rain = Rain((3_600, 36_000))
    rain.feed(0, 0)
    rain.feed(60_000, 18_000)
    assert rain.sums == [12_000, 60_000]


def test_rain_that_fell_while_the_gateway_was_down_is_spread_over_that_time():
    rain, after = Rain((3_600,)), Rain((3_600,))
    rain.feed(0, 500)
    after.restore(rain.save(500), 90_000, 18_000)
    after.feed(60_000, 90_000)
    assert after.sums == [12_000]


@pytest.mark.parametrize(("gap_s", "most_um"), [(0, 50_000), (4, 70_000), (100, 150_000)])
def test_the_hardest_rain_that_is_believed_at_once_grows_with_the_root_of_the_time(gap_s, most_um):
    rain = Rain((1_000,))
    rain.feed(0, 0)
    assert rain.feed(most_um, gap_s) == most_um
    rain = Rain((1_000,))
    rain.feed(0, 0)
    assert rain.feed(most_um + 1, gap_s) == 0


def test_a_second_counter_is_confirmed_by_as_much_rain_as_may_fall_since_it_was_first_seen():
    for more_um, fell_um in ((70_000, 70_000), (70_001, 0)):
        rain = Rain((1_000,))
        rain.feed(0, 0)
        rain.feed(50_000_000, 100)
        assert rain.feed(50_000_000 + more_um, 104) == fell_um


def test_rain_of_a_short_silence_counts_as_now():
    rain = Rain((10,))
    rain.feed(0, 0)
    rain.feed(2_000, GAP_S)
    assert rain.sums == [2_000]


def test_at_the_limit_of_tips_no_sum_becomes_too_small():
    rain = Rain((10, TIPS_MAX - 1, 10 * TIPS_MAX))
    rain.feed(0, 0)
    for second in range(1, TIPS_MAX + 500):
        rain.feed(second * 100 % WRAP_UM, second)
    assert rain.sums == [1_000, (TIPS_MAX - 1) * 100, (TIPS_MAX + 499) * 100]
    _, tips = rain.save(TIPS_MAX + 500)
    assert isinstance(tips, list)
    assert len(tips) == 2 * TIPS_MAX
    rain.slide(20 * TIPS_MAX)
    assert rain.sums == [0, 0, 0]


def test_a_window_of_no_length_is_refused():
    with pytest.raises(ValueError, match="one second"):
        Rain((0,))
