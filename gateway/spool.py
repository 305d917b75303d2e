"""The gateway's durable log store: what the boards wrote, what the gateway writes itself, and who has it.

Rules of this file: a call that returns has committed; the event loop never waits for the disk (one thread writes, one
reads); only committed rows are ever given out.
"""

import asyncio
import contextlib
import sqlite3
import struct
from binascii import crc32
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cbor2

from gateway import spool_schema as schema
from gateway import spool_tables as tables
from gateway.clock import Clock
from gateway.commit import Committer, StoreError
from gateway.config import Station
from gateway.ranges import Ranges
from gateway.spool_index import Index, Log, Statement, snapshot
from gateway.spool_reader import Reader
from gateway.spool_schema import ACKED, EVENTS_NAME, GONE, HELD, Changes, Key, LogInfo
from wire.reading import NEVER
from wire.row import RowError, crc_of, measure
from wire.telemetry import SOURCE_BOARD, SOURCE_EVENTS, SOURCE_SENSOR

__all__ = ["Log", "Spool", "StoreError"]

CENTER_WAIT_S = 30
READ_AT_ONCE = 60  # Fewer rows cost less than waiting.
_GENERATION = "center_generation"
_STARTS = "starts"
_HEAD = struct.Struct(">BBIHBI")  # length, kind, seq, boot, time quality, t_s: how a packed row begins (wire.row)

T = TypeVar("T")


