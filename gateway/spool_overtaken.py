"""A card of yesterday that was put back, or a copy of a card: the center holds more of a log than this card ever wrote.

Rules of this file: such a log is closed and another epoch begun, because every further seq would be one that another
row has already; what was written since the start goes on into the new log, since the center may never have seen it.
Runs in the writer's transaction, and a second time changes nothing.
"""

import sqlite3

import cbor2

from gateway import spool_tables as tables
from gateway.spool_reader import Stored
from gateway.spool_schema import EVENT_ROW, LOG_COLUMNS, Changes, Key, LogInfo, log_info
from gateway.spool_tables import Stamp
from wire.row import unpack

CARRIED_MAX = 2_000  # Rows of one log that are carried over, the oldest first.


def leave(
    db: sqlite3.Connection, changes: Changes, ahead: list[tuple[Key, int, int]], own: list[LogInfo], gateway: bytes,
    stamp: Stamp,
) -> None:  # fmt: skip
    """`ahead`: log, highest seq that the center states, highest seq that was here at the start. `own`: the logs that
    the gateway writes itself, as they are wanted, the events first."""
    left: list[tuple[Key, list[Stored]]] = []
    for key, stated, at_start in ahead:
        done = db.execute(
            "UPDATE logs SET closed = 1 WHERE source = ? AND epoch = ? AND NOT closed AND made_seq < ?", (*key, stated)
        )
        if done.rowcount:
            found = db.execute(f"SELECT {LOG_COLUMNS} FROM logs WHERE source = ? AND epoch = ?", key).fetchone()
            changes.logs.append(log_info(found))
            rows = db.execute(
                "SELECT seq, kind, t_s, catalogue, crc, packed FROM rows"
                " WHERE source = ? AND epoch = ? AND seq > ? ORDER BY seq LIMIT ?",
                (*key, at_start, CARRIED_MAX),
            )
            left.append((key, rows.fetchall()))
    if not left:
        return
    logs = {wanted.source: tables.made_log(db, changes, wanted, gateway, stamp.now_ms) for wanted in own}
    for key, rows in left:
        for row in rows:
            _carry(db, changes, key, row, logs.get(key[0]), gateway, stamp)


def _carry(
    db: sqlite3.Connection, changes: Changes, key: Key, row: Stored, to: Key | None, gateway: bytes, stamp: Stamp
) -> None:
    _, kind, _, catalogue, _, packed = row
    if kind == EVENT_ROW:
        tables.append_event(db, changes, gateway, cbor2.loads(packed), catalogue)
    elif to is not None:
        made = unpack(packed, key[1])
        tables.append_made(db, changes, to, [(made.t_s, made.ms, made.time_quality, made.readings)], stamp, gateway)
