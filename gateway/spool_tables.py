"""Every statement that changes the spool.

Rules of this file: each function runs in the writer's thread inside a transaction that somebody else commits; the first
row under a key stays for ever; a seq is given here, in the same transaction as its row, so that none is given twice.
"""

import json
import secrets
import sqlite3
import struct
from binascii import crc32
from functools import partial
from typing import NamedTuple

import cbor2

from gateway.clock_steps import Anchor
from gateway.commit import FullError
from gateway.ranges import Ranges
from gateway.spool_reader import Stored, row_is_true
from gateway.spool_room import BOARD_PERMIL, EVENT_PERMIL, MADE_PERMIL, make_room
from gateway.spool_schema import (
    ACKED,
    EVENT_ROW,
    GONE,
    HELD,
    LOG_COLUMNS,
    STATE_TOLD,
    Changes,
    Key,
    LogInfo,
    log_info,
)
from wire.reading import NEVER
from wire.row import ANCHOR, Row, RowError, crc_of, measure, pack
from wire.telemetry import (
    E_AT_MS,
    E_DETAIL,
    E_DETECTED_MS,
    E_EPOCH,
    E_KIND,
    E_RANGE,
    E_SOURCE,
    EVENT_CODES,
    SOURCE_EVENTS,
)

QUARANTINE_MAX = 1_000
# The card may have changed even the type of what is there.
_PACKED = "SELECT coalesce(CAST(packed AS BLOB), x'') FROM rows WHERE source = ? AND epoch = ? AND seq = ?"
_DROPPED = EVENT_CODES["rows dropped"]
_HEAD = struct.Struct(">BBIHBI")  # length, kind, seq, boot, time quality, t_s: how a packed row begins (wire.row)


class Stamp(NamedTuple):
    """What a row gets beside what its source says."""

    catalogue: int
    boot: int
    now_ms: int


def event(kind: str, at_ms: int, detail: str, about: Key | None = None) -> dict[int, object]:
    """An event that the gateway tells about itself or a source's log."""
    told: dict[int, object] = {E_KIND: EVENT_CODES[kind], E_AT_MS: at_ms, E_DETECTED_MS: at_ms, E_DETAIL: detail}
    if about is not None:
        told[E_SOURCE], told[E_EPOCH] = about
    return told


def begin_log(
    db: sqlite3.Connection, changes: Changes, log: LogInfo, gateway: bytes, now_ms: int, *, tell: bool = True
) -> None:
    """Make the log known, or take over its new name and columns; the first time it is an event (`tell`)."""
    key = (log.source, log.epoch)
    columns = json.dumps(log.columns)
    known = db.execute("SELECT place, name, columns FROM logs WHERE source = ? AND epoch = ?", key).fetchone()
    if known:
        if known[1:] != (log.name, columns):
            db.execute(
                "UPDATE logs SET name = ?, columns = ? WHERE source = ? AND epoch = ?", (log.name, columns, *key)
            )
            changes.logs.append(log._replace(place=known[0]))
        return
    (place,) = db.execute("SELECT coalesce(max(place), 0) + 1 FROM logs").fetchone()
    (earlier,) = db.execute("SELECT count(*) FROM logs WHERE source = ?", (log.source,)).fetchone()
    db.execute(
        "INSERT INTO logs (source, epoch, place, name, kind, columns, begun_ms, closed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, place, log.name, log.kind, columns, now_ms, log.closed),
    )
    changes.logs.append(log._replace(place=place))
    if not tell:
        return
    why = "source seen for the first time" if not earlier else "source began a new log"
    begun = event("epoch begun", now_ms, f"{log.name}: epoch {log.epoch:08x}, {why}", key)
    append_event(db, changes, gateway, begun, 0)


def is_log(db: sqlite3.Connection, key: Key) -> bool:
    return db.execute("SELECT 1 FROM logs WHERE source = ? AND epoch = ?", key).fetchone() is not None


