"""Rain windows against adding up every tip: sliding, wrap, restart, another counter; rain day, intensity, storm."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fall import GAP_S, POINTS_MAX
from gateway.rain import INTENSITY_S_MAX, STORM_PAUSE_S, Rain, rain_day
from tests.gateway.alarm_oracle import RainOracle

WRAP_UM = 100_000_000
OFFSET_S = 1_700_000_000  # unix less monotonic seconds
WINDOWS_S = (1, 10, 60, 300)
SHANGHAI = ZoneInfo("Asia/Shanghai")
events = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, 9, 10, 11, 59, 60, 110]),  # seconds since the last sample
        st.sampled_from([0, 0, 0, 200, 200, 400, 5_000]),  # rain since then
        st.sampled_from(["", "", "", "", "restart", "reset", "wild"]),
    ),
    max_size=80,
)


def gauge(*samples, rain=None):
    """A gauge that has seen `samples` (counter, second)."""
    rain = rain or Rain()
    for counter_um, now_s in samples:
        rain.feed(counter_um, now_s, OFFSET_S)
    return rain


def feed_all(history, start_um):
    """Yield (Rain, oracle, second) after each sample; the counter wraps, resets and glitches as the history says."""
    rain, oracle = Rain(), RainOracle()
    counter_um, now_s, origin_s = start_um % WRAP_UM, 1_000_000, 0
    rain.feed(counter_um, now_s, OFFSET_S)
    for gap_s, fell_um, what in history:
        if what == "restart":
            saved = rain.save(now_s - origin_s)
            origin_s += 123_456  # The monotonic clock of another process begins elsewhere.
            rain = Rain()
            rain.restore(saved, now_s + gap_s - origin_s, gap_s)
        elif what == "reset":
            counter_um = (counter_um - 1_000_000) % WRAP_UM
            now_s += 1
            rain.feed(counter_um, now_s - origin_s, OFFSET_S)  # The first sample of another counter is doubted,
            now_s += 1
            rain.feed(counter_um, now_s - origin_s, OFFSET_S)  # the second confirms it.
        elif what == "wild":
            rain.feed((counter_um + 50_000_000) % WRAP_UM, now_s - origin_s, OFFSET_S)
        now_s += gap_s
        counter_um = (counter_um + fell_um) % WRAP_UM
        if fell_um:
            oracle.tip(now_s, fell_um)
        rain.feed(counter_um, now_s - origin_s, OFFSET_S)
        yield rain, oracle, now_s


@settings(max_examples=200)
@given(events, st.integers(WRAP_UM - 20_000, WRAP_UM + 20_000))
def test_every_history_gives_the_sums_of_brute_force(history, start_um):
    for rain, oracle, now_s in feed_all(history, start_um):
        assert [rain.sum_um(w) for w in WINDOWS_S] == [oracle.sum(now_s, w) for w in WINDOWS_S]


def test_a_window_is_open_on_the_left_and_closed_on_the_right():
    rain = gauge((0, 100), (200, 101))
    assert rain.sum_um(10) == 200
    rain.feed(200, 110, OFFSET_S)
    assert rain.sum_um(10) == 200
    rain.feed(200, 111, OFFSET_S)
    assert rain.sum_um(10) == 0


def test_a_window_slides_without_a_sample():
    rain = gauge((0, 100), (200, 101))
    rain.slide(111)
    assert (rain.sum_um(10), rain.sum_um(11)) == (0, 200)


def test_the_wrap_of_the_counter_is_rain():
    rain = gauge((WRAP_UM - 200, 0))
    assert rain.feed(400, 1, OFFSET_S) == 600


def test_a_counter_that_starts_anew_is_continued_without_counting_the_jump():
    rain = gauge((5_000_000, 0))
    assert rain.feed(0, 1, OFFSET_S) == 0
    assert rain.feed(200, 2, OFFSET_S) == 200
    assert rain.sum_um(60) == 200


def test_one_wild_counter_value_costs_no_rain():
    rain = gauge((1_000, 0), (90_000_000, 1))
    assert rain.feed(1_400, 2, OFFSET_S) == 400


def test_a_counter_reset_after_days_of_silence_is_no_flood():
    assert gauge((5_000_000, 0), (0, 400_000), (0, 400_001)).sum_um(86_400) == 0


def test_rain_of_a_long_silence_is_spread_over_it():
    rain = gauge((0, 0), (60_000, 18_000))
    assert (rain.sum_um(3_600), rain.sum_um(36_000)) == (12_000, 60_000)


def test_rain_that_fell_while_the_gateway_was_down_is_spread_over_that_time():
    after = Rain()
    after.restore(gauge((0, 500)).save(500), 90_000, 18_000)
    assert gauge((60_000, 90_000), rain=after).sum_um(3_600) == 12_000


@pytest.mark.parametrize(("gap_s", "most_um"), [(0, 50_000), (4, 70_000), (100, 150_000)])
def test_the_hardest_rain_that_is_believed_at_once_grows_with_the_root_of_the_time(gap_s, most_um):
    assert gauge((0, 0)).feed(most_um, gap_s, OFFSET_S) == most_um
    assert gauge((0, 0)).feed(most_um + 1, gap_s, OFFSET_S) == 0


def test_a_second_counter_is_confirmed_by_as_much_rain_as_may_fall_since_it_was_first_seen():
    for more_um, fell_um in ((70_000, 70_000), (70_001, 0)):
        assert gauge((0, 0), (50_000_000, 100)).feed(50_000_000 + more_um, 104, OFFSET_S) == fell_um


def test_rain_of_a_short_silence_counts_as_now():
    assert gauge((0, 0), (2_000, GAP_S)).sum_um(10) == 2_000


def test_at_the_limit_of_tips_no_sum_becomes_too_small():
    windows_s = (10, POINTS_MAX - 2, 2 * POINTS_MAX)
    rain = gauge(*((second * 100, second) for second in range(POINTS_MAX + 500)))
    assert [rain.sum_um(w) for w in windows_s] == [1_000, (POINTS_MAX - 2) * 100, (POINTS_MAX + 499) * 100]
    fall = rain.save(POINTS_MAX + 500)[3]
    assert isinstance(fall, list)
    assert len(fall) == 2 * POINTS_MAX
    rain.slide(20 * POINTS_MAX)
    assert [rain.sum_um(w) for w in windows_s] == [0, 0, 0]


def test_rows_of_a_log_say_when_the_rain_of_a_silence_fell():
    rain = gauge((0, 1_000), (600, 19_000))
    assert rain.sum_um(9_000) == 300
    assert rain.refill(400, OFFSET_S + 4_000, [(30, 200), (0, 200)])
    assert [rain.sum_um(w) for w in (15_000, 15_001, 15_030, 15_031)] == [200, 400, 400, 600]
    assert rain.refill(600, OFFSET_S + 18_000, [(7, 200)])
    assert [rain.sum_um(w) for w in (1_007, 1_008, 15_000)] == [0, 200, 200]


def test_rows_of_the_store_fill_the_windows_of_a_gauge_that_was_just_made():
    rain = gauge((1_000, 50_000))
    assert rain.refill(400, OFFSET_S + 9_000, [])
    for _ in range(2):
        assert rain.refill(800, OFFSET_S + 10_000, [(20, 400)])
        assert rain.refill(1_000, OFFSET_S + 49_000, [(10, 200)])
    assert [rain.sum_um(w) for w in (1_010, 1_011, 40_020, 40_021)] == [0, 200, 200, 600]


def test_rows_of_another_counter_are_refused():
    rain = gauge((5_000_000, 0), (0, 1_000), (0, 1_001), (400, 9_000))
    assert not rain.refill(5_000_200, OFFSET_S + 500, [(0, 200)])
    assert not rain.refill(99_999_900, OFFSET_S + 5_000, [])
    assert rain.refill(400, OFFSET_S + 5_000, [(0, 400)])
    assert [rain.sum_um(w) for w in (4_000, 4_001, 9_000)] == [0, 400, 400]


def test_a_correction_of_the_downtime_moves_what_was_before_it():
    rain = gauge((0, 0), (200, 1))
    after = Rain()
    after.restore(rain.save(1), 100_000, 60)
    after.correct(100_000, -3_540)  # It was an hour, not a minute.
    gauge((200, 100_001), rain=after)
    assert [after.sum_um(w) for w in (3_600, 3_601, 3_602)] == [0, 0, 200]


def test_intensity_is_the_newest_tip_over_its_time_and_goes_to_zero():
    rain = gauge((0, 0))
    assert rain.intensity_um_h() == 0
    gauge((200, 5), rain=rain)
    assert rain.intensity_um_h() == 200  # Nobody knows when the tip before was.
    gauge((400, 15), rain=rain)
    assert rain.intensity_um_h() == 72_000
    gauge((400, 25), rain=rain)
    assert rain.intensity_um_h() == 72_000
    gauge((400, 35), rain=rain)
    assert rain.intensity_um_h() == 36_000
    gauge((400, 15 + INTENSITY_S_MAX), rain=rain)
    assert rain.intensity_um_h() == 0


def unix(text, zone=SHANGHAI):
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


@pytest.mark.parametrize(
    ("now", "zone", "begin", "before"),
    [
        ("2020-08-20T07:59:59", "Asia/Shanghai", "2020-08-19T08:00:00", "2020-08-18T08:00:00"),
        ("2020-08-20T08:00:00", "Asia/Shanghai", "2020-08-19T08:00:00", "2020-08-18T08:00:00"),
        ("2020-08-20T08:00:01", "Asia/Shanghai", "2020-08-20T08:00:00", "2020-08-19T08:00:00"),
        ("2023-03-26T09:00:00", "Europe/Berlin", "2023-03-26T08:00:00", "2023-03-25T08:00:00"),
        ("2023-10-29T09:00:00", "Europe/Berlin", "2023-10-29T08:00:00", "2023-10-28T08:00:00"),
    ],
)
def test_the_rain_day_begins_at_eight_in_the_zone_of_the_station(now, zone, begin, before):
    place = ZoneInfo(zone)
    assert rain_day(unix(now, place), place) == (unix(begin, place), unix(before, place))


def test_the_days_of_a_change_of_the_clock_are_23_and_25_hours_long():
    berlin = ZoneInfo("Europe/Berlin")
    for now, hours in (("2023-03-26T09:00:00", 23), ("2023-10-29T09:00:00", 25)):
        begin_s, before_s = rain_day(int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()), berlin)
        assert begin_s - before_s == hours * 3_600


def test_the_day_and_the_day_before_it_have_their_own_rain():
    rain, offset_s = Rain(), unix("2020-08-19T07:00:00")
    for counter_um, now_s in ((0, 0), (200, 3_600), (1_200, 3_601), (1_200, 80_000), (3_200, 90_001), (3_200, 90_002)):
        rain.feed(counter_um, now_s, offset_s)
    assert rain.days_um(offset_s + 90_002, SHANGHAI) == (1, 1_000 + 1_999)


def test_a_storm_ends_with_a_pause_and_never_reaches_over_eight_o_clock():
    rain, offset_s = Rain(), unix("2020-08-20T06:00:00")
    samples = [(0, 0), (0, 3_599), (500, 3_600), (500, 7_199), (700, 7_200), (700, 7_300), (1_000, 7_301)]
    for counter_um, now_s in samples:
        rain.feed(counter_um, now_s, offset_s)
        if now_s == 7_200:
            assert rain.storm_um(offset_s + now_s, SHANGHAI) == 700
    assert rain.storm_um(offset_s + 7_301, SHANGHAI) == 300
    rain.slide(7_301 + STORM_PAUSE_S)
    assert rain.storm_um(offset_s + 7_301 + STORM_PAUSE_S, SHANGHAI) == 0


def test_a_saved_line_that_does_not_rise_is_refused():
    saved = gauge((0, 0), (200, 5)).save(5)
    saved[3] = [5, 0, -3, 200]
    with pytest.raises(ValueError, match="not in order"):
        Rain().restore(saved, 100, 0)
    saved[3] = None
    with pytest.raises(ValueError, match="without its counter"):
        Rain().restore(saved, 100, 0)
