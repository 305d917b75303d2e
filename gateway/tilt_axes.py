"""One direction of several channels: puts the samples of an answer together, takes drift off, and judges the turn.

Rules of this file: no clock, no disk, no network. A sample is judged once all axes of it are there; axes that were
measured at other times make no direction. Where the temperature is not known, or beyond what the drift was fitted in,
nothing is held back: it is judged as well as can be, and said.
"""

from typing import Protocol

from msgspec.structs import replace

from gateway.alarms import Alarm
from gateway.changes import Change
from gateway.config import Drift
from gateway.direction import Vector
from gateway.points import Note, Point, Points
from gateway.tilt import Baseline
from gateway.tilt_drift import STALE_MS, beyond, drifted

APART_MS_MAX = 5_000  # Axes may be asked for one behind the other, but half a scan apart they are two samples.
SHAKEN_SAMPLES = 60  # in a row without the pull of gravity: not a lorry any more


class TurnShape(Protocol):
    """Makes of a direction what is judged; `shaken` samples in a row were none; `taken`: a baseline to tell of."""

    shaken: int
    taken: Baseline | None

    def feed(self, values: Vector, mono_ms: int, unix_ms: int) -> int | None: ...

    def way(self) -> tuple[int, ...]: ...


class Warmth:
    """The drift of one channel, by the newest temperature beside it."""

    __slots__ = ("_at_ms", "_drift", "_off", "_point", "_temp_cdeg", "beyond")

    def __init__(self, drift: Drift, point: Point) -> None:
        self._drift = drift
        self._point = point
        self._temp_cdeg: int | None = None  # that `_off` was worked out for
        self._at_ms = 0
        self._off = 0
        self.beyond = False  # Is the temperature outside of what the drift was fitted in, or not known?

    def off(self, mono_ms: int) -> int:
        """What the channel shows too much now; 0 where no temperature is known."""
        temp_cdeg, at_ms = self._point.value, self._point.usable_ms
        if temp_cdeg is not None and at_ms is not None:
            self._at_ms = at_ms
            if temp_cdeg != self._temp_cdeg:
                self._temp_cdeg = temp_cdeg
                self._off = drifted(self._drift, temp_cdeg)
                self.beyond = beyond(self._drift, temp_cdeg)
        elif self._temp_cdeg is None or mono_ms - self._at_ms > STALE_MS:
            self._temp_cdeg = None
            self._off = 0
            self.beyond = True
        return self._off


class Axis:
    """One channel of a direction, as a judge."""

    __slots__ = ("_axes", "_index")

    def __init__(self, axes: "Axes", index: int) -> None:
        self._axes = axes
        self._index = index

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        return self._axes.take(self._index, value, mono_ms, unix_ms, doubt)

    def hold(self) -> None:
        self._axes.hold(self._index)


class Axes:
    """The alarm of a direction: one vector a sample."""

    __slots__ = (
        "_all", "_apart_ms", "_doubt", "_fresh", "_letters", "_notes", "_points", "_shaken", "_shape", "_times",
        "_unit", "_values", "_warmths", "alarm", "beyond",
    )  # fmt: skip

    def __init__(self, alarm: Alarm, shape: TurnShape, names: tuple[str, ...], points: Points, unit: str) -> None:
        """Let the channels `names` be judged together; `unit` is what a way is told in."""
        self.alarm = alarm
        self._shape = shape
        self._unit = unit
        self._notes = points.notes
        self._points = [points.point(name, alarm.rule.name) for name in names]
        self._apart_ms = min(APART_MS_MAX, min(point.cadence_ms for point in self._points) // 2)
        self._letters = [point.channel.quantity.split("_")[1] for point in self._points]
        self._all = (1 << len(names)) - 1
        self._fresh = 0  # a bit for each axis whose newest sample was not judged yet
        self._values = [0] * len(names)
        self._times = [0] * len(names)
        self._doubt = False
        self._shaken = False  # Was it told that gravity is not one g?
        self.beyond = False
        warmths: list[tuple[int, Warmth]] = []
        for index, point in enumerate(self._points):
            point.judges.append(Axis(self, index))
            drift = point.channel.drift
            if drift is not None:
                warmth = points.point(drift.channel, alarm.rule.name)
                warmths.append((index, Warmth(drift, warmth)))
                points.look_first(point, warmth)
        self._warmths = tuple(warmths)

    def take(self, index: int, value: int, mono_ms: int, unix_ms: int, doubt: bool) -> Change | None:
        """One axis of a sample; the last one of it judges."""
        self._values[index] = value
        self._times[index] = mono_ms
        self._fresh |= 1 << index
        if doubt:
            self._doubt = True
        if self._fresh != self._all:
            return None
        if mono_ms - min(self._times) > self._apart_ms:
            together = [mono_ms - at_ms <= self._apart_ms for at_ms in self._times]
            self._fresh = sum(1 << i for i, fits in enumerate(together) if fits)
            return None  # What is left of an answer in which an axis was missing.
        doubt, self._doubt = self._doubt, False
        self._fresh = 0
        values = tuple(self._values)
        if self._warmths:
            values = self._corrected(values, mono_ms)
        shape = self._shape
        judged = shape.feed(values, mono_ms, unix_ms)
        if shape.taken is not None:
            baseline, shape.taken = shape.taken, None
            who = " ".join(filter(None, (baseline.actor, baseline.reason)))
            self._note("baseline taken", f"version {baseline.version} by {who}", baseline)
        if shape.shaken >= SHAKEN_SAMPLES or self._shaken:
            self._tell_shaken(shape.shaken)
        if judged is None:
            self.alarm.hold()
            return None
        change = self.alarm.step(judged, mono_ms, unix_ms, doubt)
        if change is not None and not change.detail:
            return replace(change, detail=self._told())
        return change

    def hold(self, index: int) -> None:
        self._fresh &= ~(1 << index)
        self.alarm.hold()

    def _corrected(self, values: Vector, mono_ms: int) -> Vector:
        corrected = list(values)
        outside = False
        for index, warmth in self._warmths:
            corrected[index] -= warmth.off(mono_ms)
            outside |= warmth.beyond
        if outside != self.beyond:
            self.beyond = outside
            if outside:
                self._note("temperature beyond fit", "the drift is taken off as far as it was fitted")
        return tuple(corrected)

    def _tell_shaken(self, samples: int) -> None:
        if samples == SHAKEN_SAMPLES:
            self._shaken = True
            self._note("sensor fault", "gravity is not 1 g: blows, or a fault")
        elif not samples:
            self._shaken = False
            self._note("sensor back", "gravity is 1 g again")

    def _note(self, kind: str, detail: str, baseline: Baseline | None = None) -> None:
        channel = self._points[0].channel
        told = f"rule {self.alarm.rule.name}: {detail}"
        actor = baseline.actor if baseline is not None else ""
        self._notes.append(Note(kind, channel.source, told, channel.name, actor, baseline))

    def _told(self) -> str:
        """Which way, for people: "x +0.520 deg, y -0.013 deg"."""
        named = zip(self._letters, self._shape.way(), strict=False)
        return ", ".join(f"{letter} {value / 1000:+.3f} {self._unit}" for letter, value in named)
