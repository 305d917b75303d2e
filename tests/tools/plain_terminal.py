"""A real terminal for tests: a program on the far end of a pty, its keys, and what its screen shows.

What it writes must be plain: a program that needs more than carriage return and newline is not shown right here.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

WAIT_S = 40.0
LOOK_S = 0.02


def _surroundings() -> dict[str, str]:
    """What this process was started with, without a size that is not this terminal's."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """`command` in a terminal of `columns` x 200; `with` ends it. `text` is all that it has written."""

    def __init__(self, command: list[str], folder: Path, columns: int = 80, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 200, columns, 0, 0))
        self._slave = slave
        self.before = termios.tcgetattr(slave)
        self.columns = columns
        self.raw = b""

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env={**_surroundings(), **environment},
            preexec_fn=take_terminal,
        )  # fmt: skip

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        for end in (self._master, self._slave):
            os.close(end)

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @property
    def attributes(self) -> list:
        """How the terminal is set now."""
        return termios.tcgetattr(self._slave)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_for(self, words: str, after: str = "") -> None:
        """Until it has written `words`, behind `after`. AssertionError with the screen where it does not."""
        self.until(lambda: words in self.text.partition(after)[2] if after else words in self.text, words)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        end_s = time.monotonic() + WAIT_S
        while self.process.poll() is None:
            assert time.monotonic() < end_s, f"it does not end; the screen:\n{self.shown()}"
            self._read()
        while self._read():
            pass
        return self.process.wait()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Until `condition` holds; AssertionError with the screen where it does not, or where the program has ended."""
        end_s = time.monotonic() + WAIT_S
        while not condition():
            ended = self.process.poll() is not None
            if not self._read() and ended and not condition():
                raise AssertionError(f"it has ended, {self.process.poll()}; no {what!r}:\n{self.shown()}")
            assert time.monotonic() < end_s, f"waited for {what!r}; the screen:\n{self.shown()}"

    def screen(self) -> list[str]:
        """Its lines as they stand: what was drawn over is gone."""
        lines = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            shown: list[str] = []
            for part in line.split("\r"):
                shown[: len(part)] = part
            lines.append("".join(shown).rstrip())
        return lines

    def shown(self) -> str:
        return "\n".join(self.screen())

    def _read(self) -> bool:
        """Take what there is; False where nothing came."""
        if not select.select([self._master], [], [], LOOK_S)[0]:
            return False
        try:
            content = os.read(self._master, 65_536)
        except OSError:
            return False
        self.raw += content
        return bool(content)
