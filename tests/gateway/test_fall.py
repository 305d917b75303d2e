"""The rising line of rain, case by case: what a log may say of a silence, of its edges, and of a clock that stepped."""

from gateway.rain import Rain

OFFSET_S = 1_600_000_000
STEP_S = 300


def gauge(*samples):
    """A gauge that has seen (counter, second), or (counter, second, seconds by which the clock is ahead)."""
    rain = Rain()
    for counter_um, now_s, *ahead_s in samples:
        rain.feed(counter_um, now_s, OFFSET_S + sum(ahead_s))
    return rain


def row(rain, counter_um, second, *tips, ahead_s=0):
    assert rain.refill(counter_um, OFFSET_S + second + ahead_s, list(tips))


def fell_by(rain, *seconds):
    """What had fallen by the end of each second, of what is known."""
    return [rain.between_um(-(10**6), second) for second in seconds]


def test_a_silence_of_two_minutes_counts_at_its_end_and_a_longer_one_evenly():
    assert fell_by(gauge((0, 0), (1_200, 120)), 60, 119, 120) == [0, 0, 1_200]
    assert fell_by(gauge((0, 0), (1_210, 121)), 60, 119, 121) == [600, 1_190, 1_210]


def test_samples_two_seconds_apart_say_when_it_fell_and_three_do_not():
    for gap_s, known in ((2, [0, 200]), (3, [200, 200])):
        rain = gauge((0, 0), (200, gap_s))
        row(rain, 200, 60, (59, 200))
        assert fell_by(rain, 1, gap_s) == known


def test_a_tip_that_reaches_over_the_end_of_a_silence_is_cut_there():
    rain = gauge((0, 0), (200, 600), (400, 601))
    row(rain, 400, 660, (160, 400))
    assert fell_by(rain, 499, 500, 600, 601) == [0, 200, 200, 400]


def test_a_silence_that_follows_a_silence_begins_where_that_one_ended():
    rain = gauge((0, 0), (200, 3_000), (400, 3_200))
    row(rain, 200, 2_940)
    assert fell_by(rain, 2_939, 2_940, 3_000, 3_100, 3_200) == [199, 200, 200, 300, 400]


def test_a_dry_row_says_that_it_did_not_rain_before_it():
    rain = gauge((0, 0), (1_000, 1_000))
    row(rain, 0, 500)
    assert fell_by(rain, 500, 750, 1_000) == [0, 500, 1_000]
    row(rain, 0, 200)
    assert fell_by(rain, 500, 750) == [0, 500]


def test_a_row_that_ended_after_the_silence_has_the_clock_of_its_end():
    rain = gauge((0, 0), (200, 1_000, STEP_S), (400, 1_002, STEP_S))
    row(rain, 400, 1_020, (30, 200), (19, 200), ahead_s=STEP_S)
    assert fell_by(rain, 989, 990, 1_002) == [0, 200, 400]


def test_a_row_in_a_silence_has_the_clock_of_its_begin():
    rain = gauge((0, 0), (400, 1_000, STEP_S))
    row(rain, 200, 480, (20, 200))
    assert fell_by(rain, 459, 460) == [0, 200]


def test_where_either_clock_may_be_meant_it_stays_a_guess():
    rain = gauge((0, 0), (200, 1_000, STEP_S))
    row(rain, 200, 900, (10, 200))  # Of 890 by the clock before; by the one behind it of 590.
    assert fell_by(rain, 500, 999) == [100, 199]


def test_a_clock_that_is_a_few_seconds_off_is_the_same_clock():
    rain = gauge((0, 0), (200, 1_000, 2))
    row(rain, 200, 900, (10, 200))
    assert fell_by(rain, 889, 890) == [0, 200]


def test_rows_without_rain_of_a_silence_say_what_they_say_by_every_clock():
    rain = gauge((0, 0), (1_000, 1_000, STEP_S))
    row(rain, 0, 600)
    assert fell_by(rain, 300, 650) == [0, 500]  # Dry until 600, or until 300.
    row(rain, 1_000, 800)
    assert fell_by(rain, 800) == [1_000]


def test_knowledge_that_begins_earlier_leaves_a_silence_as_long_as_it_was():
    rain = gauge((0, 0), (1_000, 1_000))
    row(rain, 0, -500)
    assert fell_by(rain, 0, 500) == [0, 500]


def test_what_rows_from_before_the_first_sample_leave_out_is_spread_between_them():
    rain = gauge((2_000, 0))
    row(rain, 600, -10_000, (0, 200))
    assert [rain.sum_um(window_s) for window_s in (5_000, 9_999, 10_001)] == [700, 1_400, 1_400]
    row(rain, 1_600, -8_000, (0, 1_000))
    assert [rain.sum_um(window_s) for window_s in (4_000, 8_000, 8_001, 10_001)] == [200, 400, 1_400, 1_400]


def test_a_row_whose_tips_lead_to_more_than_its_counter_adds_no_rain():
    rain = gauge((200, 0), (1_200, 1_000))
    row(rain, 200, 60, (20, 1_000))  # Of a shaken bucket: the counter is that of the last scan that was good.
    row(rain, 1_200, 120)
    assert rain.sum_um(10**6) == 1_000


def test_a_row_may_be_newer_than_the_newest_sample_across_the_wrap():
    rain = gauge((99_999_600, 0), (99_999_800, 500))
    row(rain, 100, 510, (300, 200), (1, 300))
    assert fell_by(rain, 209, 210) == [0, 200]


def test_a_silence_after_a_correction_has_the_present_clock():
    rain = gauge((0, 0))
    after = Rain()
    after.restore(rain.save(0), 10_000, 60)
    after.feed(0, 10_000, OFFSET_S - 9_940)
    after.correct(10_000, -3_540)
    after.feed(200, 11_000, OFFSET_S - 9_940)
    assert after.refill(200, OFFSET_S - 9_940 + 10_500, [(10, 200)])
    assert (after.sum_um(510), after.sum_um(511)) == (0, 200)