class Spool:
    """Opens `config.spool.path`. Counters: rows, events, duplicates, conflicts, state_damaged."""

    def __init__(self, config: Station, clock: Clock, committer: Callable[..., Committer[Changes]] = Committer) -> None:
        self.path = Path(config.spool.path)
        self.gateway = bytes.fromhex(config.gateway_serial)
        self.catalogues: dict[int, bytes] = {}  # What was kept when the spool was opened, by version.
        self.catalogue_version = 0  # Set by the catalogue: rows are stamped with it.
        self.failed = ""  # Why the spool could not be opened.
        self.counters: Counter[str] = Counter()
        self.on_commit: list[Callable[[Changes], None]] = []  # Called in the loop after each commit.
        self.on_conflict: list[Callable[[bytes, int, int], None]] = []  # Same key, other content: serial, epoch, seq.
        self._clock = clock
        self._opened_ms = clock.mono_ms()
        self._statements = bool(config.center.host) and config.center.ack == "center"
        self._cap_mib = config.spool.cap_mib
        self._columns = {
            source.name: tuple(c.quantity for c in sorted(source.channels, key=lambda c: c.column))
            for source in config.sources
        }
        self._sensors = [source.name for source in config.sources if source.profile]
        self._own = {self.gateway, *(schema.sensor_serial(self.gateway, name) for name in self._sensors)}
        self._index = Index([], 0)
        self._states: dict[str, bytes] = {}
        self._boot = 0
        self._committer = committer(self._connect, Changes, self._adopt, config.spool.commit_window_ms / 1000)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="spool-read")
        self._read_db: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open or make the file; a damaged one is set aside, never deleted.

        Where no file can be had, `failed` says why, and every write and read fails with StoreError until the next
        start: a dead disk must not keep the station from watching.
        """
        self._committer.start()
        try:
            damaged = await asyncio.get_running_loop().run_in_executor(self._reader, self._load)
            await self._committer.submit(self._begin, urgent=True)
        except (sqlite3.Error, OSError, StoreError) as error:
            self.failed = f"{self.path}: {error}"
            self._close_reader()
            return
        if damaged:
            detail = f"a damaged spool was set aside as {damaged}"
            await self.append_event(tables.event("store failed", self._clock.unix_ms(), detail))

    async def close(self) -> None:
        """Commit what is queued and close. Calls after it fail with StoreError."""
        await self._committer.stop()
        await asyncio.get_running_loop().run_in_executor(self._reader, self._close_reader)
        self._reader.shutdown(wait=False)

    # For the poller

    def watermark(self, serial: bytes, epoch: int) -> int:
        """The seq up to which nothing of this log is missing here; what was gone before us is not missing."""
        return self._index.watermark((serial, epoch))

    def center_has(self, serial: bytes, epoch: int) -> int:
        """As `watermark`, for what the center has acknowledged as durably stored."""
        return self._index.center_has((serial, epoch))

    def wanted(self, serial: bytes, epoch: int, tail: int, head: int) -> tuple[int, int] | None:
        """The first range of a board's `tail`..`head` to read: neither here nor at the center nor gone; None = nothing.

        A gateway with a new card does not know what the center has already: for CENTER_WAIT_S (real) it waits for the
        center's first statement before it reads a log of more than READ_AT_ONCE rows.
        """
        if head - tail >= READ_AT_ONCE and self._awaits_center():
            return None
        return self._index.wanted((serial, epoch), tail, head)

    def seen(
        self, source_name: str, serial: bytes, epoch: int, columns: Iterable[str], tail: int = 0, head: int = 0
    ) -> None:
        """A board answers as `serial`, `epoch`, with these quantities as its columns, and holds `tail`..`head`.

        Cheap when nothing is new.
        """
        if head:
            self._index.reach[serial, epoch] = (tail, head)
            if (serial, epoch) in self._index.logs and not self._awaits_center():
                self._tell_lost((serial, epoch))
        info = LogInfo(serial, epoch, 0, source_name, SOURCE_BOARD, tuple(columns))
        log = self._index.logs.get((serial, epoch))
        if log is None or (log.info.name, log.info.columns) != (info.name, info.columns):
            now_ms = self._clock.unix_ms()
            self._submit(lambda db, changes: tables.begin_log(db, changes, info, self.gateway, now_ms), urgent=True)

    async def append_rows(self, serial: bytes, epoch: int, source_name: str, packed_rows: list[bytes]) -> None:
        """Store packed rows of a board's log; returns after COMMIT. StoreError; RowError for bytes that are no row."""
        now_ms = self._clock.unix_ms()
        key = (serial, epoch)
        rows = [_head(packed, epoch, self.catalogue_version, now_ms) for packed in packed_rows]
        info = LogInfo(serial, epoch, 0, source_name, SOURCE_BOARD, self._columns.get(source_name, ()))

        def job(db: sqlite3.Connection, changes: Changes) -> StoreError | None:
            if not tables.is_log(db, key):
                tables.begin_log(db, changes, info, self.gateway, now_ms)
            return tables.append_rows(db, changes, key, rows, now_ms)

        await self._committer.submit(job)

    async def append_made(self, source_name: str, rows: list) -> None:
        """Store rows (t_s, ms, time quality, readings) of a bought sensor: they get epoch and seq here. StoreError."""
        now_ms = self._clock.unix_ms()
        wanted = self._sensor(source_name)
        version = self.catalogue_version

        def job(db: sqlite3.Connection, changes: Changes) -> StoreError | None:
            key = tables.made_log(db, changes, wanted, self.gateway, now_ms)
            return tables.append_made(db, changes, key, rows, self._boot, version, now_ms)

        await self._committer.submit(job)

    async def gone(self, serial: bytes, epoch: int, first: int, last: int) -> None:
        """The board holds `first`..`last` no more: the watermark steps over them, an event tells it. StoreError."""
        await self._mark_gone((serial, epoch), Ranges([(first, last)]), "overwritten before they were read")

    # For events and state

    def submit_event(self, event: dict) -> asyncio.Future[int]:
        """Hand over an event (wire.telemetry E_* keys) for commit at once; the future gives its seq, or StoreError."""
        version = self.catalogue_version
        return self._committer.submit(
            lambda db, changes: tables.append_event(db, changes, self.gateway, event, version), urgent=True
        )

    async def append_event(self, event: dict) -> int:
        """Commit an event at once and return its seq. StoreError."""
        return await self.submit_event(event)

    async def newest_events(self, limit: int) -> list[dict[int, object]]:
        """The last events of the gateway's own log, oldest first. StoreError."""
        log = next(log for log in reversed(self.all_logs()) if log.info.kind == SOURCE_EVENTS)
        rows = await self.read(lambda reader: reader.newest(log.key, 1, log.held.last, limit))
        return [cbor2.loads(row[5]) for row in reversed(rows)]

    def keep_state(self, name: str, data: bytes) -> None:
        """Keep `data` under `name` over restarts; handed over, not waited for."""
        self._states[name] = data
        self._submit(lambda db, _: tables.save_state(db, name, data), urgent=True)

    def load_state(self, name: str) -> bytes | None:
        """What was kept last under `name`; None if nothing was or its CRC does not fit."""
        return self._states.get(name)

    def keep_catalogue(self, version: int, content: bytes, copy: str) -> asyncio.Future[None]:
        """Keep what a catalogue version says, and `copy` of it as an event; done when committed, or StoreError."""
        told = tables.event("catalogue", self._clock.unix_ms(), copy)

        def job(db: sqlite3.Connection, changes: Changes) -> None:
            tables.save_catalogue(db, version, content)
            tables.append_event(db, changes, self.gateway, told, version)

        return self._committer.submit(job, urgent=True)

    def now_s(self) -> int:
        """Unix seconds of the station's clock."""
        return self._clock.unix_ms() // 1000

    # For the uplink

    def all_logs(self) -> list[Log]:
        """Every log in the order in which they began."""
        return self._index.in_order()

    def logs(self) -> list[tuple[bytes, int, int, int]]:
        """(serial, epoch, tail, head) of every log of which rows can be had, from here or from the board."""
        reaches = [(log.key, *self._index.reach_of(log)) for log in self.all_logs()]
        return [(*key, tail, head) for key, tail, head in reaches if head]

    def unsent(self, events: bool) -> list[tuple[Log, Ranges]]:
        """Logs with what of them the center has not acknowledged: the event logs, or the others."""
        return self._index.unsent(events)

    async def read(self, function: Callable[[Reader], T]) -> T:
        """Run `function` with a Reader of what is here, outside the loop. StoreError."""

        def guarded() -> T:
            if self._read_db is None:
                raise StoreError("the store is closed")
            reader = Reader(self._read_db, {})
            result = function(reader)
            if reader.error is not None:
                raise StoreError(str(reader.error)) from reader.error
            return result

        return await asyncio.get_running_loop().run_in_executor(self._reader, guarded)

    def acknowledge(self, generation: int, statements: list[Statement]) -> int:
        """The center's statements (serial, epoch, watermark, ranges above it); how many rows here they newly cover.

        ValueError for ranges that are none: nothing of it is then believed.
        """
        before = self.depth()
        self._keep_acked(self._index.acknowledge(generation, statements))
        return max(before - self.depth(), 0)

    def ask_again(self, asked: list[tuple[bytes, int, list[int]]]) -> None:
        """The center lacks these rows (serial, epoch, ranges), whatever was acknowledged. Those held are unsent again,
        those that a board holds are wanted again, those that no log holds are told as dropped. ValueError: no ranges.
        """
        self._keep_acked(self._index.ask_again(asked))
        for key in self._index.asked():
            log = self._index.logs.get(key)
            self._tell_lost(key, own=log.info.kind != SOURCE_BOARD if log else key[0] in self._own)

    def acknowledge_rows(self, key: Key, sent: Ranges) -> int:
        """What a broker's PUBACK covers, where `ack = "broker"` takes it for stored; rows newly covered."""
        log = self._index.logs[key]
        fresh = sent.minus(log.acked)
        log.acked.update(fresh)
        self._keep_acked({key} if fresh else set())
        return fresh.count()

    def depth(self) -> int:
        """Rows and events that the center has not acknowledged."""
        return self._index.depth()

    @property
    def failures(self) -> int:
        """Transactions that the disk refused, and writes for which the queue had no room."""
        return self._committer.failures + self._committer.refused

    @property
    def commits(self) -> int:
        return self._committer.commits

    # Inside

    def _awaits_center(self) -> bool:
        waited_ms = self._clock.mono_ms() - self._opened_ms
        return self._statements and not self._index.generation and waited_ms < CENTER_WAIT_S * 1000 * self._clock.rate()

    def _tell_lost(self, key: Key, *, own: bool = False) -> None:
        lost = self._index.lost(key, own)
        if lost:
            self._mark_gone(key, lost, "no log holds them any more").add_done_callback(_look)

    def _mark_gone(self, key: Key, ranges: Ranges, why: str) -> asyncio.Future[None]:
        now_ms = self._clock.unix_ms()
        return self._committer.submit(
            lambda db, changes: tables.mark_gone(db, changes, key, ranges, why, self.gateway, now_ms), urgent=True
        )

    def _keep_acked(self, keys: set[Key]) -> None:
        if not keys:
            return
        acked = snapshot(self._index.logs, keys)
        generation = self._index.generation

        def job(db: sqlite3.Connection, changes: Changes) -> None:
            changes.ranges.update(acked)
            tables.set_meta(db, _GENERATION, generation)

        self._submit(job)

    def _submit(self, job: Callable[[sqlite3.Connection, Changes], object], *, urgent: bool = False) -> None:
        """Hand over a write that nobody waits for; the committer counts its failure."""
        self._committer.submit(job, urgent=urgent).add_done_callback(_look)

    def _adopt(self, changes: Changes) -> None:
        self._keep_acked(self._index.adopt(changes))
        self.counters.update(
            rows=changes.rows, events=changes.events, duplicates=changes.duplicates, conflicts=len(changes.conflicts)
        )
        for conflict in changes.conflicts:
            for tell in self.on_conflict:
                tell(*conflict)
        for tell in self.on_commit:
            tell(changes)

    def _begin(self, db: sqlite3.Connection, changes: Changes) -> None:
        """The logs that the gateway writes itself: they exist from the start, so that one catalogue names them all."""
        now_ms = self._clock.unix_ms()
        tables.made_log(db, changes, LogInfo(self.gateway, 0, 0, EVENTS_NAME, SOURCE_EVENTS, ()), self.gateway, now_ms)
        for name in self._sensors:
            tables.made_log(db, changes, self._sensor(name), self.gateway, now_ms)
        self._boot = (schema.meta(db, _STARTS) + 1) & 0xFFFF
        tables.set_meta(db, _STARTS, self._boot)

    def _sensor(self, name: str) -> LogInfo:
        """A bought sensor's log as it is wanted; its epoch is drawn when it begins."""
        serial = schema.sensor_serial(self.gateway, name)
        return LogInfo(serial, 0, 0, name, SOURCE_SENSOR, self._columns.get(name, ()))

    def _connect(self) -> sqlite3.Connection:
        if self.failed:
            raise sqlite3.OperationalError(self.failed)
        return schema.connect(self.path, self._cap_mib)

    def _load(self) -> str:
        """Read the index; returns the name under which a damaged file was set aside, or "". sqlite3.Error, OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._load_index()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # Not its content: locked, read-only, no room.
        else:
            return ""
        damaged = self._set_aside()
        self._load_index()
        return damaged

    def _load_index(self) -> None:
        self._connect().close()  # Makes the tables.
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=5.0)
        self._read_db = db
        db.execute("PRAGMA query_only = 1")
        logs = [Log(info) for info in schema.load_logs(db)]
        for log in logs:
            log.held, log.acked, log.gone = (schema.load_ranges(db, what, log.key) for what in (HELD, ACKED, GONE))
        self._index = Index(logs, schema.meta(db, _GENERATION))
        self._states, self.counters["state_damaged"] = schema.load_states(db)
        self.catalogues = schema.load_catalogues(db)

    def _set_aside(self) -> str:
        self._close_reader()
        name = f"{self.path.name}.damaged-{self._clock.unix_ms()}"
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).rename(self.path.with_name(name + suffix))
        return name

    def _close_reader(self) -> None:
        if self._read_db is not None:
            self._read_db.close()
            self._read_db = None


def _look(future: asyncio.Future) -> None:
    """Ask a future of which nobody waits for its error, or asyncio would call it forgotten."""
    if not future.cancelled():
        future.exception()


def _head(packed: bytes, epoch: int, catalogue: int, now_ms: int) -> tuple[int, int, int, int, int, bytes]:
    """(seq, kind, t_s, catalogue, crc, packed) of a packed row whose CRC fits. RowError."""
    if measure(packed) != len(packed) or (crc := crc_of(packed)) != crc32(packed[:-4], epoch):
        raise RowError("CRC of the row does not fit")
    _, kind, seq, _, time_quality, t_s = _HEAD.unpack_from(packed)
    if seq < 1:
        raise RowError("seq out of range")
    return seq, kind, now_ms // 1000 if time_quality == NEVER else t_s, catalogue, crc, bytes(packed)
