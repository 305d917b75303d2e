"""Times of rows are a function of the log alone: anchors of a boot date its earlier rows, and nothing is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.reading import HOLDOVER, NEVER, SYNCED
from wire.resolve import UNIX_S_MAX, anchor_of, resolve, unix_of
from wire.row import ANCHOR, Reading, Row

T0_S = 1_700_000_000


def never(seq, boot, up_s, up_ms=0):
    return Row(seq, boot, NEVER, up_s, up_ms, [Reading(0, seq)])


def stamped(seq, boot, t_s, quality=SYNCED):
    return Row(seq, boot, quality, t_s, 7, [Reading(0, seq)])


def anchor(seq, boot, unix_s, up_s, ms=0, up_ms=0):
    return Row(seq, boot, SYNCED, unix_s, ms, kind=ANCHOR, anchor=(unix_s, ms, SYNCED, up_s, up_ms))


def test_rows_before_the_anchor_of_their_boot_get_its_time_to_the_millisecond():
    rows = [never(1, 3, 60, 999), never(2, 3, 120), anchor(3, 3, T0_S, 130, 250, 750), stamped(4, 3, T0_S + 50)]
    assert resolve(rows) == [(T0_S - 70, 499), (T0_S - 11, 500), (T0_S, 250), (T0_S + 50, 7)]


def test_a_boot_without_an_anchor_stays_never_and_no_other_boot_dates_it():
    rows = [never(1, 3, 60), never(2, 4, 60), anchor(3, 4, T0_S, 90), never(4, 5, 60)]
    assert resolve(rows) == [None, (T0_S - 30, 0), (T0_S, 0), None]


def test_a_stamp_is_never_changed_by_a_later_anchor():
    rows = [anchor(1, 3, T0_S, 10), stamped(2, 3, T0_S + 60, HOLDOVER), anchor(3, 3, T0_S + 2_760, 70)]
    assert resolve(rows)[1] == (T0_S + 60, 7)


@pytest.mark.parametrize("step_s", [-20 * 365 * 86_400, -2_700, -6, 6, 2_700, 20 * 365 * 86_400])
def test_after_a_step_the_newest_anchor_is_believed(step_s):
    rows = [never(1, 3, 60), anchor(2, 3, T0_S, 100), anchor(3, 3, T0_S + step_s + 50, 150)]
    assert resolve(rows)[0] == (T0_S - 40 + step_s, 0)


@pytest.mark.parametrize("step_s", [-20 * 365 * 86_400, -2_700, 2_700, 20 * 365 * 86_400])
def test_a_step_that_was_taken_back_leaves_the_first_anchor_in_its_right(step_s):
    there, back = anchor(3, 3, T0_S + step_s + 50, 150), anchor(4, 3, T0_S + 201, 300)
    assert resolve([never(1, 3, 60), anchor(2, 3, T0_S, 100), there, back])[0] == (T0_S - 40, 0)


def test_a_crystal_that_drifts_for_a_month_is_no_step():
    month_s = 30 * 86_400
    rows = [never(1, 3, 60), anchor(2, 3, T0_S, 100), anchor(3, 3, T0_S + month_s + 500, 100 + month_s)]
    assert resolve(rows)[0] == (T0_S - 40, 0)


def test_a_time_that_no_row_can_carry_is_none():
    assert unix_of(0, 0, (100, 0, SYNCED, 101, 0)) is None
    assert unix_of(UNIX_S_MAX, 0, (1, 0, SYNCED, 0, 0)) is None
    assert unix_of(0, 0, (100, 0, SYNCED, 100, 0)) == (0, 0)
    assert anchor_of([]) is None


@given(st.data())
def test_any_order_of_rows_gives_each_the_same_time(data):
    """The truth is a clock per boot that is set once, late; what it says of every row is known."""
    rows, truth = [], {}
    for boot in range(1, data.draw(st.integers(2, 5))):
        begin_s = T0_S + boot * 1_000_000 + data.draw(st.integers(0, 90_000))
        set_at = data.draw(st.none() | st.integers(0, 10))
        for n in range(12):
            seq, up_s = len(rows) + 1, n * 60 + data.draw(st.integers(0, 59))
            if n == set_at:
                rows.append(anchor(seq, boot, begin_s + up_s, up_s))
            elif set_at is not None and n > set_at:
                rows.append(stamped(seq, boot, begin_s + up_s))
            else:
                rows.append(never(seq, boot, up_s, data.draw(st.integers(0, 999))))
            ms = rows[-1].ms
            truth[seq] = None if set_at is None else (begin_s + up_s, ms)
    mixed = data.draw(st.permutations(rows))
    assert dict(zip([row.seq for row in mixed], resolve(mixed), strict=True)) == truth
