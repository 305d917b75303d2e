"""How far a long reading is: nothing for a second, then a bar on a terminal, or one plain line where there is none.

Rules of this file: talk goes to stderr; results never depend on it.
"""

import os
import shutil
import sys
import time

from gateway import words
from tools.replay.phrases import phrase

AFTER_S = 1.0
EVERY_S = 0.2
BAR = 24
BAR_NARROW = 10
WIDE = 70  # Columns from which the long bar fits.


class Progress:
    """`show(share, rows)` as often as one likes; `end()` takes the bar away."""

    def __init__(self, name: str, lang: str) -> None:
        self._name = name
        self._lang = lang
        self._began_s = time.monotonic()
        self._next_s = self._began_s + AFTER_S
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = False

    def show(self, share: float, rows: int) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s or (self._shown and not self._live):
            return
        self._next_s = now_s + EVERY_S
        self._shown = True
        share = min(1.0, share)
        left_s = (now_s - self._began_s) * (1 - share) / max(share, 0.001)
        text = phrase("reading", self._lang, name=self._name, rows=f"{rows:,}", percent=f"{share * 100:.0f}")
        if not self._live:
            print(text, file=sys.stderr, flush=True)
            return
        left = phrase("left", self._lang, seconds=f"{left_s:.0f}")
        width = shutil.get_terminal_size().columns
        bar = BAR if width >= WIDE else BAR_NARROW
        done = round(share * bar)
        line = f"{'█' * done}{'░' * (bar - done)} {share * 100:3.0f} % {left} {text}"
        while words.columns(line) >= width:
            line = line[:-1]
        print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown and self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
