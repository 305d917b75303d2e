"""Rain gauges that count more than fell: held against their neighbours, and against how fast a bucket can tip.

Rules of this file: no clock. A gauge is judged at the samples in which it has tipped, its own rain included; one that
counts too little, or not at all, is not told by this. A flag changes no sum and no alarm.
"""

from gateway.gauge import gauge_of
from gateway.points import Point, Points
from gateway.quality import DOUBLE_COUNT
from gateway.rain import Rain
from wire.reading import rain_since

TIP_MS_MIN = 250  # A bucket needs longer to tip and come back: 0.1 mm at a time would be 1,440 mm/h.
CHATTER_MS = 5_000  # So long at that pace is a contact that bounces. The scan is too slow to see two tips apart.
TOGETHER_S = 60  # Gauges whose rain is known since the same moment, give or take this, begin together.
COUNTED_MS_MIN = 50  # Boards count no faster (debounce): what grew faster is another counter, not rain.


def above_neighbours(own_um: int, neighbours_um: list[int], permil: int, least_um: int) -> bool:
    """Is `own_um` more than `permil` of the median of the neighbours' sums over the same window?

    Only where that median is at least `least_um`, and there is a neighbour. Of an even number it is the mean of the two
    in the middle.
    """
    ordered = sorted(neighbours_um)
    count = len(ordered)
    if not count:
        return False
    twice_um = ordered[(count - 1) // 2] + ordered[count // 2]
    return twice_um >= 2 * least_um and own_um * 2_000 > permil * twice_um


class Chatter:
    """Sees a counter that grows faster than a bucket of `tip_um` can tip, for CHATTER_MS at least."""

    __slots__ = ("_since", "_tip_um")

    def __init__(self, tip_um: int) -> None:
        self._tip_um = tip_um
        self._since: tuple[int, int] | None = None  # (monotonic ms, counter)

    def fast(self, counter_um: int, mono_ms: int) -> bool:
        """Take the next sample: have the tips since CHATTER_MS or more been too many?"""
        since = self._since
        if since is None:
            self._since = (mono_ms, counter_um)
            return False
        span_ms = mono_ms - since[0]
        if span_ms < CHATTER_MS:
            return False
        self._since = (mono_ms, counter_um)
        tips = rain_since(counter_um, since[1]) // self._tip_um
        return tips * TIP_MS_MIN > span_ms >= tips * COUNTED_MS_MIN


class Tipping:
    """Judge of a gauge's counter that grows faster than a bucket can tip."""

    __slots__ = ("_chatter", "_point")

    def __init__(self, point: Point) -> None:
        self._point = point
        self._chatter = Chatter(point.channel.tip_um)

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        if self._chatter.fast(value, mono_ms):
            self._point.suspect(DOUBLE_COUNT)

    def hold(self) -> None:
        """A counter keeps counting while it is not seen."""


class Neighbours:
    """Judge of a gauge, behind its windows: at each sample in which it has tipped it is held against the others.

    A neighbour that is not seen now, or whose rain is not known for as long, does not count.
    """

    __slots__ = ("_counter_um", "_least_um", "_others", "_permil", "_point", "_rain", "_window_s")

    def __init__(self, point: Point, rain: Rain, others: list[tuple[Point, Rain]]) -> None:
        assert point.channel.double_count is not None
        self._point = point
        self._rain = rain
        self._others = others
        self._permil = point.channel.double_count.permil
        self._window_s = point.channel.double_count.window_ms // 1000
        self._least_um = point.channel.double_count.least_um
        self._counter_um: int | None = None

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        before_um, self._counter_um = self._counter_um, value
        since_s = self._rain.since_s
        if before_um is None or before_um == value or since_s is None:
            return
        now_s = mono_ms // 1000
        begin_s = now_s - self._window_s
        known_s = max(begin_s, since_s) + TOGETHER_S
        sums_um = [
            rain.between_um(begin_s, now_s)
            for point, rain in self._others
            if point.value is not None and rain.since_s is not None and rain.since_s <= known_s
        ]
        if above_neighbours(self._rain.between_um(begin_s, now_s), sums_um, self._permil, self._least_um):
            self._point.suspect(DOUBLE_COUNT)

    def hold(self) -> None:
        """A counter keeps counting while it is not seen."""


def watch_gauges(points: Points) -> None:
    """Let every gauge of which enough is known be watched; behind `add_gauges`."""
    for point in points.by_channel.values():
        channel = point.channel
        if channel.tip_um:
            point.judges.append(Tipping(point))
        if channel.double_count is not None and channel.neighbours:
            others = [(points.point(name, channel.name), gauge_of(points, name).rain) for name in channel.neighbours]
            point.judges.append(Neighbours(point, gauge_of(points, channel.name).rain, others))
