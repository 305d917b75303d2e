"""Which application starts: a board with any slot that works ends in it, and one with none in the safe application."""

import pytest
import slots
from hypothesis import given
from hypothesis import strategies as st
from slots import FRESH, SAFE, STARTS_MAX, Slots, after_start, choose, pack_state, unpack_state

STATES = st.tuples(
    st.sampled_from("ab"), st.integers(0, 3), st.integers(0, STARTS_MAX), st.booleans(), st.integers(0, 255)
)
HELD = st.sampled_from(["", "a", "b", "ab"])


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b", "safe"):
        (tmp_path / name / "drivers").mkdir(parents=True)
        (tmp_path / name / "main.mpy").write_bytes(b"M")
        (tmp_path / name / "drivers" / "x.mpy").write_bytes(b"M")
    return str(tmp_path)


def starts(root, count, crashed=True):
    return [choose(root, crashed) for _ in range(count)]


def on_trial(root):
    """Slot b was filled and is to be tried."""
    Slots(root, "a").switch("b")


def test_a_board_as_it_was_flashed_starts_slot_a_and_writes_nothing(root, tmp_path):
    assert starts(root, 5, crashed=False) == ["a"] * 5
    assert not list(tmp_path.glob("boot*"))


def test_an_application_on_trial_has_three_starts_of_any_kind_then_the_other_is_back(root):
    on_trial(root)
    assert starts(root, 5, crashed=False) == ["b", "b", "b", "a", "a"]
    assert (Slots(root, "a").trial, Slots(root, "a").failed_starts) == (False, 0)


def test_a_confirmed_application_stays(root):
    on_trial(root)
    assert choose(root, False) == "b"
    application = Slots(root, "b")
    assert application.trial
    application.confirm()
    assert not application.trial
    assert starts(root, 5, crashed=False) == ["b"] * 5
    assert Slots(root, "b").spare == "a"


def test_one_that_gives_up_makes_way_at_the_next_start(root):
    on_trial(root)
    choose(root, False)
    Slots(root, "b").give_up()
    assert starts(root, 2, crashed=False) == ["a", "a"]
    Slots(root, "a").give_up()  # Not on trial: it has nothing to give up.
    assert choose(root, False) == "a"


def test_a_proved_application_that_crashes_three_times_makes_way_for_the_other_and_that_for_the_safe_one(root):
    assert starts(root, 9) == ["a", "a", "a", "b", "b", "b", SAFE, SAFE, SAFE]
    assert starts(root, 2, crashed=False) == ["a", "a"]  # Whoever switches it off and on gives it a further start.
    assert starts(root, 2) == [SAFE, SAFE]
    Slots(root, "a").healthy()  # It ran well after all.
    assert starts(root, 4) == ["a", "a", "a", "b"]


def test_power_failures_of_a_proved_application_are_not_its_fault(root):
    assert starts(root, 2) == ["a", "a"]
    assert starts(root, 9, crashed=False) == ["a"] * 9
    assert starts(root, 2) == ["a", "b"]


def test_a_slot_without_an_application_is_passed_over(root, tmp_path):
    (tmp_path / "a" / "main.mpy").unlink()
    assert choose(root, False) == "b"
    (tmp_path / "b" / "main.mpy").unlink()
    assert choose(root, False) == SAFE
    assert choose(root, True) == SAFE


def test_the_safe_application_follows_at_once_where_there_is_no_other(root, tmp_path):
    (tmp_path / "b" / "main.mpy").unlink()
    assert starts(root, 5) == ["a", "a", "a", SAFE, SAFE]


def test_the_running_slot_and_the_one_it_may_need_are_never_filled(root):
    assert Slots(root, "a").spare == "b"
    on_trial(root)
    choose(root, False)
    tried = Slots(root, "b")
    assert tried.spare is None
    with pytest.raises(ValueError, match="in use"):
        tried.clear("a")
    with pytest.raises(ValueError, match="cannot be started"):
        tried.switch("a")
    with pytest.raises(ValueError, match="in use"):
        Slots(root, "a").clear("a")


def test_a_cleared_slot_holds_no_application_and_an_order_to_start_it_is_taken_back(root, tmp_path):
    on_trial(root)
    Slots(root, "a").clear("b")
    assert not (tmp_path / "b" / "main.mpy").exists()
    assert choose(root, False) == "a"
    with pytest.raises(ValueError, match="cannot be started"):
        Slots(root, "a").switch("b")


def test_from_the_safe_application_the_slot_that_is_not_tried_again_can_be_filled_and_started(root):
    starts(root, 7)
    safe = Slots(root, SAFE)
    assert (safe.spare, safe.trial, safe.failed_starts) == ("b", False, STARTS_MAX)
    safe.switch("b")
    assert safe.spare == "b"
    safe.clear("b")
    (choice,) = starts(root, 1)
    assert choice == SAFE
    assert choose(root, False) == "a"


def test_a_state_that_is_no_state_is_that_of_a_fresh_board(root):
    for bad in (b"", b"c\1\0\0\0", b"a\4\0\0\0", b"a\1\4\0\0", b"a\1\0\2\0", b"a\1\0\0", b"a\1\0\0\0\0", None):
        assert unpack_state(bad) == FRESH


def test_a_state_that_cannot_be_written_does_not_stop_the_start(root, monkeypatch, capsys):
    def refuse(path, data):
        raise OSError("full")

    monkeypatch.setattr(slots.twin, "save", refuse)
    assert choose(root, True) == "a"
    assert "full" in capsys.readouterr().out


@given(STATES)
def test_a_state_is_read_as_it_was_written(state):
    assert unpack_state(pack_state(state)) == state


@given(STATES, HELD, st.booleans())
def test_only_what_is_there_is_started_and_what_proved_itself_is_not_counted(state, held, crashed):
    after, name = after_start(state, crashed, held)
    assert name == SAFE or name in held
    assert unpack_state(pack_state(after)) == after
    if state[0] in held and state[1] & slots.MASKS[state[0]] and not crashed:
        assert (after, name) == (state, state[0])


@given(STATES, HELD, st.lists(st.booleans(), max_size=12))
def test_from_every_state_crashes_end_in_the_safe_application_which_writes_no_more(state, held, before):
    for crashed in before:
        state, _ = after_start(state, crashed, held)
    tried = []
    for _ in range(3 * STARTS_MAX + 2):  # A trial, the slot that proved itself, the trial again; one was not counted.
        state, name = after_start(state, True, held)
        tried.append(name)
    assert tried[-1] == SAFE
    assert after_start(state, True, held) == (state, SAFE)


@given(STATES, HELD)
def test_a_slot_that_works_is_found_from_every_state_that_has_starts_left(state, held):
    if state[3] or state[2] == STARTS_MAX:
        return
    for works in held:
        now, name = state, ""
        for _ in range(2 * STARTS_MAX):
            now, name = after_start(now, True, held)
            if name == works:
                break
        assert name == works
