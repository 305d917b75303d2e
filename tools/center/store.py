"""The center's database on SQLite: idempotent by the key of a row, acknowledged only after COMMIT.

Rules of this file: the first row under a key stays, the newest derivation of it wins; nothing old overwrites "latest";
what cannot be understood is kept aside and counted, never dropped. Used from one thread at a time.
"""

import contextlib
import hashlib
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gateway.ranges import Ranges
from tools.center import gaps, orders
from tools.center.decode import (
    BatchMessage,
    CatalogueMessage,
    EventMessage,
    ReplyMessage,
    StateMessage,
    StoredRow,
    catalogue_in,
    read,
    rows_in,
)
from tools.center.derived import derive_again, put_event, put_readings, redate_newest
from tools.center.lock import Lock, LockedError
from tools.center.plant import Plant
from tools.center.schema import EVENT_ROW, SCHEMA, VERSION, Ask, Incoming, Key, Order, Statement
from tools.center.stored import Stored
from tools.center.times import Dating, doubt
from wire.reading import NEVER, SYNCED
from wire.resolve import VERSION as RESOLUTION
from wire.telemetry import E_AT_MS, E_KIND, E_MODE, EVENT_CODES, MESSAGE_BYTES_MAX, TelemetryError

RAW_MAX = 10_000  # Batches that may wait for their catalogue.
QUARANTINE_MAX = 10_000


_CONFLICT = "another row under the same key"
_ROW = f"INSERT INTO rows VALUES ({', '.join('?' * 16)})"
_DOUBT = 10  # Its place among the values of a row.


class StoreFailure(Exception):
    """The database cannot be opened."""


