"""The spool alone: how fast rows become durable, on this disk and on one whose every flush takes 50 ms more, and what a
day of a station writes to the card.

Rules of this file: the gateway's own spool with its own settings, on the folder's disk; what is slowed is said in the
figure's note. Bytes are what the kernel counts as caused by this process (/proc/self/io, write_bytes): a file system
writes its journal on top.
"""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from gateway import config, spool_schema
from gateway.clock import Clock
from gateway.spool import Spool
from tools.bench.figures import Figure
from tools.bench.machine import Load, fsync_ms, typical
from tools.bench.station import Plan
from wire.reading import SYNCED
from wire.row import Reading, Row, pack
from wire.telemetry import E_AT_MS, E_DETECTED_MS, E_KIND

ABOUT = "rows made durable: how many a second, how soon, also with a slow disk; bytes written to the card in a day"
SLOW_MS = 50
ONE_BY_ONE_LEAST = 200.0  # Rows a second, each with a flush of its own: a card that flushes in 5 ms.
GROUPED_LEAST = 10_000.0  # A week of a station's rows in the spool within seconds.
ROW_P99_MS = 300.0  # The window of 250 ms, and a flush.
EVENT_P99_MS = 50.0
# The slow disk: an event waits for the flush under way, and for its own.
SLOW_ROW_P99_MS = 250.0 + 2 * SLOW_MS + 50.0
SLOW_EVENT_P99_MS = 2 * SLOW_MS + 50.0
DAY_MIB_MOST = 128.0  # Decision 27.
BOARDS = 3
CHANNELS = 2
PIECE_ROWS = 20
UNDERWAY = 512
ARRIVALS_PER_S = 40
RAIN_HOURS = 3
PART = 6  # A sixth of a day is written, and counted so many times.
MINUTES = 1_440 // PART

T = TypeVar("T")


class Slow(sqlite3.Connection):
    """Every COMMIT takes SLOW_MS more, as if the card's flush did."""

    def execute(self, sql: str, *more) -> sqlite3.Cursor:
        if sql == "COMMIT":
            time.sleep(SLOW_MS / 1000)  # In the writer's thread.
        return super().execute(sql, *more)


def measure(plan: Plan) -> list[Figure]:
    folder = plan.folder / "spool"
    folder.mkdir()
    flush_ms = fsync_ms(folder)
    samples: dict[str, list[float]] = {}
    loads = []
    for run in range(plan.repeat):
        load = Load()
        for name, value in _run(folder / str(run), plan.seconds).items():
            samples.setdefault(name, []).append(value)
        loads.append(load.end())
        plan.tell(f"spool run {run + 1}/{plan.repeat}: {samples['one by one'][-1]:.0f} rows/s, {loads[-1].words()}")
    slow = f"each COMMIT slowed by {SLOW_MS} ms"
    disk = f"a flush here {flush_ms:.2f} ms; {typical(loads).words()}"

    def figure(name: str, unit: str, limit: float | None, note: str, *, least: bool = False) -> Figure:
        return Figure(LABELS[name], unit, tuple(samples[name]), limit, least=least, note=note)

    return [
        figure("one by one", "1/s", ONE_BY_ONE_LEAST, disk, least=True),
        figure("grouped", "1/s", GROUPED_LEAST, f"pieces of {PIECE_ROWS} rows, {UNDERWAY} under way", least=True),
        figure("row p50", "ms", None, f"window 250 ms, {ARRIVALS_PER_S} rows/s"),
        figure("row p99", "ms", ROW_P99_MS, ""),
        figure("event p50", "ms", None, "no window: an alarm commits at once"),
        figure("event p99", "ms", EVENT_P99_MS, ""),
        figure("slow row p50", "ms", None, slow),
        figure("slow row p99", "ms", SLOW_ROW_P99_MS, slow),
        figure("slow event p50", "ms", None, slow),
        figure("slow event p99", "ms", SLOW_EVENT_P99_MS, slow),
        figure("day", "MiB", DAY_MIB_MOST, f"{BOARDS + 1} sources, 1-minute rows, {RAIN_HOURS} h of rain"),
        figure("day payload", "MiB", None, "the rows themselves"),
    ]


LABELS = {
    "one by one": "durable rows, one by one",
    "grouped": "durable rows, grouped",
    "row p50": "row: arrival -> durable, p50",
    "row p99": "row: arrival -> durable, p99",
    "event p50": "event: arrival -> durable, p50",
    "event p99": "event: arrival -> durable, p99",
    "slow row p50": "slow disk, row: arrival -> durable, p50",
    "slow row p99": "slow disk, row: arrival -> durable, p99",
    "slow event p50": "slow disk, event: arrival -> durable, p50",
    "slow event p99": "slow disk, event: arrival -> durable, p99",
    "day": "written to the card in a day",
    "day payload": "of it rows",
}


