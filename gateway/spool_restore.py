"""What the disk is missing when it is opened, or opened again: written there, and read from there what it has.

Rules of this file: `look` only reads, in the reader's thread; `restore` runs in the writer's transaction and is safe to
repeat; it knows of the loop only the snapshot that it was given.
"""

import contextlib
import logging
import sqlite3
from pathlib import Path
from typing import NamedTuple

from gateway import spool_schema as schema
from gateway import spool_tables as tables
from gateway.ranges import Ranges
from gateway.spool_index import Log
from gateway.spool_reader import Reader, Stored, connect_to_read
from gateway.spool_room import MADE_PERMIL, make_room
from gateway.spool_schema import ACKED, EVENT_ROW, GONE, HELD, Changes, Key, LogInfo
from wire.telemetry import SOURCE_BOARD

logger = logging.getLogger("gateway.spool")

FLUSH_ROWS = 2_000  # Rows of memory in one transaction.
GENERATION = "center_generation"
_STARTS = "starts"


class Missing(NamedTuple):
    """What the loop knows and the disk may not."""

    gateway: bytes
    own: list[LogInfo]  # Logs that the gateway writes itself, as they are wanted; their epoch is drawn.
    logs: list[tuple[LogInfo, Ranges, Ranges]]  # With what is acknowledged and what is gone.
    generation: int
    catalogues: dict[int, bytes]
    copies: dict[int, str]  # Of catalogues, for their events.
    states: dict[str, bytes]
    rows: list[tuple[Key, Stored]]
    boot: int  # 0 = this start is not counted yet.
    now_ms: int
    told: dict[int, object] | None  # An event that tells of it.


class Loaded(NamedTuple):
    """What is on the disk after it."""

    logs: list[Log]
    generation: int
    catalogues: dict[int, bytes]
    states: dict[str, bytes]
    states_damaged: int
    states_told: dict[str, int]  # seq of the last event before each
    boot: int


def memory_rows(memory: dict[Key, dict[int, Stored]]) -> list[tuple[Key, Stored]]:
    """The next FLUSH_ROWS rows that wait in memory, events first."""
    found = []
    for key, rows in sorted(memory.items(), key=lambda item: next(iter(item[1].values()))[1] != EVENT_ROW):
        found += [(key, rows[seq]) for seq in sorted(rows)[: FLUSH_ROWS - len(found)]]
        if len(found) >= FLUSH_ROWS:
            break
    return found


def restore(db: sqlite3.Connection, changes: Changes, missing: Missing, damaged: list[str]) -> Loaded:
    """Write what is missing; what the disk says then. `damaged`: names of files that were set aside for this one."""
    states, states_damaged = schema.load_states(db)
    states_told = schema.load_states_told(db)
    for wanted in missing.own:
        tables.made_log(db, changes, wanted, missing.gateway, missing.now_ms)
    generation = _acknowledgements(db, changes, missing)
    for version, content in missing.catalogues.items():
        if tables.add_catalogue(db, version, content):
            copy = tables.event("catalogue", missing.now_ms, missing.copies.get(version, "kept in memory until now"))
            tables.append_event(db, changes, missing.gateway, copy, version)
    for name, data in missing.states.items():
        tables.save_state(db, name, data)
    write_rows(db, changes, missing.rows)
    boot = missing.boot
    if not boot:
        boot = (schema.meta(db, _STARTS) + 1) & 0xFFFF or 1
        tables.set_meta(db, _STARTS, boot)
    for name in damaged:
        aside = tables.event("store failed", missing.now_ms, f"a damaged spool was set aside as {name}")
        tables.append_event(db, changes, missing.gateway, aside, 0)
    if missing.told is not None:
        tables.append_event(db, changes, missing.gateway, missing.told, 0)
    catalogues = schema.load_catalogues(db)
    states |= missing.states
    return Loaded(_logs(db, changes), generation, catalogues, states, states_damaged, states_told, boot)


def look(path: Path, reader: Reader) -> Loaded | None:
    """What is on a disk that takes nothing; None where `reader` or this cannot read it either. Nothing is written."""
    if reader.error is not None:
        return None
    try:
        return _looked(path)
    except sqlite3.Error as error:
        logger.error("nor can the store be read: %s", error)
        return None


def _looked(path: Path) -> Loaded:
    with contextlib.closing(connect_to_read(path)) as db:
        states, states_damaged = schema.load_states(db)
        told, catalogues = schema.load_states_told(db), schema.load_catalogues(db)
        return Loaded(_logs(db, Changes()), schema.meta(db, GENERATION), catalogues, states, states_damaged, told, 0)


def write_rows(db: sqlite3.Connection, changes: Changes, rows: list[tuple[Key, Stored]]) -> None:
    """Rows that have their keys already; the first under a key stays. Where there is no room, only events are taken."""
    fits = make_room(db, changes, len(rows), MADE_PERMIL, None)
    for key, row in rows:
        is_event = row[1] == EVENT_ROW
        if not (fits or is_event):
            continue
        done = db.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *row))
        changes.range(db, HELD, key).add(row[0], row[0])
        if done.rowcount and is_event:
            changes.events += 1
        elif done.rowcount:
            changes.count_row(row[2])


def _acknowledgements(db: sqlite3.Connection, changes: Changes, missing: Missing) -> int:
    """Logs that the disk does not know, and what is acknowledged and gone of all; the generation that counts."""
    kept = schema.meta(db, GENERATION)
    newer = missing.generation not in (0, kept)
    if newer:
        tables.set_meta(db, GENERATION, missing.generation)
        for log in schema.load_logs(db):
            changes.replace(db, ACKED, (log.source, log.epoch), Ranges())
    for info, acked, gone in missing.logs:
        key = (info.source, info.epoch)
        if not tables.is_log(db, key):
            # A log of our own that this disk has never seen is not gone on with: its next seq is not known here.
            closed = info.closed or info.kind != SOURCE_BOARD
            tables.begin_log(
                db, changes, info._replace(closed=closed), missing.gateway, missing.now_ms, tell=not closed
            )
        changes.range(db, ACKED, key).update(acked)
        changes.range(db, GONE, key).update(gone)
    return missing.generation or kept


def _logs(db: sqlite3.Connection, changes: Changes) -> list[Log]:
    logs = [Log(info) for info in schema.load_logs(db)]
    for log in logs:
        log.held, log.acked, log.gone = (changes.range(db, what, log.key).copy() for what in (HELD, ACKED, GONE))
    return logs
