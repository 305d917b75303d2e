"""When stored rows were written: the derived column `resolved_ms`, whichever came first, a row or its boot's anchor.

Rules of this file: it can be made again from `rows` alone (wire.resolve); what a log does not prove stays NULL; a time
that cannot be is kept, marked, and dates nothing.
"""

import sqlite3

from tools.center.schema import DOUBTS, Key
from wire.reading import NEVER
from wire.resolve import VERSION, anchor_of, unix_of
from wire.row import Row, unpack

EARLIEST_MS = 1_577_836_800_000  # 2020-01-01: earlier than any station of ours.
AHEAD_MS = 24 * 3_600_000  # Further ahead of our clock at its receipt than any clock that was set by somebody.

_DATED = "UPDATE rows SET resolved_ms = ?, resolution = ? WHERE source = ? AND epoch = ? AND seq = ?"


def doubt(row: Row, received_ms: int) -> int:
    """Place in DOUBTS: 0 where the time of a row, and what an anchor says, can be."""
    if row.time_quality == NEVER and row.anchor is None:
        return 0
    times_ms = [] if row.time_quality == NEVER else [row.t_s * 1000 + row.ms]
    if row.anchor is not None:
        times_ms.append(row.anchor[0] * 1000)
    return max(_doubt(t_ms, received_ms) for t_ms in times_ms)


def _doubt(t_ms: int, received_ms: int) -> int:
    if t_ms < EARLIEST_MS:
        return DOUBTS.index("before 2020")
    return DOUBTS.index("more than a day ahead of its receipt") if t_ms > received_ms + AHEAD_MS else 0


class Dating:
    """Collects what a transaction brings; `settle()` dates it before COMMIT."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rows: dict[tuple[Key, int], list[int]] = {}  # (log, boot): seqs that came undated
        self._boots: set[tuple[Key, int]] = set()  # whose anchor came

    def put(self, key: Key, row: Row, doubted: int) -> None:
        """A row is stored newly. One that is stamped needs nothing."""
        if row.anchor is not None and not doubted:
            self._boots.add((key, row.boot))
        if row.time_quality == NEVER:
            self._rows.setdefault((key, row.boot), []).append(row.seq)

    def put_older_derivations(self) -> None:
        """Rows that an older VERSION of wire.resolve dated, or left undated."""
        found = self._db.execute(
            "SELECT DISTINCT source, epoch, boot FROM rows WHERE time_quality = 0 AND resolution < ?", (VERSION,)
        )
        self._boots.update(((source, epoch), boot) for source, epoch, boot in found)

    def settle(self) -> set[Key]:
        """Date the rows of the boots concerned; the logs in which a time changed."""
        changed = set()
        for key, boot in self._boots | self._rows.keys():
            whole = (key, boot) in self._boots
            if self._settle(key, boot, None if whole else self._rows[key, boot]):
                changed.add(key)
        self.forget()
        return changed

    def forget(self) -> None:
        """The transaction was undone, or is done."""
        self._rows, self._boots = {}, set()

    def _settle(self, key: Key, boot: int, seqs: list[int] | None) -> bool:
        anchors = self._db.execute(
            "SELECT packed FROM rows WHERE source = ? AND epoch = ? AND boot = ? AND kind = 2 AND doubt = 0"
            " ORDER BY seq",
            (*key, boot),
        )
        anchor = anchor_of([unpack(packed, key[1]).anchor for (packed,) in anchors])
        if anchor is None and seqs is not None:
            return False  # They came in as undated, and so they stay.
        first, last = (min(seqs), max(seqs)) if seqs else (1, 0xFFFFFFFF)
        undated = self._db.execute(
            "SELECT seq, t_ms, resolved_ms, resolution FROM rows"
            " WHERE source = ? AND epoch = ? AND boot = ? AND time_quality = 0 AND seq BETWEEN ? AND ?",
            (*key, boot, first, last),
        )
        dated = []
        for seq, t_ms, before_ms, version in undated.fetchall():
            at_ms = _unix_ms(t_ms, anchor)
            if (at_ms, VERSION) != (before_ms, version):
                dated.append((at_ms, VERSION, *key, seq))
        self._db.executemany(_DATED, dated)
        return bool(dated)


def _unix_ms(uptime_ms: int, anchor: tuple | None) -> int | None:
    found = unix_of(uptime_ms // 1000, uptime_ms % 1000, anchor) if anchor else None
    return found[0] * 1000 + found[1] if found else None
