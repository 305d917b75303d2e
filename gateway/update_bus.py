"""A package over RS-485: chunks by function 21 in the gaps, and the share of them that it gets.

Rules of this file: a chunk is told at what it costs here, answer and flash included, and is never sent where a gap does
not hold it; one that once took longer than any gap is tried again later, for that may have been an accident. Its answer
teaches nothing about how quickly the device answers to a look.
"""

from pymodbus.pdu.file_message import FileRecord, WriteFileRecordRequest, WriteFileRecordResponse
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest

from gateway.bus_link import Link, Work
from gateway.device import Patience
from gateway.line import BusError
from gateway.update_course import CHUNK, DROP, Step
from gateway.update_desk import Desk
from gateway.wire_time import ORDER_EXCHANGE, chunk_chars
from wire.registers import ORDER_DROP, ORDER_INSTALL, UPDATE_CHUNK, UPDATE_FILE, find

UPDATE_ORDER, _ = find("update_order")
EXCESS_FIRST_US = 60_000  # Writing a chunk to flash, until it has been measured.
RELENT_US = 60_000_000  # So long after the last chunk the next is believed to take half of what that one did.
PART = 8  # Of what is done in gaps, an update gets one part in so many while something else waits.


class Share:
    """How a bus divides its gaps between updates and everything else: logs go first, but an update never starves."""

    def __init__(self) -> None:
        self._others_us = 0  # Done for the others since the last chunk, while one waited.

    def is_due(self, chunk: Work) -> bool:
        """Have the others had their PART - 1 parts of it?"""
        return self._others_us >= (PART - 1) * chunk.cost_us

    def done(self, work: Work, waiting: bool) -> None:
        """`work` was done; `waiting`: a chunk could have been in its place."""
        if work.update:
            self._others_us = 0
        elif waiting:
            self._others_us += work.cost_us


class UpdateSender:
    """The steps of `desk` as work on the line of `link`."""

    def __init__(self, link: Link, desk: Desk) -> None:
        self._link = link
        self._desk = desk
        self._patience = Patience()
        self._excess_us = EXCESS_FIRST_US
        self._measured_us = 0  # When that was.

    def work(self, now_us: int) -> Work | None:
        """What the update would do in a gap; None = nothing now."""
        step = self._desk.next(now_us // 1_000, UPDATE_CHUNK)
        if step is None:
            return None
        request_chars, answer_chars = _chars(step)
        cost_us = self._link.wire_us(request_chars, answer_chars) + self._believed_us(now_us)
        return Work(cost_us, lambda: self._do(step), update=True)

    def _believed_us(self, now_us: int) -> int:
        """What a step takes beyond the wire."""
        halved = min((now_us - self._measured_us) // RELENT_US, 32)
        return min(self._excess_us, max(self._excess_us >> halved, EXCESS_FIRST_US))

    async def _do(self, step: Step) -> None:
        """Ask, and tell the desk what came of it. BusError where the board did not answer."""
        try:
            end_us = await self._ask(step)
        except BusError as error:
            now_ms = self._link.now_us() // 1_000
            if error.kind == "exception":
                self._desk.refused(step, error.code, now_ms)
                return
            self._patience.silent()
            self._desk.lost(step, now_ms)
            raise
        self._desk.took(step, end_us // 1_000)

    async def _ask(self, step: Step) -> int:
        """When the answer had come. BusError, also for an answer that is no echo."""
        link = self._link
        address = link.source.address
        if step.kind == CHUNK:
            data = step.data + bytes(len(step.data) % 2)
            record = FileRecord(file_number=UPDATE_FILE, record_number=step.offset // UPDATE_CHUNK, record_data=data)
            request = WriteFileRecordRequest([record], dev_id=address)
        else:
            order = ORDER_DROP if step.kind == DROP else ORDER_INSTALL
            request = WriteMultipleRegistersRequest(address=UPDATE_ORDER, registers=[order], dev_id=address)
        answer, excess_us = await link.ask(request, *_chars(step), self._patience.limit_us)
        self._patience.answered(answer.delay_us)
        believed_us = self._believed_us(answer.end_us)
        self._excess_us = max(excess_us, believed_us - (believed_us - excess_us) // 8)
        self._measured_us = answer.end_us
        echo = answer.pdu
        right = isinstance(echo, WriteFileRecordResponse) or (echo.address, echo.count) == (UPDATE_ORDER, 1)
        if not right or (isinstance(request, WriteFileRecordRequest) and echo.encode() != request.encode()):
            raise BusError(address, "wrong_id", f"it confirms another {step.kind} than ours")
        return answer.end_us


def _chars(step: Step) -> tuple[int, int]:
    """Characters of its request and its answer."""
    if step.kind == CHUNK:
        chars = chunk_chars(len(step.data))
        return chars, chars
    return ORDER_EXCHANGE - 8, 8
