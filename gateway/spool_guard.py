"""What stands between the loop and a disk that may fail: every write ends in time, on the disk or in memory.

Rules of this file: no call waits for the disk; a write's `rescue` takes its content into memory where the disk refused
it, or has not answered in time. Whether the disk is back is tried again and again, by writing what is missing there.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.commit import Committer, FullError, Job, MistakeError, StoreError

HANG_S = 5.0  # Without an answer for so long, the disk counts as dead.
RETRY_S = 5.0  # Between two tries to have it back.

Rescue = Callable[[], Any]


class Write:
    """One write under way. `repeatable`: stored twice it is stored once, so memory may have it beside the disk."""

    __slots__ = ("begun", "future", "given_up", "job", "repeatable", "rescue", "rescued", "since_s")

    def __init__(self, job: Job, rescue: Rescue, repeatable: bool) -> None:
        loop = asyncio.get_running_loop()
        self.job = job
        self.rescue = rescue
        self.repeatable = repeatable
        self.future: asyncio.Future[Any] = loop.create_future()
        self.since_s = loop.time()
        self.begun = False  # The writer's thread has it.
        self.given_up = False  # The writer's thread shall not have it any more.
        self.rescued = False


class Guard:
    """`down` says why the disk does not take anything; "" = it does.

    `restore()` gives the job that writes what the disk is missing; `on_up` gets its result and `told`.
    `on_down` gets the reason.
    """

    def __init__(
        self,
        committer: Committer,
        restore: Callable[[], Job],
        on_down: Callable[[str], None],
        on_up: Callable[[Any, bool], None],
    ) -> None:
        self.down = ""
        self.told = False  # `on_down` was called for it.
        self._committer = committer
        self._restore = restore
        self._on_down = on_down
        self._on_up = on_up
        self.closed = False
        self._waiting: dict[Write, None] = {}  # In order of handing over.
        self._riders: dict[str, Job] = {}  # Jobs that go with the next write.
        self._claim = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._retry_timer: asyncio.TimerHandle | None = None
        self._trying = False

    def write(self, job: Job, rescue: Rescue, *, urgent: bool = False, repeatable: bool = True) -> asyncio.Future[Any]:
        """Hand over a job; the future gives its result, or that of `rescue`, or StoreError. Never waits."""
        if self._riders and not self.down:
            riders, self._riders = tuple(self._riders.values()), {}
            job = partial(_with_riders, riders, job)
        write = Write(job, rescue, repeatable)
        write.future.add_done_callback(look)
        if self.closed:
            write.future.set_exception(StoreError("the store is closed"))
        elif self.down:
            self._rescue(write)
        else:
            self._waiting[write] = None
            self._watch()
            done = self._committer.submit(partial(self._run, write), urgent=urgent)
            done.add_done_callback(partial(self._ended, write))
        return write.future

    def ride(self, name: str, job: Job) -> None:
        """Let `job` go with the next write, in place of one of the same name that has not gone yet."""
        self._riders[name] = job

    def begin(self) -> asyncio.Future[Any]:
        """Try to have the disk; the future is done when that is decided, HANG_S from now at the latest."""
        decided = asyncio.get_running_loop().create_future()
        self.down = "not opened yet"
        self._try(decided)
        self._watch()
        return decided

    def fail(self, reason: str) -> None:
        """The disk does not work: from now on into memory, until it is back."""
        if self.closed:
            return
        if not self.down:
            self.down = reason
            self.told = True
            self._on_down(reason)
        self._retry_in(RETRY_S)

    async def close(self) -> None:
        """Wait for what is under way, no longer than the committer does; what comes after it is refused."""
        self.closed = True
        for timer in (self._timer, self._retry_timer):
            if timer is not None:
                timer.cancel()
        await self._committer.stop()
        for write in list(self._waiting):
            self._rescue(write)

    # Inside

    def _run(self, write: Write, db: Any, changes: Any) -> Any:
        """In the writer's thread: the job, unless its content went elsewhere meanwhile."""
        with self._claim:
            if write.given_up:
                return None
            write.begun = True
        return write.job(db, changes)

    def _ended(self, write: Write, done: asyncio.Future[Any]) -> None:
        self._waiting.pop(write, None)
        error = done.exception() if not done.cancelled() else StoreError("cancelled")
        if error is None:
            if not write.future.done():
                write.future.set_result(done.result())
        elif isinstance(error, FullError):
            if not write.future.done():
                write.future.set_exception(error)
        elif isinstance(error, MistakeError):
            self._rescue(write)
        else:
            self.fail(str(error))
            self._rescue(write)

    def _rescue(self, write: Write) -> None:
        if write.rescued:
            return
        write.rescued = True
        try:
            result = write.rescue()
        except StoreError as error:
            if not write.future.done():
                write.future.set_exception(error)
        else:
            if not write.future.done():
                write.future.set_result(result)

    # A disk that does not answer

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HANG_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        left_s = next(iter(self._waiting)).since_s + HANG_S - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
        else:
            self._hang()

    def _hang(self) -> None:
        self.fail(f"the disk has not answered for {HANG_S:.0f} s")
        for write in list(self._waiting):
            with self._claim:
                write.given_up = not write.begun
            if write.given_up or write.repeatable:
                self._rescue(write)
            elif not write.future.done():
                write.future.set_result(None)  # The disk may still have it; if it has not, `_ended` rescues it.

    # Back again

    def _retry_in(self, delay_s: float) -> None:
        if self._retry_timer is None and not self.closed:
            self._retry_timer = asyncio.get_running_loop().call_later(delay_s, self._retry)

    def _retry(self) -> None:
        self._retry_timer = None
        self._retry_in(RETRY_S)  # Whatever comes of this one.
        if not self._trying and not any(write.begun for write in self._waiting):  # Else the thread hangs still.
            self._try(None)

    def _try(self, decided: asyncio.Future[Any] | None) -> None:
        job = self._restore()
        self._trying = True
        done = self._committer.submit(job, urgent=True)
        loop = asyncio.get_running_loop()
        late = None
        if decided is not None:
            late = loop.call_later(HANG_S, self._undecided, decided)
        done.add_done_callback(partial(self._tried, decided, late))

    def _undecided(self, decided: asyncio.Future[Any]) -> None:
        if not decided.done():
            self.down = ""
            self.fail(f"the disk has not answered for {HANG_S:.0f} s")
            decided.set_result(None)

    def _tried(
        self, decided: asyncio.Future[Any] | None, late: asyncio.TimerHandle | None, done: asyncio.Future[Any]
    ) -> None:
        self._trying = False
        if late is not None:
            late.cancel()
        error = done.exception() if not done.cancelled() else StoreError("cancelled")
        if error is None:
            if self._retry_timer is not None:
                self._retry_timer.cancel()
                self._retry_timer = None
            self.down, told, self.told = "", self.told, False
            self._on_up(done.result(), told)
        elif decided is not None and not decided.done():
            self.down = ""
            self.fail(str(error))
        else:
            self.down = str(error)
            self._retry_in(RETRY_S)
        if decided is not None and not decided.done():
            decided.set_result(None)


def _with_riders(riders: tuple[Job, ...], job: Job, db: sqlite3.Connection, changes: Any) -> Any:
    for rider in riders:
        rider(db, changes)
    return job(db, changes)


def look(future: asyncio.Future[Any]) -> None:
    """Ask a future of which nobody waits for its error, or asyncio would call it forgotten."""
    if not future.cancelled():
        future.exception()
