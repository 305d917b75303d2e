"""A disk that refuses, and that tells what was made durable: SQLite's own files, with faults between it and the code.

Rules of this file: real databases; a fault is the error that SQLite would raise. What a transaction changes in `rows`
is told when its COMMIT has returned, and only then. A power cut takes what no COMMIT had made durable.
"""

import asyncio
import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from gateway.commit import GROUP_MAX, Committer
from tools.soak.simulated.loop import Life

GOOD, FULL, BROKEN, READ_ONLY = "good", "full", "broken", "read only"
_REFUSALS = {
    FULL: (sqlite3.SQLITE_FULL, "database or disk is full"),
    BROKEN: (sqlite3.SQLITE_IOERR, "disk I/O error"),
    READ_ONLY: (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
}
TOTAL_BYTES = 1 << 28
_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "COMMIT", "CREATE")
BEFORE, AFTER = "before", "after"

Row = tuple[bytes, int, int, int]  # source, epoch, seq, crc


class Disk:
    """A folder's databases. `state` is how it behaves; `told(inserted, deleted)` hears of every durable change.

    `cut` = (BEFORE or AFTER, what): at the next COMMIT `what()` is called so that it happens before or after it.
    """

    def __init__(self, folder: Path, chance: random.Random, told: Callable[[list[Row], list[Row]], None]) -> None:
        self.folder = folder
        self.state = GOOD
        self.cut: tuple[str, Callable[[], None]] | None = None
        self.commits = 0
        self.refusals = 0
        self.open: dict[Connection, None] = {}
        self.chance = chance
        self.told = told

    def close_all(self) -> None:
        """What a process that ended leaves: files, no handles; a transaction under way never was."""
        for connection in list(self.open):
            connection.really_close()

    def check(self, sql: str, *, reads: bool = True) -> None:
        """sqlite3.OperationalError where the disk refuses this."""
        if self.state == GOOD:
            return
        changes = sql.lstrip().startswith(_CHANGES)
        broken = self.state == BROKEN and (reads or changes)
        # A full disk may take a page into the cache and refuse it only at the end.
        late = self.state == FULL and not sql.startswith("COMMIT") and self.chance.random() < 0.5
        if broken or (changes and self.state != BROKEN and not late):
            self.refusals += 1
            raise _error(*_REFUSALS[self.state])


class Connection(sqlite3.Connection):
    """sqlite3's, on a Disk."""

    disk: Disk

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._inserted: list[Row] = []
        self._deleted: list[Row] = []
        self._watches = False

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        disk = self.disk
        if disk.state != GOOD:
            disk.check(sql)
        if sql.startswith("BEGIN"):
            if not self._watches:
                self._watch()
            self._inserted, self._deleted = [], []
        elif sql == "COMMIT":
            return self._commit(sql)
        return super().execute(sql, *args)

    def executescript(self, script: str) -> sqlite3.Cursor:
        self.disk.check("CREATE")
        return super().executescript(script)

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self.disk.check(sql)
        return super().executemany(sql, *args)

    def rollback(self) -> None:
        self.disk.check("ROLLBACK")
        super().rollback()

    def close(self) -> None:
        self.really_close()

    def really_close(self) -> None:
        self.disk.open.pop(self, None)
        super().close()

    def _commit(self, sql: str) -> sqlite3.Cursor:
        disk = self.disk
        cut, disk.cut = disk.cut, None
        if cut is not None and cut[0] == BEFORE:
            cut[1]()
            raise _error(sqlite3.SQLITE_IOERR, "the power was cut")
        done = super().execute(sql)
        disk.commits += 1
        if self._inserted or self._deleted:
            disk.told(self._inserted, self._deleted)
            self._inserted, self._deleted = [], []
        if cut is not None:
            cut[1]()
        return done

    def _watch(self) -> None:
        """Let SQLite itself say what changes in `rows`, whatever statement does it."""
        there = super().execute("SELECT 1 FROM main.sqlite_master WHERE name = 'rows'").fetchone()
        if not there:
            return
        self._watches = True
        self.create_function("sim_inserted", 4, lambda *row: self._inserted.append(row))
        self.create_function("sim_deleted", 4, lambda *row: self._deleted.append(row))
        for what, row in (("inserted", "new"), ("deleted", "old")):
            super().execute(
                f"CREATE TEMP TRIGGER sim_{what} AFTER {'INSERT' if row == 'new' else 'DELETE'} ON main.rows BEGIN"
                f" SELECT sim_{what}({row}.source, {row}.epoch, {row}.seq, {row}.crc); END"
            )


