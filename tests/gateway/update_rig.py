"""A gateway's updates on a line in virtual time: real poller, real folder, fake boards; nothing is waited for."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from gateway import config
from gateway.clock import Clock
from gateway.line import Answer, BusError
from gateway.rs485 import BusPoller
from gateway.update_shelf import Shelf
from gateway.updates import Updates
from gateway.wire_time import chars_us, exchange_us
from tests.gateway.fake_bus import FakeBoard, FakeStation, FakeStore, sealed
from tests.gateway.fake_update import PUBLIC, UpdateSide
from tests.gateway.poll_rig import COLUMNS, DEFINITION
from tests.gateway.poll_rig import board as source_of
from tests.gateway.small_station import small_station
from tools.soak.simulated.loop import SimClock, VirtualLoop
from wire.telemetry import E_DETAIL, E_KIND, EVENT_KINDS

FLASH_US = 40_000
ANSWER_US = 3_000


class FakeLine:
    """In place of gateway.line.Line: exchanges take the wire's time. `fault(request)` may be "unheard" or "spoiled"."""

    def __init__(self, devices: dict[int, FakeBoard], bus: config.Bus, clock: Clock) -> None:
        self.bus = bus
        self.counters: Counter[str] = Counter()
        self.wire_us = 0
        self.asked: list[tuple[int, int, bytes]] = []  # when, how long it took, request
        self.flash_us = FLASH_US  # What a board takes to write a chunk.
        self.fault: Callable[[bytes], str] = lambda _: ""
        self._devices = devices
        self._clock = clock

    async def open(self) -> None:
        """It always is."""

    def close(self) -> None:
        """Nothing is open."""

    def strays(self) -> list[tuple[int, int]]:
        return []

    def chars_us(self, count: int) -> int:
        return chars_us(count, self.bus.baud, self.bus.char_bits)

    async def exchange(self, request: ModbusPDU, request_chars: int, answer_chars: int, patience_us: int) -> Answer:
        begin_us = self._clock.mono_us()
        frame = sealed(bytes((request.dev_id, request.function_code)) + request.encode())
        assert len(frame) == request_chars
        self.asked.append((begin_us, 0, frame))
        delay_us = ANSWER_US + (self.flash_us if request.function_code == 21 else 0)
        await asyncio.sleep((exchange_us(request_chars, answer_chars, self.bus.baud, 10) + delay_us) / 1e6)
        device, fault = self._devices[request.dev_id], self.fault(frame)
        answer = None if fault == "unheard" or device.updates.away else device(frame)
        if answer is None or fault == "spoiled":
            await asyncio.sleep(patience_us / 1e6)
            kind = "crc" if fault == "spoiled" else "no_answer"
            raise BusError(request.dev_id, kind, "no usable answer")
        assert FramerRTU.check_CRC(answer[:-2], int.from_bytes(answer[-2:], "big"))
        pdu = DecodePDU(False).decode(answer[1:-2])
        assert pdu is not None
        if isinstance(pdu, ExceptionResponse):
            raise BusError(request.dev_id, "exception", f"exception {pdu.exception_code}", pdu.exception_code)
        assert len(answer) == answer_chars
        pdu.dev_id = request.dev_id
        end_us = self._clock.mono_us()
        self.asked[-1] = (begin_us, end_us - begin_us, frame)
        return Answer(pdu, end_us, delay_us)

    async def broadcast(self, request: ModbusPDU, request_chars: int, settle_us: int) -> None:
        await asyncio.sleep((self.chars_us(request_chars) + settle_us) / 1e6)

    async def until_free(self) -> None:
        """One request at a time: it always is."""

    async def listen(self, duration_us: int) -> None:
        await asyncio.sleep(duration_us / 1e6)


class Standing:
    """What updates ask of a station."""

    mode = "actual"

    def __init__(self) -> None:
        self.standing: list[dict[str, object]] = []

    def alarms(self) -> list[dict[str, object]]:
        return self.standing


