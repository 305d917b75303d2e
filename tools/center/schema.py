"""The center's tables in SQLite, and the door for another database: what a store must be able to do.

Rules of this file: `rows` is what the stations sent, under the key it was born with; everything else can be made again
from it and the catalogues. No table is ever the only copy of a row that was acknowledged.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stations (
    station TEXT PRIMARY KEY, alive INTEGER NOT NULL, catalogue INTEGER NOT NULL, mode INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS logs (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, station TEXT NOT NULL, tail INTEGER NOT NULL, head INTEGER NOT NULL,
    told_ms INTEGER NOT NULL, PRIMARY KEY (source, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ranges (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, station TEXT NOT NULL,
    PRIMARY KEY (source, epoch, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    station TEXT NOT NULL, source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
    t_ms INTEGER NOT NULL, time_quality INTEGER NOT NULL, crc INTEGER NOT NULL, packed BLOB NOT NULL,
    received_ms INTEGER NOT NULL, mode INTEGER NOT NULL, late INTEGER NOT NULL,
    PRIMARY KEY (source, epoch, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS readings (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, channel INTEGER NOT NULL,
    quantity INTEGER NOT NULL, value INTEGER, quality INTEGER NOT NULL, low INTEGER, high INTEGER, spread INTEGER,
    gateway_quality INTEGER NOT NULL, level_mm INTEGER, derivation INTEGER NOT NULL,
    PRIMARY KEY (source, epoch, seq, channel)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tips (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL, age_s INTEGER NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (source, epoch, seq, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    station TEXT NOT NULL, source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, detected_ms INTEGER NOT NULL, episode_ms INTEGER, siren_ms INTEGER,
    published_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, rule TEXT, channel TEXT, level INTEGER, value INTEGER,
    threshold INTEGER, threshold_set TEXT, datum TEXT, mode INTEGER, detail TEXT, quantity INTEGER, concerns BLOB,
    PRIMARY KEY (source, epoch, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS catalogues (
    station TEXT NOT NULL, version INTEGER NOT NULL, content BLOB NOT NULL, received_ms INTEGER NOT NULL,
    PRIMARY KEY (station, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
    station TEXT NOT NULL, name TEXT NOT NULL, source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    source_name TEXT NOT NULL, quantity INTEGER NOT NULL, t_ms INTEGER NOT NULL, time_quality INTEGER NOT NULL,
    value INTEGER, quality INTEGER NOT NULL, level_mm INTEGER, datum TEXT NOT NULL, received_ms INTEGER NOT NULL,
    late INTEGER NOT NULL, cadence_s INTEGER NOT NULL, PRIMARY KEY (station, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS raw (
    station TEXT NOT NULL, digest BLOB NOT NULL, catalogue INTEGER NOT NULL, leaf TEXT NOT NULL, payload BLOB NOT NULL,
    received_ms INTEGER NOT NULL, PRIMARY KEY (station, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    station TEXT NOT NULL, digest BLOB NOT NULL, leaf TEXT NOT NULL, reason TEXT NOT NULL, content BLOB NOT NULL,
    received_ms INTEGER NOT NULL, PRIMARY KEY (station, digest)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_time ON rows (station, t_ms);
CREATE INDEX IF NOT EXISTS events_by_time ON events (station, at_ms);
PRAGMA user_version = 1;
"""

EVENT_ROW = 3  # `kind` of an event in `rows`; DATA and ANCHOR are wire.row's

Key = tuple[bytes, int]  # serial of the source, epoch of its log


class Incoming(NamedTuple):
    """A message as it came: rp/1/<station>/<leaf>."""

    station: str
    leaf: str
    payload: bytes
    received_ms: int


class Statement(NamedTuple):
    """What is durably stored of one log: everything up to `watermark`, and the ranges above it."""

    source: bytes
    epoch: int
    watermark: int
    ranges: list[int]


class CenterStore(Protocol):
    """What the consumer needs of a database; SQLite is the first, PostgreSQL may follow."""

    generation: int

    def take(self, messages: Sequence[Incoming]) -> dict[str, set[Key]]:
        """Store all of it in one transaction; after COMMIT, the logs of each station that are to be acknowledged."""
        ...

    def statements(self, station: str, keys: set[Key]) -> list[Statement]:
        """What is stored of these logs."""
        ...

    def close(self) -> None: ...
