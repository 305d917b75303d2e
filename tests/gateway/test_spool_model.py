"""The spool against plain sets of numbers: any order of appends, acknowledgements, faults, evictions and restarts."""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import spool_core, spool_disk, spool_guard, spool_room
from gateway.spool import Spool, StoreError
from gateway.spool_schema import EVENT_ROW, sensor_serial
from tests.gateway.chain import until
from tests.gateway.faulty import CODES, FaultyDisk
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from tests.gateway.test_spool import EVENT
from tests.gateway.test_spool_faults import MADE
from wire.telemetry import E_EPOCH, E_KIND, E_RANGE, E_SOURCE, EVENT_CODES, SOURCE_EVENTS

RADAR = sensor_serial(GATEWAY, "radar")
KEY = (BOARD, EPOCH)
PAGES = 96
CHUNK = 150

OPERATIONS = st.one_of(
    st.tuples(st.just("drain"), st.integers(1, 3)),
    st.tuples(st.just("again"), st.integers(1, CHUNK)),  # A piece of the board's log that is here already, perhaps.
    st.tuples(st.just("make"), st.integers(1, CHUNK)),
    st.tuples(st.just("tell"), st.integers(1, 5)),
    st.tuples(st.just("acknowledge"), st.integers(0, 100)),
    st.tuples(st.just("restore"), st.integers(0, 100)),  # The center's database put back: another generation.
    st.tuples(st.just("ask"), st.integers(1, 60)),
    st.tuples(st.just("fault"), st.sampled_from(list(CODES)[:4])),
    st.tuples(st.just("repair"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)


class Model:
    """What was accepted by whom, as sets; and the spool that must agree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = FaultyDisk()
        self.head = 0  # Of the board's log, which keeps everything.
        self.accepted: set[tuple] = set()  # Keys of rows that are the spool's to keep, or to tell that it cannot.
        self.contents: dict[tuple, bytes] = {}  # Of every key that was ever given out.
        self.center: set[tuple] = set()  # What the center has stored,
        self.once: set[tuple] = set()  # and ever had: the spool may have made room of that. Boards hold theirs still.
        self.generation = 1
        self.lost_power: set[tuple] = set()  # In memory when the gateway was stopped.

    async def open(self) -> None:
        config = small_station(self.folder, commit_window_ms=1)
        self.spool = Spool(config, HandClock(), connect=self.disk.connect)
        await self.spool.open()
        self.spool.seen("level", *KEY, ("head_mm", "supply_mv"), 1 if self.head else 0, self.head)

    async def here(self) -> dict[tuple, tuple]:
        found = {}
        for log in self.spool.all_logs():
            rows = await self.spool.read(lambda reader, log=log: reader.rows(log.key, 1, 1 << 31, 1 << 20))
            found |= {(*log.key, row[0]): row for row in rows}
        return found

    # The operations

    async def drain(self, pieces: int) -> None:
        for _ in range(pieces):
            self.head += CHUNK
            self.spool.seen("level", *KEY, ("head_mm", "supply_mv"), 1, self.head)
            wanted = self.spool.wanted(*KEY, 1, self.head)
            if wanted is not None:
                await self._append(wanted[0], min(wanted[1], wanted[0] + CHUNK - 1))

    async def again(self, count: int) -> None:
        if self.head:
            await self._append(1, min(count, self.head))

    async def make(self, count: int) -> None:
        await self.spool.append_made("radar", [MADE] * count)

    async def tell(self, count: int) -> None:
        for _ in range(count):
            await self.spool.append_event(EVENT)

    async def acknowledge(self, percent: int) -> None:
        """The center stores a part of what is unsent, the oldest, and says so."""
        for events in (True, False):
            for log, unsent in self.spool.unsent(events):
                numbers = [n for first, last in unsent for n in range(first, last + 1)]
                self.center |= {(*log.key, n) for n in numbers[: len(numbers) * percent // 100]}
        self.state()

    async def restore(self, percent: int) -> None:
        self.center = set(sorted(self.center)[: len(self.center) * percent // 100])
        self.generation += 1
        self.state()

    def state(self) -> None:
        self.once |= self.center
        logs: dict[tuple, list[int]] = {}
        for source, epoch, seq in sorted(self.center):
            logs.setdefault((source, epoch), []).extend([seq, seq])
        self.spool.acknowledge(self.generation, [(*key, 0, flat) for key, flat in logs.items()] or [(BOARD, 9, 0, [])])

    async def ask(self, count: int) -> None:
        lacking = [n for n in range(1, self.head + 1) if (*KEY, n) not in self.center][:count]
        if lacking:
            self.spool.ask_again([(*KEY, [n for number in lacking for n in (number, number)])])

    async def fault(self, message: str) -> None:
        self.disk.error = message

    async def repair(self, _: int) -> None:
        self.disk.error = ""
        await until(lambda: not self.spool.failed)

    async def restart(self, _: int) -> None:
        self.lost_power |= {(*key, seq) for key, rows in self.spool.memory.rows.items() for seq in rows}
        await self.spool.close()
        self.disk.error = ""
        await self.open()
        self.state()  # The center repeats it on a birth.

    async def _append(self, first: int, last: int) -> None:
        try:
            rows = [packed_row(n, t_s=1_591_000_000 + n) for n in range(first, last + 1)]
            await self.spool.append_rows(*KEY, "level", rows)
        except StoreError:
            return  # The board holds them.

    # What must be true

    async def check(self) -> None:
        unsent_before = self.unsent()  # What is under way meanwhile is in the one after.
        here = await self.here()
        for key, row in here.items():
            assert self.contents.setdefault(key, row[5]) == row[5], "a seq was given twice"
        self.accepted |= here.keys()
        stored = self.committed() | self.center
        for n in range(1, self.spool.watermark(*KEY) + 1):
            assert (*KEY, n) in stored, "told to be stored, and is not"
        for n in range(1, self.spool.center_has(*KEY) + 1):
            assert (*KEY, n) in self.center
        # What was read is on the disk; the loop hears of its commit a moment later.
        await until(lambda: here.keys() - self.center <= self.unsent())  # What the center lacks is unsent.
        assert unsent_before <= here.keys(), "what is unsent is here"
        told = self.told(here)
        missing = self.accepted - here.keys() - self.center - self.lost_power - told
        assert {key for key in missing - self.once if key[0] != BOARD} == set(), "nothing of our own is lost untold"
        wanted = self.spool.wanted(*KEY, 1, self.head) if self.head else None
        board = {key[2] for key in missing if key[0] == BOARD}
        assert not board or (wanted is not None and wanted[0] <= min(board)), "the board is asked for it again"

    def unsent(self) -> set[tuple]:
        found = set()
        for events in (True, False):
            for log, ranges in self.spool.unsent(events):
                found |= {(*log.key, n) for first, last in ranges for n in range(first, last + 1)}
        return found

    def committed(self) -> set[tuple]:
        with closing(sqlite3.connect(self.folder / "spool.db")) as db:
            return set(db.execute("SELECT source, epoch, seq FROM rows"))

    def told(self, here: dict[tuple, tuple]) -> set[tuple]:
        events = [cbor2.loads(row[5]) for row in here.values() if row[1] == EVENT_ROW]
        dropped = [event for event in events if event[E_KIND] == EVENT_CODES["rows dropped"]]
        return {
            (event[E_SOURCE], event[E_EPOCH], n)
            for event in dropped
            for n in range(event[E_RANGE][0], event[E_RANGE][1] + 1)
        }


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    monkeypatch.setattr(spool_guard, "RETRY_S", 0.005)
    monkeypatch.setattr(spool_disk, "TEND_S", 0.005)
    monkeypatch.setattr(spool_core, "FLUSH_AGAIN_S", 0.01)
    monkeypatch.setattr(spool_room, "EVICT_ROWS", 100)
    monkeypatch.setattr(spool_disk.Disk, "_pages_allowed", lambda disk: PAGES)


@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OPERATIONS, min_size=8, max_size=25))
def test_in_any_order_of_things_nothing_is_lost_untold_reused_or_claimed_before_it_is_committed(operations):
    async def main(folder: Path) -> None:
        model = Model(folder)
        await model.open()
        for name, argument in operations:
            await getattr(model, name)(argument)
            await model.check()
        await model.repair(0)
        await until(lambda: not model.spool.memory or model.spool.depth() > 1_000)
        await model.check()
        kinds = {log.info.kind for log in model.spool.all_logs()}
        assert SOURCE_EVENTS in kinds
        await model.spool.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


def test_the_model_reaches_what_it_is_about(tmp_path):
    """Rows evicted, dropped and refused, and all of it in one run: else the test above would prove little."""

    async def main() -> None:
        model = Model(tmp_path)
        await model.open()
        await model.drain(12)
        await model.acknowledge(40)
        for _ in range(30):
            await model.make(CHUNK)
        await model.check()
        here = await model.here()
        assert (*KEY, 1) not in here, "acknowledged rows went"
        assert any(key[0] == RADAR for key in model.told(here)), "and then others, told"
        refused = model.head
        await model.drain(1)
        assert (*KEY, refused + 1) not in await model.here(), "a board is refused"
        await model.fault(next(iter(CODES)))
        await model.make(10)
        await model.restart(0)
        assert model.lost_power
        await model.check()
        await model.spool.close()

    asyncio.run(main())
