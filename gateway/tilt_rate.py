"""How fast a wall or slope turns, and which way: the Theil-Sen slope over a window, which no bump and no gap bends.

Rules of this file: no clock; millidegrees a day. A slope is the median of the slopes between all pairs of points of the
window. A point is the median of the samples of a POINTS-th part of the window, so cost and memory do not grow with the
rate of the samples. There is no slope until the points cover enough of the window.
A day's warmth bends every wall: over a window of less than some days that is a slope too. `same_hour` takes only pairs
that lie whole days apart, so that it cancels.
"""

from bisect import bisect_left, insort
from collections import deque
from math import hypot

from msgspec import Struct, convert, to_builtins

from gateway.direction import Vector, direction, turn_udeg
from gateway.tilt import Baseline

POINTS = 48  # of a window: 6 h in parts of 7.5 min, 72 h in parts of 90 min
POINTS_MIN = 8  # Fewer say nothing, whatever they cover.
COVERED_PERCENT = 75  # of the window from the oldest to the newest point
PART_SAMPLES_MAX = 512  # Of more, every second one is left out, again and again.
REMOUNTED_UDEG = (
    20_000_000  # Between two points no wall turns so far: the sensor was moved, and the window begins anew.
)
DAY_MS = 86_400_000


class Slopes:
    """The median slope between all pairs of the points of a window; times in ms, ascending."""

    __slots__ = ("_points", "_same_hour", "_sorted", "_within_ms", "window_ms")

    def __init__(self, window_ms: int, same_hour: bool = False) -> None:
        self.window_ms = window_ms
        self._same_hour = same_hour
        self._within_ms = window_ms // POINTS // 2  # of whole days, as far as the points' spacing allows
        self._points: deque[tuple[int, int, list[int]]] = deque()  # time, value, its slopes to all that are newer
        self._sorted: list[int] = []

    def add(self, at_ms: int, value: int) -> None:
        """Take a point in, and leave out what is a window or more older."""
        points, ordered = self._points, self._sorted
        edge_ms = at_ms - self.window_ms
        while points and points[0][0] <= edge_ms:
            for slope in points.popleft()[2]:
                del ordered[bisect_left(ordered, slope)]
        for before_ms, before, slopes in points:
            apart_ms = at_ms - before_ms
            if apart_ms <= 0 or (self._same_hour and not self._whole_days(apart_ms)):
                continue  # Time stands still only over a restart.
            slope = (value - before) * DAY_MS // apart_ms
            slopes.append(slope)
            insort(ordered, slope)
        points.append((at_ms, value, []))

    def slope(self) -> int | None:
        """Rounded down, per day; None while too little of the window is covered."""
        points, ordered = self._points, self._sorted
        if len(points) < POINTS_MIN or len(ordered) < POINTS_MIN:
            return None
        if (points[-1][0] - points[0][0]) * 100 < COVERED_PERCENT * self.window_ms:
            return None
        half = len(ordered) // 2
        return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2

    def clear(self) -> None:
        self._points.clear()
        self._sorted.clear()

    def save(self, mono_ms: int) -> list[int]:
        """Ages and values, one behind another, oldest first."""
        return [number for at_ms, value, _ in self._points for number in (mono_ms - at_ms, value)]

    def restore(self, saved: list[int], mono_ms: int, down_ms: int) -> None:
        self.clear()
        for age_ms, value in zip(saved[::2], saved[1::2], strict=True):
            self.add(mono_ms - down_ms - age_ms, value)

    def _whole_days(self, apart_ms: int) -> bool:
        off_ms = apart_ms % DAY_MS
        return apart_ms > DAY_MS // 2 and min(off_ms, DAY_MS - off_ms) <= self._within_ms


class _Part(Struct, frozen=True, array_like=True):
    """Samples that are no point yet."""

    samples: list[Vector]
    ages_ms: tuple[int, int]  # of the first and the newest of them
    stride: int
    count: int


class _Saved(Struct, frozen=True, array_like=True):
    """What of a rate survives a restart."""

    axes: int
    window_ms: int
    reference: Vector | None
    windows: list[list[int]]
    part: _Part
    known: bool  # Was there a rate?


