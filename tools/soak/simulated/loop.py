"""An event loop on a clock of its own: nothing is waited for, time jumps to whatever is due next.

Rules of this file: the same calls in the same order give the same run; no thread, no descriptor, no real time. What
other loops give to a thread runs here at once, and its answer comes a turn later.
"""

import asyncio
import contextvars
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from gateway.clock import Clock

START_S = 1_000.0
TURNS_MAX, TURNS_S = 10_000, 5.0  # More turns in less time: something runs in a circle.
LIFE: "contextvars.ContextVar[Life | None]" = contextvars.ContextVar("life", default=None)


class Stalled(Exception):
    """Everybody waits for something that nobody will do."""


class Life:
    """The tasks of one process of the real world; what is killed ends all of them at once."""

    def __init__(self) -> None:
        self.dead = False
        self.tasks: dict[Task, None] = {}  # In the order in which they began: a set has none.

    def adopt(self, main) -> "Task":
        """Begin its first task; what that begins belongs to it too."""
        token = LIFE.set(self)
        task = asyncio.get_running_loop().create_task(main)
        LIFE.reset(token)
        assert isinstance(task, Task)
        return task

    async def end(self) -> None:
        """Kill: nothing of it has any effect from now on; returns when the last task has ended."""
        self.dead = True
        while self.tasks:
            tasks = list(self.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


class Task(asyncio.Task):
    """A task whose place in a set does not depend on where it lies in memory."""

    _numbers = itertools.count(1)

    def __init__(self, coro, **more) -> None:
        self._number = next(Task._numbers)
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.BaseEventLoop):
    """`run(main)` runs `main` to its end. Stalled where it can have none."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = START_S
        self._turns = 0
        self._turns_s = START_S
        self._selector = self  # What BaseEventLoop asks for events; there are none, only time.
        self.errors: list[str] = []  # Exceptions that nobody took.
        self.set_task_factory(_new_task)
        self.set_exception_handler(self._on_error)

    def run(self, main) -> Any:
        Task._numbers = itertools.count(1)
        try:
            return self.run_until_complete(main)
        finally:
            self.close()

    def time(self) -> float:
        return self.now_s

    def select(self, timeout_s: float | None) -> list:
        """In place of waiting: go to the time of the next timer."""
        if timeout_s is None:
            raise Stalled("no timer, and nobody has anything to do")
        self._turns += 1
        if self._turns >= TURNS_MAX and self.now_s < self._turns_s + TURNS_S:
            busy = Counter(task.get_name() for task in asyncio.all_tasks(self))
            raise Stalled(f"{TURNS_MAX} turns in {TURNS_S} s at {self.now_s:.1f} s: {busy}")
        if self._turns >= TURNS_MAX:
            self._turns, self._turns_s = 0, self.now_s
        if timeout_s > 0:
            self.now_s = max(self.now_s, self._scheduled[0].when())  # pyright: ignore[reportAttributeAccessIssue]
        return []

    def run_in_executor(self, executor: object, func: Callable, *args) -> asyncio.Future:  # pyright: ignore[reportIncompatibleMethodOverride]
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits
            self.call_soon(_settle, future, None, error)
        else:
            self.call_soon(_settle, future, result, None)
        return future

    def _process_events(self, event_list: list) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in select()."""

    def _on_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")


class SimClock(Clock):
    """A gateway's clock: monotonic since its boot, unix time as somebody set it. Short sleeps take `coarse_ms`."""

    def __init__(self, loop: VirtualLoop, boot_ms: int, offset_ms: int, coarse_ms: int) -> None:
        super().__init__()
        self._world_loop = loop
        self._boot_ms = boot_ms
        self.offset_ms = offset_ms  # What unix time is ahead of the loop's.
        self._coarse_ms = coarse_ms

    def mono_us(self) -> int:
        return round(self._world_loop.now_s * 1e6) + self._boot_ms * 1_000

    def mono_ms(self) -> int:
        return round(self._world_loop.now_s * 1e6) // 1_000 + self._boot_ms

    def unix_ms(self) -> int:
        return round(self._world_loop.now_s * 1e6) // 1_000 + self.offset_ms

    async def sleep_ms(self, station_ms: float) -> None:
        await asyncio.sleep(max(station_ms, self._coarse_ms) / 1_000)


def _new_task(loop: asyncio.AbstractEventLoop, coro, **more) -> Task:
    task = Task(coro, loop=loop, **more)
    life = LIFE.get()
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(life.tasks.pop)
    return task


def _settle(future: asyncio.Future, result: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
