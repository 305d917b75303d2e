"""Flags of single samples, and the one question that a suspect sample asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Channel, Level
from gateway.quality import Watch, usable
from wire.reading import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT

TEMP = Channel("air", "board", 0, "temp_cdeg", low=-3_000, high=5_000, rate_per_min=100)


def judge(samples, channel=TEMP, every_ms=1_000):
    """[(flag, doubted)] of samples that come once a second."""
    watch = Watch(channel)
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


def test_a_slow_creep_that_is_too_fast_over_the_minute_is_seen():
    flags = [flag for flag, _ in judge(range(0, 200, 2))]
    assert SUSPECT in flags
    assert flags.index(SUSPECT) == 51  # 102 above where the minute began


@pytest.mark.parametrize("flag", [NOT_EVALUATED, SUSPECT, FAIL, MISSING])
def test_what_the_board_flagged_is_never_made_better(flag):
    assert Watch(TEMP).judge(20, 20, flag, 0) == flag
    assert Watch(TEMP).stored(20, 20, flag) == flag


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
    assert Watch(TEMP).stored(value, value or 0, flag) == judged
    assert Watch(TEMP).judge(value, value or 0, flag, 700_000) == judged


def test_a_long_calm_does_not_widen_what_may_jump():
    assert judge([0] * 600 + [150])[-1] == ASKED


def test_a_confirmation_may_differ_by_a_minutes_allowance():
    assert judge([0, 500, 600])[-1] == GOOD_ONE
    assert judge([0, 500, 601])[-1] == FLAGGED


def test_the_sensors_span_is_of_the_raw_value_and_the_users_of_the_elevation():
    river = Channel("river", "b", 0, "gap_mm", Level(160_000, 0, "wusong", ""), low=150_000, high=205_000)
    watch = Watch(river)
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
