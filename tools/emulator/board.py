"""One emulated board: the .mpy of firmware/ under a real MicroPython, with its line end, control, flash, kept memory.

Rules of this file: a restart finds the same flash and kept memory; what a board says (rows, pins, errors) is written
down as it comes. Processes are started in the rig's own thread only (keeper.py).
"""

import contextlib
import json
import os
import queue
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from tools.broker import end_with_parent
from tools.emulator import flash_dump
from tools.emulator.board_files import EXIT_WATCHDOG, WATCHDOG_LIMIT_S, command, drain, ended_with, files_image
from tools.emulator.board_spec import BoardSpec, Place, label_of, serial_of
from tools.emulator.keeper import Keeper
from tools.emulator.stimulus import Stimulus

EXIT_ORDERLY = 0
RESTARTED = (10, EXIT_WATCHDOG)  # reset, watchdog: the supply is still there
ASLEEP = 12
POWER_CUT = 13
READY_TIMEOUT_S = 20.0
READY_LOOK_S = 0.1
STATS_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0
SEND_BYTES_MAX = 262_144
LINE_BYTES_MAX = 65_536
ERRORS_KEPT = 100
RESTARTS_MAX = 20  # in a row without getting ready: then it stays down
SPIKE_MS = 1_500
RESEND_S = 0.005
FEED_MS = 200  # A UART sensor sends so often by itself ...
FEED_S_MIN = 0.015  # ... but on an accelerated clock not more often than this in real time.

StationMs = Callable[[], float]


