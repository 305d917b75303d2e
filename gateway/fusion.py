"""Two level sensors that together cover the river, judged as one channel.

Rules of this file: no clock, no disk, no network; integers in millimetres. Below the overlap the low sensor counts,
above it the high one, inside it the level goes over from one to the other with its height, so that no step appears.
Where one of them fails, the other counts with the last difference between the two; never a sensor outside its own
range. Who contradicts the other is told, and until they agree the one is followed that goes on from what both had said;
if that is none or both, the higher. Choosing a sensor is never an event of an alarm.
"""

from typing import Any

from gateway.config import Fusion, Station
from gateway.level import metres
from gateway.load_fusion import fused_channel
from gateway.points import Point, Points
from wire.reading import MISSING, SUSPECT

LOW, HIGH, BOTH, NONE = range(4)
OF = (1 << LOW, 1 << HIGH, 1 << LOW | 1 << HIGH, 0)  # bits of `news` that a side in use has
DIFFERENCE_STEP_MM = 1  # The difference between the two follows by so much a sample: waves are not a difference.

DISAGREE = "sensors disagree"
AGREE = "sensors agree"
USED = "level source"


class Inlet:
    """Takes one sensor's usable samples to the fusion, as a judge of its channel."""

    __slots__ = ("_fused", "doubt", "mono_ms", "point", "side", "unix_ms", "value")

    def __init__(self, fused: "Fused", side: int, point: Point) -> None:
        self._fused = fused
        self.side = side
        self.point = point
        self.value: int | None = None  # None = not usable now
        self.mono_ms = 0
        self.unix_ms = 0
        self.doubt = False

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        self.value, self.mono_ms, self.unix_ms, self.doubt = value, mono_ms, unix_ms, doubt
        self._fused.news |= 1 << self.side

    def hold(self) -> None:
        self.value = None
        self._fused.news |= 1 << NONE

    def at(self, mono_ms: int) -> int | None:
        """The sensor's level, if it is of the present."""
        return None if mono_ms - self.mono_ms > self.point.stale_ms else self.value