class Store:
    """Opens or makes `path`, or StoreFailure. `generation` is drawn with the database and names it in every ack."""

    def __init__(self, path: Path, plant: Plant | None = None) -> None:
        self._plant = plant or Plant("")
        try:
            self._lock = Lock(path)
        except (LockedError, OSError) as error:
            raise StoreFailure(str(error)) from error
        try:
            self._db = _open(path)
            (self.generation,) = self._db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
            self._stored = Stored(self._db)
            self._dating = Dating(self._db)
            self._counts: Counter[str] = Counter()
            self._touched: dict[str, set[Key]] = {}
            with self._transaction():
                self._dating.put_older_derivations()
                self._settle()
        except sqlite3.Error as error:
            self._lock.release()
            raise StoreFailure(str(error)) from error
        except StoreFailure:
            self._lock.release()
            raise
        self._catalogues: dict[tuple[str, int], CatalogueMessage] = {}

    def take(self, messages: Sequence[Incoming]) -> dict[str, set[Key]]:
        """Store all of it in one transaction; after COMMIT, the logs of each station that are to be acknowledged.

        sqlite3.Error: nothing of it is stored, and nothing may be acknowledged.
        """
        self._touched, self._counts = {}, Counter()
        learned = set(self._catalogues)
        try:
            with self._transaction():
                for message in messages:
                    self._take(message)
                self._settle()
                self._stored.flush()
                self._db.executemany(
                    "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                    list(self._counts.items()),
                )
                if self._plant.loses_this(self._counts["readings"]):
                    self._db.execute("ROLLBACK")
        except BaseException:
            self._stored.forget()
            self._dating.forget()
            for key in set(self._catalogues) - learned:
                del self._catalogues[key]
            raise
        self._stored.adopt()
        return self._touched

    def statements(self, station: str, keys: set[Key]) -> list[Statement]:
        """What is stored of these logs; an empty set of keys asks for all logs of the station."""
        return self._stored.statements(station, keys)

    def asks(self, now_ms: int, born: Collection[str] = ()) -> list[Ask]:
        """What stations are to send again, noted as asked. Stations in `born` are asked at once for their holes."""
        with self._transaction():
            return gaps.asks(self._db, self._stored, now_ms, born)

    def orders(self, now_ms: int, born: Collection[str] = ()) -> list[Order]:
        """What people want done, and is to be sent now."""
        return orders.due(self._db, now_ms, born)

    def sent(self, sent: Sequence[Order], now_ms: int) -> None:
        with self._transaction():
            orders.mark_sent(self._db, sent, now_ms)

    def close(self) -> None:
        self._db.close()
        self._lock.release()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

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
            elif isinstance(record, StateMessage):
                self._take_state(message, record)
            else:
                self._take_reply(message, record)
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
            self._put_rows(message, batch, rows)

    def _take_event(self, message: Incoming, told: EventMessage) -> None:
        key = (told.serial, told.epoch)
        event = told.event
        ranges = self._changing(message.station, key)
        if told.seq in ranges:
            self._compare(message, key, {told.seq: told.content})
            return
        at_ms, mode = event[E_AT_MS], event.get(E_MODE, 0)
        self._db.execute(
            _ROW,
            (
                message.station, *key, told.seq, EVENT_ROW, 0, at_ms, SYNCED, at_ms, RESOLUTION, 0, told.crc,
                told.content, message.received_ms, mode if isinstance(mode, int) else 0, 0,
            ),
        )  # fmt: skip
        ranges.add(told.seq, told.seq)
        put_event(self._db, message, told)
        self._counts["rows"] += 1
        self._counts["events"] += 1
        if event[E_KIND] == EVENT_CODES["catalogue"]:
            catalogue = catalogue_in(event)
            if catalogue is not None:
                self._take_catalogue(message, catalogue)

    def _take_state(self, message: Incoming, state: StateMessage) -> None:
        self._db.execute(
            "INSERT INTO stations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " alive = excluded.alive, catalogue = max(catalogue, excluded.catalogue), seen_ms = excluded.seen_ms",
            (
                message.station, state.alive, state.catalogue, *state.modes, state.config, message.received_ms,
            ),
        )  # fmt: skip
        if state.alive:  # The last will knows nothing of these.
            self._db.execute(
                "UPDATE stations SET (mode, mode_by, mode_until_s, operating, operating_by, operating_until_s, config)"
                " = (?, ?, ?, ?, ?, ?, ?) WHERE station = ?",
                (*state.modes, state.config, message.station),
            )
        if state.alive:  # A birth: the station may have missed what we said before, so everything is said again.
            stored = self._stored.keys(message.station)
            self._touched.setdefault(message.station, set()).update(stored)
            gaps.take_state(self._db, message.station, state.logs, stored, message.received_ms)

    def _take_reply(self, message: Incoming, reply: ReplyMessage) -> None:
        done = self._db.execute(
            "UPDATE commands SET status = ?, reason = ?, replied_ms = ? WHERE station = ? AND id = ?",
            (reply.status, reply.reason, message.received_ms, message.station, reply.command),
        )
        self._counts["replies" if done.rowcount else "replies_unknown"] += 1

    # Rows

    def _put_rows(self, message: Incoming, batch: BatchMessage, rows: list[StoredRow]) -> None:
        """The rows of one segment: new ones are stored, the others compared with what is here."""
        source = rows[0].source
        key = (source.serial, source.epoch)
        ranges = self._changing(message.station, key)
        known = [stored for stored in rows if stored.row.seq in ranges]
        fresh = [stored for stored in rows if stored.row.seq not in ranges] if known else rows
        if known:
            same = self._compare(message, key, {stored.row.seq: stored.packed for stored in known})
            again = [stored for stored in known if stored.row.seq in same]
            derive_again(self._db, message.station, again, batch.catalogue)
        for stored in fresh:
            ranges.add(stored.row.seq, stored.row.seq)
        kept = [stored for stored in fresh if not self._plant.drops()]
        values = [_row_values(message, batch.mode, key, stored) for stored in kept]
        self._db.executemany(_ROW, values)
        twice = [(*row[:2], row[2] ^ 1, *row[3:]) for row in values if self._plant.repeats()]
        self._db.executemany(_ROW, twice)
        for stored, row in zip(kept, values, strict=True):
            doubted = row[_DOUBT]
            self._counts["doubted"] += doubted > 0
            self._dating.put(key, stored.row, doubted)
        self._counts["rows"] += len(kept)
        self._counts["readings"] += put_readings(self._db, message, kept, batch.catalogue)

    def _changing(self, station: str, key: Key) -> Ranges:
        self._touched.setdefault(station, set()).add(key)
        return self._stored.changing(station, key)

    def _compare(self, message: Incoming, key: Key, contents: dict[int, bytes]) -> set[int]:
        """The seqs whose content is the one that is here; any other content under them is set aside."""
        found = self._db.execute(
            "SELECT seq, packed FROM rows WHERE source = ? AND epoch = ? AND seq BETWEEN ? AND ?",
            (*key, min(contents), max(contents)),
        )
        first = dict(found.fetchall())
        same = set()
        for seq, content in contents.items():
            if first.get(seq) == content:
                same.add(seq)
            else:
                self._counts["conflicts"] += self._set_aside(message, _CONFLICT, content, (*key, seq, first.get(seq)))
        self._counts["duplicates"] += len(same)
        return same

    def _settle(self) -> None:
        for key in self._dating.settle():
            redate_newest(self._db, key)

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

    def _set_aside(
        self,
        message: Incoming,
        reason: str,
        content: bytes,
        instead: tuple[bytes, int, int, bytes | None] | None = None,
    ) -> bool:
        """Keep `content` for a person to look at; True if it is new. `instead`: the key and the content that stays."""
        named = instead or (None, None, None, None)
        digest = _digest(content + (b"" if instead is None else b"%b %d %d" % instead[:3]))
        done = self._db.execute(
            "INSERT OR IGNORE INTO quarantine SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
            " WHERE (SELECT count(*) FROM quarantine) < ?",
            (
                message.station, digest, message.leaf, reason[:500], content[:MESSAGE_BYTES_MAX], message.received_ms,
                *named, QUARANTINE_MAX,
            ),
        )  # fmt: skip
        self._counts["quarantined"] += 1
        return done.rowcount == 1


def _row_values(message: Incoming, mode: int, key: Key, stored: StoredRow) -> tuple:
    row = stored.row
    t_ms = row.t_s * 1000 + row.ms
    resolved_ms = None if row.time_quality == NEVER else t_ms
    return (
        message.station, *key, row.seq, row.kind, row.boot, t_ms, row.time_quality, resolved_ms, RESOLUTION,
        doubt(row, message.received_ms), stored.crc, stored.packed, message.received_ms, mode, message.leaf == "late",
    )  # fmt: skip


def now_ms() -> int:
    """The center's clock, unix ms."""
    return time.time_ns() // 1_000_000


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        db.close()
        raise StoreFailure(f"its tables are of version {version}, this program's are of version {VERSION}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")  # One flush, not one a table.
    db.execute("INSERT OR IGNORE INTO meta VALUES ('generation', ?)", (secrets.randbits(32) or 1,))
    return db


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
