"""The gateway's durable log store: what the boards wrote, what the gateway writes itself, and who has it.

Rules of this file: a call that returns has committed, or, while the disk takes nothing, has put its rows into bounded
memory, from where they reach the center all the same; only what is committed counts as stored. The event loop never
waits for the disk (one thread writes, one reads).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

import cbor2

from gateway import spool_tables as tables
from gateway.commit import StoreError
from gateway.ranges import Ranges
from gateway.spool_core import Core
from gateway.spool_index import Log, Statement
from gateway.spool_reader import Reader
from gateway.spool_schema import Changes, Key, LogInfo
from wire.telemetry import SOURCE_BOARD, SOURCE_EVENTS

__all__ = ["Log", "Spool", "StoreError"]

READ_AT_ONCE = 60  # Fewer rows cost less than waiting.

T = TypeVar("T")


class Spool(Core):
    """Opens `config.spool.path`. Counters: rows, events, duplicates, conflicts, state_damaged, bad_rows, salvaged."""

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
        key = (serial, epoch)
        info = LogInfo(serial, epoch, 0, source_name, SOURCE_BOARD, tuple(columns))
        known = self._index.logs.get(key)
        if head:
            self._index.reach[key] = (tail, head)
            if known is not None and not self._awaits_center():
                self._tell_lost(key)
        if known is None or (known.info.name, known.info.columns) != (info.name, info.columns):
            now_ms = self._clock.unix_ms()
            self._guard.write(
                lambda db, changes: tables.begin_log(db, changes, info, self.gateway, now_ms),
                lambda: self._begin_in_memory(info),
                urgent=True,
            )

    async def append_rows(self, serial: bytes, epoch: int, source_name: str, packed_rows: list[bytes]) -> None:
        """Store packed rows of a board's log; returns after COMMIT, or when memory has them while the disk fails.

        StoreError where neither has room; RowError for bytes that are no row.
        """
        stamp = self._stamp()
        key = (serial, epoch)
        rows = [tables.board_row(packed, epoch, stamp) for packed in packed_rows]
        info = LogInfo(serial, epoch, 0, source_name, SOURCE_BOARD, self._columns.get(source_name, ()))

        def job(db: sqlite3.Connection, changes: Changes) -> StoreError | None:
            if not tables.is_log(db, key):
                tables.begin_log(db, changes, info, self.gateway, stamp.now_ms)
            return tables.append_rows(db, changes, key, rows, stamp.now_ms)

        await self._guard.write(job, lambda: self._keep(info, [row for row in rows if self._is_new(key, row)]))
        self.on_rows(source_name, epoch, packed_rows)

    async def append_made(self, source_name: str, rows: list) -> None:
        """Store rows (t_s, ms, time quality, readings) of a bought sensor: they get epoch and seq here. Else as
        `append_rows`.
        """
        stamp = self._stamp()
        wanted = self._sensors.get(source_name) or self._sensor(source_name)

        def job(db: sqlite3.Connection, changes: Changes) -> StoreError | None:
            key = tables.made_log(db, changes, wanted, self.gateway, stamp.now_ms)
            return tables.append_made(db, changes, key, rows, stamp, self.gateway)

        def rescue() -> None:
            info = self.memory.log_of(wanted)
            kept = [tables.made_row(made, self.memory.next_seq(info), info.epoch, stamp) for made in rows]
            self._keep(info, kept)

        await self._guard.write(job, rescue, repeatable=False)

    async def gone(self, serial: bytes, epoch: int, first: int, last: int) -> None:
        """The board holds `first`..`last` no more: the watermark steps over them, an event tells it. StoreError."""
        await self._mark_gone((serial, epoch), Ranges([(first, last)]), "overwritten before they were read")

    # For events and state

    def submit_event(self, event: dict) -> asyncio.Future[int]:
        """Hand over an event (wire.telemetry E_* keys) for commit at once; the future gives its seq, or StoreError.

        What the disk does not take goes on from memory, marked as volatile.
        """
        version = self.catalogue_version
        return self._guard.write(
            lambda db, changes: tables.append_event(db, changes, self.gateway, event, version),
            lambda: self._event_in_memory(event),
            urgent=True,
        )

    async def append_event(self, event: dict) -> int:
        """Commit an event at once and return its seq. StoreError."""
        return await self.submit_event(event)

    async def events_after(self, state: str, limit: int) -> list[dict[int, object]]:
        """The gateway's own events, oldest first, that came after the state which the opening found under that name.

        At most the last `limit`; all of them where no state was found.
        """
        logs = [found for found in self.all_logs() if found.info.kind == SOURCE_EVENTS and not found.info.closed]
        if not logs:
            return []
        first = self._states_told.get(state, 0) + 1
        rows = await self.read(lambda reader: reader.newest(logs[-1].key, first, logs[-1].held.last, limit))
        return [cbor2.loads(row[5]) for row in reversed(rows)]

    def keep_state(self, name: str, data: bytes) -> asyncio.Future[None]:
        """Keep `data` under `name` over restarts; nobody needs to wait for it."""
        self._states[name] = data
        return self._guard.write(lambda db, _: tables.save_state(db, name, data), lambda: None, urgent=True)

    def note_state(self, name: str, data: bytes) -> None:
        """As `keep_state`, but with the next write, whenever that is: a commit of its own costs the card 20 KiB."""
        self._states[name] = data
        self._guard.ride(name, lambda db, _: tables.save_state(db, name, data))

    def load_state(self, name: str) -> bytes | None:
        """What was kept last under `name`; None if nothing was or its CRC does not fit."""
        return self._states.get(name)

    def keep_catalogue(self, version: int, content: bytes, copy: str) -> asyncio.Future[None]:
        """Keep what a catalogue version says, and `copy` of it as an event; done when committed, or StoreError.

        A disk that takes nothing does not hold it up: a version is made of its content, so it can be kept later.
        """
        told = tables.event("catalogue", self._clock.unix_ms(), copy)
        self.catalogues[version] = content
        self._copies[version] = copy

        def job(db: sqlite3.Connection, changes: Changes) -> None:
            tables.add_catalogue(db, version, content)
            tables.append_event(db, changes, self.gateway, told, version)

        return self._guard.write(job, lambda: None, urgent=True)

    def now_s(self) -> int:
        """Unix seconds of the station's clock."""
        return self._clock.unix_ms() // 1000

    # For the uplink

    def logs(self) -> list[tuple[bytes, int, int, int]]:
        """(serial, epoch, tail, head) of every log of which rows can be had, from here or from the board."""
        reaches = [(found.key, *self._index.reach_of(found)) for found in self.all_logs()]
        return [(*key, tail, head) for key, tail, head in reaches if head]

    def unsent(self, events: bool) -> list[tuple[Log, Ranges]]:
        """Logs with what of them the center has not acknowledged: the event logs, or the others."""
        return self._index.unsent(events)

    async def read(self, function: Callable[[Reader], T]) -> T:
        """Run `function` with a Reader of what is here, outside the loop. What the disk does not give is left out."""
        memory = {key: dict(rows) for key, rows in self.memory.rows.items()}
        result, reader = await self._reading.run(function, memory)
        if reader.changed:
            self._quarantine(reader.changed)
        if reader.error is not None:
            self._doubt(reader.error)
        return result

    def acknowledge(self, generation: int, statements: list[Statement]) -> int:
        """The center's statements (serial, epoch, watermark, ranges above it); how many rows here they newly cover.

        ValueError for ranges that are none: nothing of it is then believed.
        """
        before = self.depth()
        self._keep_acked(self._index.acknowledge(generation, statements))
        self._leave_overtaken()
        return max(before - self.depth(), 0)

    def ask_again(self, asked: list[tuple[bytes, int, list[int]]]) -> None:
        """The center lacks these rows (serial, epoch, ranges), whatever was acknowledged. Those held are unsent again,
        those that a board holds are wanted again, those that no log holds are told as dropped. ValueError: no ranges.
        """
        self._keep_acked(self._index.ask_again(asked))
        for key in self._index.asked():
            known = self._index.logs.get(key)
            self._tell_lost(key, own=known.info.kind != SOURCE_BOARD if known else key[0] in self._own)

    def acknowledge_rows(self, key: Key, sent: Ranges) -> int:
        """What a broker's PUBACK covers, where `ack = "broker"` takes it for stored; rows newly covered."""
        known = self._index.logs[key]
        fresh = sent.minus(known.acked)
        known.acked.update(fresh)
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
