"""Updates of boards on Wi-Fi: messages out, what the board says in, whatever of it is lost."""

import random

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Source
from gateway.local_messages import MessageError, read_at
from gateway.update_course import CONFIRMED, ENDS, READY, ROLLED_BACK, Course, Order
from gateway.update_desk import Desk
from gateway.update_wifi import ANSWER_MS, UpdateTalk
from tests.gateway.fake_update import UpdateSide, package
from wire import local

SERIAL = "00112233445566aa"
AT = {0: 1, 10: 3, 15: 4_608, 18: 0x0304, 19: 3, 20: 12, 21: 0x102, 22: [0, 1, 0]}


def at_of(side: UpdateSide, code: int = 0) -> bytes:
    _ = side.away
    word = side.reason << 8 | side.state
    version = list(side.version)
    message = {0: 1, 10: side.boot, 15: len(side.spare), 18: word, 19: code, 20: side.counter}
    return cbor2.dumps(message | {21: side.slot | 0x100 * side.trial, 22: version}, canonical=True)


class WifiRig:
    """A desk, its talk, and a board that hears it; both ways lose `lost_permil` of the messages."""

    def __init__(self, data: bytes, seed: int, lost_permil: int) -> None:
        self.now_s = 1_000.0
        self.side = UpdateSide(lambda: self.now_s)
        self.side.length = len(data)
        self.desk = Desk(Source("slope", "local", 0, board_type="esp32-wifi", serial=SERIAL))
        self.desk.course = self.course = Course(Order("slope", data, (0, 2, 8), 8, (1, 1)))
        self.talk = UpdateTalk(self.desk, SERIAL)
        self.chance = random.Random(seed)
        self.lost_permil = lost_permil
        self.told: bytes | None = None
        self.hear()

    def run(self, limit_s: float) -> str:
        end_s = self.now_s + limit_s
        while self.course.progress.state not in ENDS and self.now_s < end_s:
            if self.course.progress.state == READY:
                self.course.install()
            self.course.saved = self.course.progress
            message = self.talk.next(self.now_ms, self.now_ms)
            if message is not None and not self.lost() and not self.side.away:
                self.answer(message)
            state = at_of(self.side)
            if state != self.told and not self.side.away:
                self.told = state  # What has changed is told; the broker keeps it.
                self.hear()
            self.now_s += 0.2
        return self.course.progress.state

    @property
    def now_ms(self) -> int:
        return round(self.now_s * 1_000)

    def lost(self) -> bool:
        return self.chance.randrange(1_000) < self.lost_permil

    def answer(self, payload: bytes) -> None:
        message = cbor2.loads(payload)
        if local.K_UPDATE_ORDER in message:
            code = self.side.order(message[local.K_UPDATE_ORDER])
        else:
            code = self.side.chunk(message[local.K_UPDATE_OFFSET], message[local.K_UPDATE_BYTES])
        if not self.lost():
            self.talk.heard(read_at(at_of(self.side, code)), self.now_ms)

    def hear(self) -> None:
        self.talk.heard(read_at(at_of(self.side)), self.now_ms)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from([0, 50, 300]), st.booleans(), st.integers(700, 9_000))
def test_a_package_comes_whole_over_a_broker_that_loses_messages(seed, lost_permil, broken, size):
    data = package(size=size, broken=broken)
    rig = WifiRig(data, seed, lost_permil)
    assert rig.run(7_200) == (ROLLED_BACK if broken else CONFIRMED)
    assert rig.side.installed == [data]


def test_nothing_is_sent_twice_while_an_answer_may_still_come():
    rig = WifiRig(package(), 1, 0)
    assert rig.talk.next(0, 0) is not None
    assert rig.talk.next(1, ANSWER_MS - 1) is None
    assert rig.talk.next(1, ANSWER_MS) is not None


def test_what_a_board_says_of_an_update_is_read_as_it_was_meant():
    at = read_at(cbor2.dumps(AT, canonical=True))
    assert at == (3, 4_608, 0x0304, 3, 12, 0x102, (0, 1, 0))


@pytest.mark.parametrize("key", [10, 15, 18, 19, 20, 21, 22])
@pytest.mark.parametrize("value", [None, -1, 1 << 40, "a", True, [0, 1], [0, 1, 256], [0, 1, True]])
def test_what_no_board_can_say_is_refused(key, value):
    for message in (AT | {key: value}, {k: v for k, v in AT.items() if k != key}):
        with pytest.raises(MessageError):
            read_at(cbor2.dumps(message, canonical=True))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_at_or_refused(data):
    try:
        read_at(data)
    except MessageError:
        return
