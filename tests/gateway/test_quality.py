"""Flags of single samples, and the one question that a suspect sample asks."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Channel, Level
from gateway.quality import FLAT, KINDS, SPIKE, Watch, names, usable
from tests.gateway.quality_oracle import Limits, flag, kinds
from wire.reading import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT

TEMP = Channel("air", "board", 0, "temp_cdeg", low=-3_000, high=5_000, rate_per_min=100)


def judge(samples, channel=TEMP, every_ms=1_000):
    """[(flag, doubted)] of samples that come once a second."""
    watch = Watch(channel, every_ms)
    out = []
    for i, value in enumerate(samples):
        flag = watch.judge(value, value or 0, GOOD, 700_000 + i * every_ms)
        out.append((flag, usable(flag) and watch.doubt))
    return out


GOOD_ONE, ASKED, FLAGGED = (GOOD, False), (SUSPECT, True), (SUSPECT, False)
CASES = {
    "a calm series is good": ([0, 10, 20], [GOOD_ONE] * 3),
    "a jump asks, its confirmation is good": ([0, 500, 505], [GOOD_ONE, ASKED, GOOD_ONE]),
    "a spike asks, what follows is good": ([0, 500, 3], [GOOD_ONE, ASKED, GOOD_ONE]),
    "a second jump is flagged and not asked about": ([0, 500, 900, 905], [GOOD_ONE, ASKED, FLAGGED, GOOD_ONE]),
    "what comes back and leaves again asks again": ([5_001, 4_999, 5_001], [ASKED, GOOD_ONE, ASKED]),
    "outside the user's span asks once": ([4_950, 5_001, 5_002, 5_003], [GOOD_ONE, ASKED, FLAGGED, FLAGGED]),
    "the user's span includes its ends": ([4_990, 5_000, -3_000, -3_000], [GOOD_ONE, GOOD_ONE, ASKED, GOOD_ONE]),
    "beyond any sensor is fail": ([0, 15_001, 0], [GOOD_ONE, (FAIL, False), GOOD_ONE]),
    "missing is missing": ([0, None, 0], [GOOD_ONE, (MISSING, False), GOOD_ONE]),
    "missing answers no question": ([0, 500, None, 505], [GOOD_ONE, ASKED, (MISSING, False), GOOD_ONE]),
    "a change within the minute's allowance is good": ([0, 100, 0, 100], [GOOD_ONE] * 4),
}


@pytest.mark.parametrize("name", CASES)
def test_a_sample_is_flagged_by_its_table(name):
    samples, flags = CASES[name]
    assert judge(samples) == flags


def test_a_rate_counts_by_the_time_between_the_samples():
    assert judge([0, 500], every_ms=300_000) == [GOOD_ONE, GOOD_ONE]
    assert judge([0, 501], every_ms=300_000) == [GOOD_ONE, ASKED]


@pytest.mark.parametrize("flag", [NOT_EVALUATED, SUSPECT, FAIL, MISSING])
def test_what_the_board_flagged_is_never_made_better(flag):
    assert Watch(TEMP, 1_000).judge(20, 20, flag, 0) == flag
    assert Watch(TEMP, 1_000).stored(20, 20, flag) == flag


STORED = [
    (None, GOOD, MISSING),
    (20, MISSING, MISSING),
    (20, FAIL, FAIL),
    (15_001, GOOD, FAIL),
    (15_000, GOOD, SUSPECT),
    (-6_001, GOOD, FAIL),
    (-6_000, GOOD, SUSPECT),
    (5_001, GOOD, SUSPECT),
    (-3_001, GOOD, SUSPECT),
    (5_000, NOT_EVALUATED, NOT_EVALUATED),
    (-3_000, GOOD, GOOD),
]


@pytest.mark.parametrize(("value", "flag", "judged"), STORED)
def test_a_reading_is_flagged_by_its_spans_now_and_when_it_was_stored(value, flag, judged):
    assert Watch(TEMP, 1_000).stored(value, value or 0, flag) == judged
    assert Watch(TEMP, 1_000).judge(value, value or 0, flag, 700_000) == judged


def test_a_true_flash_flood_loses_one_sample_and_no_more():
    river = Channel("river", "b", 0, "head_mm", rate_per_min=60)
    rise = [610, 640, 1_146, 1_300, 1_420]  # 0.506 m in five minutes
    assert judge(rise, river, 300_000) == [GOOD_ONE, GOOD_ONE, ASKED, GOOD_ONE, GOOD_ONE]


def test_a_long_calm_does_not_widen_what_may_jump():
    assert judge([0] * 600 + [150])[-1] == ASKED


def test_a_confirmation_may_differ_by_a_minutes_allowance():
    assert judge([0, 500, 600])[-1] == GOOD_ONE
    assert judge([0, 500, 601])[-1] == FLAGGED


def test_the_sensors_span_is_of_the_raw_value_and_the_users_of_the_elevation():
    river = Channel("river", "b", 0, "gap_mm", Level(160_000, 0, "wusong", ""), low=150_000, high=205_000)
    watch = Watch(river, 1_000)
    assert watch.judge(-1, 160_001, GOOD, 0) == FAIL
    assert watch.judge(10_001, 149_999, GOOD, 1_000) == SUSPECT
    assert watch.judge(10_000, 150_000, GOOD, 2_000) == GOOD


@given(st.lists(st.one_of(st.none(), st.integers(-20_000, 20_000)), max_size=40))
def test_two_usable_samples_in_a_row_are_never_both_doubted(samples):
    doubts = [doubted for flag, doubted in judge(samples) if usable(flag)]
    assert not any(first and second for first, second in zip(doubts, doubts[1:], strict=False))


@given(st.lists(st.integers(-50, 50), max_size=40))
def test_noise_within_the_rate_is_never_flagged(samples):
    assert all(flag == GOOD_ONE for flag in judge(samples))


SPIKES = {
    "up": ([0, 0, 151, 0, 0], 3),
    "down among negative values": ([-300, -290, -500, -305, -300], 3),
    "not at its limit": ([0, 0, 150, 0, 0], None),
    "nor at its limit below": ([0, 0, -150, 0, 0], None),
    "just beyond it below": ([0, 0, -151, 0, 0], 3),
    "not a step": ([0, 0, 500, 500, 500], None),
    "not a slope": ([0, 200, 400, 600], None),
    "by the nearer neighbour": ([0, 300, 140, 140], 2),
}


@pytest.mark.parametrize("name", SPIKES)
def test_a_spike_is_known_when_the_next_sample_comes(name):
    samples, told = SPIKES[name]
    watch = Watch(Channel("river", "b", 0, "head_mm", spike=150), 1_000)
    flags = [watch.judge(value, value, GOOD, 1_000 * i) for i, value in enumerate(samples) if not watch.kinds & SPIKE]
    assert flags == [GOOD] * len(flags)
    assert watch.counts["spike"] == (told is not None)
    if told is not None:
        assert len(flags) == told + 1
        assert watch.before_ms == 1_000 * (told - 1)


def test_a_line_stands_still_only_after_its_time_and_not_at_base_flow():
    channel = Channel("river", "b", 0, "head_mm", flat_after_ms=4_000, flat_tolerance=1, flat_below=100)
    for level, expected in ((101, [GOOD] * 4 + [SUSPECT] * 2), (100, [GOOD] * 6)):
        watch = Watch(channel, 1_000)
        assert [watch.judge(level, level, GOOD, 1_000 * i) for i in range(6)] == expected


FLATS = {
    "within the tolerance": ([5, 6, 5, 6], [False, False, True, True]),
    "a creep within it from one to the next": ([5, 6, 7, 8, 9], [False] * 5),
    "down as well": ([5, 4, 3, 2, 1], [False] * 5),
    "both ends of the run count": ([5, 4, 6, 5], [False, False, False, False]),
}


@pytest.mark.parametrize("name", FLATS)
def test_a_run_is_as_wide_as_its_highest_and_lowest(name):
    values, still = FLATS[name]
    watch = Watch(Channel("river", "b", 0, "head_mm", flat_after_ms=2_000, flat_tolerance=1), 1_000)
    assert [watch.judge(v, v, GOOD, 1_000 * i) == SUSPECT for i, v in enumerate(values)] == still


def test_a_rain_counter_may_stand_still():
    watch = Watch(Channel("rain", "b", 0, "rain_um", flat_after_ms=1_000), 1_000)
    assert {watch.judge(200, 200, GOOD, 1_000 * i) for i in range(100)} == {GOOD}


def test_a_gap_is_counted_once_and_flags_nothing():
    watch = Watch(Channel("river", "b", 0, "head_mm"), 1_000)
    flags = [watch.judge(5, 5, GOOD, at_ms) for at_ms in (0, 2_000, 4_001, 5_000)]
    assert flags == [GOOD] * 4
    assert watch.counts == {"gap": 1}


def test_samples_that_come_at_no_fixed_times_have_no_gaps_and_no_spikes():
    watch = Watch(Channel("river", "b", 0, "head_mm", spike=150), 0)
    flags = [watch.judge(value, value, GOOD, 1_000_000 * i) for i, value in enumerate([0, 500, 0, 500])]
    assert (flags, watch.counts) == ([GOOD] * 4, {})


def test_an_invalid_code_is_missing_and_stands_between_no_neighbours():
    watch = Watch(Channel("river", "b", 0, "head_mm", invalid=(9_999, -999), spike=150, rate_per_min=60), 1_000)
    assert [watch.judge(v, v, GOOD, 1_000 * i) for i, v in enumerate([10, 9_999, -999, 10])] == [GOOD, 9, 9, GOOD]
    assert watch.counts == {"invalid": 2, "gap": 1}
    assert watch.stored(9_999, 9_999, GOOD) == MISSING


def pair(low=-3_000, high=5_000):
    """A level and the thermometer of the same instrument, with the span that this one can be in."""
    level, temp = Watch(Channel("river", "b", 0, "head_mm"), 1_000), Watch(Channel("t", "b", 1, "temp_cdeg"), 1_000)
    level.follow(temp, low, high)
    return level, temp


COMPANIONS = {
    "a possible temperature": ([2_100, 5_000, -3_000], [1, 1, 1]),
    "an impossible one": ([2_100, -3_001, 5_001, 2_100], [1, 3, 3, 1]),
    "one that no sensor can give": ([2_100, -10_442, 2_100], [1, 3, 1]),
    "one that is missing says nothing": ([None, 5_001, None, 2_000, None], [1, 3, 3, 1, 1]),
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_a_channel_is_suspect_while_its_companion_is_impossible(name):
    temps, flags = COMPANIONS[name]
    level, temp = pair()
    found = []
    for i, value in enumerate(temps):
        temp.judge(value, value or 0, GOOD, 1_000 * i)
        found.append(level.judge(2_000, 2_000, GOOD, 1_000 * i))
    assert found == flags
    assert level.counts["companion"] == flags.count(SUSPECT)


def test_a_companions_verdict_is_to_be_kept_when_it_changes():
    level, temp = pair()
    temp.judge(2_000, 2_000, GOOD, 0)
    assert not level.moved
    temp.judge(5_001, 5_001, GOOD, 1)
    assert level.moved
    level.moved = False
    temp.judge(5_002, 5_002, GOOD, 2)
    assert not level.moved


def test_what_two_companions_say_is_kept_apart():
    level, temp = pair()
    supply = Watch(Channel("u", "b", 2, "supply_mv"), 1_000)
    level.follow(supply, 9_000, 16_000)
    temp.judge(9_999, 9_999, GOOD, 0)
    supply.judge(12_000, 12_000, GOOD, 0)
    assert level.judge(1, 1, GOOD, 0) == SUSPECT
    temp.judge(2_000, 2_000, GOOD, 1)
    assert level.judge(1, 1, GOOD, 1) == GOOD


LIMITS = Limits(
    raw=(-1_000, 300_000), invalid=(99, -7), span=(-60, 60), rate=40, spike=25, flat=(3_000, 2, 5), cadence_ms=1_000
)
CHANNEL = Channel(
    "river", "b", 0, "head_mm", low=-60, high=60, rate_per_min=40, spike=25, flat_after_ms=3_000, flat_tolerance=2,
    flat_below=5, invalid=(99, -7),
)  # fmt: skip
VALUES = st.one_of(st.integers(-75, 75), st.sampled_from([7, 8, 9, 20, 99, -7, 300_001, None]))
STEPS_MS = st.sampled_from([1, 500, 1_000, 1_000, 1_000, 2_000, 2_001, 70_000, 200_000])
SERIES = st.lists(st.tuples(STEPS_MS, VALUES), max_size=40)


def stamped(steps):
    at_ms, samples = 500_000, []
    for step_ms, value in steps:
        at_ms += step_ms
        samples.append((at_ms, value))
    return samples


@given(SERIES, st.integers(0, 40))
def test_every_flag_is_that_of_the_definition_also_after_a_restart(steps, restart):
    watch, found, flags = Watch(CHANNEL, 1_000), [], []
    samples = stamped(steps)
    for i, (at_ms, value) in enumerate(samples):
        if i == restart:  # Another process, whose clock begins anywhere.
            before_ms = samples[i - 1][0] if i else at_ms
            saved = watch.save(before_ms + 7)
            watch = Watch(CHANNEL, 1_000)
            samples[i:] = [(later_ms - at_ms + 12_345, later) for later_ms, later in samples[i:]]
            watch.restore(saved, 12_345, at_ms - before_ms - 7)
            at_ms = 12_345
        flags.append(watch.judge(value, value or 0, GOOD, at_ms))
        found.append(set(names(watch.kinds)))
    expected = kinds(stamped(steps), LIMITS)
    assert found == expected
    assert flags == [flag(one) for one in expected]


@given(SERIES)
def test_counts_are_the_number_of_samples_of_each_kind(steps):
    watch = Watch(CHANNEL, 1_000)
    for at_ms, value in stamped(steps):
        watch.judge(value, value or 0, GOOD, at_ms)
    expected = kinds(stamped(steps), LIMITS)
    assert watch.counts == {kind: n for kind in KINDS if (n := sum(kind in one for one in expected))}


@given(st.lists(st.tuples(st.sampled_from([0, 3, 60, 100]), st.integers(-5, 5)), min_size=3, max_size=12))
def test_where_qartod_defines_the_same_the_flags_are_the_same(series):
    """Evenly spaced, neighbours equal, no tolerance: its spike against the neighbours' mean, its flat line by count."""
    values = [high + low for high, low in series]
    channel = Channel("river", "b", 0, "head_mm", spike=20, flat_after_ms=3_000, flat_tolerance=0)
    watch = Watch(channel, 1_000)
    for n, value in enumerate(values):
        watch.judge(value, value, GOOD, 1_000 * n)
        if n >= 2 and values[n - 2] == value:
            assert bool(watch.kinds & SPIKE) == (abs(values[n - 1] - (values[n - 2] + value) / 2) > 20)
        assert bool(watch.kinds & FLAT) == (n >= 3 and all(values[n - i] == value for i in range(1, 4)))


def test_a_state_of_other_tests_is_taken_over_as_far_as_it_fits():
    saved = Watch(CHANNEL, 1_000).save(0)
    bare = Watch(Channel("river", "b", 0, "head_mm"), 1_000)
    bare.restore(saved, 0, 0)
    assert bare.judge(5, 5, GOOD, 1) == GOOD
    other = Watch(CHANNEL, 1_000)
    other.restore(bare.save(1), 1, 0)
    assert other.judge(50, 50, GOOD, 2) == GOOD
    assert other.judge(-50, -50, GOOD, 3) == SUSPECT


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("rubbish", ["x", [1], {}, [[], []]])
def test_a_state_that_cannot_be_read_changes_nothing(place, rubbish):
    watch = Watch(CHANNEL, 1_000)
    for i, value in enumerate([5, 50, 7, 7]):
        watch.judge(value, value, GOOD, 1_000 * i)
    saved = watch.save(4_000)
    damaged = list(watch.save(4_500))
    damaged[place] = rubbish
    with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):
        watch.restore(damaged, 4_500, 0)
        return  # A truth value may be anything.
    assert watch.save(4_000) == saved
