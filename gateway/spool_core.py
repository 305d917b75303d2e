"""The spool's inside: index, memory and disk, kept to one another whatever the disk does.

Rules of this file: it runs in the loop and never waits for the disk. The index says what the last commit said; what the
disk does not take is in memory under keys of its own (our rows) or under the board's keys, and is committed under the
same keys when the disk is back.
"""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gateway import spool_schema as schema
from gateway import spool_tables as tables
from gateway.clock import Clock
from gateway.commit import Committer, StoreError
from gateway.config import Station
from gateway.ranges import Ranges
from gateway.salvage import Known, Piece, Salvage
from gateway.spool_disk import Connect, Disk, code_of
from gateway.spool_guard import Guard
from gateway.spool_index import Index, Log, snapshot
from gateway.spool_overtaken import leave
from gateway.spool_reader import Reading, Stored
from gateway.spool_restore import GENERATION, Loaded, Missing, look, memory_rows, restore, write_rows
from gateway.spool_schema import EVENTS_NAME, Changes, Key, LogInfo
from gateway.spool_tables import Stamp
from gateway.volatile import Volatile, volatile_event
from wire.telemetry import E_RANGE, SOURCE_BOARD, SOURCE_EVENTS, SOURCE_SENSOR

log = logging.getLogger("gateway.spool")

CENTER_WAIT_S = 30
DOUBT_S = 60.0  # A file that cannot be read is opened anew and checked no more often.
FLUSH_AGAIN_S = 30.0  # What waits in memory is offered again to a disk that had no room for it.


