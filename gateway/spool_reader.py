"""What is read of the spool: rows from the disk and rows that wait in memory for it, as one.

Rules of this file: it runs in a thread of its own and cannot write. A row whose CRC does not fit was changed by the
card: it is never given out as true, but named in `changed`, so that the writer can deal with it. A disk that fails is
named in `error`; what memory holds is given out all the same.
"""

import sqlite3
from binascii import crc32
from collections.abc import Mapping

from gateway.spool_schema import EVENT_ROW, Key
from wire.row import RowError, crc_of, measure

Stored = tuple[int, int, int, int, int, bytes]  # seq, kind, t_s, catalogue, crc, packed

_SELECT = (
    "SELECT seq, kind, t_s, catalogue, crc, packed FROM rows WHERE source = ? AND epoch = ? AND seq BETWEEN ? AND ?"
    " ORDER BY seq"
)


class Reader:
    """`memory`: rows that are not on the disk, by log and seq; `db` None: there is no disk to read from."""

    def __init__(self, db: sqlite3.Connection | None, memory: Mapping[Key, Mapping[int, Stored]]) -> None:
        self.changed: set[tuple[Key, int]] = set()
        self.error: sqlite3.Error | None = None
        self._db = db
        self._memory = memory

    def rows(self, key: Key, first: int, last: int, limit: int) -> list[Stored]:
        """The first `limit` rows of `first`..`last` that are here, in order of seq."""
        return self._merged(key, first, last, limit, newest=False)

    def newest(self, key: Key, first: int, last: int, limit: int) -> list[Stored]:
        """The last `limit` rows of `first`..`last` that are here, the newest first."""
        return self._merged(key, first, last, limit, newest=True)

    def _merged(self, key: Key, first: int, last: int, limit: int, *, newest: bool) -> list[Stored]:
        stored = self._from_disk(key, first, last, limit, " DESC" if newest else "")
        rows = {row[0]: row for row in stored if self._is_true(key, row)}
        rows |= {seq: row for seq, row in self._memory.get(key, {}).items() if first <= seq <= last}
        return [rows[seq] for seq in sorted(rows, reverse=newest)[: max(limit, 0)]]

    def _from_disk(self, key: Key, first: int, last: int, limit: int, order: str) -> list[Stored]:
        if self._db is None or self.error is not None:
            return []
        try:
            return self._db.execute(f"{_SELECT}{order} LIMIT ?", (*key, first, last, limit)).fetchall()
        except sqlite3.Error as error:
            self.error = error
            return []

    def _is_true(self, key: Key, row: Stored) -> bool:
        good = is_true(key[1], row)
        if not good:
            self.changed.add((key, row[0]))
        return good


def is_true(epoch: int, row: Stored) -> bool:
    """Is the row what was stored under this epoch and seq?"""
    seq, kind, _, _, crc, packed = row
    if not isinstance(packed, bytes) or not isinstance(crc, int):
        return False
    if kind == EVENT_ROW:
        return crc32(packed, epoch) == crc
    try:
        whole = measure(packed) == len(packed) and int.from_bytes(packed[2:6], "big") == seq
        return whole and crc_of(packed) == crc == crc32(packed[:-4], epoch)
    except RowError:
        return False