def _error(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@contextlib.contextmanager
def disks(*installed: Disk) -> Iterator[None]:
    """While it lasts, databases in these folders are opened through their Disk."""
    real = sqlite3.connect

    def connect(path: Any, *args: Any, **more: Any) -> sqlite3.Connection:
        disk = next((disk for disk in installed if Path(str(path)).is_relative_to(disk.folder)), None)
        if disk is None:
            return real(path, *args, **more)
        if disk.state == BROKEN:
            disk.refusals += 1
            raise _error(sqlite3.SQLITE_CANTOPEN, "unable to open database file")
        connection = real(path, *args, **(more | {"factory": Connection}))
        assert isinstance(connection, Connection)
        connection.disk = disk
        disk.open[connection] = None
        return connection

    def usage(path: Any) -> SimpleNamespace:
        full = any(Path(path).is_relative_to(disk.folder) and disk.state == FULL for disk in installed)
        free = 0 if full else TOTAL_BYTES // 2
        return SimpleNamespace(total=TOTAL_BYTES, used=TOTAL_BYTES - free, free=free)

    with mock.patch.object(sqlite3, "connect", connect), mock.patch.object(shutil, "disk_usage", usage):
        yield


class SimCommitter(Committer):
    """The committer without its thread: the loop does its turns, and a disk takes its time before and after COMMIT."""

    def __init__(self, life: Life, latency_s: Callable[[], float], *args: Any) -> None:
        super().__init__(*args)
        self._life = life
        self._latency_s = latency_s
        self._timer: asyncio.TimerHandle | None = None
        self._told_s = 0.0
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = False

    def submit(self, job: Any, *, urgent: bool = False) -> asyncio.Future[Any]:
        future = super().submit(job, urgent=urgent)
        if not future.done():
            self._idle.clear()
            self._wake(urgent)
        return future

    async def stop(self) -> None:
        await self._idle.wait()
        self._ended = True
        self._close()

    def _wake(self, urgent: bool) -> None:
        if self._busy:
            return
        if self._timer is not None:
            if not urgent or self._timer.when() <= self._loop.time():
                return
            self._timer.cancel()
        wait_s = 0.0 if urgent else self._window_s
        self._timer = self._loop.call_at(self._loop.time() + wait_s, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._busy = True
        self._loop.call_later(self._latency_s(), self._work)

    def _work(self) -> None:
        if self._life.dead:
            return
        group = []
        while len(group) < GROUP_MAX and not self._queue.empty():
            item = self._queue.get_nowait()
            assert item is not None
            group.append(item)
        self._commit(group)
        self._busy = False
        if not self._queue.empty():
            self._wake(True)
        elif not self._ended:
            self._loop.call_later(2 * self._latency_s(), self._rest)

    def _rest(self) -> None:
        if self._queue.empty() and not self._busy:
            self._idle.set()

    def _deliver(self, changes: Any, results: list) -> None:
        # In their order: the loop's timers of one moment have none.
        self._told_s = max(self._loop.time() + self._latency_s(), self._told_s + 1e-6)
        self._loop.call_at(self._told_s, self._resolve_alive, changes, results)

    def _resolve_alive(self, changes: Any, results: list) -> None:
        if not self._life.dead:
            self._resolve(changes, results)
