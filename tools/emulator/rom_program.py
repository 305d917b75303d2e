"""What an emulated ESP32 runs once its loader is left: the application in its flash, under a real MicroPython.

Rules of this file: the process runs what the flash holds and nothing else of ours; the machine's modules stand for the
chip (esp32/). Only the thread of rom_board.py calls in here. What the chip does to itself ends the process, and a new
one starts with the same flash and RTC memory; without power that is gone.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import firmware_build
from tools.broker import end_with_parent
from tools.emulator.rom_boot import TABLE_AT, TABLE_BYTES, partitions
from tools.emulator.rom_chip import Chip, PowerCut

TOP = Path(__file__).resolve().parents[2]
INTERPRETER = TOP / ".cache" / "micropython" / "micropython"
START = Path(__file__).parent / "esp32" / "start.py"
PATH = f"{START.parent}:{firmware_build.BUILD}:{firmware_build.BUILD / 'lib'}"
SETUP = "EMULATED_ESP32"
HEAP = "512k"
CRASH_S = 0.5  # Until a chip whose interpreter ended starts anew.
READ_BYTES = 4096
POWER_ON, BY_ITSELF, WATCHDOG, WAKE, SOFT = 1, 2, 3, 4, 5  # machine.reset_cause() of this port.
RESET_STATE_AT = "0x3ff48034"
RESET_STATE = {POWER_ON: 1, BY_ITSELF: 12, WATCHDOG: 12, WAKE: 5, SOFT: 12}  # Bits of RTC_CNTL_RESET_STATE.


@dataclass
class Surroundings:
    """What a board stands in. `line`: its end of an RS-485 line; `wifi`: access points, {name: {MAC or "*": key}}.

    `pins`: what the rig said last, sent to every start: {"uv": {pin: microvolt}, "levels": …, "spi": …}.
    """

    line: socket.socket | None = None
    line_uart: int = 2
    wifi: dict[str, dict[str, str]] = field(default_factory=dict)
    pins: dict[str, dict[str, Any]] = field(default_factory=dict)


class Program:
    """The running chip, or one that is off. `starts`: causes of the starts so far; `bites`: of its watchdog."""

    def __init__(self, folder: Path, chip: Chip, around: Surroundings) -> None:
        firmware_build.build()  # The inclinometer's model is read from there; of our own program nothing is.
        self.around = around
        self.starts: list[int] = []
        self.bites = 0
        self._chip = chip
        self._rtc = folder / "rtc"
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._keys = -1
        self._told = b""
        self._watch_s = 0.0
        self._fed_s = 0.0
        self._due: tuple[float, int] | None = None  # When it starts by itself, and the cause of that start.
        self._said = b""

    @property
    def on(self) -> bool:
        return self._process is not None or self._due is not None

    def files(self) -> list[Any]:
        """What the thread waits for."""
        if self._process is None or self._control is None:
            return []
        return [self._process.stdout, self._control]

    def power(self, cause: int = POWER_ON) -> None:
        """Start what is in the flash; RTC memory holds nothing."""
        self._rtc.write_bytes(b"")
        self._watch_s = 0.0
        self._launch(cause, "run")

    def off(self) -> None:
        """Take the power away."""
        self._due = None
        self._end()
        self._said = b""

    def type(self, data: bytes) -> None:
        """Bytes come in on the console; a full buffer loses them."""
        if self._process is not None:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._keys, data)

    def send(self, message: dict[str, Any]) -> None:
        """What changes around the chip: see esp32/chip.py."""
        if self._control is not None and message:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._control.sendall(json.dumps(message).encode() + b"\n")

    def take(self, ready: list[Any]) -> bytes:
        """Do what is due; what the console said. `PowerCut` where the power failed within a flash operation."""
        if self._process is not None and self._process.stdout in ready:
            self._hear()
        if self._control is not None and self._control in ready:
            self._listen()
        now_s = time.monotonic()
        if self._due is not None and now_s >= self._due[0]:
            _, cause = self._due
            self._due = None
            self._launch(cause, "run")
        elif self._process is not None and self._watch_s and now_s - self._fed_s > self._watch_s:
            self.bites += 1
            self._restart(WATCHDOG, "run")
        said, self._said = self._said, b""
        return said

    def _hear(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            self._said += os.read(self._process.stdout.fileno(), READ_BYTES).replace(b"\n", b"\r\n")

    def _listen(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:  # The interpreter itself ended: to a chip that is a crash.
            self._end()
            self._due = (time.monotonic() + CRASH_S, BY_ITSELF)
            return
        *lines, self._told = (self._told + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            self._fed_s = time.monotonic()
            if word == "watch":
                self._watch_s = int(rest) / 1000
            elif word == "reset":
                self._restart(BY_ITSELF, "run")
            elif word == "soft":
                self._restart(SOFT, rest)
            elif word == "sleep":
                self._end()
                self._due = (time.monotonic() + int(rest) / 1000, WAKE)
            elif word == "cut":
                self._chip.cut_after = None
                self.off()
                raise PowerCut

    def _restart(self, cause: int, mode: str) -> None:
        self._end()
        if cause != SOFT:
            self._watch_s = 0.0
        self._launch(cause, mode)

    def _launch(self, cause: int, mode: str) -> None:
        mine, its = socket.socketpair()
        its.setblocking(False)
        typed, keys = os.pipe()
        os.set_blocking(typed, False)
        os.set_blocking(keys, False)
        around, files = self.around, [its.fileno()]
        if around.line is not None:
            around.line.setblocking(False)
            files.append(around.line.fileno())
        table = partitions(self._chip.read(TABLE_AT, TABLE_BYTES))
        setup = {
            "flash": str(self._chip.path),
            "rtc": str(self._rtc),
            "control": its.fileno(),
            "mode": mode,
            "mac": self._chip.mac.hex(),
            "cause": cause,
            "registers": {RESET_STATE_AT: RESET_STATE[cause]},
            "parts": {name: [at, size] for name, (kind, at, size) in table.items() if kind},
            "uarts": {} if around.line is None else {str(around.line_uart): around.line.fileno()},
            "wifi": around.wifi,
        }
        try:
            self._process = subprocess.Popen(
                [str(INTERPRETER), "-X", f"heapsize={HEAP}", str(START)],
                env={**os.environ, "MICROPYPATH": PATH, SETUP: json.dumps(setup)},
                stdin=typed,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=files,
                preexec_fn=end_with_parent(),
            )
        finally:
            its.close()
            os.close(typed)
        self._keys, self._control, self._told = keys, mine, b""
        self._fed_s = time.monotonic()
        self.starts.append(cause)
        self.send({"cut": -1 if self._chip.cut_after is None else self._chip.cut_after, **around.pins})

    def _end(self) -> None:
        """End the process at once, as a reset does."""
        if self._process is None:
            return
        assert self._control is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        os.set_blocking(self._process.stdout.fileno(), False)
        self._hear()
        self._process.stdout.close()
        self._control.close()
        os.close(self._keys)
        self._process, self._control, self._keys = None, None, -1
