"""Rain: from a cumulative counter to sums over sliding windows.

Rules of this file: no clock; times are whole monotonic seconds (a tip's resolution is the scan, 1 s). A window of w at
t holds the tips in (t - w, t]. The counter wraps (wire.reading); one that goes back, or jumps further than any rain, is
another counter: it is confirmed by a second sample and then continued from, and the jump itself is no rain.
"""

from collections import deque
from math import isqrt

from wire.reading import rain_since

BURST_UM = 50_000  # At once: a bucket and its board that answer after a short silence.
ROOT_UM = 10_000  # 600 mm times the root of the hours: above every rain on record (envelope near 420 mm).
GAP_S = 120  # Rain of a longer silence is spread evenly over it: when it fell is not known.
SPREAD_S = 60
TIPS_MAX = 65_536  # 72 h of record rain (3.9 m) at 0.1 mm a tip is 39,000 tips.


class Rain:
    """The tips of one gauge and their sums over `windows_s`, in micrometres: `sums[i]` belongs to `windows_s[i]`."""

    __slots__ = ("_before", "_dropped", "_first", "_other", "_tips", "sums", "windows_s")

    def __init__(self, windows_s: tuple[int, ...]) -> None:
        if not windows_s or min(windows_s) < 1:
            raise ValueError("rain windows are at least one second long")
        self.windows_s = windows_s
        self.sums = [0] * len(windows_s)
        self._tips: deque[tuple[int, int]] = deque()  # (second, micrometres), ascending
        self._dropped = 0  # tips that left the deque: positions below count from the first tip ever
        self._first = [0] * len(windows_s)  # position of the oldest tip in each window
        self._before: tuple[int, int] | None = None  # (second, counter) up to which rain is counted
        self._other: tuple[int, int] | None = None  # a counter that does not follow, waiting for its confirmation

    def feed(self, counter_um: int, now_s: int) -> int:
        """Take a sample of the counter and slide every window to `now_s`; the rain since the last sample in um."""
        fell_um = self._since(counter_um, now_s)
        self.slide(now_s)
        return fell_um

    def slide(self, now_s: int) -> None:
        """Let the tips that are too old leave each window, and those that left all of them leave the memory."""
        tips, firsts, dropped = self._tips, self._first, self._dropped
        end = dropped + len(tips)
        for i, window_s in enumerate(self.windows_s):
            first = firsts[i]
            edge_s = now_s - window_s
            while first < end and tips[first - dropped][0] <= edge_s:
                self.sums[i] -= tips[first - dropped][1]
                first += 1
            firsts[i] = first
        for _ in range(min(firsts) - dropped):
            tips.popleft()
        self._dropped = min(firsts)

    def save(self, now_s: int) -> list[object]:
        """Plain integers: counter and its age, then age and amount of each tip, oldest first."""
        tips: list[int] = []
        for second, amount_um in self._tips:
            tips += (now_s - second, amount_um)
        before = None if self._before is None else [now_s - self._before[0], self._before[1]]
        return [before, tips]

    def restore(self, saved: list, now_s: int, down_s: int) -> None:
        """Take over what `save` gave `down_s` ago, also for other windows than it was saved with."""
        before, tips = saved
        if before is not None:
            self._before = (now_s - down_s - before[0], before[1])
        for age_s, amount_um in zip(tips[::2], tips[1::2], strict=True):
            self._add(now_s - down_s - age_s, amount_um)
        self.slide(now_s)

    def _since(self, counter_um: int, now_s: int) -> int:
        before = self._before
        if before is None:
            self._before = (now_s, counter_um)
            return 0
        fell_um = rain_since(counter_um, before[1])
        if fell_um > _most_um(now_s - before[0]):
            other = self._other
            if other is None or rain_since(counter_um, other[1]) > _most_um(now_s - other[0]):
                self._other = (now_s, counter_um)
                return 0
            before, fell_um = other, rain_since(counter_um, other[1])
        self._other = None
        self._before = (now_s, counter_um)
        if fell_um:
            self._spread(fell_um, before[0], now_s)
        return fell_um

    def _spread(self, fell_um: int, since_s: int, now_s: int) -> None:
        gap_s = now_s - since_s
        if gap_s <= GAP_S:
            self._add(now_s, fell_um)
            return
        parts = min(gap_s // SPREAD_S, TIPS_MAX // 2)
        for part in range(parts):
            amount_um = fell_um * (part + 1) // parts - fell_um * part // parts
            if amount_um:
                self._add(since_s + gap_s * (part + 1) // parts, amount_um)

    def _add(self, second: int, amount_um: int) -> None:
        tips = self._tips
        for i in range(len(self.sums)):
            self.sums[i] += amount_um
        if tips and tips[-1][0] == second:
            tips[-1] = (second, tips[-1][1] + amount_um)
            return
        tips.append((second, amount_um))
        if len(tips) > TIPS_MAX:
            self._merge_oldest()

    def _merge_oldest(self) -> None:
        """At the limit the two oldest become one, at the later time: a sum is never too small."""
        tips = self._tips
        oldest = tips.popleft()
        second, amount_um = tips[0]
        tips[0] = (second, amount_um + oldest[1])
        self._dropped += 1
        for i, first in enumerate(self._first):
            if first < self._dropped:
                self._first[i] = self._dropped
            elif first == self._dropped:
                self.sums[i] += oldest[1]


class RainSum:
    """One window of a gauge, for a rule: the sum after the newest sample."""

    __slots__ = ("_index", "_rain")

    def __init__(self, rain: Rain, window_s: int) -> None:
        self._rain = rain
        self._index = rain.windows_s.index(window_s)

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int:
        return self._rain.sums[self._index]


def _most_um(gap_s: int) -> int:
    """More than any rain in `gap_s`: the envelope of records grows with the root of the time."""
    return BURST_UM + ROOT_UM * isqrt(max(0, gap_s))
