"""A poller on a scripted line, for tests of what it asks, when, and what it tells about it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gateway.clock import Clock, write_clock_file
from gateway.config import Bus, Channel, Source
from gateway.rs485 import BusPoller
from tests.gateway.fake_bus import FakeBoard, FakeBus, FakeStation, FakeStore

RATE = 25.0
UNIX_MS = 1_717_200_000_000
DEFINITION = "ab" * 32
COLUMNS = ("head_mm", "supply_mv")


def board(name: str, address: int, **more) -> Source:
    channels = tuple(Channel(f"{name}.{column}", name, n, column) for n, column in enumerate(COLUMNS))
    return Source(name, "main", address, board_type="esp32-rs485", channels=channels, definition=DEFINITION, **more)


def radar(address: int) -> Source:
    return Source("radar", "main", address, profile="radar-60ghz", channels=(Channel("gap", "radar", 0, "gap_mm"),))


class Rig:
    """A fake line with fake boards at their sources' addresses, and a poller on it."""

    def __init__(self, fake: FakeBus, clock: Clock, sources: tuple[Source, ...], scan_ms: int) -> None:
        self.kept: Any = SimpleNamespace()  # What a scenario saw.
        self.fake = fake
        self.clock = clock
        self.station = FakeStation()
        self.store = FakeStore(self.station)
        self.boards = {s.name: FakeBoard(s.address, COLUMNS, DEFINITION) for s in sources if s.board_type}
        for fake_board in self.boards.values():
            fake.devices[fake_board.address] = fake_board
        self.poller = BusPoller(Bus("main", fake.port, 9_600, "8N1", scan_ms, sources), clock, self.station, self.store)

    async def looks(self, source: str, count: int) -> None:
        """Wait for so many more now-values of a source."""
        wanted = self.station.looks(source) + count
        await self.station.until(lambda: self.station.looks(source) >= wanted)


def run(
    tmp_path: Path,
    sources: tuple[Source, ...],
    scenario: Callable[[Rig], Awaitable],
    scan_ms: int = 1_000,
    before=None,
    rate=RATE,
):
    write_clock_file(tmp_path / "clock", UNIX_MS, 1_000_000, rate)

    async def main():
        with FakeBus() as fake:
            rig = Rig(fake, Clock(str(tmp_path / "clock")), sources, scan_ms)
            if before:
                before(rig)
            task = asyncio.create_task(rig.poller.run())
            try:
                await scenario(rig)
            finally:
                task.cancel()
                ended = (await asyncio.gather(task, return_exceptions=True))[0]
            assert isinstance(ended, asyncio.CancelledError), ended
            return rig

    return asyncio.run(main())
