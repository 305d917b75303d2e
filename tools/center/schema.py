"""The center's tables in SQLite, and the door for another database: what a store must be able to do.

Rules of this file: `rows` is what the stations sent, under the key it was born with; everything else can be made again
from it and the catalogues. No table is ever the only copy of a row that was acknowledged.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

VERSION = 3  # Of the tables; a database of another one is refused, never guessed at.

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stations (
    station TEXT PRIMARY KEY, alive INTEGER NOT NULL, catalogue INTEGER NOT NULL, mode INTEGER NOT NULL,
    mode_by TEXT NOT NULL, mode_until_s INTEGER NOT NULL, operating INTEGER NOT NULL, operating_by TEXT NOT NULL,
    operating_until_s INTEGER NOT NULL, config INTEGER, seen_ms INTEGER NOT NULL);
-- What a station said of its logs; unlisted_ms: since when its state names this one no more.
CREATE TABLE IF NOT EXISTS logs (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, station TEXT NOT NULL, tail INTEGER NOT NULL, head INTEGER NOT NULL,
    told_ms INTEGER NOT NULL, unlisted_ms INTEGER, PRIMARY KEY (source, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ranges (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, station TEXT NOT NULL,
    PRIMARY KEY (source, epoch, first)) WITHOUT ROWID;
-- resolved_ms: unix time by derivation `resolution` (wire.resolve), NULL = never; doubt: place in DOUBTS.
CREATE TABLE IF NOT EXISTS rows (
    station TEXT NOT NULL, source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
    boot INTEGER NOT NULL, t_ms INTEGER NOT NULL, time_quality INTEGER NOT NULL, resolved_ms INTEGER,
    resolution INTEGER NOT NULL, doubt INTEGER NOT NULL, crc INTEGER NOT NULL, packed BLOB NOT NULL,
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
    concerns_epoch INTEGER, first INTEGER, last INTEGER, number INTEGER, until_ms INTEGER, tier TEXT, actor TEXT,
    suppressed INTEGER, late INTEGER, operating INTEGER, command INTEGER,
    PRIMARY KEY (source, epoch, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS catalogues (
    station TEXT NOT NULL, version INTEGER NOT NULL, content BLOB NOT NULL, received_ms INTEGER NOT NULL,
    PRIMARY KEY (station, version)) WITHOUT ROWID;
-- The newest value that each log has of a channel. as_of_ms orders logs: resolved time, or receipt of a live row.
CREATE TABLE IF NOT EXISTS newest (
    station TEXT NOT NULL, name TEXT NOT NULL, source BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    source_name TEXT NOT NULL, quantity INTEGER NOT NULL, t_ms INTEGER NOT NULL, time_quality INTEGER NOT NULL,
    resolved_ms INTEGER, as_of_ms INTEGER NOT NULL, value INTEGER, quality INTEGER NOT NULL, level_mm INTEGER,
    datum TEXT NOT NULL, received_ms INTEGER NOT NULL, late INTEGER NOT NULL, cadence_s INTEGER NOT NULL,
    derivation INTEGER NOT NULL, PRIMARY KEY (station, name, source, epoch)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS latest AS SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY station, name ORDER BY as_of_ms DESC, source, epoch) AS place FROM newest)
    WHERE place = 1;
CREATE TABLE IF NOT EXISTS raw (
    station TEXT NOT NULL, digest BLOB NOT NULL, catalogue INTEGER NOT NULL, leaf TEXT NOT NULL, payload BLOB NOT NULL,
    received_ms INTEGER NOT NULL, PRIMARY KEY (station, digest)) WITHOUT ROWID;
-- What contradicts: a message that breaks the contract; or other content under a key, beside the one that stays.
CREATE TABLE IF NOT EXISTS quarantine (
    station TEXT NOT NULL, digest BLOB NOT NULL, leaf TEXT NOT NULL, reason TEXT NOT NULL, content BLOB NOT NULL,
    received_ms INTEGER NOT NULL, source BLOB, epoch INTEGER, seq INTEGER, stays BLOB,
    PRIMARY KEY (station, digest)) WITHOUT ROWID;
-- Ranges that a station says it reaches and that are not here: since when unchanged, when asked for last, how often.
CREATE TABLE IF NOT EXISTS missing (
    source BLOB NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    since_ms INTEGER NOT NULL, asked_ms INTEGER NOT NULL, asks INTEGER NOT NULL,
    PRIMARY KEY (source, epoch, first)) WITHOUT ROWID;
-- What stations were asked for: rows (action NULL), or what a person wants done (telemetry.cddl, key 21).
CREATE TABLE IF NOT EXISTS commands (
    station TEXT NOT NULL, id INTEGER NOT NULL, made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
    rows INTEGER NOT NULL, status INTEGER, reason TEXT, replied_ms INTEGER, action BLOB, config INTEGER,
    sent_ms INTEGER, PRIMARY KEY (station, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_time ON rows (station, resolved_ms);
CREATE INDEX IF NOT EXISTS rows_never ON rows (source, epoch, boot) WHERE time_quality = 0;
CREATE INDEX IF NOT EXISTS rows_anchors ON rows (source, epoch, boot) WHERE kind = 2;
CREATE INDEX IF NOT EXISTS rows_doubted ON rows (source, epoch, doubt) WHERE doubt > 0;
CREATE INDEX IF NOT EXISTS events_by_time ON events (station, at_ms);
CREATE INDEX IF NOT EXISTS events_of_channel ON events (station, channel, at_ms);
CREATE INDEX IF NOT EXISTS commands_open ON commands (made_ms) WHERE action IS NOT NULL AND status IS NULL;
CREATE INDEX IF NOT EXISTS events_dropped ON events (concerns, concerns_epoch) WHERE first IS NOT NULL;
PRAGMA user_version = {VERSION};
"""

DOUBTS = ("", "before 2020", "more than a day ahead of its receipt")  # Why a row's time cannot be.
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


class Ask(NamedTuple):
    """A command to a station: send these rows again. `wanted`: [serial, epoch, [first, last, ...]] of each log."""

    station: str
    id: int
    expires_ms: int
    wanted: list[list]


class Order(NamedTuple):
    """A command to a station: what a person wants done. `action`: the map below K_ACTION as CBOR."""

    station: str
    id: int
    expires_ms: int
    action: bytes
    config: int | None


class CenterStore(Protocol):
    """What the consumer needs of a database; SQLite is the first, PostgreSQL may follow."""

    generation: int

    def take(self, messages: Sequence[Incoming]) -> dict[str, set[Key]]:
        """Store all of it in one transaction; after COMMIT, the logs of each station that are to be acknowledged."""
        ...

    def statements(self, station: str, keys: set[Key]) -> list[Statement]:
        """What is stored of these logs."""
        ...

    def asks(self, now_ms: int, born: Collection[str] = ()) -> list[Ask]:
        """What stations are to send again, noted as asked. Stations in `born` are asked at once for their holes."""
        ...

    def orders(self, now_ms: int, born: Collection[str] = ()) -> list[Order]:
        """What people want done and no station has answered yet: new, not repeated for a while, or of one in `born`."""
        ...

    def sent(self, sent: Sequence[Order], now_ms: int) -> None:
        """The broker has these orders."""
        ...

    def close(self) -> None: ...
