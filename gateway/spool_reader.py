"""What is read of the spool: rows from the disk and rows that wait in memory for it, as one.

Rules of this file: it runs in a thread of its own and cannot write. A row whose CRC does not fit was changed by the
card: it is never given out as true, but named in `changed`, so that the writer can deal with it. A disk that fails is
named in `error`; what memory holds is given out all the same.
"""

import asyncio
import contextlib
import sqlite3
from binascii import crc32
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gateway.spool_schema import EVENT_ROW, Key
from wire.row import RowError, crc_of, measure

if TYPE_CHECKING:
    from gateway.spool_disk import Disk

READ_S = 10.0  # A read that takes longer hangs: until it ends, only memory is read.

T = TypeVar("T")
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
    return row_is_true(epoch, seq, packed) and packed[1] == kind and crc_of(packed) == crc


def row_is_true(epoch: int, seq: int, packed: bytes) -> bool:
    """Is this the packed row of that number in that log?"""
    try:
        whole = measure(packed) == len(packed) and int.from_bytes(packed[2:6], "big") == seq
        return whole and crc_of(packed) == crc32(packed[:-4], epoch)
    except RowError:
        return False


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there, for any thread, that cannot write. sqlite3.Error."""
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA query_only = 1")
    except sqlite3.Error:
        db.close()
        raise
    return db


class Reading:
    """The reader's thread and its connection, which cannot write."""

    def __init__(self, disk: "Disk") -> None:
        self._disk = disk
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool-read")
        self._db: sqlite3.Connection | None = None
        self._generation = -1
        self._stuck: asyncio.Future | None = None
        disk.close_reader = self._let_go

    async def run(
        self, function: Callable[[Reader], T], memory: Mapping[Key, Mapping[int, Stored]]
    ) -> tuple[T, Reader]:
        """The result of `function`, and the Reader that it got; from memory alone while the disk does not answer."""
        loop = asyncio.get_running_loop()
        if self._stuck is None or self._stuck.done():
            answer = loop.run_in_executor(self._thread, self._read, function, memory)
            await asyncio.wait({answer}, timeout=READ_S)
            if answer.done():
                return answer.result()
            answer.add_done_callback(_look)
            self._stuck = answer
        reader = Reader(None, memory)
        reader.error = sqlite3.OperationalError(f"the disk has not answered for {READ_S:.0f} s")
        return await loop.run_in_executor(None, function, reader), reader

    async def close(self) -> None:
        if self._stuck is None or self._stuck.done():
            await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)

    def _read(self, function: Callable[[Reader], T], memory: Mapping[Key, Mapping[int, Stored]]) -> tuple[T, Reader]:
        with self._disk.reading:
            reader = Reader(None, memory)
            try:
                reader = Reader(self._opened(), memory)
            except sqlite3.Error as error:
                reader.error = error
            result = function(reader)
            if reader.error is not None:
                self._let_go()  # The next one opens it anew.
            return result, reader

    def _opened(self) -> sqlite3.Connection:
        if self._db is None or self._generation != self._disk.generation:
            self._let_go()
            self._db = connect_to_read(self._disk.path)
            self._db.text_factory = bytes  # No row has text; where the card made some, it is no error of the disk.
            self._generation = self._disk.generation
        return self._db

    def _let_go(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()


def _look(future: asyncio.Future) -> None:
    if not future.cancelled():
        future.exception()
