"""When an application on trial is confirmed, and when it is given up; and that no board.json is more than refused."""

import contextlib
import json

import pytest
from board_json import DefinitionError, parse
from hypothesis import given
from hypothesis import strategies as st
from proof import CONFIRM_LIMIT_S, HEALTHY_S, RETRY_S, Proof
from slots import SAFE, Slots, choose

from tests.firmware.board_process import BOARD

ROW_S = 60
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda one: st.lists(one, max_size=3)
)


class Log:
    def __init__(self, content=b"row"):
        self.content = content

    def read(self, seq, out, at, room):
        out[at : at + len(self.content)] = self.content
        return seq, len(self.content)


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.mpy").write_bytes(b"M")
    return str(tmp_path)


def trial(root, bad_before=0):
    before = Slots(root, "a")
    before.bad = bad_before
    before.switch("b")
    assert choose(root, False) == "b"
    return Slots(root, "b")


@pytest.mark.parametrize("lacks", ["nothing", "exchange", "row", "column"])
def test_a_trial_is_confirmed_by_exchange_row_and_every_column_together(root, lacks):
    slots = trial(root)
    proof = Proof(slots, Log(), 2, ROW_S)
    if lacks != "row":
        proof.row_written(1, b"row")
    assert not proof.look(0b10 if lacks == "column" else 0, lacks != "exchange", 5, True)
    assert slots.trial == (lacks != "nothing")
    assert (
        proof.look(0b10 if lacks == "column" else 0, lacks != "exchange", CONFIRM_LIMIT_S + ROW_S, True) == slots.trial
    )
    assert choose(root, False) == ("b" if lacks == "nothing" else "a")


def test_columns_may_be_as_dead_as_before_and_need_not_all_live_at_once(root):
    slots = trial(root, 0b001)
    proof = Proof(slots, Log(), 3, ROW_S)
    proof.row_written(1, b"row")
    proof.look(0b101, True, 1, True)
    assert slots.trial
    proof.look(0b011, True, 2, True)
    assert not slots.trial


def test_a_row_that_does_not_read_back_proves_nothing(root):
    slots = trial(root)
    proof = Proof(slots, Log(b"woe"), 1, ROW_S)
    proof.row_written(1, b"row")
    proof.look(0, True, 1, True)
    assert slots.trial


def test_nothing_is_written_while_the_supply_is_low(root):
    slots = trial(root)
    proof = Proof(slots, Log(), 1, ROW_S)
    proof.row_written(1, b"row")
    assert not proof.look(0, True, CONFIRM_LIMIT_S + ROW_S, False)
    assert slots.trial
    assert not proof.look(0, True, CONFIRM_LIMIT_S + ROW_S, True)
    assert not slots.trial


def test_a_proved_slot_is_healthy_after_its_time_and_the_safe_one_restarts_after_its(root):
    assert choose(root, True) == "a"
    slots = Slots(root, "a")
    proof = Proof(slots, Log(), 0, ROW_S)
    proof.look(0, False, HEALTHY_S - 1, True)
    assert Slots(root, "a")._state[2] == 1
    proof.look(0, False, HEALTHY_S, True)
    assert Slots(root, "a")._state[2] == 0
    safe = Proof(Slots(root, SAFE), Log(), 0, ROW_S)
    assert [safe.look(0, True, up_s, True) for up_s in (RETRY_S - 1, RETRY_S)] == [False, True]


@given(st.sampled_from([*BOARD, "link.address", "link.kind", "link.baud", "ports", "supply_limit_mv"]), JSON)
def test_any_value_of_any_key_is_obeyed_or_refused_by_name(key, value):
    definition = json.loads(json.dumps(BOARD))
    table, _, inner = key.partition(".")
    if inner:
        definition[table][inner] = value
    else:
        definition[table] = value
    for safe in (False, True):
        with contextlib.suppress(DefinitionError):
            assert parse(json.dumps(definition).encode(), safe)["link"]


@given(st.binary(max_size=60))
def test_noise_is_refused(noise):
    with pytest.raises(DefinitionError):
        parse(noise, True)
