"""The center's commands: understood, refused or ignored, and carried out once however often they come."""

from contextlib import suppress
from pathlib import Path

import cbor2
import pytest
from cddl_verifier import Validator
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.commands import IDS_MAX, LOGS_MAX, RANGES_MAX, Command, CommandError, Commands, read_command
from tests.wire.strategies import structures
from wire import telemetry
from wire.telemetry import K_AGAIN, K_EXPIRES_MS, K_ID, K_MAJOR, K_REASON, K_STATUS, STATUSES

CONTRACT = Validator(Path(telemetry.__file__).parent / "telemetry.cddl")
SERIAL = b"board..1"
NOW_MS = 1_591_000_000_000
AGAIN = [[SERIAL, 7, [1, 5, 9, 9]]]
u32 = st.integers(0, 0xFFFFFFFF)


def command(number: int | None = 5, expires_ms=NOW_MS + 1, again=AGAIN, **more):
    message = {K_MAJOR: 1, K_ID: number, K_EXPIRES_MS: expires_ms, K_AGAIN: again} | more
    return cbor2.dumps({key: value for key, value in message.items() if value is not None}, canonical=True)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def commands(asked):
    return Commands(asked.append, lambda: NOW_MS)


def answers(commands, payload):
    replies = []
    commands.answer(payload, replies.append)
    return replies


def answer(commands, payload):
    (reply,) = answers(commands, payload)
    assert CONTRACT.validate(reply).errors == ()
    message = cbor2.loads(reply)
    return message[K_ID], STATUSES[message[K_STATUS]], message.get(K_REASON)


def test_rows_that_the_center_lacks_are_asked_for_and_the_command_is_accepted(commands, asked):
    assert answer(commands, command()) == (5, "accepted", None)
    assert asked == [[(SERIAL, 7, [1, 5, 9, 9])]]


def test_a_command_that_comes_again_is_answered_again_and_carried_out_once(commands, asked):
    assert answer(commands, command()) == answer(commands, command())
    assert len(asked) == 1
    answer(commands, command(6))
    assert len(asked) == 2


def test_only_so_many_commands_are_remembered(commands, asked):
    for number in range(IDS_MAX + 1):
        answer(commands, command(number))
    answer(commands, command(1))
    assert len(asked) == IDS_MAX + 1
    answer(commands, command(0))
    assert len(asked) == IDS_MAX + 2


def test_a_command_is_not_carried_out_after_its_expiry(commands, asked):
    assert answer(commands, command(expires_ms=NOW_MS - 1)) == (5, "refused", "expired")
    assert answer(commands, command(6, expires_ms=NOW_MS)) == (6, "accepted", None)
    assert len(asked) == 1


REFUSED = {
    "nothing that we can do": {"again": None},
    "no expiry": {"expires_ms": None},
    "an expiry by fraction": {"expires_ms": 1.5},
    "an expiry of true": {"expires_ms": True},
    "an expiry without end": {"expires_ms": 1 << 70},
    "no logs": {"again": []},
    "logs of no array": {"again": 5},
    "too many logs": {"again": [[SERIAL, 7, [1, 1]]] * (LOGS_MAX + 1)},
    "too many ranges": {"again": [[SERIAL, 7, [1, 1] * (RANGES_MAX // 2 + 1)]] * 2},
    "two parts": {"again": [[SERIAL, 7]]},
    "a short serial": {"again": [[b"x", 7, [1, 1]]]},
    "an epoch without end": {"again": [[SERIAL, 1 << 40, [1, 1]]]},
    "no ranges": {"again": [[SERIAL, 7, []]]},
    "half a range": {"again": [[SERIAL, 7, [1]]]},
    "a range from zero": {"again": [[SERIAL, 7, [0, 1]]]},
    "ranges out of order": {"again": [[SERIAL, 7, [5, 6, 1, 2]]]},
    "ranges of text": {"again": [[SERIAL, 7, ["1", "2"]]]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_command_that_breaks_the_contract_is_refused_with_a_reason(commands, asked, name):
    number, status, reason = answer(commands, command(**REFUSED[name]))
    assert (number, status) == (5, "refused")
    assert reason
    assert asked == []


@pytest.mark.parametrize(
    "payload",
    [
        b"", "text", None, b"\xff", command() + b"\0", cbor2.dumps([1]), command(number=None), command(number=-1),
        command(number=True), command() [:-1], cbor2.dumps({K_MAJOR: 2, K_ID: 5}), bytes(70_000),
        cbor2.dumps({K_EXPIRES_MS: NOW_MS, K_MAJOR: 1, K_ID: 5}),
    ],
)  # fmt: skip
def test_what_names_no_command_gets_no_reply(commands, asked, payload):
    with pytest.raises(CommandError):
        answers(commands, payload)
    assert asked == []


serials = st.binary(min_size=8, max_size=8)
numbers = st.lists(st.integers(1, (1 << 32) - 1), min_size=2, max_size=6)
ranges = numbers.map(lambda all_: sorted(all_[: len(all_) & ~1]))
wanted = st.lists(st.tuples(serials, u32, ranges), min_size=1, max_size=4)


@settings(max_examples=30)
@given(u32, st.integers(-(1 << 43), 1 << 43), wanted)
def test_every_command_of_the_contract_is_read_as_it_was_meant(number, expires_ms, again):
    payload = command(number, expires_ms, [list(log) for log in again])
    assert CONTRACT.validate(payload).errors == ()
    assert read_command(payload) == Command(number, expires_ms, again)


@settings(max_examples=60)
@given(structures)
def test_whatever_cbor_gives_is_refused_with_one_error_or_answered(structure):
    commands = Commands(lambda asked: None, lambda: NOW_MS)
    for payload in ({K_MAJOR: 1, K_ID: 5, K_EXPIRES_MS: NOW_MS, K_AGAIN: structure}, structure):
        with suppress(CommandError, cbor2.CBOREncodeError, ValueError, TypeError):
            encoded = cbor2.dumps(payload, canonical=True)
            with suppress(CommandError):
                assert len(answers(commands, encoded)) == 1


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4), st.binary(max_size=3))
def test_no_damaged_command_does_more_than_be_refused(changes, tail):
    bent = bytearray(command())
    for at, byte in changes:
        bent[at % len(bent)] = byte
    with suppress(CommandError):
        read_command(bytes(bent) + tail)
