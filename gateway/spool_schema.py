"""The spool's tables, its connection, and what is read from it.

Rules of this file: reading only, from any thread with its own connection; `gateway.spool_tables` writes.
"""

import hashlib
import json
import sqlite3
from binascii import crc32
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.ranges import Ranges

PAGE_BYTES = 4_096
WAL_PAGES = 256  # After so many pages the write-ahead log goes into the file: it stays small, and so does a start.
EVENT_ROW = 3  # `kind` of an event among rows; DATA and ANCHOR are wire.row's.
EVENTS_NAME = "events"

STATE_TOLD = "state told "  # and a state's name, in `meta`: the last event that was told when it was kept.

UNIX_S_MAX = 0xFFFFFFFF
HELD, ACKED, GONE = 0, 1, 2  # `what` of a range: in rows; durably at the center; lost before we could read it.

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS logs (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
    columns TEXT NOT NULL, begun_ms INTEGER NOT NULL, made_seq INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, t_s INTEGER NOT NULL,
    catalogue INTEGER NOT NULL, crc INTEGER NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (source, epoch, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ranges (
    what INTEGER NOT NULL, source BLOB NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (what, source, epoch, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS catalogues (version INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    packed BLOB NOT NULL, at_ms INTEGER NOT NULL);
PRAGMA user_version = 2;
"""

LOG_COLUMNS = "source, epoch, place, name, kind, columns, closed"

_FROM_1 = "ALTER TABLE logs ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;"

Key = tuple[bytes, int]  # serial of the source, epoch of its log


class LogInfo(NamedTuple):
    """A log as it was begun. `place` orders epochs; `columns` are quantity names; `closed`: no row of it is made here
    any more, or never was (it was kept in memory, or salvaged)."""

    source: bytes
    epoch: int
    place: int
    name: str
    kind: int
    columns: tuple[str, ...]
    closed: bool = False


class Changes:
    """What one transaction changes of logs and ranges; the loop's index adopts it after COMMIT."""

    def __init__(self, reach: Mapping[Key, tuple[int, int]] | None = None, *, may_drop: bool = True) -> None:
        self.reach = reach or {}  # Tail and head of the boards' own logs.
        self.may_drop = may_drop  # Rows that the center does not have, where room is short.
        self.logs: list[LogInfo] = []
        self.ranges: dict[tuple[int, Key], Ranges] = {}
        self._before: dict[tuple[int, Key], set[tuple[int, int]]] = {}  # The ranges as they stand on the disk.
        self.conflicts: list[tuple[bytes, int, int]] = []
        self.events = 0
        self.rows = 0
        self.oldest_s = UNIX_S_MAX  # Of the new rows; UNIX_S_MAX = there are none.
        self.duplicates = 0

    def count_row(self, t_s: int) -> None:
        """A new row, of unix second `t_s`."""
        self.rows += 1
        self.oldest_s = min(self.oldest_s, t_s)

    def range(self, db: sqlite3.Connection, what: int, key: Key) -> Ranges:
        """The ranges of a log, to be changed; written at the end of the transaction."""
        if (what, key) not in self.ranges:
            self.ranges[what, key] = ranges = load_ranges(db, what, key)
            self._before[what, key] = set(ranges)
        return self.ranges[what, key]

    def replace(self, db: sqlite3.Connection, what: int, key: Key, ranges: Ranges) -> None:
        """The ranges of a log as they shall be from now on."""
        self.range(db, what, key)
        self.ranges[what, key] = ranges.copy()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what of the ranges is other than before."""
        for (what, key), ranges in self.ranges.items():
            now, before = set(ranges), self._before[what, key]
            db.executemany(
                "DELETE FROM ranges WHERE what = ? AND source = ? AND epoch = ? AND first = ?",
                [(what, *key, first) for first, _ in before - now],
            )
            db.executemany("INSERT INTO ranges VALUES (?, ?, ?, ?, ?)", [(what, *key, *pair) for pair in now - before])


def connect(path: Path, cap_pages: int, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """The writer's connection. Only WAL with synchronous=FULL was seen to lose nothing at a power cut and be quick."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0, factory=factory)
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE_BYTES}")
        db.execute(f"PRAGMA max_page_count = {cap_pages}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != 2:
            db.executescript(f"BEGIN IMMEDIATE; {_FROM_1 if version == 1 else ''} {_SCHEMA} COMMIT;")  # One flush.
    except sqlite3.Error:
        db.close()
        raise
    return db


def load_ranges(db: sqlite3.Connection, what: int, key: Key) -> Ranges:
    found = db.execute("SELECT first, last FROM ranges WHERE what = ? AND source = ? AND epoch = ?", (what, *key))
    return Ranges(found.fetchall())


def load_logs(db: sqlite3.Connection) -> list[LogInfo]:
    found = db.execute(f"SELECT {LOG_COLUMNS} FROM logs ORDER BY place")
    return [log_info(row) for row in found]


def load_rows(db: sqlite3.Connection, key: Key, first: int, last: int, limit: int) -> list[tuple]:
    """(seq, kind, t_s, catalogue, crc, packed) in order of seq."""
    return db.execute(
        "SELECT seq, kind, t_s, catalogue, crc, packed FROM rows WHERE source = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        " ORDER BY seq LIMIT ?",
        (*key, first, last, limit),
    ).fetchall()


def load_newest(db: sqlite3.Connection, key: Key, first: int, last: int, limit: int) -> list[tuple]:
    """As `load_rows`, the newest first."""
    return db.execute(
        "SELECT seq, kind, t_s, catalogue, crc, packed FROM rows WHERE source = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        " ORDER BY seq DESC LIMIT ?",
        (*key, first, last, limit),
    ).fetchall()


def load_states(db: sqlite3.Connection) -> tuple[dict[str, bytes], int]:
    """The states whose CRC fits, and how many do not."""
    rows = db.execute("SELECT name, data, crc FROM state").fetchall()
    good = {name: data for name, data, crc in rows if crc32(data) == crc}
    return good, len(rows) - len(good)


def load_states_told(db: sqlite3.Connection) -> dict[str, int]:
    """For each kept state the seq of the last event that was told before it."""
    found = db.execute("SELECT name, value FROM meta WHERE name GLOB ?", (f"{STATE_TOLD}*",))
    return {name.removeprefix(STATE_TOLD): seq for name, seq in found}


def load_catalogues(db: sqlite3.Connection) -> dict[int, bytes]:
    """Every catalogue version kept, oldest first."""
    return dict(db.execute("SELECT version, content FROM catalogues ORDER BY version").fetchall())


def meta(db: sqlite3.Connection, name: str) -> int:
    found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return found[0] if found else 0


def sensor_serial(gateway: bytes, name: str) -> bytes:
    """Name of a bought sensor's log: it has no serial of ours, so it is called after its gateway and its place."""
    return hashlib.sha256(gateway + name.encode()).digest()[:8]


def log_info(found: tuple) -> LogInfo:
    source, epoch, place, name, kind, columns, closed = found
    return LogInfo(source, epoch, place, name, kind, tuple(json.loads(columns)), bool(closed))
