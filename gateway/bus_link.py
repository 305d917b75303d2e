"""What boards and bought sensors have in common for the poller: exchanges with one address, and what they cost.

Rules of this file: every exchange teaches the device's patience and the price of an exchange beyond the bare wire.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from gateway.clock import Clock
from gateway.config import Source
from gateway.device import Patience, Presence, Twins
from gateway.line import WAIT_REAL_S_MIN, Answer, BusError, Line
from gateway.points import NowValue
from gateway.wire_time import READ_REQUEST, exchange_us
from wire.modbus import READ_HOLDING
from wire.reading import MISSING, SUSPECT, worst

EXCESS_FIRST_US = 5_000
TWIN_LISTEN_CHARS = 30
TWIN_CHECK_EVERY_US = 200_000


class Judge(Protocol):
    """What the poller tells: gateway.station.Station."""

    def on_now(self, source: str, words: list[NowValue]) -> None: ...

    def on_lost(self, source: str, why: str, mono_ms: int) -> None: ...

    def on_back(self, source: str, mono_ms: int) -> None: ...

    def on_asleep(self, source: str) -> None: ...

    def on_fault(self, kind: str, source: str, detail: str) -> None: ...

    def identify(self, source: str, serial: bytes) -> None: ...

    def on_uptime(self, source: str, serial: bytes, boot: int, uptime_s: int, mono_ms: int) -> None: ...


class Work(NamedTuple):
    """Something that can wait for a gap: what it takes of it, and how it is done."""

    cost_us: int
    run: Callable[[], Awaitable[None]]
    update: bool = False  # Never done where the gap does not hold it.


class Link:
    """One device at an address of a line."""

    def __init__(self, source: Source, line: Line, clock: Clock, judge: Judge) -> None:
        self.source = source
        self.patience = Patience()
        self.presence = Presence()
        self.twins = Twins()
        self.ready_us = 0  # Not to be asked before.
        self.asked_us = 0
        self.answered_us = 0
        self.twin_check_us = 0
        self.looks = 0  # that have ended, well or not
        self.errors: Counter[str] = Counter()  # by kind, of looks and of all else
        self._line = line
        self._clock = clock
        self._judge = judge
        self._excess_us = EXCESS_FIRST_US

    @property
    def silent_us(self) -> int:
        """What the shortest question costs if nobody answers."""
        wait_us = self._line.chars_us(READ_REQUEST + 13) + self.patience.limit_us
        return max(wait_us, int(WAIT_REAL_S_MIN * 1e6 * self._clock.rate())) + self._excess_us

    def cost_us(self, request_chars: int, answer_chars: int) -> int:
        """What an exchange takes here, as far as it is known."""
        return self.wire_us(request_chars, answer_chars) + self._excess_us

    def wire_us(self, request_chars: int, answer_chars: int) -> int:
        """What it takes on the bare wire."""
        bus = self._line.bus
        return exchange_us(request_chars, answer_chars, bus.baud, bus.char_bits)

    def document(self) -> dict[str, Any]:
        """For the status: is it there, and how often it did not answer as it should."""
        there: dict[str, Any] = {"name": self.source.name, "address": self.source.address, "lost": self.presence.lost}
        return there | {"looks": self.looks, "errors": dict(self.errors)}

    def now_us(self) -> int:
        return self._clock.mono_us()

    async def read(self, function: int, register: int, count: int) -> tuple[list[int], Answer]:
        """`count` registers by function 3 or 4. BusError."""
        kind = ReadHoldingRegistersRequest if function == READ_HOLDING else ReadInputRegistersRequest
        request = kind(address=register, count=count, dev_id=self.source.address)
        answer = await self.exchange(request, READ_REQUEST, 5 + 2 * count)
        return list(answer.pdu.registers), answer

    async def exchange(self, request: ModbusPDU, request_chars: int, answer_chars: int) -> Answer:
        """BusError, its counter counted."""
        answer, excess_us = await self.ask(request, request_chars, answer_chars, self.patience.limit_us)
        self.patience.answered(answer.delay_us)
        self._excess_us += (excess_us - self._excess_us) // 8
        return answer

    async def ask(
        self, request: ModbusPDU, request_chars: int, answer_chars: int, patience_us: int
    ) -> tuple[Answer, int]:
        """The same, teaching nothing: (answer, what it took beyond the bare wire). BusError."""
        begin_us = self._clock.mono_us()
        self.asked_us = begin_us
        answer = await self._line.exchange(request, request_chars, answer_chars, patience_us)
        self.answered_us = answer.end_us
        return answer, max(0, answer.end_us - begin_us - self.wire_us(request_chars, answer_chars))

    def tell_missing(self) -> None:
        """It answers, but no value of it can be used."""
        mono_ms, unix_ms = self._clock.mono_ms(), self._clock.unix_ms()
        columns = range(len(self.source.channels))
        missing = [NowValue(column, None, MISSING, 0, mono_ms, unix_ms) for column in columns]
        self._judge.on_now(self.source.name, missing)

    def flag(self, value: int | None, quality: int) -> int:
        """`quality`, or worse while another device answers here too."""
        return worst(quality, SUSPECT) if self.twins.named and value is not None else quality

    # What each kind of device does.

    def begin(self) -> None:
        """A look begins."""

    async def step(self) -> bool:
        """One exchange, or a few that belong together; True when the look is complete. BusError ends it."""
        raise NotImplementedError

    async def probe(self) -> None:
        """Is it there again? BusError if not."""
        raise NotImplementedError

    def work(self, now_us: int, gap_us: int) -> Work | None:
        """The most urgent thing that can wait for a gap such as this one; None = nothing."""
        return None

    def update_work(self, now_us: int) -> Work | None:
        """The next step of an update; None = nothing."""
        return None

    async def look_for_twin(self) -> None:
        """Ask the shortest question, and listen: a second device's answer comes behind the first. BusError."""
        self.twin_check_us = self._clock.mono_us() + TWIN_CHECK_EVERY_US
        await self.ask_shortly()
        await self._line.listen(self._line.chars_us(TWIN_LISTEN_CHARS))

    @property
    def twin_check_cost_us(self) -> int:
        return self.cost_us(READ_REQUEST, 7) + self._line.chars_us(TWIN_LISTEN_CHARS)

    async def ask_shortly(self) -> None:
        """One exchange with a short answer. BusError."""
        raise NotImplementedError

    def failed_look(self, error: BusError) -> None:
        """A look has failed."""
