"""A package over the station's broker: one message under way, the next when the board has said where it is.

Rules of this file: no socket. What a board says of itself may come from anybody and is checked whole; what it says
also answers the message before.
"""

from typing import Any

from gateway.board_status import BoardStatus, slot_of
from gateway.local_messages import At
from gateway.update_course import CHUNK, DROP, INSTALL, TRIAL, WAITING, Step
from gateway.update_desk import Desk
from wire import local
from wire.cbor import Encoder
from wire.registers import ORDER_DROP, ORDER_INSTALL

PROBE = "probe"  # A step of this link: what it brings the board is there already.
ANSWER_MS = 10_000  # Real time, as all of the network: later than so a board has not got it.
_BYTES_MAX = local.UPDATE_BYTES_MAX + 64


class UpdateTalk:
    """The steps of `desk` as messages for its board, whose hex serial `serial` is."""

    def __init__(self, desk: Desk, serial: str) -> None:
        self._desk = desk
        self._serial = bytes.fromhex(serial)
        self._asked: Step | None = None
        self._asked_ms = 0  # real

    def heard(self, at: At, now_ms: int) -> None:
        """The board says where it is."""
        slot, trial = slot_of(at.slot)
        status = BoardStatus(
            serial=self._serial, version=at.version, counter=at.counter, slot=slot, trial=trial, boot=at.boot,
            offset=at.offset, state=at.state & 0xFF, reason=at.state >> 8,
        )  # fmt: skip
        asked, self._asked = self._asked, None
        if asked is not None and asked.kind != PROBE:
            self._answer(asked, at, now_ms)
        self._desk.heard(status, now_ms)

    def _answer(self, asked: Step, at: At, now_ms: int) -> None:
        if at.code:
            self._desk.refused(asked, at.code, now_ms)
        elif asked.kind != CHUNK or at.offset == asked.offset + len(asked.data):
            self._desk.took(asked, now_ms)

    def next(self, now_ms: int, real_ms: int) -> bytes | None:
        """The message that is to be sent now; None = none. The same again where no answer comes."""
        if self._asked is not None:
            if real_ms - self._asked_ms < ANSWER_MS:
                return None
            if self._asked.kind == INSTALL:
                self._desk.lost(self._asked, now_ms)
            if self._asked.kind in (INSTALL, PROBE):
                self._asked = None
        step = self._asked or self._find(now_ms)
        if step is None:
            return None
        self._asked, self._asked_ms = step, real_ms
        return _message(step)

    def _find(self, now_ms: int) -> Step | None:
        """What is to be done. Who wants to know how a board stands sends a piece that it has: that is answered."""
        desk = self._desk
        course = desk.course
        if course is not None and course.wants_status(now_ms):
            if course.progress.state not in (WAITING, TRIAL):
                return Step(PROBE, 0, course.order.data[: local.UPDATE_BYTES_MAX])
            if desk.status is not None:
                desk.heard(desk.status, now_ms)  # It begins with a drop, whatever that was.
        return desk.next(now_ms, local.UPDATE_BYTES_MAX)


def _message(step: Step) -> bytes:
    message: dict[int, Any] = {local.K_MAJOR: local.MAJOR}
    if step.kind in (CHUNK, PROBE):
        message |= {local.K_UPDATE_OFFSET: step.offset, local.K_UPDATE_BYTES: step.data}
    else:
        message[local.K_UPDATE_ORDER] = ORDER_DROP if step.kind == DROP else ORDER_INSTALL
    return bytes(Encoder(_BYTES_MAX).encode(message))
