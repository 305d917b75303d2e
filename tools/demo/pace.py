"""How fast the demo may run on this machine: it slows down when the gateway begins to miss scans.

Rules of this file: it only lowers the rate, and hides nothing: what was skipped stays counted.
"""

import time
from collections.abc import Callable

LOOK_S = 5.0
SKIPPED_PERMIL = 20  # More than this in one look: the machine does not keep up, it did not just hiccup.
SLOWER = 0.75
SHARE_MIN = 0.5  # Never below half of the speed that was asked for.


class Pace:
    """Call `look(scans, skipped)` often; it calls `slow_down(rate)` when the machine does not keep up."""

    def __init__(self, rate: float, slow_down: Callable[[float], None]) -> None:
        self.rate = rate
        self._least = rate * SHARE_MIN
        self._slow_down = slow_down
        self._next_s: float | None = None
        self._scans = 0
        self._skipped = 0

    def look(self, scans: int, skipped: int, now_s: float | None = None) -> None:
        """`scans` and `skipped` as counted by the gateway since its start."""
        now_s = time.monotonic() if now_s is None else now_s
        if self._next_s is not None and now_s < self._next_s:
            return
        due = scans - self._scans + skipped - self._skipped
        behind = (skipped - self._skipped) * 1000 > due * SKIPPED_PERMIL
        if self._next_s is not None and behind and self.rate > self._least:
            self.rate = max(self._least, self.rate * SLOWER)
            self._slow_down(self.rate)
        self._next_s = now_s + LOOK_S
        self._scans, self._skipped = scans, skipped
