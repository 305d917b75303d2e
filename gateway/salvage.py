"""What can still be read of a damaged spool that was set aside: brought into the new one, in the background.

Rules of this file: the damaged file is only read; a row counts only if its CRC fits; pages that cannot be read are
stepped over. Nothing waits for it, and it takes one small piece at a time.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gateway import spool_schema as schema
from gateway.commit import StoreError
from gateway.ranges import Ranges
from gateway.spool_disk import Disk
from gateway.spool_reader import Stored, is_true
from gateway.spool_schema import ACKED, HELD, Key, LogInfo

CHUNK_ROWS = 500
STEPS_MAX = 4_096  # Places that cannot be read, in one log.
SEQ_MAX = 0xFFFFFFFF

Known = dict[Key, tuple[LogInfo, Ranges]]  # A log, and what of it was held.


class Piece(NamedTuple):
    """Some of what was found. `held`, at the end: what the file held that the center did not have."""

    logs: list[LogInfo]
    catalogues: dict[int, bytes]
    states: dict[str, bytes]
    rows: list[tuple[Key, Stored]]
    held: dict[Key, Ranges]


class Salvage:
    """`take` stores a piece; StoreError of it ends the attempt, and the next `start()` begins it anew."""

    def __init__(self, disk: Disk, take: Callable[[Piece], Awaitable[None]]) -> None:
        self._disk = disk
        self._take = take
        self._task: asyncio.Task[None] | None = None
        self._known: Known = {}

    def start(self, known: Known) -> None:
        """Begin, if a file was set aside and nothing is under way. `known`: logs of it that the gateway remembers."""
        self._known |= known
        if self._disk.aside and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run(), name="salvage")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._disk.aside:
            found = pieces(self._disk.aside[0], self._known)
            try:
                while (piece := await loop.run_in_executor(None, next, found, None)) is not None:
                    await self._take(piece)
            except StoreError:
                return
            self._disk.aside.pop(0)


def pieces(path: Path, known: Known) -> Iterator[Piece]:
    """What can be read of the file, in small pieces."""
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    except sqlite3.Error:
        return
    try:
        held = {key: ranges for key, (_, ranges) in known.items()}
        logs = {key: info for key, (info, _) in known.items()}
        logs |= {(info.source, info.epoch): info for info in _all(lambda: iter(schema.load_logs(db)))}
        for key in logs:
            held[key] = (_ranges(db, HELD, key) or held.get(key, Ranges())).minus(_ranges(db, ACKED, key))
        yield Piece(
            list(logs.values()),
            dict(_all(lambda: db.execute("SELECT version, content FROM catalogues ORDER BY version"))),
            dict(_all(lambda: iter(schema.load_states(db)[0].items()))),
            [],
            {},
        )
        for key in logs:
            for rows in _rows(db, key):
                true = [(key, row) for row in rows if is_true(key[1], row)]
                yield Piece([], {}, {}, true, {})
        yield Piece([], {}, {}, [], held)
    finally:
        db.close()


def _rows(db: sqlite3.Connection, key: Key) -> Iterator[list[Stored]]:
    """The rows of a log up to each place that cannot be read, and from behind it again."""
    after, step = 0, 0
    for _ in range(STEPS_MAX):
        rows, whole = _some(db, key, "seq > ?", "seq", after)
        if step and rows:
            behind = rows[0][0]  # What was stepped over on this side of the place that cannot be read.
            back, _ = _some(db, key, f"seq < {behind} AND seq > ?", "seq DESC", after - step)
            rows = back[::-1] + rows
        if rows:
            yield rows
            after, step = max(rows[-1][0], after), 0
        if whole and len(rows) < CHUNK_ROWS:
            return
        if not whole:
            step = max(2 * step, 1)
            after += step
            if after > SEQ_MAX:
                return


def _some(db: sqlite3.Connection, key: Key, where: str, order: str, after: int) -> tuple[list[Stored], bool]:
    """Up to CHUNK_ROWS rows, and whether all that were asked for could be read."""
    rows = []
    try:
        rows.extend(
            db.execute(
                "SELECT seq, kind, t_s, catalogue, crc, packed FROM rows WHERE source = ? AND epoch = ?"
                f" AND {where} ORDER BY {order} LIMIT {CHUNK_ROWS}",
                (*key, after),
            )
        )
    except (sqlite3.Error, UnicodeDecodeError):
        return rows, False
    return rows, True


def _all(query: Callable[[], Iterator]) -> list:
    """What a query gives before it meets damage."""
    found = []
    try:
        found.extend(query())
    except (sqlite3.Error, ValueError, TypeError):
        return found
    return found


def _ranges(db: sqlite3.Connection, what: int, key: Key) -> Ranges:
    try:
        return schema.load_ranges(db, what, key)
    except (sqlite3.Error, ValueError, TypeError):
        return Ranges()