class UpdateRig:
    """Boards `names` on a bus of `baud`; the gateway can be killed and started again."""

    def __init__(self, folder: Path, loop: VirtualLoop, names: tuple[str, ...], baud: int, scan_ms: int) -> None:
        self.loop = loop
        self.folder = folder / "updates"
        self.folder.mkdir()
        self.chance = random.Random(1)
        sources = tuple(source_of(name, 11 + n) for n, name in enumerate(names))
        self.bus = config.Bus("main", "/dev/null", baud, "8N1", scan_ms, sources)
        self.config = replace(small_station(folder), buses=(self.bus,), update_key=PUBLIC.hex())
        self.boards = {s.name: FakeBoard(s.address, COLUMNS, DEFINITION) for s in sources}
        for board in self.boards.values():
            board.updates = UpdateSide(lambda: loop.now_s)
        self.devices = {board.address: board for board in self.boards.values()}
        self.station = FakeStation()
        self.judge = Standing()
        self.store = FakeStore(self.station)
        self.events: list[tuple[str, str]] = []
        self.kept = 0  # What a scenario saw.
        self.kills = 0
        self._task: asyncio.Task | None = None

    def start(self) -> None:
        """A gateway process begins; nothing of an earlier one is known to it."""
        clock = SimClock(self.loop, 1_000_000, 1_717_200_000_000, 1)
        self.updates = Updates(self.config, clock, self.judge, self._tell)
        self.line = FakeLine(self.devices, self.bus, clock)
        line: Any = lambda *_: self.line  # noqa: E731
        self.poller = BusPoller(self.bus, clock, self.station, self.store, line, self.updates.desks)

        async def run() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.poller.run())
                tasks.create_task(self.updates.run())

        self._task = asyncio.create_task(run())

    async def kill(self) -> None:
        assert self._task is not None
        self._task.cancel()
        ended = (await asyncio.gather(self._task, return_exceptions=True))[0]
        assert isinstance(ended, asyncio.CancelledError), ended
        self._task = None
        self.kills += 1

    def drop(self, name: str, data: bytes) -> None:
        """Order an update, as a person does it."""
        part = self.folder / f"{name}.new"
        part.write_bytes(data)
        part.replace(self.folder / f"{name}.rpu")
        if name in self.boards:
            self.boards[name].updates.length = len(data)

    def note(self, name: str = "level") -> dict[str, Any]:
        return Shelf(self.folder).note(name)

    def state(self, name: str = "level") -> str:
        return self.note(name).get("state", "")

    def told(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def ended(self, name: str = "level") -> bool:
        """Has its note an end, and is the package put away?"""
        return (
            self.state(name) in ("confirmed", "rolled back", "refused") and not (self.folder / f"{name}.rpu").exists()
        )

    async def until(self, condition: Callable[[], object], limit_s: float = 7_200.0) -> None:
        """Return when `condition` holds; AssertionError if it does not in so much of the station's time."""
        end_s = self.loop.now_s + limit_s
        while not condition():
            assert self.loop.now_s < end_s, (self.note(), self.events)
            assert self._task is None or not self._task.done(), self._task
            await asyncio.sleep(0.25)

    def _tell(self, event: dict[int, object]) -> None:
        kind = event[E_KIND]
        assert isinstance(kind, int)
        self.events.append((EVENT_KINDS[kind], str(event.get(E_DETAIL, ""))))


def run(
    folder: Path, scenario: Callable[[UpdateRig], Awaitable[None]], *names: str, baud: int = 9_600, scan_ms: int = 1_000
) -> UpdateRig:
    loop = VirtualLoop()
    rig = UpdateRig(folder, loop, names or ("level",), baud, scan_ms)

    async def main() -> None:
        rig.start()
        try:
            await scenario(rig)
        finally:
            await rig.kill()

    loop.run(main())
    assert loop.errors == []
    return rig