def _run(folder: Path, seconds: float) -> dict[str, float]:
    found = {
        "one by one": _with_spool(folder / "one", lambda spool: _one_by_one(spool, seconds / 4), window_ms=1),
        "grouped": _with_spool(folder / "grouped", lambda spool: _grouped(spool, seconds / 4)),
    }
    for prefix, factory in (("", sqlite3.Connection), ("slow ", Slow)):
        took = _with_spool(folder / f"times {prefix}", lambda spool: _arrivals(spool, seconds / 4), factory=factory)
        for kind, times_ms in zip(("row", "event"), took, strict=True):
            found[f"{prefix}{kind} p50"] = statistics.median(times_ms)
            found[f"{prefix}{kind} p99"] = statistics.quantiles(times_ms, n=100)[98]
    found["day"], found["day payload"] = _with_spool(folder / "day", _day, window_ms=1)
    return found


def _with_spool(
    folder: Path,
    work: Callable[[Spool], Awaitable[T]],
    window_ms: int = 250,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
) -> T:
    folder.mkdir(parents=True)

    async def main() -> T:
        station = config.Station(
            "BENCH", "", "", "UTC", "00" * 8, "test", (), (), config.Siren(),
            config.Spool(str(folder / "spool.db"), 1_024, window_ms), config.Center(),
        )  # fmt: skip
        spool = Spool(station, Clock(), connect=lambda path, pages: spool_schema.connect(path, pages, factory))
        await spool.open()
        try:
            return await work(spool)
        finally:
            await spool.close()

    return asyncio.run(main())


async def _one_by_one(spool: Spool, seconds: float) -> float:
    began_s, seq = time.monotonic(), 0
    while time.monotonic() - began_s < seconds:
        seq += 1
        await spool.append_rows(_serial(0), 1, "board", [_row(seq)])
    return seq / (time.monotonic() - began_s)


async def _grouped(spool: Spool, seconds: float) -> float:
    began_s, seq = time.monotonic(), 0
    underway: set[asyncio.Task[None]] = set()
    while time.monotonic() - began_s < seconds:
        rows = [_row(seq + n) for n in range(1, PIECE_ROWS + 1)]
        seq += PIECE_ROWS
        underway.add(asyncio.create_task(spool.append_rows(_serial(0), 1, "board", rows)))
        if len(underway) >= UNDERWAY:
            _, underway = await asyncio.wait(underway, return_when=asyncio.FIRST_COMPLETED)
    if underway:
        await asyncio.wait(underway)
    return seq / (time.monotonic() - began_s)


async def _arrivals(spool: Spool, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds until rows, and events between them, were durable."""
    rows_ms: list[float] = []
    events_ms: list[float] = []

    async def timed(write: Awaitable[object], into: list[float]) -> None:
        began_s = time.monotonic()
        await write
        into.append((time.monotonic() - began_s) * 1000)

    async with asyncio.TaskGroup() as tasks:
        for n in range(1, int(seconds * ARRIVALS_PER_S) + 1):
            tasks.create_task(timed(spool.append_rows(_serial(n % BOARDS), 1, "board", [_row(n)]), rows_ms))
            if n % 7 == 0:
                tasks.create_task(timed(spool.append_event(_event()), events_ms))
            await asyncio.sleep(1 / ARRIVALS_PER_S)
    return rows_ms, events_ms


async def _day(spool: Spool) -> tuple[float, float]:
    """MiB that a day's commits write, and MiB of rows among them. A part of a day is written, one commit after another
    as a station makes them."""
    before, payload = _written_bytes(), 0
    for minute in range(1, MINUTES + 1):
        for board in range(BOARDS):  # Each board's row is read when its turn comes: a commit of its own.
            row = _row(minute)
            payload += len(row)
            await spool.append_rows(_serial(board), 1, "board", [row])
        await spool.append_made("sensor", [(minute * 60, 0, SYNCED, [Reading(0, minute), Reading(1, minute)])])
        payload += len(_row(minute))
        if minute % 5 == 0:  # The center's acknowledgement of a live batch.
            spool.acknowledge(1, [(_serial(board), 1, minute, []) for board in range(BOARDS)])
        if minute % 60 == 0:
            await spool.append_event(_event())
        spool.note_state("late", bytes(200))
        spool.note_state("modes", bytes(100))
        if minute % 5 == 0:
            spool.note_state("alarms", bytes(3_000))
        if minute <= RAIN_HOURS * 60 // PART:  # What rules remember of rain is noted every 10 s while it rains.
            spool.note_state("alarms", bytes(20_000))
    return PART * (_written_bytes() - before) / 2**20, PART * payload / 2**20


def _serial(board: int) -> bytes:
    return bytes([board + 1]) * 8


def _row(seq: int) -> bytes:
    return pack(Row(seq, 1, SYNCED, 1_600_000_000 + 60 * seq, 0, [Reading(n, seq % 900) for n in range(CHANNELS)]), 1)


def _event() -> dict[int, object]:
    now_ms = time.time_ns() // 1_000_000
    return {E_KIND: 21, E_AT_MS: now_ms, E_DETECTED_MS: now_ms}


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])
