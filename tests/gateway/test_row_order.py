"""Rows that come twice, contradict what was there, or come too late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.row_order import Order

CASES = {
    "rows in order are rows": ([(1, 5), (2, 5), (3, 6)], ["", "", ""]),
    "sent again at once": ([(1, 5), (1, 5), (2, 6)], ["", "doubled", ""]),
    "another value for the same time": ([(1, 5), (1, 6), (1, 6), (1, 5)], ["", "conflict", "conflict", "doubled"]),
    "a clock that went back, with the same rows": (
        [(1, 5), (2, 6), (3, 7), (1, 5), (2, 6), (3, 7), (4, 8)],
        ["", "", "", "back-dated doubled", "back-dated doubled", "doubled", ""],
    ),
    "a row that comes late does not count, so nothing doubles it": (
        [(1, 5), (3, 6), (2, 7), (2, 7), (4, 8)],
        ["", "", "back-dated", "back-dated", ""],
    ),
    "late and contrary": ([(1, 5), (3, 6), (1, 7)], ["", "", "back-dated conflict"]),
    "several values in a row": ([(1, (5, 6)), (1, (5, 7)), (1, (5, 6))], ["", "conflict", "doubled"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_is_told_by_its_table(name):
    rows, kinds = CASES[name]
    order = Order()
    assert [" ".join(order.judge(*row)) for row in rows] == kinds
    told = " ".join(kinds).split()
    assert order.counts == {kind: told.count(kind) for kind in told}


ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=40)


@given(ROWS)
def test_every_row_is_told_as_by_looking_through_all_before_it(rows):
    order = Order()
    for n, (stamp, value) in enumerate(rows):
        stamps = [at for at, _ in rows[:n]]
        counting = [
            (at, earlier) for i, (at, earlier) in enumerate(rows[:n]) if all(other < at for other in stamps[:i])
        ]
        expected = []
        if any(at > stamp for at in stamps):
            expected.append("back-dated")
        expected += ["doubled" if earlier == value else "conflict" for at, earlier in counting if at == stamp]
        assert list(order.judge(stamp, value)) == expected


@given(ROWS, st.integers(1, 5))
def test_whatever_comes_a_row_that_counts_is_newer_than_all_before_and_memory_has_a_limit(rows, limit):
    order = Order(limit)
    taken = [row for row in rows if not order.judge(*row)]
    stamps = [stamp for stamp, _ in taken]
    assert stamps == sorted(set(stamps))
    assert len(order._values) <= limit
    assert len(order._stamps) <= limit


def test_what_is_forgotten_is_only_back_dated():
    order = Order(2)
    assert [order.judge(stamp, 0) for stamp in (1, 2, 3, 1)] == [(), (), (), ("back-dated",)]
