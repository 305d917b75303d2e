"""Rows that come twice, contradict what was there, or come too late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.row_order import BACK_DATED, CONFLICT, DOUBLED, Order

CASES = {
    "rows in order are rows": ([(1, 5), (2, 5), (3, 6)], ["", "", ""]),
    "sent again at once": ([(1, 5), (1, 5), (2, 6)], ["", DOUBLED, ""]),
    "another value for the same time": ([(1, 5), (1, 6), (1, 6), (1, 5)], ["", CONFLICT, CONFLICT, DOUBLED]),
    "a clock that went back, with the same rows": (
        [(1, 5), (2, 6), (3, 7), (1, 5), (2, 6), (3, 7), (4, 8)],
        ["", "", "", DOUBLED, DOUBLED, DOUBLED, ""],
    ),
    "a row that comes late": ([(1, 5), (3, 6), (2, 7), (2, 7), (4, 8)], ["", "", BACK_DATED, DOUBLED, ""]),
    "several values in a row": ([(1, (5, 6)), (1, (5, 7)), (1, (5, 6))], ["", CONFLICT, DOUBLED]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_is_told_by_its_table(name):
    rows, kinds = CASES[name]
    order = Order()
    assert [order.judge(*row) for row in rows] == kinds
    assert order.counts == {kind: kinds.count(kind) for kind in set(kinds) if kind}


ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=40)


@given(ROWS)
def test_every_row_is_told_as_by_looking_through_all_before_it(rows):
    order = Order()
    for n, (stamp, value) in enumerate(rows):
        same = [earlier for at, earlier in rows[:n] if at == stamp]
        if same:
            expected = "doubled" if same[0] == value else "conflict"
        else:
            expected = "back-dated" if any(at > stamp for at, _ in rows[:n]) else ""
        assert order.judge(stamp, value) == expected


@given(ROWS, st.integers(1, 5))
def test_whatever_comes_a_row_that_counts_is_newer_than_all_before_and_memory_has_a_limit(rows, limit):
    order = Order(limit)
    taken = [row for row in rows if order.judge(*row) == ""]
    stamps = [stamp for stamp, _ in taken]
    assert stamps == sorted(set(stamps))
    assert len(order._values) <= limit
    assert len(order._stamps) <= limit


def test_what_is_forgotten_is_back_dated():
    order = Order(2)
    assert [order.judge(stamp, 0) for stamp in (1, 2, 3, 1)] == ["", "", "", BACK_DATED]
