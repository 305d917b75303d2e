"""Tilt: how far a wall or slope has turned from its baseline, whichever way.

Rules of this file: no clock; millidegrees. A baseline is given, or it is the median of the first window in which the
sensor stood still; it survives a restart. Before there is one nothing can be judged.
"""

from gateway.windows import Median

STILL_SAMPLES = 30  # One window that is looked at for standing still.
STILL_TRIES = 10  # Then the median of a restless window is taken: a noisy baseline is better than none.


class Turn:
    """Absolute change from the baseline, by the median over the rule's window if it has one."""

    __slots__ = ("_first", "_median", "_still_mdeg", "_tries", "baseline_mdeg", "moved")

    def __init__(self, window_ms: int, still_mdeg: int, baseline_mdeg: int | None = None) -> None:
        """`still_mdeg`: the widest spread of a first window that counts as standing still."""
        self._median = Median(window_ms) if window_ms else None
        self._still_mdeg = still_mdeg
        self._first: list[int] = []
        self._tries = 0
        self.baseline_mdeg = baseline_mdeg
        self.moved = False  # Is there a baseline that was not kept yet?

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int | None:
        """|change| in mdeg; None while there is no baseline, or too few samples for the median."""
        if self.baseline_mdeg is None:
            self._settle(value)
        if self._median is not None:
            middle = self._median.feed(value, mono_ms, doubt)
            if middle is None:
                return None
            value = middle
        if self.baseline_mdeg is None:
            return None
        return abs(value - self.baseline_mdeg)

    def save(self, mono_ms: int) -> int | None:
        return self.baseline_mdeg

    def restore(self, saved: int | None, mono_ms: int, down_ms: int) -> None:
        if not isinstance(saved, int | None):
            raise TypeError("a baseline is an integer")
        if self.baseline_mdeg is None:
            self.baseline_mdeg = saved

    def _settle(self, value: int) -> None:
        first = self._first
        first.append(value)
        if len(first) < STILL_SAMPLES:
            return
        self._tries += 1
        ordered = sorted(first)
        # The middle 80 % decide: one passing lorry is not a moving wall.
        tenth = len(ordered) // 10
        spread_mdeg = ordered[-1 - tenth] - ordered[tenth]
        if spread_mdeg <= self._still_mdeg or self._tries >= STILL_TRIES:
            self.baseline_mdeg = ordered[len(ordered) // 2]
            self.moved = True
        first.clear()