class Board:
    """A board of the rig, the `unit`-th of its name. All methods may be called from any thread."""

    def __init__(self, spec: BoardSpec, place: Place, keeper: Keeper, unit: int = 1) -> None:
        self.spec = spec
        self.name = spec.name
        label = label_of(spec.name, unit)
        self.serial = serial_of(label)
        self.flash_file = place.folder / f"{label}.flash"
        self.log_file = place.folder / f"{label}.log"
        self.stimulus = Stimulus(place.definition)
        self.exit_codes: list[int] = []
        self.errors: deque[str] = deque(maxlen=ERRORS_KEPT)
        self.outputs: dict[str, int] = {}
        self.boots: list[tuple[int, int]] = []  # (boot, epoch) of every start that came so far
        self.messages_dropped = 0
        self.watchdog_limit_s = WATCHDOG_LIMIT_S  # Real; of what hangs before its hal is there, from the next start on.
        self._place = place
        self._keeper = keeper
        self._keep_file = place.folder / f"{label}.keep"
        self.files_file = place.folder / f"{label}.files"
        self.files_file.write_bytes(files_image(place.definition))
        self._cut_at_start = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._heard = b""
        self._unsent = b""
        self._ledger: set[tuple[int, int, int]] = set()
        self._lock = threading.RLock()
        self._ready = threading.Event()
        self._down = threading.Event()
        self._down.set()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue(maxsize=8)
        self._tips: deque[int] = deque()
        self._fed_s = 0.0
        self._spike_until_ms: float | None = None
        self._failed_starts = 0
        self._wanted = False
        self._wake_ms: int | None = None  # When it wakes by itself, by the station's clock.
        self._woke_ms: int | None = None

    @property
    def asleep(self) -> bool:
        """It has power and sleeps deeply: nothing of it runs, and it wakes by itself."""
        return self._wake_ms is not None

    @property
    def line_end(self) -> socket.socket | None:
        """Where it is connected to the line; None on Wi-Fi."""
        return self._place.line_end

    @property
    def pid(self) -> int | None:
        """Its process, None while it has no power."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    @property
    def running(self) -> bool:
        return self._ready.is_set()

    @property
    def ledger(self) -> set[tuple[int, int, int]]:
        """(epoch, seq, CRC) of every row that the board said it had made durable."""
        with self._lock:
            return set(self._ledger)

    @property
    def rows_made(self) -> int:
        """How many rows that is."""
        with self._lock:
            return len(self._ledger)

    def log_rows(self) -> set[tuple[int, int, int]]:
        """The same of every row that stands in its flash, read by foreign code."""
        return {(row.epoch, row.seq, row.crc) for row in flash_dump.read(self.flash_file)}

    def start(self, wait: bool = True) -> None:
        """Give it power; nothing if it has. TimeoutError if it does not get ready."""
        self._failed_starts = 0
        self._keeper.call(self._launch)
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until its loop runs. TimeoutError, at once where it ended and will not start again by itself."""
        end_s = time.monotonic() + timeout_s
        while not self._ready.wait(READY_LOOK_S):
            if time.monotonic() > end_s or self._down.is_set():
                raise TimeoutError(f"board {self.name} is not ready:\n{self.last_words()}")

    def wait_down(self, timeout_s: float = READY_TIMEOUT_S) -> int:
        """Wait for the process to end; its exit code."""
        if not self._down.wait(timeout_s):
            raise TimeoutError(f"board {self.name} still runs after {timeout_s:.0f} s")
        return self.exit_codes[-1]

    def kill(self) -> None:
        """Take the power away at once; `start()` gives it back."""
        self._wanted = False
        if self.asleep:
            self._keeper.call(self._lose_sleep)
        process = self._process
        if process and process.poll() is None:
            process.kill()
            self.wait_down()

    def stop_power(self) -> None:
        """As `kill`: a board knows no other way to lose its power."""
        self.kill()

    def restore(self) -> None:
        """Power is back."""
        self.start()

    def power_cut(self, ops: int = 1, part_permil: int = 500) -> None:
        """Cut the power at the `ops`-th flash operation from now, which is done to `part_permil`; see `wait_down`.

        While it has no power: at that operation of its next start.
        """
        if self._process is None:
            self._cut_at_start = f"{ops}:{part_permil}"
        self._send({"cut": {"ops": ops, "part_permil": part_permil}})

    def reset(self) -> None:
        """Press its reset button; it comes back by itself."""
        self._ready.clear()
        self._send({"reset": 1})

    def hang(self) -> None:
        """Its program hangs: the watchdog bites, and it comes back by itself."""
        self._ready.clear()
        self._send({"hang": "loop"})

    def stats(self) -> dict[str, Any]:
        """Its own counters. TimeoutError if it does not answer."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._answers.get_nowait()  # What came too late for somebody else.
        self._send({"ask": "stats"})
        try:
            return self._answers.get(timeout=STATS_TIMEOUT_S)
        except queue.Empty:
            raise TimeoutError(f"board {self.name} does not answer:\n{self.last_words()}") from None

    def set(self, quantity: str, value: int | None) -> None:
        """What its sensor meets from now on (stimulus.py)."""
        with self._lock:
            self._send(self.stimulus.set(quantity, value))

    def fault(self, kind: str, quantity: str | None = None) -> None:
        """What is wrong with its sensor from now on (stimulus.FAULTS); a spike is over by itself."""
        with self._lock:
            self._send(self.stimulus.fault(kind, quantity))
            if kind == "spike":
                self._spike_until_ms = self._place.clock()[0] + SPIKE_MS

    def tip(self, count: int, spread_ms: int = 0) -> None:
        """Tips of the rain gauge, the last of them now."""
        with self._lock:
            self._tips.extend(self.stimulus.tips(count, spread_ms, self._place.clock()[0]))
            self._send_tips(self._place.clock()[0])
        self._keeper.wake()

    def set_clock(self) -> None:
        """The rate has changed."""
        self._send({"clock": self._place.clock()})

    def last_words(self, lines: int = 12) -> str:
        """The end of its console, and how it ended."""
        text = self.log_file.read_text(errors="replace").splitlines()[-lines:] if self.log_file.exists() else []
        return "\n".join([*text, f"exit codes {self.exit_codes}, errors {list(self.errors)}"])

    def tick(self, now_s: float) -> float:
        """Feed what comes in time; when to be called again."""
        with self._lock:
            station_ms, _, rate_milli = self._place.clock()
            if self._wake_ms is not None:
                if station_ms < self._wake_ms:
                    return now_s + min(1.0, (self._wake_ms - station_ms) / rate_milli)
                self._woke_ms, self._wake_ms = self._wake_ms, None
                self._launch()
            if self._control is None:
                return now_s + 1.0
            due_s = now_s + 1.0
            if self._unsent:
                self._send({})
                due_s = now_s + RESEND_S
            if self._spike_until_ms is not None:
                if station_ms >= self._spike_until_ms:
                    self._spike_until_ms = None
                    self._send(self.stimulus.settle())
                due_s = min(due_s, now_s + 0.05)
            if self._tips:
                self._send_tips(station_ms)
                if self._tips:
                    due_s = min(due_s, now_s + (self._tips[0] - station_ms) / rate_milli)
            return min(due_s, self._feed(now_s, rate_milli))

    def close(self) -> None:
        """End the process in order: its world is gone. Only from the rig's thread."""
        self._wanted = False
        self._wake_ms = None
        if self._control is not None:
            self._control.shutdown(socket.SHUT_WR)
        if self._process is not None:
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_TIMEOUT_S)
            self._gone()
            self._down.set()

    def _launch(self) -> None:
        if self._process is not None:
            return
        self._wanted = True
        self._down.clear()
        end = self._place.line_end
        if end is not None:
            drain(end)  # What passed while it had no power was never heard.
        mine, its = socket.socketpair()
        mine.setblocking(False)
        its.setblocking(False)
        files = (self.flash_file, self._keep_file, self.files_file)
        words = command(self._place, its.fileno(), files, self.serial, self._cut_at_start or "-", self.watchdog_limit_s)
        self._cut_at_start = ""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                words,
                env={**os.environ, "MICROPYPATH": f"{self._place.build}:{self._place.build}/lib"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(its.fileno(),) if end is None else (end.fileno(), its.fileno()),
                preexec_fn=end_with_parent(),
            )
        its.close()
        with self._lock:
            self._control = mine
            self._heard = self._unsent = b""
            if self._woke_ms is not None:
                self._send({"woke": self._woke_ms})
                self._woke_ms = None
            self._send({"clock": self._place.clock()})
            self._send(self.stimulus.everything())
        self._keeper.watch(mine, self._listen)

    def _listen(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(LINE_BYTES_MAX)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._ended()
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        with self._lock:
            if "row" in message:
                epoch, seq, crc = message["row"]
                self._ledger.add((epoch, seq, crc))
            if "ready" in message:
                self.boots.append((message["ready"]["boot"], message["ready"]["epoch"]))
                self._failed_starts = 0
                self._ready.set()
            self.outputs.update(message.get("pin", {}))
            if "sleep" in message:
                self._wake_ms = message["at"] + message["sleep"]
            if "error" in message:
                self.errors.append(message["error"])
        if "stats" in message:
            with contextlib.suppress(queue.Full):
                self._answers.put_nowait(message["stats"])

    def _ended(self) -> None:
        """The process closed its end: it is gone, or about to be."""
        assert self._process is not None
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        self._failed_starts = 0 if self._ready.is_set() else self._failed_starts + 1
        code = self._gone()
        if self._wanted and code == ASLEEP and self._wake_ms is not None:
            self._keeper.wake()
        elif self._wanted and code in RESTARTED and self._failed_starts < RESTARTS_MAX:
            self._launch()
        else:
            self._down.set()

    def _lose_sleep(self) -> None:
        """Without power it does not wake, and what it kept is gone."""
        if self._wake_ms is not None and self._process is None:
            self._wake_ms = None
            self._keep_file.unlink(missing_ok=True)
            self._down.set()

    def _gone(self) -> int:
        """Write down how it ended; the exit code."""
        assert self._process is not None
        code = ended_with(self._process.returncode, self._keep_file)
        with self._lock:
            if self._control is not None:
                self._keeper.forget(self._control)
                self._control.close()
            self._control = None
            self._process = None
            self._ready.clear()
        self.exit_codes.append(code)
        return code

    def _send(self, message: dict[str, Any]) -> None:
        """Hand over without waiting; a board that does not listen loses messages beyond SEND_BYTES_MAX."""
        with self._lock:
            if self._control is None:
                return
            if message:
                line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
                if len(self._unsent) + len(line) > SEND_BYTES_MAX:
                    self.messages_dropped += 1
                else:
                    self._unsent += line
            try:
                self._unsent = self._unsent[self._control.send(self._unsent) :] if self._unsent else b""
            except BlockingIOError:
                self._keeper.wake()
            except (BrokenPipeError, ConnectionResetError):
                self._unsent = b""

    def _send_tips(self, station_ms: float) -> None:
        due = []
        while self._tips and self._tips[0] <= station_ms:
            due.append(self._tips.popleft())
        if due:
            self._send({"edges_at": {self.stimulus.counter(): due}})

    def _feed(self, now_s: float, rate_milli: int) -> float:
        """UART sensors send by themselves, as often as real ones."""
        if "gap_mm" not in self.stimulus.quantities:
            return now_s + 1.0
        period_s = max(FEED_MS / rate_milli, FEED_S_MIN)
        if now_s - self._fed_s >= period_s:
            self._fed_s = now_s
            self._send(self.stimulus.frames())
        return self._fed_s + period_s
