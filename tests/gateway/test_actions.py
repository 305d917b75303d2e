"""What a person wants done: read as it was meant, refused with a reason, and done once, also over a restart."""

import asyncio
from pathlib import Path

import cbor2
import pytest
from cddl_verifier import Validator
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.actions import NEEDS, Action, ActionError, action_map, read_action
from gateway.commands import ACTIONS_MAX, KEPT_MS, Commands
from tests.wire.strategies import structures
from wire import telemetry
from wire.actions import A_ACTOR, A_KIND, A_LEVEL, A_RULE, A_UNTIL_MS, ACTIONS
from wire.reading import QUANTITIES
from wire.telemetry import (
    E_COMMAND,
    E_DETECTED_MS,
    K_ACTION,
    K_CONFIG,
    K_EXPIRES_MS,
    K_ID,
    K_MAJOR,
    K_REASON,
    K_STATUS,
    STATUSES,
)

CONTRACT = Validator(Path(telemetry.__file__).parent / "telemetry.cddl")
NOW_MS = 1_591_000_000_000
texts = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20)
times = st.integers(0, 1 << 44)
FIELDS = {
    "tier": texts, "rule": texts, "channel": texts, "level": st.integers(0, 4), "reason": texts, "until_ms": times,
    "mode": st.integers(0, 2), "siren": st.booleans(), "operating": st.integers(0, 4),
    "quantity": st.sampled_from(sorted(QUANTITIES)), "value": st.integers(-(1 << 39), 1 << 39), "at_ms": times,
    "duration_ms": st.integers(1, 86_400_000),
}  # fmt: skip


@st.composite
def actions(draw):
    kind = draw(st.sampled_from(ACTIONS))
    needed, allowed = NEEDS[kind]
    chosen = [*needed, *(field for field in ("tier", *allowed) if draw(st.booleans()))]
    return Action(kind, draw(texts), **{field: draw(FIELDS[field]) for field in chosen})


def message(number=5, expires_ms=NOW_MS + 60_000, action=None, **more):
    wanted = {A_KIND: 0, A_ACTOR: "07", A_RULE: "flood", A_LEVEL: 3} if action is None else action
    return cbor2.dumps(
        {K_MAJOR: 1, K_ID: number, K_EXPIRES_MS: expires_ms, K_ACTION: wanted} | more.get("keys", {}), canonical=True
    )


class Doer:
    """Carries out what it is told, and remembers it."""

    def __init__(self, config=0, keep=None, now_ms=NOW_MS):
        self.now_ms = now_ms
        self.done = []
        self.result: tuple[str, str] = ("done", "")
        self.commands = Commands(lambda asked: None, lambda: self.now_ms, config, keep)
        self.commands.act = self.act

    def act(self, number, action):
        self.done.append((number, action.kind))
        return self.result

    def answer(self, payload):
        """(id, status, reason) of each reply."""
        replies = []
        self.commands.answer(payload, replies.append)
        found = []
        for reply in replies:
            assert CONTRACT.validate(reply).errors == ()
            read = cbor2.loads(reply)
            found.append((read[K_ID], STATUSES[read[K_STATUS]], read.get(K_REASON, "")))
        return found


@settings(max_examples=60)
@given(actions())
def test_every_action_fits_the_contract_and_is_read_as_it_was_meant(action):
    payload = message(action=action_map(action))
    assert CONTRACT.validate(payload).errors == ()
    assert read_action(cbor2.loads(payload)[K_ACTION]) == action