def current(db: sqlite3.Connection, source: bytes) -> LogInfo | None:
    """The log that `source` began last, and goes on with."""
    found = db.execute(
        f"SELECT {LOG_COLUMNS} FROM logs WHERE source = ? AND NOT closed ORDER BY place DESC LIMIT 1",
        (source,),
    ).fetchone()
    return log_info(found) if found else None


def made_log(db: sqlite3.Connection, changes: Changes, wanted: LogInfo, gateway: bytes, now_ms: int) -> Key:
    """The log of a source that the gateway writes itself; a new epoch where its columns are others than before."""
    log = current(db, wanted.source)
    if log is None or log.columns != wanted.columns:
        log = wanted._replace(epoch=secrets.randbits(32) or 1)
        begin_log(db, changes, log, gateway, now_ms)
    return log.source, log.epoch


def append_event(db: sqlite3.Connection, changes: Changes, gateway: bytes, told: dict, catalogue: int) -> int:
    """Append to the gateway's own log; the event's seq. Its CRC-32 is seeded with the epoch, like a row's."""
    log = current(db, gateway)
    if log is None:
        raise sqlite3.OperationalError("the spool has no event log")
    if told[E_KIND] != _DROPPED:  # Which makes room itself.
        make_room(db, changes, 1, EVENT_PERMIL, partial(_tell_dropped, db, changes, gateway, told[E_DETECTED_MS]))
    key = (log.source, log.epoch)
    seq = _next_seq(db, key)
    content = cbor2.dumps(told, canonical=True)
    db.execute(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, seq, EVENT_ROW, told[E_DETECTED_MS] // 1000, catalogue, crc32(content, log.epoch), content),
    )
    changes.range(db, HELD, key).add(seq, seq)
    changes.events += 1
    return seq


def append_rows(
    db: sqlite3.Connection, changes: Changes, key: Key, rows: list[Stored], now_ms: int
) -> FullError | None:
    """Rows (seq, kind, t_s, catalogue, crc, packed) of a board. A key that is there already keeps its first content."""
    if not make_room(db, changes, len(rows), BOARD_PERMIL, None):
        return FullError("the spool is full and nothing in it is acknowledged")
    held = changes.range(db, HELD, key)
    for row in rows:
        seq, packed = row[0], row[-1]
        done = db.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *row))
        if done.rowcount:
            held.add(seq, seq)
            changes.count_row(row[2])
            continue
        held.add(seq, seq)
        (first,) = db.execute(_PACKED, (*key, seq)).fetchone()
        if first == packed:
            changes.duplicates += 1
        elif row_is_true(key[1], seq, first):
            _quarantine(db, changes, key, seq, packed, now_ms)
        else:  # Not the first any more: the card has changed it.
            db.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *row))
    return None


def append_made(
    db: sqlite3.Connection, changes: Changes, key: Key, rows: list, stamp: Stamp, gateway: bytes
) -> FullError | None:
    """Rows (t_s, ms, time quality, readings or anchor) of a source that the gateway writes; they get their seq here."""
    if not make_room(db, changes, len(rows), MADE_PERMIL, partial(_tell_dropped, db, changes, gateway, stamp.now_ms)):
        return FullError("the spool is full of events")
    held = changes.range(db, HELD, key)
    for made in rows:
        seq = _next_seq(db, key)
        row = made_row(made, seq, key[1], stamp)
        db.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *row))
        held.add(seq, seq)
        changes.count_row(row[2])
    return None


def made_row(made: tuple, seq: int, epoch: int, stamp: Stamp) -> Stored:
    """A row as it is stored, of what a source that the gateway writes has read."""
    t_s, ms, time_quality, said = made
    if isinstance(said, Anchor):
        row = Row(seq, stamp.boot, time_quality, t_s, ms, kind=ANCHOR, anchor=tuple(said))
    else:
        row = Row(seq, stamp.boot, time_quality, t_s, ms, said)
    packed = pack(row, epoch)
    stored_s = stamp.now_ms // 1000 if time_quality == NEVER else t_s
    return seq, row.kind, stored_s, stamp.catalogue, crc_of(packed), packed