class Fused:
    """The fused channel: `point` is what rules judge. `news`: bits of the sides that said something since `look`."""

    __slots__ = (
        "_agreed_ms", "_disagreed_ms", "_follow", "_inlets", "_it", "_span_mm", "_told_used", "_used_ms",
        "difference_mm", "disagrees", "moved", "news", "point", "told",
    )  # fmt: skip

    def __init__(self, it: Fusion, low: Point, high: Point) -> None:
        self._it = it
        self._span_mm = it.to_mm - it.from_mm
        self._inlets = (Inlet(self, LOW, low), Inlet(self, HIGH, high))
        for inlet in self._inlets:
            inlet.point.judges.append(inlet)
        self.point = Point(fused_channel(it), 0)
        self.point.stale_ms = max(low.stale_ms, high.stale_ms)
        self.point.late_ms = max(low.late_ms, high.late_ms)
        self.difference_mm: int | None = None  # high minus low when both were good last
        self.news = 0
        self.moved = False
        self.disagrees = False  # and it was told
        self.told: list[tuple[str, str, str]] = []  # (kind, channel, detail) of events that nobody has taken yet
        self._follow = NONE  # the side that is followed while they disagree
        self._disagreed_ms: int | None = None  # since when they do
        self._agreed_ms: int | None = None
        self._told_used = NONE
        self._used_ms: int | None = None  # since when another than the told one is used

    def look(self) -> tuple[int, int, int, bool] | None:
        """(level, monotonic ms, unix ms, doubt) of a new sample of the fused channel; None where there is none.

        The point's value and quality are set; a channel that can no longer be known is held.
        """
        news, self.news = self.news, 0
        one, other = self._inlets
        now_ms = max(one.mono_ms, other.mono_ms)
        low, high = one.at(now_ms), other.at(now_ms)
        level, used, apart = self._fuse(low, high)
        point = self.point
        if level is None:
            if point.quality != MISSING:
                point.lose()
            return None
        if level == point.value and not news & OF[used]:
            return None  # Nothing new of what counts.
        self._tell_disagreement(low, high, now_ms, apart)
        self._tell_used(level, used, now_ms)
        newest = other if used == HIGH or (used == BOTH and other.mono_ms > one.mono_ms) else one
        mono_ms = newest.mono_ms
        if point.sample_ms is not None:
            if mono_ms - point.sample_ms > point.stale_ms:
                point.hold()  # Nobody saw what was between.
            mono_ms = max(mono_ms, point.sample_ms + 1)  # The other one's was newer: time never goes back.
            point.gap_ms = mono_ms - point.sample_ms
        doubt, quality = newest.doubt, newest.point.quality
        if used == BOTH:
            doubt, quality = one.doubt or other.doubt, max(one.point.quality, other.point.quality)
        point.value = point.raw = level
        point.quality = max(quality, SUSPECT) if apart or (point.staff is not None and point.staff.off) else quality
        point.sample_ms = point.usable_ms = mono_ms
        point.usable_unix_ms = newest.unix_ms
        return level, mono_ms, newest.unix_ms, doubt

    def save(self, mono_ms: int) -> object:
        return [self.difference_mm, self._follow, self.point.raw, self._told_used, self.disagrees]

    def restore(self, saved: Any, mono_ms: int, down_ms: int) -> None:
        difference_mm, follow, level, told_used, disagrees = saved
        if follow not in range(4) or told_used not in range(4) or not isinstance(disagrees, bool):
            raise ValueError("no such side")
        limit_mm = self._it.disagreement_mm
        if difference_mm is not None:
            self.difference_mm = min(limit_mm, max(-limit_mm, int(difference_mm)))
        self._follow, self._told_used, self.disagrees = follow, told_used, disagrees
        self.point.raw = None if level is None else int(level)

    def _fuse(self, low: int | None, high: int | None) -> tuple[int | None, int, bool]:
        """(level, side that counts, do they disagree); the level is None where no sensor is in its range."""
        it = self._it
        if low is not None and high is not None:
            if low < it.from_mm and high < it.from_mm:
                return low, LOW, False
            if low > it.to_mm and high > it.to_mm:
                return high, HIGH, False
            if abs(high - low) > it.disagreement_mm:
                return self._followed(low, high)
            self._follow = NONE
            self._learn(high - low)
        elif low is not None:
            if low > it.to_mm:
                return None, NONE, False
            if self._follow != NONE:
                self._follow = LOW
                return low, LOW, False
            high = low + (self.difference_mm or 0)
            return self._blend(low, high), LOW, False
        elif high is not None:
            if high < it.from_mm:
                return None, NONE, False
            if self._follow != NONE:
                self._follow = HIGH
                return high, HIGH, False
            low = high - (self.difference_mm or 0)
            return self._blend(low, high), HIGH, False
        else:
            return None, NONE, False
        level = self._blend(low, high)
        middle = (low + high) // 2
        return level, LOW if middle <= it.from_mm else HIGH if middle >= it.to_mm else BOTH, False

    def _learn(self, difference_mm: int) -> None:
        if self.difference_mm is None:
            self.difference_mm = difference_mm
        step_mm = difference_mm - self.difference_mm
        self.difference_mm += min(DIFFERENCE_STEP_MM, max(-DIFFERENCE_STEP_MM, step_mm))

    def _blend(self, low: int, high: int) -> int:
        """From the low one at the foot of the overlap to the high one at its top; always between the two."""
        part = (low + high) // 2 - self._it.from_mm
        if part <= 0:
            return low
        if part >= self._span_mm:
            return high
        return low + (high - low) * part // self._span_mm

    def _followed(self, low: int, high: int) -> tuple[int | None, int, bool]:
        """They contradict each other: (level, side, True)."""
        it = self._it
        fits = (low <= it.to_mm, high >= it.from_mm)
        side = self._follow
        if side == NONE or not fits[side]:
            side = self._chosen(low, high)
            if not fits[side]:
                side = HIGH - side
            if not fits[side]:
                return None, NONE, True
            self._follow = side
            self.moved = True
        return (low, high)[side], side, True

    def _chosen(self, low: int, high: int) -> int:
        """The one that goes on from the last level; where both do, or none, the higher."""
        last = self.point.raw
        if last is not None:
            near = [abs(value - last) <= self._it.disagreement_mm for value in (low, high)]
            if near[LOW] != near[HIGH]:
                return LOW if near[LOW] else HIGH
        return HIGH if high >= low else LOW

    def _tell_disagreement(self, low: int | None, high: int | None, mono_ms: int, apart: bool) -> None:
        if low is None or high is None:
            return  # One alone contradicts nobody: what was told stands.
        if apart == self.disagrees:
            self._disagreed_ms = self._agreed_ms = None
            return
        since_ms = self._disagreed_ms if apart else self._agreed_ms
        if since_ms is None:
            since_ms = mono_ms
            if apart:
                self._disagreed_ms = mono_ms
            else:
                self._agreed_ms = mono_ms
        if mono_ms - since_ms >= self._it.disagreement_ms:
            self.disagrees = apart
            self._disagreed_ms = self._agreed_ms = None
            detail = f"{self._it.low} {metres(low)}, {self._it.high} {metres(high)}"
            if apart:
                detail += f", more than {metres(self._it.disagreement_mm)} apart; {self._names(self._follow)} is used"
            self._say(DISAGREE if apart else AGREE, detail)

    def _tell_used(self, level: int, used: int, mono_ms: int) -> None:
        """Tell which sensor is used now, when it is another for a while and by more than a wave."""
        it = self._it
        at_edge = min(abs(level - it.from_mm), abs(level - it.to_mm)) <= it.hysteresis_mm
        if used == self._told_used or (at_edge and BOTH in (used, self._told_used)):
            self._used_ms = None
            return
        if self._used_ms is None:
            self._used_ms = mono_ms
        if self._told_used == NONE or mono_ms - self._used_ms >= it.disagreement_ms:
            self._used_ms = None
            self._told_used = used
            self._say(USED, f"{self._names(used)} at {metres(level)}")

    def _names(self, side: int) -> str:
        it = self._it
        return (it.low, it.high, f"{it.low} and {it.high}", "none")[side]

    def _say(self, kind: str, detail: str) -> None:
        self.moved = True
        self.told.append((kind, self._it.name, detail))


def add_fusions(config: Station, points: Points) -> None:
    """Put the fused channels of the station into its points; before the rules that judge them."""
    for it in config.fusions:
        low, high = points.by_channel[it.low], points.by_channel[it.high]
        fused = Fused(it, low, high)
        points.by_channel[it.name] = fused.point
        points.keep("fusion", it.name, fused)
        for source in {low.channel.source, high.channel.source}:
            points.fused.setdefault(source, []).append(fused)
