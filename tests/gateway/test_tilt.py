"""The turn of a wall from its baseline."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tilt import BASELINES_MAX, STILL_SAMPLES, STILL_TRIES, RezeroError, Turn

AT = 1_700_000_000_000


def feed(turn, values, start=0):
    vectors = [value if isinstance(value, tuple) else (value,) for value in values]
    return [turn.feed(vector, (start + i) * 1_000, AT + i) for i, vector in enumerate(vectors)]


def kept(turn, mono_ms=0):
    """As it comes back from the disk."""
    return cbor2.loads(cbor2.dumps(turn.save(mono_ms)))


def base(turn):
    assert turn.baseline is not None
    return turn.baseline


def test_nothing_is_judged_before_there_is_a_baseline():
    assert feed(Turn(1, 0, 100), [500] * (STILL_SAMPLES - 1)) == [None] * (STILL_SAMPLES - 1)


def test_the_baseline_is_the_median_of_the_first_still_window():
    turn = Turn(1, 0, 100)
    assert feed(turn, [500, 520] * (STILL_SAMPLES // 2))[-1] == 0
    assert base(turn).vector == (520,)
    assert (base(turn).version, base(turn).at_ms) == (1, AT + STILL_SAMPLES - 1)
    assert (base(turn).actor, base(turn).reason) == ("station", "")
    assert feed(turn, [520, 1_020, 20]) == [0, 500, 500]


def test_a_wall_that_still_moves_gives_no_baseline_but_a_restless_one_gets_one_in_the_end():
    turn = Turn(1, 0, 100)
    restless = [0, 1_000] * (STILL_SAMPLES // 2)
    feed(turn, restless * (STILL_TRIES - 1))
    assert turn.baseline is None
    feed(turn, restless)
    assert (base(turn).vector, base(turn).reason) == ((1_000,), "restless")


@pytest.mark.parametrize(("spread", "vector"), [(100, (600,)), (101, None)])
def test_the_widest_spread_that_stands_still_still_does(spread, vector):
    turn = Turn(1, 0, 100)
    feed(turn, [500, 500 + spread] * (STILL_SAMPLES // 2))
    assert (turn.baseline and base(turn).vector) == vector


def test_one_passing_lorry_does_not_spoil_the_baseline():
    turn = Turn(1, 0, 100)
    feed(turn, [500] * (STILL_SAMPLES - 2) + [4_000, -3_000])
    assert base(turn).vector == (500,)
    gravity = Turn(3, 0, 100)
    feed(gravity, [(0, 0, 60)] * (STILL_SAMPLES - 2) + [(9, -7, 58), (-30, 5, 50)])
    assert base(gravity).vector == (0, 0, 60)


def test_counts_that_flicker_more_than_still_are_no_first_window_and_nothing_that_pulls_is_never_one():
    turn = Turn(3, 0, 500)
    flicker = [(-57, -20, -13), (-57, -21, -13), (-58, -20, -14)] * (STILL_SAMPLES // 3)
    feed(turn, flicker)
    assert turn.baseline is None
    turn = Turn(3, 0, 500)
    feed(turn, [(0, 0, 0)] * STILL_SAMPLES * STILL_TRIES * 2)
    assert turn.baseline is None


def test_a_given_baseline_is_used_at_once_and_kept_over_what_the_station_took():
    turn = Turn(1, 0, 100, given=(0,))
    assert feed(turn, [-700]) == [700]
    before = Turn(1, 0, 100)
    feed(before, [300] * STILL_SAMPLES)
    turn.restore(kept(before), 0, 0)
    assert [(one.version, one.vector) for one in turn.baselines] == [(1, (300,)), (2, (0,))]
    assert turn.taken == turn.baseline
    assert feed(turn, [-700]) == [700]


def test_a_baseline_survives_a_restart_with_all_that_was_before_it():
    turn = Turn(1, 0, 100)
    feed(turn, [500] * STILL_SAMPLES)
    for i in range(2 * BASELINES_MAX):
        turn.follow((500 + i,), AT, "07", f"step {i}")
    after = Turn(1, 0, 100)
    after.restore(kept(turn), 0, 0)
    assert after.baselines == turn.baselines
    assert len(after.baselines) == BASELINES_MAX
    assert base(after).version == 2 * BASELINES_MAX + 1
    assert feed(after, [900]) == [900 - base(after).vector[0]]


def test_a_re_zero_over_a_given_baseline_survives_a_restart_until_another_one_is_given():
    turn = Turn(1, 0, 100, given=(0,))
    turn.follow((40,), AT, "07", "sensor moved")
    after = Turn(1, 0, 100, given=(0,))
    after.restore(kept(turn), 0, 0)
    assert (base(after).vector, base(after).version) == ((40,), 2)
    other = Turn(1, 0, 100, given=(10,))
    other.restore(kept(turn), 0, 0)
    assert (base(other).vector, base(other).version, base(other).actor) == ((10,), 3, "configuration")


def test_a_state_of_other_axes_is_left_alone_and_a_broken_one_changes_nothing():
    turn = Turn(3, 0, 100)
    feed(turn, [(1, 2, 3)] * STILL_SAMPLES)
    after = Turn(2, 0, 100)
    after.restore(kept(turn), 0, 0)
    assert after.baseline is None
    broken = kept(turn)
    broken[5][-1] = [1, 2]
    for saved in (broken, None, [], [3], "x", [3, None, [[1]], 0, [], [], 0]):
        fresh = Turn(3, 0, 100)
        with pytest.raises(ValueError):
            fresh.restore(saved, 0, 0)
        assert (fresh.baselines, kept(fresh)[5]) == ([], [])


def test_with_a_window_the_median_turns_and_not_one_sample():
    turn = Turn(1, 10_000, 100, given=(0,))
    assert feed(turn, [0, 0, 5_000, 0, 10]) == [None, None, 0, 0, 0]


def test_a_blow_that_is_not_one_g_is_no_tilt():
    turn = Turn(3, 0, 100, given=(0, 0, 1_000), one_g=1_000)
    assert feed(turn, [(0, 0, 1_050), (0, 0, 1_051), (0, 949, 0), (0, 950, 0)]) == [0, None, None, 90_000]
    assert turn.shaken == 0
    feed(turn, [(0, 0, 2_000)] * 7)
    assert turn.shaken == 7


def test_the_way_of_a_turn_is_told_along_the_axes():
    turn = Turn(1, 0, 100, given=(100,))
    assert turn.way() == ()
    feed(turn, [-500])
    assert turn.way() == (-600,)
    gravity = Turn(3, 0, 100, given=(0, 0, 1_000))
    feed(gravity, [(1_000, 0, 0)])
    assert gravity.way() == (90_000, 0, 0)
    pair = Turn(2, 0, 100, given=(0, 0))
    assert feed(pair, [(300, -400)]) == [500]
    assert pair.way() == (300, -400)


def test_a_re_zero_needs_a_sensor_that_is_seen_to_stand_still():
    turn = Turn(1, 0, 100, given=(0,))
    with pytest.raises(RezeroError, match="not seen"):
        turn.still(0, 10_000)
    feed(turn, [700] * (STILL_SAMPLES - 1))
    with pytest.raises(RezeroError, match="29 of 30"):
        turn.still(30_000, 10_000)
    feed(turn, [700], start=29)
    assert turn.still(30_000, 10_000) == (700,)
    with pytest.raises(RezeroError, match="not seen"):
        turn.still(40_000, 10_000)
    feed(turn, [900], start=30)
    with pytest.raises(RezeroError, match=r"moves within 0\.2 deg"):
        turn.still(31_000, 10_000)  # It was mounted anew a moment ago: the median is still the old place.


def test_a_re_zero_of_gravity_that_tumbles_is_refused():
    turn = Turn(3, 0, 100, given=(0, 0, 1_000))
    feed(turn, [(0, 0, 1_000), (0, 600, 800)] * 15)
    with pytest.raises(RezeroError, match="moves within"):
        turn.still(30_000, 10_000)
    feed(turn, [(0, 0, 0)] * STILL_SAMPLES)
    with pytest.raises(RezeroError, match="no direction"):
        turn.still(30_000, 10_000)


samples = st.lists(st.tuples(st.integers(1, 400_000), st.integers(-300, 300)), min_size=1, max_size=80)


@given(samples, st.integers(0, 80), st.sampled_from([0, 600_000, 3_600_000]), st.integers(0, 10**6))
def test_a_turn_goes_on_over_a_restart_at_any_sample(steps, place, window_ms, down_ms):
    whole, first = Turn(1, window_ms, 600), Turn(1, window_ms, 600)
    now = 0
    for gap, value in steps[:place]:
        now += gap
        whole.feed((value,), now, AT)
        first.feed((value,), now, AT)
    second = Turn(1, window_ms, 600)
    shift = 12_345 + down_ms - now
    second.restore(kept(first, now), now + shift, down_ms)
    now += down_ms
    for gap, value in steps[place:]:
        now += gap
        assert second.feed((value,), now + shift - down_ms, AT) == whole.feed((value,), now, AT)
    assert second.baselines == whole.baselines