class TurnRate:
    """The rate of a turn: of one axis, of two inclinations or of three accelerations."""

    __slots__ = (
        "_axes", "_blind_ms", "_count", "_first_ms", "_last_ms", "_part_ms", "_reference", "_samples", "_slopes",
        "_stride", "_way", "moved", "rate", "shaken", "taken",
    )  # fmt: skip

    def __init__(self, axes: int, window_ms: int, same_hour: bool = False) -> None:
        self._axes = axes
        self._part_ms = window_ms // POINTS
        self._blind_ms = window_ms * (100 - COVERED_PERCENT) // 100
        # A turn of more than one axis has three components, however many axes are measured.
        self._slopes = tuple(Slopes(window_ms, same_hour) for _ in range(1 if axes == 1 else 3))
        self._samples: list[Vector] = []  # of the part that is not full yet
        self._stride = 1  # Every so many samples one is taken,
        self._count = 0  # of so many that came.
        self._first_ms = self._last_ms = 0
        self._reference: Vector | None = None  # what turns are written down from: the first point
        self._way: tuple[int, ...] = ()
        self.rate: int | None = None  # mdeg per day, whichever way
        self.shaken = 0  # A median over minutes knows no blow,
        self.taken: Baseline | None = None  # and a rate no baseline.
        self.moved = False  # It moves with every sample: kept from time to time.

    def feed(self, values: Vector, mono_ms: int, unix_ms: int) -> int | None:
        """|rate| in mdeg per day as of the last full part; None while too little of the window is covered."""
        samples = self._samples
        if samples and mono_ms - self._first_ms >= self._part_ms:
            self._close()
            if mono_ms - self._last_ms > self._blind_ms:
                self._way, self.rate = (), None  # What it was before the gap it need not be any more.
            samples = self._samples
        if not samples:
            self._first_ms = mono_ms
            self._count = 0
        if self._count % self._stride == 0:
            samples.append(values)
            if len(samples) > PART_SAMPLES_MAX:
                self._samples = samples[::2]
                self._stride *= 2
        self._count += 1
        self._last_ms = mono_ms
        return self.rate

    def way(self) -> tuple[int, ...]:
        """The rate along each axis of the sensor, in mdeg per day; () while there is none."""
        return self._way[: self._axes]

    def begin_anew(self) -> None:
        """The sensor was moved, or its baseline taken anew: what was measured before is no rate."""
        for slopes in self._slopes:
            slopes.clear()
        self._samples = []
        self._reference = None
        self._stride = 1
        self._way, self.rate = (), None

    def save(self, mono_ms: int) -> object:
        times = (mono_ms - self._first_ms, mono_ms - self._last_ms)
        windows = [slopes.save(mono_ms) for slopes in self._slopes]
        window_ms = self._slopes[0].window_ms
        part = _Part(self._samples, times, self._stride, self._count)
        return to_builtins(_Saved(self._axes, window_ms, self._reference, windows, part, self.rate is not None))

    def restore(self, saved: object, mono_ms: int, down_ms: int) -> None:
        """Take over what `save` gave `down_ms` ago, also into another window, as far as it goes. ValueError."""
        was = convert(saved, _Saved)
        vectors = [*was.part.samples, *filter(None, [was.reference])]
        if any(len(vector) != was.axes for vector in vectors) or any(len(flat) % 2 for flat in was.windows):
            raise ValueError("a vector or a window of another length")
        if was.axes != self._axes or len(was.windows) != len(self._slopes):
            return
        for slopes, window in zip(self._slopes, was.windows, strict=True):
            slopes.restore(window, mono_ms, down_ms)
        self._reference = was.reference
        if was.window_ms == self._slopes[0].window_ms:
            self._samples, self._stride, self._count = was.part.samples, max(1, was.part.stride), was.part.count
            self._first_ms, self._last_ms = (mono_ms - down_ms - age_ms for age_ms in was.part.ages_ms)
        if was.known:
            self._measure()

    def _close(self) -> None:
        """The samples of a part become a point."""
        samples = self._samples
        point = tuple([sorted(column)[len(column) // 2] for column in zip(*samples, strict=True)])
        at_ms = (self._first_ms + self._last_ms) // 2
        self._samples = []
        self._stride = 1
        if self._axes > 1 and direction(point) is None:
            return  # Nothing pulls at the sensor: that is no direction.
        if self._reference is None:
            self._reference = point
        turned = self._turned(point)
        if hypot(*turned) > REMOUNTED_UDEG:
            self.begin_anew()
            self._reference = point
            turned = self._turned(point)
        for slopes, value in zip(self._slopes, turned, strict=True):
            slopes.add(at_ms, value)
        self._measure()

    def _measure(self) -> None:
        way = tuple([slopes.slope() for slopes in self._slopes])
        if None in way:
            self._way, self.rate = (), None
            return
        found = [udeg for udeg in way if udeg is not None]
        self._way = tuple([round(udeg / 1000) for udeg in found])
        self.rate = round(hypot(*found) / 1000)

    def _turned(self, point: Vector) -> Vector:
        """From the reference to `point`, along each axis, in microdegrees: slopes are too fine for more."""
        assert self._reference is not None
        if self._axes == 1:
            return ((point[0] - self._reference[0]) * 1000,)
        before, now = direction(self._reference), direction(point)
        assert before is not None
        assert now is not None
        return turn_udeg(before, now)
