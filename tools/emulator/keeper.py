"""The thread that keeps a rig running: it starts processes, listens to them, restarts them, and feeds sensors in time.

Rules of this file: one thread for all of it. The kernel ends a child with the thread that started it, so every child
must be started here and never by a thread that ends earlier.
"""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

CALL_TIMEOUT_S = 30.0
IDLE_S = 0.2
JOBS_MAX = 1_000

Tick = Callable[[float], float]


class Keeper(threading.Thread):
    """`call` runs a function in here; `watch` listens to a socket; a tick is called again when it asked to be."""

    def __init__(self) -> None:
        super().__init__(name="rig", daemon=True)
        self._selector = selectors.SelectSelector()  # epoll would round time-outs up to whole milliseconds
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._woken)
        self._jobs: deque[tuple[Future, Callable[..., Any], tuple]] = deque()
        self._ticks: list[Tick] = []
        self._leave = False
        self.failure: BaseException | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run `function(*arguments)` in this thread and return its result. RuntimeError when the thread is gone."""
        if threading.current_thread() is self:
            return function(*arguments)
        if not self.is_alive() or len(self._jobs) >= JOBS_MAX:
            raise RuntimeError(f"the rig does not run: {self.failure or 'not started, or stopped'}")
        future: Future = Future()
        self._jobs.append((future, function, arguments))
        self.wake()
        return future.result(CALL_TIMEOUT_S)

    def wake(self) -> None:
        """Let every tick look at the time again."""
        try:
            self._wake_out.send(b"x")
        except OSError:
            return  # It will wake anyway, or is gone.

    def watch(self, sock: socket.socket, listener: Callable[[], None]) -> None:
        """Call `listener` whenever `sock` has something; only from inside this thread."""
        self._selector.register(sock, selectors.EVENT_READ, listener)

    def forget(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)

    def every(self, tick: Tick) -> None:
        """Call `tick(now)` at once and then when it asked to be: it returns a time of time.monotonic()."""
        self._ticks.append(tick)

    def stop(self) -> None:
        """Let the thread end; safe to call twice, and before it was started."""
        self._leave = True
        self.wake()
        if self.is_alive():
            self.join(CALL_TIMEOUT_S)
        self._wake_out.close()

    def run(self) -> None:
        try:
            while not self._leave:
                now_s = time.monotonic()
                due_s = min((tick(now_s) for tick in list(self._ticks)), default=now_s + IDLE_S)
                for key, _ in self._selector.select(max(0.0, min(due_s - time.monotonic(), IDLE_S))):
                    key.data()
                self._work()
        except BaseException as error:  # noqa: BLE001 - told to whoever calls next; the children end with this thread
            self.failure = error
        finally:
            while self._jobs:
                self._jobs.popleft()[0].set_exception(RuntimeError(f"the rig has stopped: {self.failure}"))
            self._selector.close()
            self._wake_in.close()

    def _woken(self) -> None:
        self._wake_in.recv(4096)

    def _work(self) -> None:
        while self._jobs:
            future, function, arguments = self._jobs.popleft()
            try:
                future.set_result(function(*arguments))
            except Exception as error:  # noqa: BLE001 - belongs to the caller
                future.set_exception(error)