def board_row(packed: bytes, epoch: int, stamp: Stamp) -> Stored:
    """A row as it is stored, of a packed row of a board whose CRC fits. RowError."""
    if measure(packed) != len(packed) or (crc := crc_of(packed)) != crc32(packed[:-4], epoch):
        raise RowError("CRC of the row does not fit")
    _, kind, seq, _, time_quality, t_s = _HEAD.unpack_from(packed)
    if seq < 1:
        raise RowError("seq out of range")
    return seq, kind, stamp.now_ms // 1000 if time_quality == NEVER else t_s, stamp.catalogue, crc, bytes(packed)


def mark_gone(
    db: sqlite3.Connection, changes: Changes, key: Key, ranges: Ranges, why: str, gateway: bytes, now_ms: int
) -> None:
    """Rows that no log holds any more: stepped over by the watermark, told as events with their ranges."""
    known = [changes.range(db, what, key) for what in (HELD, ACKED, GONE)]
    for lost in ranges.minus(*known):
        known[2].add(*lost)
        told = event("rows dropped", now_ms, f"epoch {key[1]:08x}: {why}", key)
        told[E_RANGE] = list(lost)
        append_event(db, changes, gateway, told, 0)


def quarantine(db: sqlite3.Connection, changes: Changes, changed: set[tuple[Key, int]], now_ms: int) -> None:
    """Take rows that the card has changed out of what is held; what is left of them is kept for whoever looks."""
    for key, seq in changed:
        found = db.execute(_PACKED, (*key, seq)).fetchone()
        if found is not None:
            _set_aside(db, key, seq, found[0], now_ms)
            db.execute("DELETE FROM rows WHERE source = ? AND epoch = ? AND seq = ?", (*key, seq))
        changes.range(db, HELD, key).remove(seq, seq)


def save_state(db: sqlite3.Connection, name: str, data: bytes) -> None:
    """Keep `data`, and how far the event log is: what stands behind it there came later, whatever any clock says."""
    told = db.execute(
        "SELECT made_seq FROM logs WHERE kind = ? AND NOT closed ORDER BY place DESC LIMIT 1", (SOURCE_EVENTS,)
    ).fetchone()
    set_meta(db, STATE_TOLD + name, told[0] if told else 0)
    db.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (name, data, crc32(data)))


def add_catalogue(db: sqlite3.Connection, version: int, content: bytes) -> bool:
    """Keep what a version says; False if it was kept already: a version says one thing for ever."""
    return db.execute("INSERT OR IGNORE INTO catalogues VALUES (?, ?)", (version, content)).rowcount > 0


def set_meta(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def _next_seq(db: sqlite3.Connection, key: Key) -> int:
    done = db.execute("UPDATE logs SET made_seq = made_seq + 1 WHERE source = ? AND epoch = ? RETURNING made_seq", key)
    ((seq,),) = done.fetchall()
    return seq


def _quarantine(db: sqlite3.Connection, changes: Changes, key: Key, seq: int, packed: bytes, now_ms: int) -> None:
    told = db.execute(
        "SELECT 1 FROM quarantine WHERE source = ? AND epoch = ? AND seq = ? AND packed = ?", (*key, seq, packed)
    ).fetchone()
    if told:
        return  # Told already; a board that is read again says the same again.
    _set_aside(db, key, seq, packed, now_ms)
    changes.conflicts.append((*key, seq))


def _set_aside(db: sqlite3.Connection, key: Key, seq: int, packed: bytes, now_ms: int) -> None:
    (count,) = db.execute("SELECT count(*) FROM quarantine").fetchone()
    if count < QUARANTINE_MAX:
        db.execute(
            "INSERT INTO quarantine (source, epoch, seq, packed, at_ms) VALUES (?, ?, ?, ?, ?)",
            (*key, seq, packed, now_ms),
        )


def _tell_dropped(
    db: sqlite3.Connection, changes: Changes, gateway: bytes, now_ms: int, key: Key, ranges: Ranges
) -> None:
    for lost in ranges:
        told = event("rows dropped", now_ms, f"epoch {key[1]:08x}: no room, and the center had not acknowledged", key)
        told[E_RANGE] = list(lost)
        append_event(db, changes, gateway, told, 0)
