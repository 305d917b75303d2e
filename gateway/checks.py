"""Tests of a sample against those before it: rate of change, spike, flat line.

Rules of this file: no clock; times are monotonic milliseconds that never go back. Only usable samples come here, and
each test keeps no more than a handful of numbers. Spacing is as it is: nothing assumes that it is even.
"""

RATE_SPAN_MS = 60_000  # A rate per minute allows this minute's change within one sample: waves are not rates.

Sample = tuple[int, int]  # (monotonic ms, value as judged)


class Rate:
    """Change from one sample to the next that is faster than `per_min`; a fast one asks the next sample to confirm it.

    The confirming sample is fast itself only if it agrees with neither the fast one nor what was before; either way it
    is the new reference. So a true flash flood is flagged once and then believed.
    """

    __slots__ = ("_held", "_per_min", "_ref")

    def __init__(self, per_min: int) -> None:
        self._per_min = per_min
        self._ref: Sample | None = None  # what the change is measured from
        self._held: Sample | None = None  # the fast sample that waits for its confirmation

    @property
    def asks(self) -> bool:
        """Does the newest sample wait for its confirmation?"""
        return self._held is not None

    def fast(self, value: int, mono_ms: int) -> bool:
        """Take the next sample: is it flagged?"""
        ref = self._ref
        if ref is None:
            self._ref = (mono_ms, value)
            return False
        fast = self._beyond(ref, value, mono_ms)
        if self._held is not None:
            fast = fast and self._beyond(self._held, value, mono_ms)
            self._held = None
            self._ref = (mono_ms, value)
        elif fast:
            self._held = (mono_ms, value)
        else:
            self._ref = (mono_ms, value)
        return fast

    def save(self, mono_ms: int) -> list[list[int] | None]:
        return [_aged(self._ref, mono_ms), _aged(self._held, mono_ms)]

    def restore(self, saved: list, mono_ms: int) -> None:
        self._ref, self._held = (_dated(sample, mono_ms) for sample in saved)

    def _beyond(self, since: Sample, value: int, mono_ms: int) -> bool:
        span_ms = mono_ms - since[0]
        if span_ms < RATE_SPAN_MS:
            span_ms = RATE_SPAN_MS
        return abs(value - since[1]) * RATE_SPAN_MS > self._per_min * span_ms


class Spike:
    """A sample further than `limit` from the median of itself and its two neighbours, each at most `near_ms` away."""

    __slots__ = ("_before", "_first", "_limit", "_near_ms")

    def __init__(self, limit: int, near_ms: int) -> None:
        self._limit = limit
        self._near_ms = near_ms
        self._first: Sample | None = None  # two samples ago
        self._before: Sample | None = None  # the one that is judged when the next one comes

    def before(self, value: int, mono_ms: int) -> bool:
        """Take the next sample: was the one before it a spike?"""
        first, before = self._first, self._before
        self._first, self._before = before, (mono_ms, value)
        if first is None or before is None:
            return False
        if mono_ms - before[0] > self._near_ms or before[0] - first[0] > self._near_ms:
            return False
        low, high = (value, first[1]) if value < first[1] else (first[1], value)
        # Between its neighbours it is the median itself; else the nearer of them is.
        return before[1] - high > self._limit or low - before[1] > self._limit

    def save(self, mono_ms: int) -> list[list[int] | None]:
        return [_aged(self._first, mono_ms), _aged(self._before, mono_ms)]

    def restore(self, saved: list, mono_ms: int) -> None:
        self._first, self._before = (_dated(sample, mono_ms) for sample in saved)


class Flat:
    """Samples that stay within `tolerance` (highest minus lowest) for `after_ms`; a value at or below `below` may.

    What breaks the tolerance begins a new run with itself. A wide tolerance finds a signal that only loses its swing.
    """

    __slots__ = ("_after_ms", "_below", "_high", "_low", "_since_ms", "_tolerance")

    def __init__(self, after_ms: int, tolerance: int, below: int | None) -> None:
        self._after_ms = after_ms
        self._tolerance = tolerance
        self._below = below
        self._since_ms: int | None = None  # begin of the run
        self._low = self._high = 0

    def still(self, value: int, mono_ms: int) -> bool:
        """Take the next sample: does the line stand still with it?"""
        low = value if value < self._low else self._low
        high = value if value > self._high else self._high
        if self._since_ms is None or high - low > self._tolerance:
            self._since_ms = mono_ms
            self._low = self._high = value
            return False  # A run of one sample is no line, however short `after_ms` is.
        self._low, self._high = low, high
        return mono_ms - self._since_ms >= self._after_ms and (self._below is None or value > self._below)

    def save(self, mono_ms: int) -> list[int] | None:
        return None if self._since_ms is None else [mono_ms - self._since_ms, self._low, self._high]

    def restore(self, saved: list | None, mono_ms: int) -> None:
        if saved is not None:
            age_ms, low, high = map(int, saved)
            self._since_ms, self._low, self._high = mono_ms - age_ms, low, high


def _aged(sample: Sample | None, mono_ms: int) -> list[int] | None:
    return None if sample is None else [mono_ms - sample[0], sample[1]]


def _dated(saved: list | None, mono_ms: int) -> Sample | None:
    return None if saved is None else (mono_ms - int(saved[0]), int(saved[1]))
