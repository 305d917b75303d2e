"""Sliding windows over time: a median against waves and wind, a minimum that a rise is measured from.

Rules of this file: no clock; times are monotonic milliseconds and never go back. A window of w at t holds what is newer
than t - w (exclusive-left, inclusive-right). Every window has a limit of samples; at the limit the oldest goes.
"""

from bisect import bisect_left, insort
from collections import deque

SAMPLES_MAX = 65_536
MEDIAN_SAMPLES_MAX = 4_096
MEDIAN_SAMPLES_MIN = 3  # Kept however old: one wild sample after a gap must not be a median by itself.


class Median:
    """Median of the values of the last `window_ms`, of three samples at least; none in the first `settle_ms`."""

    __slots__ = ("_begin_ms", "_samples", "_settle_ms", "_sorted", "_window_ms", "moved")

    def __init__(self, window_ms: int, settle_ms: int = 0) -> None:
        self._window_ms = window_ms
        self._settle_ms = settle_ms
        self._begin_ms: int | None = None  # of the samples: a start amid a wake must not take it for the river
        self.moved = False
        self._samples: deque[tuple[int, int]] = deque()
        self._sorted: list[int] = []

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int | None:
        """The median with this value in it (of an even number the upper); None until there are enough samples."""
        samples, ordered = self._samples, self._sorted
        if self._begin_ms is None:
            self._begin_ms = mono_ms
        samples.append((mono_ms, value))
        insort(ordered, value)
        edge_ms = mono_ms - self._window_ms
        while len(samples) > MEDIAN_SAMPLES_MIN and (samples[0][0] <= edge_ms or len(samples) > MEDIAN_SAMPLES_MAX):
            del ordered[bisect_left(ordered, samples.popleft()[1])]
        if len(samples) < MEDIAN_SAMPLES_MIN or mono_ms - self._begin_ms < self._settle_ms:
            return None
        return ordered[len(ordered) // 2]

    def noise(self) -> tuple[int, int, int] | None:
        """(median, spread between the quartiles, how many samples) of the window; None until there are three."""
        ordered = self._sorted
        count = len(ordered)
        if count < MEDIAN_SAMPLES_MIN:
            return None
        return ordered[count // 2], max(0, ordered[(3 * count - 1) // 4] - ordered[count // 4]), count

    def save(self, mono_ms: int) -> list[int]:
        """Ages and values, one behind another, oldest first."""
        return _flat(self._samples, mono_ms)

    def restore(self, saved: list[int], mono_ms: int, down_ms: int) -> None:
        """Take over what `save` gave `down_ms` ago; where all of it is older than the window, it begins anew."""
        self._samples = _samples(saved, mono_ms, down_ms)
        self._sorted = sorted(value for _, value in self._samples)
        inside = (at_ms for at_ms, _ in self._samples if at_ms > mono_ms - self._window_ms)
        self._begin_ms = next(inside, None)


class Rise:
    """How far the newest value stands above the lowest of the last `window_ms`.

    `zero`: of the channel's elevation; what was kept over another one follows it: a calibration is no rise.
    """

    __slots__ = ("_lowest", "_window_ms", "_zero", "moved")

    def __init__(self, window_ms: int, zero: int = 0) -> None:
        self._window_ms = window_ms
        self._zero = zero
        self.moved = False  # It moves with every sample: kept from time to time.
        self._lowest: deque[tuple[int, int]] = deque()  # ascending in time and in value: each may become the minimum

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int:
        """The rise; a doubtful value is measured, but nothing is measured from it later."""
        lowest = self._lowest
        edge_ms = mono_ms - self._window_ms
        while lowest and lowest[0][0] <= edge_ms:
            lowest.popleft()
        if doubt:
            return max(0, value - lowest[0][1]) if lowest else 0
        while lowest and lowest[-1][1] >= value:
            lowest.pop()
        lowest.append((mono_ms, value))
        if len(lowest) > SAMPLES_MAX:
            lowest.popleft()
        return value - lowest[0][1]

    def save(self, mono_ms: int) -> list[int]:
        """The zero, then ages and values, one behind another, oldest first."""
        return [self._zero, *_flat(self._lowest, mono_ms)]

    def restore(self, saved: list[int], mono_ms: int, down_ms: int) -> None:
        by = self._zero - saved[0]
        self._lowest = deque((at_ms, value + by) for at_ms, value in _samples(saved[1:], mono_ms, down_ms))


def _flat(samples: deque[tuple[int, int]], mono_ms: int) -> list[int]:
    out: list[int] = []
    for at_ms, value in samples:
        out += (mono_ms - at_ms, value)
    return out


def _samples(saved: list[int], mono_ms: int, down_ms: int) -> deque[tuple[int, int]]:
    pairs = zip(saved[::2], saved[1::2], strict=True)
    return deque((mono_ms - down_ms - age_ms, value) for age_ms, value in pairs)