class Core:
    """What gateway.spool.Spool is made of."""

    def __init__(
        self,
        config: Station,
        clock: Clock,
        committer: Callable[..., Committer[Changes]] = Committer,
        connect: Connect = schema.connect,
    ) -> None:
        self.path = Path(config.spool.path)
        self.gateway = bytes.fromhex(config.gateway_serial)
        self.catalogues: dict[int, bytes] = {}  # What is kept, by version.
        self.catalogue_version = 0  # Set by the catalogue: rows are stamped with it.
        self.counters: Counter[str] = Counter()
        self.on_commit: list[Callable[[Changes], None]] = []  # Called in the loop when something was stored.
        self.on_rows: Callable[[str, int, list[bytes]], None] = _nobody  # Told rows of a board: source, epoch, packed.
        self.on_conflict: list[Callable[[bytes, int, int], None]] = []  # Same key, other content: serial, epoch, seq.
        self.memory = Volatile()
        self._clock = clock
        self._opened_ms = clock.mono_ms()
        self._statements = bool(config.center.host) and config.center.ack == "center"
        self._columns = {
            source.name: tuple(c.quantity for c in sorted(source.channels, key=lambda c: c.column))
            for source in config.sources
        }
        self._events = LogInfo(self.gateway, 0, 0, EVENTS_NAME, SOURCE_EVENTS, ())
        self._sensors = {source.name: self._sensor(source.name) for source in config.sources if source.profile}
        self._own = {self.gateway, *(info.source for info in self._sensors.values())}
        self._index = Index([], 0)
        self._states: dict[str, bytes] = {}
        self._states_told: dict[str, int] = {}  # Of the states found at the opening: the last event before each.
        self._copies: dict[int, str] = {}
        self._boot = 0
        self._opened = False
        self._looked = False  # The disk has been read once.
        self._at_start: dict[Key, int] = {}  # The highest seq of each log when the disk was opened first.
        self._doubt_again_s = 0.0
        self.disk = Disk(self.path, config.spool.cap_mib, connect)
        self._committer = committer(self.disk.open, self._changes, self._adopt, config.spool.commit_window_ms / 1000)
        self._committer.relieve, self._committer.tend = self.disk.relieve, self.disk.tend
        self._guard = Guard(self._committer, self._restore, self._on_down, self._on_up)
        self._reading = Reading(self.disk)
        self._salvage = Salvage(self.disk, self._take_salvaged)

    @property
    def failed(self) -> str:
        """Why the disk takes nothing now; "" = it does."""
        return self._guard.down

    async def open(self) -> None:
        """Open or make the file; a damaged one is set aside, never deleted.

        Where no file can be had, `failed` says why, everything goes on in memory, and it is tried again until it works:
        a dead disk must not keep the station from watching. What can be read of it counts all the same: alarms go on
        as they were kept, and what it holds is sent.
        """
        self._committer.start()
        await self._guard.begin()
        if self.failed:
            loaded, _ = await self._reading.run(partial(look, self.path), {})
            if loaded is not None:
                self._take_loaded(loaded)

    async def close(self) -> None:
        """Commit what is queued and close. Calls after it fail with StoreError."""
        await self._salvage.stop()
        await self._guard.close()
        await self._reading.close()

    # The disk fails, and comes back

    def _on_down(self, reason: str) -> None:
        log.error("the store takes nothing, going on in memory: %s", reason)
        self._event_in_memory(tables.event("store failed", self._clock.unix_ms(), reason))

    def _restore(self) -> Callable[[sqlite3.Connection, Changes], Loaded]:
        now_ms = self._clock.unix_ms()
        missing = Missing(
            self.gateway,
            [self._events, *self._sensors.values()],
            [(known.info, known.acked.copy(), known.gone.copy()) for known in self._index.in_order()],
            self._index.generation,
            dict(self.catalogues),
            dict(self._copies),
            dict(self._states),
            memory_rows(self.memory.rows),
            self._boot,
            now_ms,
            tables.event("store back", now_ms, "it takes rows again") if self._guard.told else None,
        )

        def job(db: sqlite3.Connection, changes: Changes) -> Loaded:
            self.disk.trust()
            return restore(db, changes, missing, list(self.disk.news))

        return job

    def _on_up(self, loaded: Loaded, told: bool) -> None:
        """The disk has what it was missing; `loaded` is what it says now."""
        if told:
            log.warning("the store is back")
        self.disk.news.clear()
        here = {found.key for found in loaded.logs if found.held}
        known: Known = {
            found.key: (found.info, found.held) for found in self._index.in_order() if found.key not in here
        }
        self._take_loaded(loaded)
        self._boot = loaded.boot
        if not self._opened:
            self._opened = True
            if self.disk.cap_is_cut:
                cut_mib = self.disk.cap_pages * schema.PAGE_BYTES // 2**20
                log.warning("spool.cap is more than the disk of %s holds: %d MiB are used", self.path, cut_mib)
        self._forget_stored()
        self._flush_memory()
        changes = self._changes()
        changes.logs = [found.info for found in self.all_logs()]
        self._tell_commit(changes)
        self._salvage.start(known)

    def _take_loaded(self, loaded: Loaded) -> None:
        """The index is what the disk says, beside what only memory knows."""
        self._index.merge(loaded.logs, loaded.generation)
        self._states = loaded.states | self._states
        self.catalogues = loaded.catalogues | self.catalogues
        if not self._looked:
            self._looked = True
            self.counters["state_damaged"] = loaded.states_damaged
            self._states_told = loaded.states_told
            self._at_start = {found.key: max(found.held.last, found.acked.last) for found in loaded.logs}

    def _flush_memory(self) -> None:
        """Write what waits in memory, piece by piece."""
        rows = memory_rows(self.memory.rows)
        if not rows or self.failed or self._guard.closed:
            return
        infos = [found.info for found in self.all_logs() if found.key in self.memory.rows]
        now_ms = self._clock.unix_ms()

        def job(db: sqlite3.Connection, changes: Changes) -> None:
            for info in infos:
                if not tables.is_log(db, (info.source, info.epoch)):
                    tables.begin_log(db, changes, info, self.gateway, now_ms, tell=False)
            write_rows(db, changes, rows)

        before = len(self.memory)
        done = self._guard.write(job, lambda: None)
        done.add_done_callback(lambda _: self._flush_on(before))

    def _flush_on(self, before: int) -> None:
        if len(self.memory) < before:
            self._flush_memory()
        elif not self._guard.closed:  # There was no room for any of them.
            asyncio.get_running_loop().call_later(FLUSH_AGAIN_S, self._flush_memory)

    def _forget_stored(self) -> None:
        """Memory lets go of what the disk or the center has by now."""
        for key in list(self.memory.rows):
            known = self._index.logs[key]
            self.memory.drop(key, known.held)
            self.memory.drop(key, known.acked)
            known.memory = Ranges((seq, seq) for seq in self.memory.rows.get(key, {}))

    # Memory

    def _begin_in_memory(self, info: LogInfo) -> None:
        stated = self._index.begin(info).acked
        changes = self._changes()
        changes.logs.append(info)
        self._tell_commit(changes)
        if stated:
            self._keep_acked({(info.source, info.epoch)})

    def _keep(self, info: LogInfo, rows: list[Stored]) -> None:
        """Take rows into memory. FullError where a board's have no room."""
        key = (info.source, info.epoch)
        dropped = self.memory.put(info, rows)
        if key not in self._index.logs:
            self._begin_in_memory(info)
        known = self._index.logs[key]
        for row in rows:
            known.memory.add(row[0], row[0])
        for lost_key, lost in dropped:
            self._lose_from_memory(lost_key, lost)
        changes = self._changes()
        for row in rows:
            if info.kind == SOURCE_EVENTS:
                changes.events += 1
            else:
                changes.count_row(row[2])
        self._tell_commit(changes)

    def _lose_from_memory(self, key: Key, lost: Ranges) -> None:
        known = self._index.logs[key]
        known.memory = known.memory.minus(lost)
        known.gone.update(lost)
        for first, last in lost:
            told = tables.event("rows dropped", self._clock.unix_ms(), "memory was full, the disk took nothing", key)
            told[E_RANGE] = [first, last]
            self._event_in_memory(told)

    def _event_in_memory(self, event: dict) -> int:
        info = self.memory.log_of(self._events)
        seq = self.memory.next_seq(info)
        self._keep(info, [volatile_event(event, seq, info.epoch, self.catalogue_version)])
        return seq

    def _is_new(self, key: Key, row: Stored) -> bool:
        known = self._index.logs.get(key)
        return known is None or not (row[0] in known.held or row[0] in known.acked)

    # What a commit, the center and the card change

    def _changes(self) -> Changes:
        return Changes(self._index.reach, may_drop=not self.disk.full)

    def _adopt(self, changes: Changes) -> None:
        self._keep_acked(self._index.adopt(changes))
        self.counters.update(
            rows=changes.rows, events=changes.events, duplicates=changes.duplicates, conflicts=len(changes.conflicts)
        )
        if self.memory.rows:
            self._forget_stored()
        for conflict in changes.conflicts:
            for tell in self.on_conflict:
                tell(*conflict)
        self._tell_commit(changes)

    def _tell_commit(self, changes: Changes) -> None:
        for tell in self.on_commit:
            tell(changes)

    def _keep_acked(self, keys: set[Key]) -> None:
        if not keys:
            return
        if self.memory.rows:
            self._forget_stored()
        acked = snapshot(self._index.logs, keys)
        generation = self._index.generation

        def job(db: sqlite3.Connection, changes: Changes) -> None:
            for (what, key), ranges in acked.items():
                changes.replace(db, what, key, ranges)
            if generation and schema.meta(db, GENERATION) != generation:
                tables.set_meta(db, GENERATION, generation)

        self._guard.write(job, lambda: None)

    def _tell_lost(self, key: Key, *, own: bool = False) -> None:
        lost = self._index.lost(key, own)
        if lost:
            self._mark_gone(key, lost, "no log holds them any more")

    def _mark_gone(self, key: Key, ranges: Ranges, why: str) -> asyncio.Future[None]:
        now_ms = self._clock.unix_ms()

        def rescue() -> None:
            known = self._index.logs.get(key)
            lost = ranges.minus(known.here(), known.acked, known.gone) if known is not None else ranges
            if known is not None:
                known.gone.update(lost)
            for first, last in lost:
                told = tables.event("rows dropped", now_ms, f"epoch {key[1]:08x}: {why}", key)
                told[E_RANGE] = [first, last]
                self._event_in_memory(told)

        return self._guard.write(
            lambda db, changes: tables.mark_gone(db, changes, key, ranges, why, self.gateway, now_ms),
            rescue,
            urgent=True,
        )

    def _doubt(self, error: sqlite3.Error) -> None:
        """The disk did not give what was read: it is opened anew and checked, but not over and over."""
        now_s = asyncio.get_running_loop().time()
        if code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or now_s < self._doubt_again_s:
            self.counters["read_errors"] += 1
            return
        self._doubt_again_s = now_s + DOUBT_S
        self.disk.suspect = True
        self._guard.fail(f"not readable: {error}")

    def _quarantine(self, changed: set[tuple[Key, int]]) -> None:
        """Rows that the card has changed: they are not here any more; whoever else has them is asked."""
        fresh = {(key, seq) for key, seq in changed if key in self._index.logs and seq in self._index.logs[key].held}
        if not fresh:
            return
        self.counters["bad_rows"] += len(fresh)
        log.error("%d rows were changed by the card, first %s", len(fresh), min(fresh)[1])
        for key, seq in fresh:
            self._index.logs[key].held.remove(seq, seq)
            self._index.miss(key, Ranges([(seq, seq)]))
        now_ms = self._clock.unix_ms()
        self._guard.write(lambda db, changes: tables.quarantine(db, changes, fresh, now_ms), lambda: None)
        for key in {key for key, _ in fresh}:
            self._tell_lost(key, own=self._index.logs[key].info.kind != SOURCE_BOARD)

    async def _take_salvaged(self, piece: Piece) -> None:
        """Store what was found in a damaged file. StoreError while the disk takes nothing."""
        if self.failed:
            raise StoreError(self.failed)
        now_ms = self._clock.unix_ms()
        self._states = {name: data for name, data in piece.states.items() if name not in self._states} | self._states
        self.catalogues = piece.catalogues | self.catalogues

        def job(db: sqlite3.Connection, changes: Changes) -> None:
            for info in piece.logs:
                if not tables.is_log(db, (info.source, info.epoch)):
                    closed = info._replace(closed=info.closed or info.kind != SOURCE_BOARD)
                    tables.begin_log(db, changes, closed, self.gateway, now_ms, tell=False)
            for version, content in piece.catalogues.items():
                tables.add_catalogue(db, version, content)
            write_rows(db, changes, piece.rows)

        def rescue() -> None:
            raise StoreError("the disk failed again")

        rows = self.counters["rows"] + self.counters["events"]
        await self._guard.write(job, rescue)
        self.counters["salvaged"] += self.counters["rows"] + self.counters["events"] - rows
        for key, ranges in piece.held.items():
            known = self._index.logs.get(key)
            if known is not None and known.info.kind != SOURCE_BOARD:
                self._index.miss(key, ranges.minus(known.here(), known.gone))
                self._tell_lost(key, own=True)

    def _leave_overtaken(self) -> None:
        """Where the center has more of a log of ours than we ever wrote, this card is an old one, or a copy."""
        ahead = [
            (known.key, known.acked.last, self._at_start.get(known.key, 0))
            for known in self.all_logs()
            if known.info.kind != SOURCE_BOARD and not known.info.closed and known.acked.last > known.here().last
        ]
        if ahead:
            own, stamp = [self._events, *self._sensors.values()], self._stamp()
            job = partial(leave, ahead=ahead, own=own, gateway=self.gateway, stamp=stamp)
            self._guard.write(job, lambda: None, urgent=True)  # A disk that fails now is asked at the next statement.

    # Small things

    def all_logs(self) -> list[Log]:
        """Every log in the order in which they began."""
        return self._index.in_order()

    def _awaits_center(self) -> bool:
        waited_ms = self._clock.mono_ms() - self._opened_ms
        return self._statements and not self._index.generation and waited_ms < CENTER_WAIT_S * 1000 * self._clock.rate()

    def _stamp(self) -> Stamp:
        return Stamp(self.catalogue_version, self._boot, self._clock.unix_ms())

    def _sensor(self, name: str) -> LogInfo:
        """A bought sensor's log as it is wanted; its epoch is drawn when it begins."""
        serial = schema.sensor_serial(self.gateway, name)
        return LogInfo(serial, 0, 0, name, SOURCE_SENSOR, self._columns.get(name, ()))


def _nobody(source_name: str, epoch: int, packed_rows: list[bytes]) -> None:
    """Nobody wants to hear of rows."""
