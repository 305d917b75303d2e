"""Gauges that count double: against their neighbours, and against how fast a bucket can tip."""

import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.double_count import Chatter, above_neighbours
from wire.reading import RAIN_WRAP_UM

CASES = {
    "twice the median": (13_600, [6_600, 6_400, 9_000], True),
    "just the share": (7_656, [6_600], False),
    "just above it": (7_657, [6_600], True),
    "a drizzle proves nothing": (20_000, [5_999, 5_999], False),
    "the least is enough": (20_000, [6_000], True),
    "the median of two is their mean": (9_281, [6_000, 10_000], True),
    "and not the lower one": (9_280, [6_000, 10_000], False),
    "no neighbour": (20_000, [], False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_sum_is_held_against_the_median_of_the_neighbours(name):
    own_um, neighbours_um, double = CASES[name]
    assert above_neighbours(own_um, neighbours_um, 1_160, 6_000) == double


SUMS = st.integers(0, 40_000)


@given(SUMS, st.lists(SUMS, min_size=1, max_size=6), st.integers(1_001, 3_000), st.integers(0, 20_000))
def test_it_is_the_median_of_the_definition(own_um, neighbours_um, permil, least_um):
    median = Fraction(statistics.median(map(Fraction, neighbours_um)))
    expected = median >= least_um and own_um > Fraction(permil, 1_000) * median
    assert above_neighbours(own_um, neighbours_um, permil, least_um) == expected


@given(SUMS, st.lists(SUMS, min_size=3, max_size=5))
def test_one_wrong_neighbour_of_three_or_more_decides_nothing_alone(own_um, neighbours_um):
    """Whatever the highest one says, it is told double only if it is above some other neighbour too."""
    if above_neighbours(own_um, neighbours_um, 1_160, 1):
        assert own_um > sorted(neighbours_um)[0]
        raised = [*sorted(neighbours_um)[:-1], 10**9]
        assert above_neighbours(own_um, raised, 1_160, 1)


def fast(tips_per_s, seconds, start_um=0):
    chatter = Chatter(200)
    counters = [(start_um + 200 * tips_per_s * second) % RAIN_WRAP_UM for second in range(seconds)]
    return sum(chatter.fast(counter, 1_000 * second) for second, counter in enumerate(counters))


@pytest.mark.parametrize("start_um", [0, RAIN_WRAP_UM - 10_000])
def test_tips_faster_than_a_bucket_can_are_told_every_five_seconds(start_um):
    assert fast(5, 21, start_um) == 4
    assert fast(4, 600, start_um) == 0  # 2,880 mm/h: more than any rain, and yet a bucket could


def test_a_burst_after_a_silence_and_another_counter_are_no_chatter():
    chatter = Chatter(200)
    assert not chatter.fast(0, 0)
    assert not chatter.fast(30_000, 60_000)  # 150 tips of a silent minute
    assert not chatter.fast(99_000_000, 66_000)
