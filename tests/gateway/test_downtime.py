"""How long the gateway was away, also where the time of day was set meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.downtime import Mark, Witness, down_ms

SET_MS = 1_750_000_000_000
UNSET_MS = 3_000  # A machine without a clock on battery begins in 1970.
HOUR_MS = 3_600_000
BOARD = b"board..1"


@given(st.integers(-10 * HOUR_MS, 10 * HOUR_MS), st.integers(0, 100 * HOUR_MS))
def test_while_the_machine_runs_no_step_of_the_time_of_day_changes_anything(step_ms, really_ms):
    kept, now = Mark(SET_MS, "a", 5_000), Mark(SET_MS + really_ms + step_ms, "a", 5_000 + really_ms)
    assert down_ms(kept, now) == really_ms


@pytest.mark.parametrize(
    ("kept", "now", "expected_ms"),
    [
        (Mark(SET_MS, "a", 9), Mark(SET_MS + HOUR_MS, "b", 60_000), HOUR_MS),  # The time of day was right.
        (Mark(SET_MS, "a", 9), Mark(SET_MS - HOUR_MS, "b", 60_000), 60_000),  # It is behind: at least since its start.
        (Mark(SET_MS, "a", 9), Mark(UNSET_MS, "b", 60_000), 60_000),  # It is not set yet.
        (Mark(UNSET_MS, "a", 9), Mark(SET_MS, "b", 60_000), 60_000),  # It was set meanwhile: 50 years are no downtime.
        (Mark(SET_MS), Mark(SET_MS + 5_000), 5_000),  # Nobody knows the machine: the time of day counts.
        (Mark(SET_MS), Mark(SET_MS - 5_000), 0),
        (Mark(SET_MS), Mark(SET_MS + 5_000, "b", 60_000), 5_000),
    ],
)
def test_after_a_start_of_the_machine_the_time_of_day_counts_where_it_can(kept, now, expected_ms):
    assert down_ms(kept, now) == expected_ms


def witness(uptime_s, mono_ms, down_ms=0, saved_at_ms=None):
    """One that has seen a board at `mono_ms`, and was restored at 0."""
    before, after = Witness(), Witness()
    before.see("rain", BOARD, 7, uptime_s, mono_ms)
    after.restore(before.save(mono_ms if saved_at_ms is None else saved_at_ms), 0, down_ms)
    return after


def test_a_board_that_ran_on_says_how_long_it_really_was():
    after = witness(1_000, 50_000, down_ms=60_000)
    assert after.see("rain", BOARD, 7, 1_000 + 3_600, 0) == 60_000 - HOUR_MS
    assert after.see("rain", BOARD, 7, 1_000 + 3_601, 1_000) == 0


def test_a_board_that_agrees_within_its_crystal_corrects_nothing():
    assert witness(1_000, 50_000, down_ms=HOUR_MS).see("rain", BOARD, 7, 1_000 + 3_601 + 2, 1_000) == 0


@pytest.mark.parametrize(("serial", "boot", "uptime_s"), [(b"another.", 7, 9_000), (BOARD, 8, 9_000), (BOARD, 7, 900)])
def test_another_board_or_start_of_it_knows_nothing(serial, boot, uptime_s):
    assert witness(1_000, 50_000, down_ms=60_000).see("rain", serial, boot, uptime_s, 0) == 0


def test_what_was_seen_long_before_the_state_was_kept_is_as_good():
    after = witness(1_000, 50_000, down_ms=60_000, saved_at_ms=90_000)
    assert after.see("rain", BOARD, 7, 1_000 + 40 + 3_600, 0) == 60_000 - HOUR_MS


def test_nobody_is_asked_where_the_machine_ran_on():
    after = witness(1_000, 50_000, down_ms=60_000)
    after.trust()
    assert after.see("rain", BOARD, 7, 9_000, 0) == 0
