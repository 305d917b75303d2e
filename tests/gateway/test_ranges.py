"""Ranges against plain sets of integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ranges import Ranges

PAIRS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 8)).map(lambda p: (p[0], p[0] + p[1])), max_size=12)
CHANGES = st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 8)), max_size=25)


def as_set(pairs):
    return {number for first, last in pairs for number in range(first, last + 1)}


@given(CHANGES)
def test_adding_and_removing_is_what_a_set_does(changes):
    ranges, numbers = Ranges(), set()
    for add, first, more in changes:
        if add:
            ranges.add(first, first + more)
            numbers |= set(range(first, first + more + 1))
        else:
            ranges.remove(first, first + more)
            numbers -= set(range(first, first + more + 1))
        assert as_set(ranges) == numbers
        assert ranges.count() == len(numbers)
        assert (ranges.first, ranges.last) == (min(numbers, default=0), max(numbers, default=0))


@given(PAIRS)
def test_ranges_never_touch_so_equal_sets_are_equal_lists(pairs):
    ranges = Ranges(pairs)
    assert all(later[0] > earlier[1] + 1 for earlier, later in zip(list(ranges), list(ranges)[1:], strict=False))
    assert Ranges((number, number) for number in as_set(pairs)) == ranges
    assert Ranges.from_flat(ranges.flat()) == ranges


@given(PAIRS, PAIRS, st.integers(0, 45), st.integers(0, 8))
def test_questions_are_answered_as_by_a_set(some, others, number, more):
    ranges, numbers = Ranges(some), as_set(some)
    assert as_set(ranges.minus(Ranges(others))) == numbers - as_set(others)
    assert (number in ranges) == (number in numbers)
    assert ranges.covers(number, number + more) == (set(range(number, number + more + 1)) <= numbers)
    assert as_set(ranges.within(number, number + more)) == numbers & set(range(number, number + more + 1))
    watermark = number
    while watermark + 1 in numbers:
        watermark += 1
    assert ranges.contiguous(number) == watermark


@pytest.mark.parametrize(("first", "last"), [(0, 3), (4, 3), (-2, -1)])
def test_what_is_no_range_is_refused(first, last):
    with pytest.raises(ValueError, match="no range"):
        Ranges([(first, last)])


def test_half_a_pair_is_refused():
    with pytest.raises(ValueError, match="pairs"):
        Ranges.from_flat([1, 2, 3])
