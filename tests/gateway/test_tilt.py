"""The turn of a wall from its baseline."""

from gateway.tilt import STILL_SAMPLES, STILL_TRIES, Turn


def feed(turn, values, start=0):
    return [turn.feed(value, (start + i) * 1_000) for i, value in enumerate(values)]


def test_nothing_is_judged_before_there_is_a_baseline():
    assert feed(Turn(0, 100), [500] * (STILL_SAMPLES - 1)) == [None] * (STILL_SAMPLES - 1)


def test_the_baseline_is_the_median_of_the_first_still_window():
    turn = Turn(0, 100)
    assert feed(turn, [500, 520] * (STILL_SAMPLES // 2))[-1] == 0
    assert turn.baseline_mdeg == 520
    assert feed(turn, [520, 1_020, 20]) == [0, 500, 500]


def test_a_wall_that_still_moves_gives_no_baseline_but_a_restless_one_gets_one_in_the_end():
    turn = Turn(0, 100)
    restless = [0, 1_000] * (STILL_SAMPLES // 2)
    feed(turn, restless * (STILL_TRIES - 1))
    assert turn.baseline_mdeg is None
    feed(turn, restless)
    assert turn.baseline_mdeg == 1_000


def test_the_widest_spread_that_stands_still_still_does():
    turn = Turn(0, 100)
    feed(turn, [500, 600] * (STILL_SAMPLES // 2))
    assert turn.baseline_mdeg == 600
    turn = Turn(0, 100)
    feed(turn, [500, 601] * (STILL_SAMPLES // 2))
    assert turn.baseline_mdeg is None


def test_one_passing_lorry_does_not_spoil_the_baseline():
    turn = Turn(0, 100)
    feed(turn, [500] * (STILL_SAMPLES - 2) + [4_000, -3_000])
    assert turn.baseline_mdeg == 500


def test_a_given_baseline_is_used_at_once_and_kept_over_what_was_saved():
    turn = Turn(0, 100, baseline_mdeg=0)
    assert feed(turn, [-700]) == [700]
    turn.restore(300, 0, 0)
    assert turn.baseline_mdeg == 0


def test_a_baseline_survives_a_restart():
    turn = Turn(0, 100)
    feed(turn, [500] * STILL_SAMPLES)
    after = Turn(0, 100)
    after.restore(turn.save(0), 0, 0)
    assert feed(after, [900]) == [400]


def test_with_a_window_the_median_turns_and_not_one_sample():
    turn = Turn(10_000, 100, baseline_mdeg=0)
    assert feed(turn, [0, 0, 5_000, 0, 10]) == [None, None, 0, 0, 0]
