"""Room in the spool: what may fill the cap how far, and what goes first.

Rules of this file: it runs inside the writer's transaction. First go acknowledged rows, the oldest first. A board's
rows are refused where that is not enough, because the board holds them. For what has no other holder the oldest routine
rows go, unacknowledged as they are: those that their board still holds are read from it again later, for the others an
event tells the range; on a disk that others have filled, they wait in memory instead. Events never go.
"""

import sqlite3
from collections.abc import Callable

from gateway.ranges import Ranges
from gateway.spool_schema import ACKED, GONE, HELD, PAGE_BYTES, Changes, Key, load_logs, load_rows
from wire.telemetry import SOURCE_EVENTS

BOARD_PERMIL = 900  # A board's rows may fill the cap this far,
MADE_PERMIL = 950  # rows without another holder this far,
EVENT_PERMIL = 985  # and events this far; the rest is for the tables around them.
EVICT_ROWS = 2_000  # Rows that make room at a time.
EVICTIONS_MAX = 16  # Of them for one batch.
ROW_BYTES = 200  # What a row takes of a page, with what a split of pages leaves empty.

Tell = Callable[[Key, Ranges], None]  # Rows that are lost for good.


def make_room(db: sqlite3.Connection, changes: Changes, rows: int, permil: int, tell: Tell | None) -> bool:
    """Is there room for so many rows? Where it is short, acknowledged rows go, and with `tell` others too."""
    (most,) = db.execute("PRAGMA max_page_count").fetchone()
    limit = most * permil // 1000 - rows * ROW_BYTES // PAGE_BYTES
    for _ in range(EVICTIONS_MAX):
        if used_pages(db) < limit:
            return True
        if not evict(db, changes) and not (changes.may_drop and tell is not None and _drop(db, changes, tell)):
            return False
    return used_pages(db) < limit


def evict(db: sqlite3.Connection, changes: Changes) -> bool:
    """Remove the oldest EVICT_ROWS acknowledged rows of one log; False where none is acknowledged. Events stay."""
    found = _oldest(db, changes, lambda key, held: held.minus(held.minus(changes.range(db, ACKED, key))))
    if found is None:
        return False
    _remove(db, changes, *found)
    return True


def used_pages(db: sqlite3.Connection) -> int:
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    return pages - free


def _drop(db: sqlite3.Connection, changes: Changes, tell: Tell) -> bool:
    """Remove the oldest routine rows that nobody else has stored; False where there are none."""
    found = _oldest(db, changes, lambda key, held: held)
    if found is None:
        return False
    key, ranges = found
    _remove(db, changes, key, ranges)
    tail, head = changes.reach.get(key, (0, 0))
    lost = ranges.minus(Ranges([(tail, head)])) if head else ranges
    if lost:
        changes.range(db, GONE, key).update(lost)
        tell(key, lost)
    return True


def _oldest(
    db: sqlite3.Connection, changes: Changes, spare_of: Callable[[Key, Ranges], Ranges]
) -> tuple[Key, Ranges] | None:
    """The log, and up to EVICT_ROWS rows, of the oldest that may go."""
    oldest = None
    for log in load_logs(db):
        key = (log.source, log.epoch)
        if log.kind == SOURCE_EVENTS:
            continue
        spare = spare_of(key, changes.range(db, HELD, key))
        if spare:
            first, last = next(iter(spare))
            found = load_rows(db, key, first, first, 1)
            t_s = found[0][2] if found else 0  # A row that the card lost makes no room, but it goes from the ranges.
            if oldest is None or t_s < oldest[0]:
                oldest = (t_s, key, Ranges([(first, min(last, first + EVICT_ROWS - 1))]))
    return oldest[1:] if oldest is not None else None


def _remove(db: sqlite3.Connection, changes: Changes, key: Key, ranges: Ranges) -> None:
    for first, last in ranges:
        db.execute("DELETE FROM rows WHERE source = ? AND epoch = ? AND seq BETWEEN ? AND ?", (*key, first, last))
        changes.range(db, HELD, key).remove(first, last)
