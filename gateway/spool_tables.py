"""Every statement that changes the spool.

Rules of this file: each function runs in the writer's thread inside a transaction that somebody else commits; the first
row under a key stays for ever; a seq is given here, in the same transaction as its row, so that none is given twice.
"""

import json
import secrets
import sqlite3
from binascii import crc32

import cbor2

from gateway.commit import StoreError
from gateway.ranges import Ranges
from gateway.spool_schema import (
    ACKED,
    EVENT_ROW,
    GONE,
    HELD,
    PAGE_BYTES,
    Changes,
    Key,
    LogInfo,
    load_logs,
    load_rows,
    log_info,
)
from wire.reading import NEVER
from wire.row import Row, crc_of, pack
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

FULL_PERMIL = 950  # Rows may fill the cap this far; the rest is for events.
EVICT_ROWS = 2_000  # Acknowledged rows that make room at a time.
EVICTIONS_MAX = 16  # Of them for one batch.
ROW_BYTES = 200  # What a row takes of a page, with what a split of pages leaves empty.
QUARANTINE_MAX = 1_000


def event(kind: str, at_ms: int, detail: str, about: Key | None = None) -> dict[int, object]:
    """An event that the gateway tells about itself or a source's log."""
    told: dict[int, object] = {E_KIND: EVENT_CODES[kind], E_AT_MS: at_ms, E_DETECTED_MS: at_ms, E_DETAIL: detail}
    if about is not None:
        told[E_SOURCE], told[E_EPOCH] = about
    return told


def begin_log(db: sqlite3.Connection, changes: Changes, log: LogInfo, gateway: bytes, now_ms: int) -> None:
    """Make the log known, or take over its new name and columns; the first time it is an event."""
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
        "INSERT INTO logs (source, epoch, place, name, kind, columns, begun_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*key, place, log.name, log.kind, columns, now_ms),
    )
    changes.logs.append(log._replace(place=place))
    why = "source seen for the first time" if not earlier else "source began a new log"
    begun = event("epoch begun", now_ms, f"{log.name}: epoch {log.epoch:08x}, {why}", key)
    append_event(db, changes, gateway, begun, 0)


def is_log(db: sqlite3.Connection, key: Key) -> bool:
    return db.execute("SELECT 1 FROM logs WHERE source = ? AND epoch = ?", key).fetchone() is not None


def current(db: sqlite3.Connection, source: bytes) -> LogInfo | None:
    """The log that `source` began last."""
    found = db.execute(
        "SELECT source, epoch, place, name, kind, columns FROM logs WHERE source = ? ORDER BY place DESC LIMIT 1",
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
        raise sqlite3.DatabaseError("the spool has no event log")
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
    db: sqlite3.Connection, changes: Changes, key: Key, rows: list[tuple[int, int, int, int, int, bytes]], now_ms: int
) -> StoreError | None:
    """Rows (seq, kind, t_s, catalogue, crc, packed) of a board. A key that is there already keeps its first content."""
    if not _make_room(db, changes, len(rows)):
        return StoreError("the spool is full and nothing in it is acknowledged")
    held = changes.range(db, HELD, key)
    for row in rows:
        seq, packed = row[0], row[-1]
        done = db.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *row))
        if done.rowcount:
            held.add(seq, seq)
            changes.rows += 1
            continue
        (first,) = db.execute(
            "SELECT packed FROM rows WHERE source = ? AND epoch = ? AND seq = ?", (*key, seq)
        ).fetchone()
        if first == packed:
            changes.duplicates += 1
        else:
            _quarantine(db, changes, key, seq, packed, now_ms)
    return None


def append_made(
    db: sqlite3.Connection, changes: Changes, key: Key, rows: list, boot: int, catalogue: int, now_ms: int
) -> StoreError | None:
    """Rows (t_s, ms, time quality, readings) of a source that the gateway writes; they get their seq here."""
    if not _make_room(db, changes, len(rows)):
        return StoreError("the spool is full and nothing in it is acknowledged")
    held = changes.range(db, HELD, key)
    for t_s, ms, time_quality, readings in rows:
        seq = _next_seq(db, key)
        row = Row(seq, boot, time_quality, t_s, ms, readings)
        stored_s = now_ms // 1000 if time_quality == NEVER else t_s
        packed = pack(row, key[1])
        db.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, seq, row.kind, stored_s, catalogue, crc_of(packed), packed),
        )
        held.add(seq, seq)
        changes.rows += 1
    return None


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


def save_state(db: sqlite3.Connection, name: str, data: bytes) -> None:
    db.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (name, data, crc32(data)))


def save_catalogue(db: sqlite3.Connection, version: int, content: bytes) -> None:
    db.execute("INSERT OR REPLACE INTO catalogues VALUES (?, ?)", (version, content))


def set_meta(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def _next_seq(db: sqlite3.Connection, key: Key) -> int:
    done = db.execute("UPDATE logs SET made_seq = made_seq + 1 WHERE source = ? AND epoch = ? RETURNING made_seq", key)
    ((seq,),) = done.fetchall()
    return seq


def _quarantine(db: sqlite3.Connection, changes: Changes, key: Key, seq: int, packed: bytes, now_ms: int) -> None:
    held = db.execute(
        "SELECT count(*), coalesce(max(source = ? AND epoch = ? AND seq = ? AND packed = ?), 0) FROM quarantine",
        (*key, seq, packed),
    ).fetchone()
    if held[1]:
        return  # Told already; a board that is read again says the same again.
    if held[0] < QUARANTINE_MAX:
        db.execute(
            "INSERT INTO quarantine (source, epoch, seq, packed, at_ms) VALUES (?, ?, ?, ?, ?)",
            (*key, seq, packed, now_ms),
        )
    changes.conflicts.append((*key, seq))


def _make_room(db: sqlite3.Connection, changes: Changes, rows: int) -> bool:
    """Is there room for so many rows? Where the cap is near, the oldest acknowledged rows go first; others never do."""
    (most,) = db.execute("PRAGMA max_page_count").fetchone()
    limit = most * FULL_PERMIL // 1000 - rows * ROW_BYTES // PAGE_BYTES
    for _ in range(EVICTIONS_MAX):
        if _used_pages(db) < limit:
            return True
        if not _evict(db, changes):
            return False
    return _used_pages(db) < limit


def _evict(db: sqlite3.Connection, changes: Changes) -> bool:
    """Remove the oldest EVICT_ROWS acknowledged rows of one log; False where none is acknowledged. Events stay."""
    oldest = None
    for log in load_logs(db):
        key = (log.source, log.epoch)
        held = changes.range(db, HELD, key)
        spare = held.minus(held.minus(changes.range(db, ACKED, key)))
        if log.kind != SOURCE_EVENTS and spare:
            first, last = next(iter(spare))
            t_s = load_rows(db, key, first, first, 1)[0][2]
            if oldest is None or t_s < oldest[0]:
                oldest = (t_s, key, first, min(last, first + EVICT_ROWS - 1))
    if oldest is None:
        return False
    _, key, first, last = oldest
    db.execute("DELETE FROM rows WHERE source = ? AND epoch = ? AND seq BETWEEN ? AND ?", (*key, first, last))
    changes.range(db, HELD, key).remove(first, last)
    return True


def _used_pages(db: sqlite3.Connection) -> int:
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    return pages - free
