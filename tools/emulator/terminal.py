"""A command in a terminal of its own: what it shows, what somebody types, Ctrl-C.

Rules of this file: nothing sleeps; what is waited for is text that appears, with a limit.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CTRL_C = "\x03"


class Terminal:
    """`riverpost` with `words` in a terminal of so many columns; `seen` is all that it has shown, `raw` as it came."""

    def __init__(self, *words: object, columns: int = 80, lang: str = "en_US.UTF-8", **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self.seen = ""
        self.raw = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools", *[str(word) for word in words]],
            cwd=TOP, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "LANG": lang, "LC_ALL": lang, "TERM": "xterm", "COLUMNS": "", **environment},
        )  # fmt: skip
        os.close(slave)

    def expect(self, text: str, times: int = 1) -> None:
        """Until `text` has appeared so often."""
        end_s = time.monotonic() + LIMIT_S
        while self.seen.count(text) < times:
            if not self._read(end_s - time.monotonic()):
                raise AssertionError(f"{text!r} never came; there was:\n{self.seen}")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def finish(self) -> int:
        """The exit code, with everything seen."""
        end_s = time.monotonic() + LIMIT_S
        while self._read(end_s - time.monotonic()):
            pass
        return self._process.wait(max(1.0, end_s - time.monotonic()))

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def lines(self) -> list[str]:
        """What a person sees: of a line that was drawn again, the last state."""
        return [ESCAPE.sub("", line).split("\r")[-1] for line in self.seen.replace("\r\n", "\n").split("\n")]

    def _read(self, timeout_s: float) -> bool:
        if timeout_s <= 0 or not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # The other end is closed: Linux says EIO.
            return False
        self.raw += data
        self.seen += data.decode(errors="replace")
        return bool(data)
