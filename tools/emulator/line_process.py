"""The process of the line, as the rig holds it: starts it, tells it what to do, asks what it measured."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tools.broker import end_with_parent

ANSWER_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0
ROOT = Path(__file__).resolve().parents[2]


class LineError(RuntimeError):
    """The line refused a command, or is gone. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"emulated line: {reason}")
        self.reason = reason


class LineProcess:
    """One line. Faults stay until `clear()`; an address is that of a board or bought sensor on it.

    `start` belongs to the rig's own thread; everything else may be called from any.
    """

    def __init__(self, log_file: Path) -> None:
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise LineError("not started")
        return self._process.pid

    def start(self, arguments: list[str], files: tuple[int, ...]) -> None:
        """Run it with `arguments` of tools.emulator.line; it inherits the file descriptors `files`."""
        mine, its = socket.socketpair()
        mine.settimeout(ANSWER_TIMEOUT_S)
        command = [sys.executable, "-m", "tools.emulator.line", "--control", str(its.fileno()), *arguments]
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(its.fileno(), *files),
                preexec_fn=end_with_parent(),
            )
        its.close()
        self._control = mine

    def close(self) -> None:
        """End it; safe to call twice."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_TIMEOUT_S)

    def command(self, **asked: Any) -> Any:
        """Do what `asked` says (tools.emulator.line, COMMANDS). LineError when it refuses or does not answer."""
        with self._lock:
            if self._control is None:
                raise LineError("not started")
            try:
                self._control.sendall(json.dumps(asked).encode() + b"\n")
                answer = b""
                while not answer.endswith(b"\n"):
                    piece = self._control.recv(65_536)
                    if not piece:
                        raise LineError(f"its process has ended; see {self._log_file}")
                    answer += piece
            except OSError as error:
                raise LineError(f"no answer ({error}); see {self._log_file}") from error
        told = json.loads(answer)
        if "error" in told:
            raise LineError(told["error"])
        return told["ok"]

    def noise(self, wrong_bits_permil: float, seed: int = 1) -> None:
        """So many of 1,000 bits arrive inverted."""
        self.command(noise=[wrong_bits_permil, seed])

    def truncate(self, answer_bytes: int) -> None:
        """Only so many bytes of every answer come through."""
        self.command(truncate=answer_bytes)

    def silence(self, address: int) -> None:
        """The cable of this device is cut."""
        self.command(silence=address)

    def duplicate(self, address: int) -> None:
        """A second device with this address answers too."""
        self.command(duplicate=address)

    def wrong_id(self, address: int) -> None:
        """This device answers under another address."""
        self.command(wrong_id=address)

    def echo(self, on: bool = True) -> None:
        """The gateway's adapter hears its own bytes."""
        self.command(echo=on)

    def garbage(self, seconds: float, seed: int = 1, pause_chars: int | None = None) -> None:
        """For so long of the station's time somebody sends random bytes and pieces of frames."""
        self.command(garbage=[seconds, seed] if pause_chars is None else [seconds, seed, pause_chars])

    def follow_port(self, on: bool = True) -> None:
        """The gateway's port is as fast as it is set; without it, as fast as the line, however it is set."""
        self.command(follow_port=on)

    def swap(self, biased: bool = True) -> None:
        """The two wires at the gateway's end are exchanged."""
        self.command(swapped=biased)

    def float_idle(self, bytes_per_s: float) -> None:
        """Nothing holds the pair at mark while nobody drives it: so many bytes a second that nobody sent."""
        self.command(floating=bytes_per_s)

    def reflect(self, ring_us: float) -> None:
        """The pair is open at its end; the echo of an edge falls to a third in so many microseconds."""
        self.command(reflections=ring_us)

    def in_pieces(self, piece_us: int) -> None:
        """Hand frames over in pieces of so much real time instead of whole; stays until it is set again."""
        self.command(chunk_us=piece_us)

    def clear(self) -> None:
        """Take all faults of the line off."""
        self.command(clear=True)

    def stats(self, reset: bool = False) -> dict[str, Any]:
        """What was measured since the start, or since the last call with `reset`; see Wire.stats."""
        measured = self.command(stats=True)
        if reset:
            self.command(reset=True)
        return measured

    def answers(self) -> list[tuple[str, int, bytes]]:
        """What bought sensors answered since the last call: (name, end by time.monotonic() in us, bytes)."""
        return [(name, end_us, bytes.fromhex(data)) for name, end_us, data in self.command(answers=True)]

    def pause(self) -> None:
        """Stop the process (SIGSTOP): the line is dead, no byte passes. Returns when it has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            if time.monotonic() > end_s:
                raise LineError("its process does not stop")
            time.sleep(0.001)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
