"""A terminal for a program that draws with carriage return and newline alone: its screen can be told from that."""

import os
import signal
import termios
import time
from collections.abc import Callable

from tools.emulator.terminal import Terminal

WAIT_S = 40.0
LOOK_S = 0.02


class PlainTerminal(Terminal):
    """`with` ends it. `text` is all that was written, `attributes` how the terminal is set now and `before` was."""

    def __init__(self, *words: object, columns: int = 80, **environment: str) -> None:
        super().__init__(*words, columns=columns, **environment)
        self._gone = False
        self.before = self.attributes

    def __enter__(self) -> "PlainTerminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @property
    def attributes(self) -> list:
        return termios.tcgetattr(self._master)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def hang_up(self) -> None:
        """The line to the terminal breaks."""
        os.close(self._master)
        self._master = os.open(os.devnull, os.O_RDWR)
        self._gone = True

    def wait_for(self, words: str, after: str = "") -> None:
        """Until it has written `words`, behind `after`. AssertionError with the screen where it does not."""
        self.until(lambda: words in self.text.partition(after)[2] if after else words in self.text, words)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        self.until(lambda: self._process.poll() is not None, "its end")
        while not self._gone and self._read(LOOK_S):
            pass
        return self._process.wait()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Until `condition` holds; AssertionError with the screen where it does not, or where the program has ended."""
        end_s = time.monotonic() + WAIT_S
        while not condition():
            ended = self._process.poll() is not None
            if not self._read(LOOK_S) and ended and not condition():
                raise AssertionError(f"it has ended, {self._process.poll()}; no {what!r}:\n{self.shown()}")
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
