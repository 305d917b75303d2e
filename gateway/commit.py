"""Group commit: one thread owns the spool's connection and makes many small writes durable with one flush.

Rules of this file: a job's future resolves after COMMIT and never before; the event loop never waits for the disk; the
queue is bounded. Whatever goes wrong with the disk is an answer (StoreError), not the end of the gateway; so is a job
that fails by a mistake of ours: it is logged and refused alone, because the siren must not end with the store.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

log = logging.getLogger("gateway.spool")

QUEUE_MAX = 4_096  # Jobs that may wait for a slow disk; one more is refused at once.
GROUP_MAX = 512  # Jobs of one transaction.
_HANDLE_IS_GOOD = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT)
STOP_S = 30.0  # A card may take long over its last flush; after that we leave all the same.


class StoreError(Exception):
    """The store could not make something durable; `reason` says why. Nothing of it was kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FullError(StoreError):
    """There is no room for it now. Nothing is wrong with the disk; whoever holds the rows keeps them."""


class MistakeError(StoreError):
    """A job raised what no disk raises: it is refused alone."""


class Changes(Protocol):
    """What one transaction changes; made new for each."""

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what was collected, as the last step before COMMIT."""
        ...


C = TypeVar("C", bound=Changes)
Job = Callable[[sqlite3.Connection, C], Any]


class Committer(Generic[C]):
    """Runs jobs in transactions. `on_commit(changes)` is called in the loop, before the jobs' futures resolve.

    A job returns its future's result; one that returns a StoreError has its future fail with it. Counters: `commits`,
    `failures` (transactions that the disk refused), `refused` (jobs that found the queue full), `mistakes` (jobs that
    raised what no disk raises). In the writer's thread, `relieve` looks at a refusal and may ask for one more try, and
    `tend` looks after the disk when a commit has gone well.
    """

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        new_changes: Callable[[], C],
        on_commit: Callable[[C], None],
        window_s: float,
    ) -> None:
        self._open = open_connection
        self._new_changes = new_changes
        self._on_commit = on_commit
        self._window_s = window_s
        self._queue: queue.Queue[tuple[Job[C], asyncio.Future[Any], bool] | None] = queue.Queue(QUEUE_MAX)
        self._thread: threading.Thread | None = None
        self._db: sqlite3.Connection | None = None
        self._ended = True
        self.relieve: Callable[[sqlite3.Connection | None, sqlite3.Error], bool] = lambda db, error: False
        self.tend: Callable[[sqlite3.Connection], None] = lambda db: None
        self.commits = 0
        self.failures = 0
        self.refused = 0
        self.mistakes = 0

    def start(self) -> None:
        """Start the thread; call it in the loop that the futures belong to."""
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def submit(self, job: Job[C], *, urgent: bool = False) -> asyncio.Future[Any]:
        """Queue a job; never waits. `urgent` ends the window at once."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            if self._ended:
                raise StoreError("the store is closed")
            self._queue.put_nowait((job, future, urgent))
        except queue.Full:
            self.refused += 1
            future.set_exception(StoreError(f"more than {QUEUE_MAX} writes wait for the disk"))
        except StoreError as error:
            future.set_exception(error)
        return future

    async def stop(self) -> None:
        """Commit what is queued, and end the thread; a disk that hangs is left behind after STOP_S."""
        if self._thread is None:
            return
        with contextlib.suppress(queue.Full):
            await asyncio.to_thread(self._queue.put, None, True, STOP_S)
        await asyncio.to_thread(self._thread.join, STOP_S)
        self._thread = None

    def _run(self) -> None:
        try:
            stopping = False
            while not stopping:
                group, stopping = self._gather()
                if group:
                    self._commit(group)
        finally:
            # Also after a defect of ours: nobody may wait for ever for a thread that is gone.
            self._ended = True
            self._close()
            left = [(item[1], StoreError("the store ended")) for item in _drain(self._queue) if item]
            self._deliver(None, left)

    def _gather(self) -> tuple[list[tuple[Job[C], asyncio.Future[Any], bool]], bool]:
        """The jobs of the next transaction, and whether it is the last one."""
        item = self._queue.get()
        until_s = time.monotonic() + self._window_s
        group = []
        while item is not None:
            group.append(item)
            wait_s = 0.0 if any(job[2] for job in group) else until_s - time.monotonic()
            if len(group) >= GROUP_MAX:
                return group, False
            try:
                item = self._queue.get(wait_s > 0, max(wait_s, 0.0))
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[tuple[Job[C], asyncio.Future[Any], bool]]) -> None:
        error = self._try(group)
        if error is None:
            return
        if isinstance(error, MistakeError):
            parts = [[item] for item in group]  # Only the job that is wrong is to be refused.
        else:
            # What cannot be written must not take with it what can: events may use room that rows may not.
            parts = [[item for item in group if item[2]], [item for item in group if not item[2]]]
        if len(group) == 1 or not all(parts):
            self._deliver(None, [(item[1], error) for item in group])
            return
        for part in parts:
            error = self._try(part)
            if error is not None:
                self._deliver(None, [(item[1], error) for item in part])

    def _try(self, group: list[tuple[Job[C], asyncio.Future[Any], bool]], *, again: bool = True) -> StoreError | None:
        """Commit the group and resolve its futures; or say why the disk refused."""
        changes = self._new_changes()
        try:
            if self._db is None:
                self._db = self._open()
            self._db.execute("BEGIN IMMEDIATE")
            results = [(item[1], item[0](self._db, changes)) for item in group]
            changes.flush(self._db)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self.failures += 1
            self._undo()
            worth_it = self.relieve(self._db, error)
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _HANDLE_IS_GOOD:
                self._close()  # What it says from now on is not believed; the next transaction opens a new one.
            return self._try(group, again=False) if worth_it and again else StoreError(str(error))
        except OSError as error:
            self.failures += 1
            self._close()
            return StoreError(str(error))
        except Exception as error:
            self.mistakes += 1
            log.exception("a write failed by a mistake of ours")
            self._undo()
            return MistakeError(f"{type(error).__name__}: {error}")
        self.commits += 1
        self._deliver(changes, results)
        self._tend()
        return None

    def _tend(self) -> None:
        try:
            if self._db is not None:
                self.tend(self._db)
        except (sqlite3.Error, OSError):
            self.failures += 1  # The next transaction meets it again.

    def _undo(self) -> None:
        if self._db is None:
            return
        try:
            self._db.rollback()
        except sqlite3.Error:
            self.failures += 1
            self._close()

    def _close(self) -> None:
        if self._db is None:
            return
        try:
            self._db.close()
        except sqlite3.Error:
            self.failures += 1
        self._db = None

    def _deliver(self, changes: C | None, results: list[tuple[asyncio.Future[Any], Any]]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._resolve, changes, results)

    def _resolve(self, changes: C | None, results: list[tuple[asyncio.Future[Any], Any]]) -> None:
        if changes is not None:
            self._on_commit(changes)
        for future, result in results:
            if future.done():  # Whoever waited was cancelled; the write stands.
                continue
            if isinstance(result, StoreError):
                future.set_exception(result)
            else:
                future.set_result(result)


def _drain(waiting: queue.Queue) -> list:
    items = []
    while True:
        try:
            items.append(waiting.get_nowait())
        except queue.Empty:
            return items
