"""One board process on a real pty, without rig, broker or gateway: for what is measured of the firmware alone.

Rules of this file: the board's clock, sensors and line are as a rig gives them; nothing of it outlives `with`.
"""

import json
import os
import pty
import select
import socket
import subprocess
import time
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tools.broker import end_with_parent
from tools.emulator.board_spec import serial_of
from tools.firmware_build import BUILD
from tools.image.files import BOARD, pack_twin

SMALL = Path(__file__).resolve().parents[2] / ".cache" / "micropython32" / "micropython"
USUAL = Path(__file__).resolve().parents[2] / ".cache" / "micropython" / "micropython"
START_S = 20.0
PRINTED = "printed"
STATION_MS = 1_000
FEED_S = 0.02
WORLD = {"adc": {"0": 1_200_000, "1": 400_000, "2": 1_100_000}}
GAP_FRAME = {"uart": {"1": "ff07d0d6"}}  # 2.000 m


def interpreter() -> tuple[Path, int]:
    """The interpreter that is most like a board's, and its bits."""
    return (SMALL, 32) if SMALL.exists() else (USUAL, 64)


class NotUp(Exception):
    """The board ended before it was ready, or said nothing for START_S; the text is the last it printed."""


class Pty:
    """A raw pty: `master` blocks, `board_end` is what a board gets."""

    def __init__(self) -> None:
        self.master, self.board_end = pty.openpty()
        tty.setraw(self.board_end)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.board_end)


class LoneBoard:
    """A board that is ready. `rate`: its seconds in one of ours."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket, log: Path, rate: float) -> None:
        self.pid = process.pid
        self._process = process
        self._control = control
        self._log = log
        self._heard = b""
        self._messages: deque[dict[str, Any]] = deque()
        self._say({"clock": [STATION_MS, time.monotonic_ns() // 1000, round(rate * 1000)]})
        self._say(WORLD)
        self.wait_for("ready")

    def wait_for(self, key: str) -> Any:
        """What the next message with `key` says. NotUp if none comes."""
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s:
            while self._messages:
                message = self._messages.popleft()
                if key in message:
                    return message[key]
            if select.select([self._control], [], [], FEED_S)[0]:
                try:
                    chunk = self._control.recv(65_536)
                except OSError:
                    chunk = b""
                if not chunk:
                    self._process.wait(START_S)
                    break
                *lines, self._heard = (self._heard + chunk).split(b"\n")
                self._messages.extend(map(json.loads, lines))
            else:
                self._say(GAP_FRAME)
        raise NotUp(self._log.read_text()[-400:])

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # That it has ended is found by reading, behind what it said before.
            self._control.sendall(json.dumps(message).encode() + b"\n")


@contextmanager
def lone_board(
    folder: Path,
    definition: dict[str, Any],
    line: Pty | None,
    heap: str,
    rate: float = 1.0,
    program: Path | None = None,
    script: Path | None = None,
) -> Iterator[LoneBoard]:
    """A board with `definition` at `line`, its files in `folder`, what it prints in `folder`/PRINTED.

    `program`: another interpreter; `script`: what it runs instead of the firmware's main. NotUp if it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BOARD).write_bytes(pack_twin(1, json.dumps(definition).encode()))
    control, board_control = socket.socketpair()
    board_control.setblocking(False)
    numbers = [board_control.fileno()]
    if line:
        numbers.insert(0, os.dup(line.board_end))
        os.set_blocking(numbers[0], False)
    words = [str(numbers[0]) if line else "-", str(board_control.fileno()), str(folder / "flash"), str(folder / "keep")]
    log = folder / PRINTED
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(program or interpreter()[0]), "-X", f"heapsize={heap}", *([str(script)] if script else ["-m", "main"])]
            + [str(folder), *words, serial_of(folder.name).hex()],
            pass_fds=numbers,
            env={**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}" + (f":{script.parent}" if script else "")},
            cwd=folder,
            stdout=errors,
            stderr=errors,
            preexec_fn=end_with_parent(),
        )
    board_control.close()
    try:
        yield LoneBoard(process, control, log, rate)
    finally:
        control.close()
        process.kill()
        process.wait()
        if line:
            os.set_blocking(line.board_end, True)  # The dup shares it.
            os.close(numbers[0])
