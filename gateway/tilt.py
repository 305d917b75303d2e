"""Tilt: how far a wall or slope has turned from its baseline, whichever way and however the sensor is mounted.

Rules of this file: no clock; millidegrees. One axis, two inclinations or three accelerations make one turn. A baseline
has a version, a time and who took it; it is given, or it is the median of the first window in which the sensor stood
still, or somebody who may took it anew. It survives a restart. Before there is one nothing can be judged.
"""

from collections import deque
from math import hypot

from msgspec import Struct, convert, to_builtins

from gateway.direction import Direction, Vector, angle_mdeg, direction, turn_udeg
from gateway.windows import Median

STILL_SAMPLES = 30  # One window that is looked at for standing still.
NEWEST_SAMPLES = 3  # must be within it too before a baseline is taken by hand
STILL_TRIES = 10  # Then the median of a restless window is taken: a noisy baseline is better than none.
KEPT_WINDOW_MS = 600_000  # A shorter window is full again before it would be missed.
BASELINES_MAX = 8  # that are remembered
G_TOLERANCE_PERMIL = 50  # Further from 1 g it is a blow, or a fault, but no tilt.
STATION = "station"  # who takes the first baseline
CONFIGURATION = "configuration"


class RezeroError(Exception):
    """A baseline that may not be taken now; the text says why and what to do."""


class Baseline(Struct, frozen=True, array_like=True):
    """What a turn is measured from."""

    vector: Vector  # as measured: mdeg, or accelerations of any scale
    version: int  # from 1, never reused
    at_ms: int  # unix ms
    actor: str
    reason: str


class _Saved(Struct, frozen=True, array_like=True):
    """What of a turn survives a restart."""

    axes: int
    given: Vector | None
    baselines: list[Baseline]
    window_ms: int
    windows: list[list[int]]  # of the medians
    recent: list[Vector]
    tries: int


