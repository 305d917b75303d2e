"""Steps of a command as a person watches them: number, name, a bar where bytes are counted, result, time.

Rules of this file: talk goes to stderr; a bar only on a terminal, else one plain line a step; nothing is silent for
longer than a second on a terminal. Results never depend on it.
"""

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from gateway import words
from tools.failure import LINE_MAX, wrapped
from tools.phrases import phrase

NAME_COLUMNS = 8
STATE_COLUMNS = 8
BAR, BAR_NARROW = 24, 7
WIDE = 70  # Columns from which the long bar fits.
TICK_S = 0.25
LEFT_AFTER_S = 2.0  # From then on the time that is left is told.


def live(stream: TextIO) -> bool:
    """May `stream` be drawn on?"""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ


class Steps:
    """`count` steps. `with step(key):` is one; `show(done, total)` tells how far it is, in bytes, or in whatever else
    has no `rate` that anybody asks for; `say(text)` for what it waits.
    """

    def __init__(self, count: int, lang: str, stream: TextIO | None = None, *, rate: bool = True) -> None:
        self._count = count
        self._rate = rate
        self._lang = lang
        self._stream = stream or sys.stderr
        self._live = live(self._stream)
        self._number = 0
        self._name = ""
        self._began_s = 0.0
        self._done = self._total = self._base = 0
        self._said = ""

    @contextlib.contextmanager
    def step(self, key: str, name: str = "") -> Iterator[None]:
        """Tell the step `key` of the phrases, or of that name, when it begins, meanwhile and when it is over."""
        self._number += 1
        self._name = name or phrase(key, self._lang)
        self._began_s = time.monotonic()
        self._done = self._total = self._base = 0
        self._said = ""
        over = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(over,), name="steps", daemon=True)
        if self._live:
            ticker.start()
        result = "FAIL"
        try:
            yield
            result = "ok"
        except KeyboardInterrupt:
            result = "stop"
            raise
        finally:
            over.set()
            if self._live:
                ticker.join()
            self._line(phrase(result, self._lang), f"{self._seconds():5.1f} s", end="\n")

    def show(self, done: int, total: int, base: int = 0) -> None:
        """`done` of `total` bytes; `base` of them were there when the step began."""
        self._done, self._total, self._base = done, total, base

    def say(self, text: str) -> None:
        """For what the step waits; "" = it goes on. Where a line has no room for it, it is told once, on its own."""
        if text and text != self._said and not self._wide():
            room = shutil.get_terminal_size().columns if self._live else LINE_MAX
            for line in wrapped(text, room - 3):
                self._stream.write(f"\r  {line}\033[K\n" if self._live else f"  {line}\n")
        self._said = text

    def _wide(self) -> bool:
        return self._live and shutil.get_terminal_size().columns >= WIDE

    def _seconds(self) -> float:
        return time.monotonic() - self._began_s

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(TICK_S):
            self._line(*self._meanwhile(), end="")

    def _meanwhile(self) -> tuple[str, str]:
        seconds = self._seconds()
        if self._said and self._wide():
            return "", f"{seconds:5.0f} s  {self._said}"
        if not self._total:
            return "", f"{seconds:5.1f} s"
        share = min(1.0, self._done / self._total)
        size = BAR if self._wide() else BAR_NARROW
        bar = "█" * round(share * size) + "░" * (size - round(share * size))
        told = f"{share * 100:3.0f} %"
        moved = self._done - self._base
        if seconds > 0 and size == BAR and self._rate:
            told += f"  {moved / seconds / 1000:6.1f} kB/s"
        if seconds > LEFT_AFTER_S and moved > 0:
            left_ms = round(1_000 * seconds * (self._total - self._done) / moved)
            gap = "  " if size == BAR else " "
            told += gap + phrase("left", self._lang, time=words.age(left_ms, self._lang))
        return bar, told

    def _line(self, state: str, rest: str, *, end: str) -> None:
        name = self._name + " " * max(1, NAME_COLUMNS - words.columns(self._name))
        state += " " * max(1, STATE_COLUMNS - words.columns(state))
        text = f"  {self._number}/{self._count} {name}{state}{rest}"
        while words.columns(text) >= shutil.get_terminal_size().columns and self._live:
            text = text[:-1]
        self._stream.write(f"\r{text}\033[K{end}" if self._live else f"{text}{end}")
        self._stream.flush()