WRONG = {
    "no map": 5,
    "no kind": {A_ACTOR: "07"},
    "a kind of the future": {A_KIND: 99, A_ACTOR: "07"},
    "a kind of true": {A_KIND: True, A_ACTOR: "07", A_RULE: "flood", A_LEVEL: 1},
    "nobody": {A_KIND: 2},
    "an empty name": {A_KIND: 2, A_ACTOR: " "},
    "a name with a line break": {A_KIND: 2, A_ACTOR: "07\n08"},
    "a name without end": {A_KIND: 2, A_ACTOR: "x" * 101},
    "no level seen": {A_KIND: 0, A_ACTOR: "07", A_RULE: "flood"},
    "level 5": {A_KIND: 0, A_ACTOR: "07", A_RULE: "flood", A_LEVEL: 5},
    "a limit of text": {A_KIND: 3, A_ACTOR: "07", A_RULE: "flood", 6: "works", A_UNTIL_MS: "tomorrow"},
    "a quantity that nobody has": {A_KIND: 10, A_ACTOR: "07", 11: 999, 12: 1, 13: NOW_MS},
    "a quantity that cannot be a key": {A_KIND: 10, A_ACTOR: "07", 11: [1], 12: 1, 13: NOW_MS},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_action_is_refused_with_a_reason_and_does_nothing(name):
    doer = Doer()
    ((number, status, reason),) = doer.answer(message(action=WRONG[name]))
    assert (number, status) == (5, "refused")
    assert reason
    assert doer.done == []


@settings(max_examples=80)
@given(structures)
def test_whatever_cbor_gives_as_an_action_is_read_or_refused(structure):
    try:
        action = read_action(structure)
    except ActionError:
        return
    assert action.kind in ACTIONS


def test_an_action_is_done_once_and_answered_each_time():
    doer = Doer()
    assert doer.answer(message()) == doer.answer(message()) == [(5, "done", "")]
    assert doer.done == [(5, "acknowledge")]


def test_one_that_was_refused_stays_refused():
    doer = Doer()
    doer.result = ("refused", "it has become red")
    assert doer.answer(message()) == [(5, "refused", "it has become red")]
    doer.result = ("done", "")
    assert doer.answer(message()) == [(5, "refused", "it has become red")]
    assert len(doer.done) == 1


def test_expired_or_for_another_station_toml_nothing_is_done():
    doer = Doer(config=0xABCD)
    assert doer.answer(message(1, NOW_MS - 1)) == [(1, "refused", "expired")]
    ((_, status, reason),) = doer.answer(message(2, keys={K_CONFIG: 0x1234}))
    assert status == "refused"
    assert "0000abcd" in reason
    assert "00001234" in reason
    assert doer.done == []
    assert doer.answer(message(3, keys={K_CONFIG: 0xABCD})) == [(3, "done", "")]


def test_after_a_restart_it_is_known_what_was_done():
    doer = Doer()
    doer.answer(message(1))
    doer.result = ("refused", "the siren is quiet")
    doer.answer(message(2))
    again = Doer()
    event: dict[int, object] = {E_COMMAND: 3, E_DETECTED_MS: NOW_MS}
    assert again.commands.restore(doer.commands.state_bytes(), [event, {E_DETECTED_MS: NOW_MS}])
    assert again.answer(message(1)) == [(1, "done", "")]
    assert again.answer(message(2)) == [(2, "refused", "the siren is quiet")]
    assert again.answer(message(3)) == [(3, "done", "")], "its event was committed, its id was not"
    assert again.done == []


@pytest.mark.parametrize("kept", [b"", b"\xff", cbor2.dumps(5), cbor2.dumps([[1, 2]]), cbor2.dumps([[1, 2, "x", ""]])])
def test_an_unreadable_memory_of_commands_is_told_and_the_events_still_count(kept):
    doer = Doer()
    assert not doer.commands.restore(kept, [{E_COMMAND: 3, E_DETECTED_MS: NOW_MS}])
    assert doer.answer(message(3)) == [(3, "done", "")]
    assert doer.done == []


def test_an_action_that_has_not_expired_is_never_forgotten():
    doer = Doer()
    for number in range(ACTIONS_MAX):
        doer.answer(message(number))
    ((_, status, reason),) = doer.answer(message(1_000))
    assert (status, bool(reason)) == ("refused", True)
    assert doer.answer(message(0)) == [(0, "done", "")]
    assert len(doer.done) == ACTIONS_MAX
    doer.now_ms += KEPT_MS + 1
    assert doer.answer(message(1_001, doer.now_ms + 1)) == [(1_001, "done", "")]


def test_the_reply_waits_until_the_id_is_durable_and_a_repetition_waits_with_it():
    async def main():
        kept = []

        def keep(name, data):
            kept.append((name, data, asyncio.get_running_loop().create_future()))
            return kept[-1][2]

        doer = Doer(keep=keep)
        replies = []
        doer.commands.answer(message(), replies.append)
        doer.commands.answer(message(), replies.append)
        await asyncio.sleep(0)
        assert replies == []
        ((name, data, committed),) = kept
        assert (name, len(cbor2.loads(data))) == ("commands", 1)
        committed.set_result(None)
        await asyncio.sleep(0)
        assert len(replies) == 1
        doer.commands.answer(message(), replies.append)
        assert replies[0] == replies[1]
        assert len(doer.done) == 1

    asyncio.run(main())