class Turn:
    """The change of direction from the baseline, by the median of each axis over the rule's window if it has one."""

    __slots__ = (
        "_at_ms", "_axes", "_direction", "_judged", "_medians", "_one_g", "_recent", "_still_mdeg", "_tries",
        "_window_ms", "baselines", "given", "moved", "shaken",
        "taken",
    )  # fmt: skip

    def __init__(
        self, axes: int, window_ms: int, still_mdeg: int, given: Vector | None = None, one_g: int | None = None
    ) -> None:
        """`still_mdeg`: the widest spread of a window that counts as standing still.

        `one_g` = the length of three accelerations at rest, where it is known.
        """
        self._axes = axes
        self._window_ms = window_ms
        self._medians = tuple(Median(window_ms) for _ in range(axes)) if window_ms else ()
        self._still_mdeg = still_mdeg
        self._one_g = one_g
        self._recent: deque[Vector] = deque(maxlen=STILL_SAMPLES)
        self._at_ms: int | None = None  # of the newest sample
        self._tries = 0
        self._judged: tuple[Vector, int] | None = None  # the newest vector that was judged, and its angle
        self._direction: Direction | None = None  # of the baseline
        self.given = given
        self.baselines: list[Baseline] = []
        self.moved = False  # Is there a baseline that was not kept yet?
        self.shaken = 0  # samples in a row that are not one g
        self.taken: Baseline | None = None  # a baseline that nobody has told of yet
        if given is not None:
            self._take(Baseline(given, 1, 0, CONFIGURATION, ""))

    @property
    def baseline(self) -> Baseline | None:
        return self.baselines[-1] if self.baselines else None

    def feed(self, values: Vector, mono_ms: int, unix_ms: int) -> int | None:
        """The turn in mdeg; None while there is no baseline, too few samples for the median, or no rest of gravity."""
        if self._one_g is not None and self._beaten(values, self._one_g):
            self.shaken += 1
            return None
        self.shaken = 0
        self._at_ms = mono_ms
        recent = self._recent
        recent.append(values)
        if not self.baselines and len(recent) == STILL_SAMPLES:
            self._settle(unix_ms)
        if self._medians:
            middle = tuple([median.feed(value, mono_ms) for median, value in zip(self._medians, values, strict=True)])
            if None in middle:
                return None
            values = middle  # pyright: ignore[reportAssignmentType]
        if not self.baselines:
            return None
        judged = self._judged
        if judged is None or judged[0] != values:
            angle = self._angle(values)
            if angle is None:
                return None
            self._judged = judged = (values, angle)
        return judged[1]

    def way(self) -> tuple[int, ...]:
        """The turn along each axis of the sensor, in mdeg; () while nothing is judged."""
        if self._judged is None:
            return ()
        values = self._judged[0]
        if self._axes == 1:
            return (values[0] - self.baselines[-1].vector[0],)
        found = direction(values)
        if found is None or self._direction is None:
            return ()
        return tuple([round(udeg / 1000) for udeg in turn_udeg(self._direction, found)[: self._axes]])

    def still(self, mono_ms: int, age_ms_max: int) -> Vector:
        """Where the sensor stands: the median of the newest samples. RezeroError unless it is seen to stand still."""
        if self._at_ms is None or mono_ms - self._at_ms > age_ms_max:
            raise RezeroError("the sensor is not seen now; wait until it answers")
        if len(self._recent) < STILL_SAMPLES:
            raise RezeroError(f"there are {len(self._recent)} of {STILL_SAMPLES} samples; wait")
        vector, spread_mdeg = self._middle()
        if spread_mdeg is not None:
            # A sensor that was mounted anew a moment ago stands still only where it stood before.
            newest = list(self._recent)[-NEWEST_SAMPLES:]
            spread_mdeg = max(spread_mdeg, *(_apart_mdeg(vector, one) for one in newest))
        if spread_mdeg is None or spread_mdeg > self._still_mdeg:
            seen = "has no direction" if spread_mdeg is None else f"moves within {spread_mdeg / 1000:g} deg"
            raise RezeroError(f"the sensor {seen}, {self._still_mdeg / 1000:g} deg are allowed; wait until it is still")
        return vector

    def before(self) -> Vector:
        """The baseline before the present one. RezeroError where there is none."""
        if len(self.baselines) < 2:
            raise RezeroError("there is no baseline before this one")
        return self.baselines[-2].vector

    def follow(self, vector: Vector, unix_ms: int, actor: str, reason: str) -> Baseline:
        """Measure from `vector` from now on, as a version of its own."""
        version = self.baselines[-1].version + 1 if self.baselines else 1
        self._take(Baseline(vector, version, unix_ms, actor, reason))
        self.moved = True
        return self.baselines[-1]

    def save(self, mono_ms: int) -> object:
        windows = [median.save(mono_ms) for median in self._medians] if self._window_ms >= KEPT_WINDOW_MS else []
        recent = list(self._recent)
        return to_builtins(
            _Saved(self._axes, self.given, self.baselines, self._window_ms, windows, recent, self._tries)
        )

    def restore(self, saved: object, mono_ms: int, down_ms: int) -> None:
        """Take over what `save` gave `down_ms` ago. ValueError for what it did not give."""
        was = convert(saved, _Saved)
        vectors = [*was.recent, *(one.vector for one in was.baselines)]
        if any(len(vector) != was.axes for vector in vectors) or any(len(flat) % 2 for flat in was.windows):
            raise ValueError("a vector or a window of another length")
        if was.axes != self._axes:
            return  # Another sensor, or another way to look at it: everything begins anew.
        if was.baselines:
            self._recall(was)
        self._recent.extend(was.recent)
        self._tries = was.tries
        if was.window_ms == self._window_ms:
            for median, window in zip(self._medians, was.windows, strict=False):
                median.restore(window, mono_ms, down_ms)

    def _recall(self, was: _Saved) -> None:
        if self.given is None or self.given == was.given:
            self.baselines = was.baselines[:-1]
            self._take(was.baselines[-1])
        else:
            # The configuration was changed: what it gives comes behind all that was.
            self.baselines = was.baselines
            self._take(Baseline(self.given, was.baselines[-1].version + 1, 0, CONFIGURATION, ""))
            self.taken = self.baselines[-1]

    def _take(self, baseline: Baseline) -> None:
        self.baselines.append(baseline)
        del self.baselines[:-BASELINES_MAX]
        self._direction = direction(baseline.vector) if self._axes > 1 else None
        self._judged = None

    def _settle(self, unix_ms: int) -> None:
        self._tries += 1
        vector, spread_mdeg = self._middle()
        if spread_mdeg is not None and (spread_mdeg <= self._still_mdeg or self._tries >= STILL_TRIES):
            self.taken = self.follow(vector, unix_ms, STATION, "" if self._tries < STILL_TRIES else "restless")
        else:
            self._recent.clear()

    def _middle(self) -> tuple[Vector, int | None]:
        """The median of the newest samples, and how wide they spread: one passing lorry is not a moving wall."""
        recent = self._recent
        ordered = [sorted(vector[axis] for vector in recent) for axis in range(self._axes)]
        middle = tuple(column[len(column) // 2] for column in ordered)
        tenth = len(recent) // 10
        if self._axes == 1:
            return middle, ordered[0][-1 - tenth] - ordered[0][tenth]  # the middle 80 %
        if direction(middle) is None:
            return middle, None
        around = sorted(_apart_mdeg(middle, vector) for vector in recent)
        return middle, 2 * around[-1 - 2 * tenth]

    def _angle(self, values: Vector) -> int | None:
        if self._axes == 1:
            return abs(values[0] - self.baselines[-1].vector[0])
        found = direction(values)
        return None if found is None or self._direction is None else angle_mdeg(self._direction, found)

    def _beaten(self, values: Vector, one_g: int) -> bool:
        return abs(hypot(*values) - one_g) * 1000 > G_TOLERANCE_PERMIL * one_g


def _apart_mdeg(a: Vector, b: Vector) -> int:
    """Between two vectors of one sensor, the first of which has a direction."""
    if len(a) == 1:
        return abs(a[0] - b[0])
    one, other = direction(a), direction(b)
    assert one is not None
    return 180_000 if other is None else angle_mdeg(one, other)
