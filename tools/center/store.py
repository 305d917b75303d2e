"""The center's database on SQLite: idempotent by the key of a row, acknowledged only after COMMIT.

Rules of this file: the first row under a key stays, the newest derivation of it wins; nothing old overwrites "latest";
what cannot be understood is kept aside and counted, never dropped. Used from one thread at a time.
"""

import hashlib
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gateway.ranges import Ranges
from tools.center.decode import (
    BatchMessage,
    CatalogueMessage,
    EventMessage,
    StateMessage,
    StoredRow,
    catalogue_in,
    read,
    rows_in,
)
from tools.center.derived import put_event, put_readings
from tools.center.plant import Plant
from tools.center.schema import EVENT_ROW, SCHEMA, Incoming, Key, Statement
from wire.telemetry import E_AT_MS, E_KIND, E_MODE, EVENT_CODES, TelemetryError

RAW_MAX = 10_000  # Batches that may wait for their catalogue.
QUARANTINE_MAX = 10_000
STATEMENT_RANGES_MAX = 200  # Pairs of one statement; the rest follows when holes close.


class StoreFailure(Exception):
    """The database cannot be opened."""


class Store:
    """Opens or makes `path`, or StoreFailure. `generation` is drawn with the database and names it in every ack."""

    def __init__(self, path: Path, plant: Plant | None = None) -> None:
        self._plant = plant or Plant("")
        try:
            self._db = _open(path)
            (self.generation,) = self._db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
        except sqlite3.Error as error:
            raise StoreFailure(str(error)) from error
        self._catalogues: dict[tuple[str, int], CatalogueMessage] = {}
        self._ranges: dict[Key, Ranges] = {}  # as committed
        self._changed: dict[Key, Ranges] = {}  # in this transaction
        self._touched: dict[str, set[Key]] = {}
        self._counts: Counter[str] = Counter()

    def take(self, messages: Sequence[Incoming]) -> dict[str, set[Key]]:
        """Store all of it in one transaction; after COMMIT, the logs of each station that are to be acknowledged.

        sqlite3.Error: nothing of it is stored, and nothing may be acknowledged.
        """
        self._changed, self._touched, self._counts = {}, {}, Counter()
        learned = set(self._catalogues)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for message in messages:
                self._take(message)
            for name, count in self._counts.items():
                self._db.execute(
                    "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                    (name, count),
                )
            if not self._plant.loses_this(self._counts["readings"], self._changed, self._ranges):
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
                self._changed = {}
                for key in set(self._catalogues) - learned:
                    del self._catalogues[key]
        self._ranges |= self._changed
        return self._touched

    def statements(self, station: str, keys: set[Key]) -> list[Statement]:
        """What is stored of these logs; an empty set of keys asks for all logs of the station."""
        if not keys:
            keys = set(self._db.execute("SELECT DISTINCT source, epoch FROM ranges WHERE station = ?", (station,)))
        found = []
        for source, epoch in sorted(keys):
            ranges = self._stored((source, epoch))
            watermark = ranges.contiguous()
            above = [pair for pair in ranges if pair[0] > watermark][:STATEMENT_RANGES_MAX]
            found.append(Statement(source, epoch, watermark, [number for pair in above for number in pair]))
        return found

    def close(self) -> None:
        self._db.close()

    # Messages

    def _take(self, message: Incoming) -> None:
        try:
            record = read(message.leaf, message.payload)
            if isinstance(record, CatalogueMessage):
                self._take_catalogue(message, record)
            elif isinstance(record, BatchMessage):
                self._take_batch(message, record)
            elif isinstance(record, EventMessage):
                self._take_event(message, record)
            else:
                self._take_state(message, record)
        except TelemetryError as error:
            self._set_aside(message, error.reason, message.payload)

    def _take_catalogue(self, message: Incoming, catalogue: CatalogueMessage) -> None:
        known = self._catalogue(message.station, catalogue.version)
        if known is not None:
            if known.content != catalogue.content:
                self._set_aside(message, "another catalogue under the same version", catalogue.content)
            return
        key = (message.station, catalogue.version)
        self._db.execute("INSERT INTO catalogues VALUES (?, ?, ?, ?)", (*key, catalogue.content, message.received_ms))
        self._catalogues[key] = catalogue
        waiting = self._db.execute(
            "SELECT digest, leaf, payload, received_ms FROM raw WHERE station = ? AND catalogue = ?", key
        ).fetchall()
        for digest, leaf, payload, received_ms in waiting:
            self._db.execute("DELETE FROM raw WHERE station = ? AND digest = ?", (message.station, digest))
            self._take(Incoming(message.station, leaf, payload, received_ms))

    def _take_batch(self, message: Incoming, batch: BatchMessage) -> None:
        catalogue = self._catalogue(message.station, batch.catalogue)
        if catalogue is None:
            self._keep_raw(message, batch.catalogue)
            return
        for segment in batch.segments:
            try:
                rows = rows_in(segment, batch.base_s, catalogue)
            except TelemetryError as error:
                # One bad segment must not hold back the others: they would be sent again for ever.
                self._set_aside(message, error.reason, message.payload)
                continue
            for row in rows:
                self._put_row(message, batch, row)

    def _put_row(self, message: Incoming, batch: BatchMessage, stored: StoredRow) -> None:
        row, source = stored.row, stored.source
        key = (source.serial, source.epoch)
        if self._plant.drops():
            self._note(message.station, key, row.seq)
            return
        t_ms = row.t_s * 1000 + row.ms
        late = message.leaf == "late"
        values = (row.kind, t_ms, row.time_quality, stored.crc, stored.packed, message.received_ms, batch.mode, late)
        new = self._insert(message, key, row.seq, values)
        if self._plant.repeats():
            self._insert(message, (source.serial, source.epoch ^ 1), row.seq, values)
        if new is None:
            return
        put_readings(self._db, self._counts, message, stored, batch.catalogue, new)

    def _take_event(self, message: Incoming, told: EventMessage) -> None:
        key = (told.serial, told.epoch)
        event = told.event
        values = (EVENT_ROW, event[E_AT_MS], 2, told.crc, told.content, message.received_ms, event.get(E_MODE, 0), 0)
        if not self._insert(message, key, told.seq, values):
            return
        put_event(self._db, message, told)
        self._counts["events"] += 1
        if event[E_KIND] == EVENT_CODES["catalogue"]:
            catalogue = catalogue_in(event)
            if catalogue is not None:
                self._take_catalogue(message, catalogue)

    def _take_state(self, message: Incoming, state: StateMessage) -> None:
        self._db.execute(
            "INSERT INTO stations VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET alive = excluded.alive,"
            " catalogue = max(catalogue, excluded.catalogue), mode = excluded.mode, seen_ms = excluded.seen_ms",
            (message.station, state.alive, state.catalogue, state.mode, message.received_ms),
        )
        for source, epoch, tail, head in state.logs:
            self._db.execute(
                "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?)",
                (source, epoch, message.station, tail, head, message.received_ms),
            )
        if state.alive:  # A birth: the station may have missed what we said before, so everything is said again.
            stored = self._db.execute("SELECT DISTINCT source, epoch FROM ranges WHERE station = ?", (message.station,))
            self._touched.setdefault(message.station, set()).update(stored.fetchall())

    # Rows and ranges

    def _insert(self, message: Incoming, key: Key, seq: int, values: tuple) -> bool | None:
        """True: new. False: here already, the same. None: here already and other; it is set aside."""
        done = self._db.execute(
            "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (message.station, *key, seq, *values),
        )
        new = done.rowcount == 1
        if not new:
            (first,) = self._db.execute(
                "SELECT packed FROM rows WHERE source = ? AND epoch = ? AND seq = ?", (*key, seq)
            ).fetchone()
            if first != values[4]:
                self._counts["conflicts"] += 1
                self._set_aside(message, f"another row under the key of {key[0].hex()} {key[1]:08x} {seq}", values[4])
                return None
        self._counts["rows" if new else "duplicates"] += 1
        self._note(message.station, key, seq)
        return new

    def _note(self, station: str, key: Key, seq: int) -> None:
        self._touched.setdefault(station, set()).add(key)
        if key not in self._changed:
            self._changed[key] = self._stored(key).copy()
        ranges = self._changed[key]
        if seq in ranges:
            return
        before = list(ranges.within(max(seq - 1, 1), seq + 1))
        ranges.add(seq, seq)
        (first, last) = next(pair for pair in ranges if pair[0] <= seq <= pair[1])
        if before:
            self._db.execute(
                "DELETE FROM ranges WHERE source = ? AND epoch = ? AND first BETWEEN ? AND ?", (*key, first, last)
            )
        self._db.execute("INSERT INTO ranges VALUES (?, ?, ?, ?, ?)", (*key, first, last, station))

    def _stored(self, key: Key) -> Ranges:
        if key not in self._ranges:
            found = self._db.execute("SELECT first, last FROM ranges WHERE source = ? AND epoch = ?", key)
            self._ranges[key] = Ranges(found.fetchall())
        return self._ranges[key]

    def _catalogue(self, station: str, version: int) -> CatalogueMessage | None:
        key = (station, version)
        if key not in self._catalogues:
            found = self._db.execute("SELECT content FROM catalogues WHERE station = ? AND version = ?", key).fetchone()
            if found is None:
                return None
            record = read("catalogue", found[0])
            assert isinstance(record, CatalogueMessage)
            self._catalogues[key] = record
        return self._catalogues[key]

    # What is kept aside

    def _keep_raw(self, message: Incoming, version: int) -> None:
        (waiting,) = self._db.execute("SELECT count(*) FROM raw").fetchone()
        if waiting >= RAW_MAX:
            self._counts["raw_dropped"] += 1  # Not acknowledged: the station keeps it and sends it again.
            return
        self._db.execute(
            "INSERT OR IGNORE INTO raw VALUES (?, ?, ?, ?, ?, ?)",
            (message.station, _digest(message.payload), version, message.leaf, message.payload, message.received_ms),
        )

    def _set_aside(self, message: Incoming, reason: str, content: bytes) -> None:
        self._counts["quarantined"] += 1
        (held,) = self._db.execute("SELECT count(*) FROM quarantine").fetchone()
        if held < QUARANTINE_MAX:
            self._db.execute(
                "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)",
                (message.station, _digest(content), message.leaf, reason[:500], content[:65_536], message.received_ms),
            )


def now_ms() -> int:
    """The center's clock, unix ms."""
    return time.time_ns() // 1_000_000


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")  # One flush, not one a table.
    db.execute("INSERT OR IGNORE INTO meta VALUES ('generation', ?)", (secrets.randbits(32) or 1,))
    return db


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
