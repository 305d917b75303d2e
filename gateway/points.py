"""The points of a station: each channel with its newest sample and the rules that judge it, made once from the config.

Rules of this file: no clock, no disk, no network. What is made here is walked for every sample: flat, no dictionaries.
"""

from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from gateway.alarms import Alarm, Change
from gateway.config import Channel, ConfigError, Rule, Station
from gateway.level import judged_quantity, line
from gateway.quality import Watch
from gateway.rain import Rain, RainSum
from gateway.smoke import Smoke
from gateway.tilt import Turn
from gateway.windows import Median, Rise
from wire.reading import MISSING

LATE_MS_MIN = 3_000  # UX.md 5: late is older than two scans, and than 3 s: shown, but still judged.
STALE_MS_MIN = 10_000  # Older than ten scans, and than this, is not the present: as missing.
GAP_MS_MAX = 60_000  # No sensor is asked less often (boards: min_interval_ms).
STILL_PART = 4  # A tilt stands still within a quarter of its first threshold.


class NowValue(Struct, frozen=True, gc=False):
    """One now-value of an answer: `mono_ms` and `unix_ms` are the end of the answer frame, `age_ms` is before it."""

    column: int
    value: int | None
    quality: int
    age_ms: int
    mono_ms: int
    unix_ms: int


class Judge(Protocol):
    """Whatever a usable sample passes: an alarm, or something before one."""

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None: ...

    def hold(self) -> None: ...


class Shape(Protocol):
    """Turns a value into the one that is judged; None = not known yet."""

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int | None: ...


class Shaped:
    """An alarm that judges a median, a rise, a sum or a turn instead of the value itself."""

    __slots__ = ("alarm", "shape")

    def __init__(self, alarm: Alarm, shape: Shape) -> None:
        self.alarm = alarm
        self.shape = shape

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        judged = self.shape.feed(value, mono_ms, doubt)
        if judged is None:
            self.alarm.hold()
            return None
        return self.alarm.step(judged, mono_ms, unix_ms, doubt)

    def hold(self) -> None:
        self.alarm.hold()


class Gauge:
    """Feeds a rain counter's windows before the rules that ask for their sums."""

    __slots__ = ("moved", "rain")

    def __init__(self, rain: Rain) -> None:
        self.rain = rain
        self.moved = False  # Has rain fallen since the state was last kept?

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        if self.rain.feed(value, mono_ms // 1000):
            self.moved = True

    def hold(self) -> None:
        """A counter keeps counting while it is not seen."""


class Contact:
    """The contact's channel, as a judge of its board's smoke alarm."""

    __slots__ = ("smoke",)

    def __init__(self, smoke: Smoke) -> None:
        self.smoke = smoke

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        return self.smoke.touch(value, mono_ms, unix_ms)

    def hold(self) -> None:
        self.smoke.hold_contact()


class Point:
    """A channel: its newest sample and its rules."""

    __slots__ = (
        "alarms", "bad", "board_quality", "channel", "companions", "faulty", "gap_ms", "good", "judges", "late_ms",
        "quality", "quantity", "raw", "sample_ms", "sign", "stale_ms", "usable_ms", "usable_unix_ms", "value", "watch",
        "zero",
    )  # fmt: skip

    def __init__(self, channel: Channel, cadence_ms: int) -> None:
        self.channel = channel
        self.quantity = judged_quantity(channel)
        self.zero, self.sign = line(channel)
        self.watch = Watch(channel, cadence_ms)
        self.companions: list[tuple[int, int, int]] = []  # (column, lowest, highest possible raw value)
        self.late_ms = max(2 * cadence_ms, LATE_MS_MIN)
        self.stale_ms = max(10 * cadence_ms, STALE_MS_MIN)
        self.gap_ms = 0  # between the newest two samples
        self.judges: list[Judge] = []
        self.alarms: list[Alarm] = []
        self.raw: int | None = None
        self.board_quality = MISSING
        self.value: int | None = None  # as judged; None = not usable now
        self.quality = MISSING
        self.sample_ms: int | None = None
        self.usable_ms: int | None = None
        self.usable_unix_ms = 0
        self.bad = 0  # unusable samples in a row, and usable ones
        self.good = 0
        self.faulty = False

    def hold(self) -> None:
        for judge in self.judges:
            judge.hold()

    def lose(self) -> None:
        """The source does not answer: the newest sample is no longer the present."""
        self.value = None
        self.quality = MISSING
        self.hold()


class Lost:
    """The alarm of not seeing: raised when one of its points was not usable for the rule's time."""

    __slots__ = ("_after_ms", "_points", "_start", "alarm")

    def __init__(self, rule: Rule, points: list[Point], mono_ms: int, unix_ms: int) -> None:
        self.alarm = Alarm(replace(rule, on_delay_ms=0))
        self._after_ms = max(rule.steps[0].at, rule.on_delay_ms)
        self._points = points
        self._start = (mono_ms, unix_ms)  # What was never seen counts from here.

    def look(self, mono_ms: int) -> Change | None:
        """Judge at any time. The crossing is when the point was last seen."""
        oldest_ms, oldest_unix_ms = mono_ms, 0
        all_seen = True
        for point in self._points:
            since_ms, since_unix_ms = self._start
            if point.usable_ms is None:
                all_seen = False
            else:
                since_ms, since_unix_ms = point.usable_ms, point.usable_unix_ms
            if since_ms <= oldest_ms:
                oldest_ms, oldest_unix_ms = since_ms, since_unix_ms
        if mono_ms - oldest_ms >= self._after_ms:
            return self.alarm.move(1, 1, mono_ms, oldest_unix_ms)
        # After a restart it stays lost until everything is really seen.
        return self.alarm.move(0, 0 if all_seen else self.alarm.index, mono_ms, oldest_unix_ms)


class Points:
    """All points, alarms and judges of a station, found by source and column, by channel, by rule."""

    def __init__(self, config: Station, mono_ms: int, unix_ms: int) -> None:
        self.by_source: dict[str, dict[int, Point]] = {}
        self.by_channel: dict[str, Point] = {}
        self.first: dict[str, frozenset[int]] = {}  # columns of a source that others of it depend on: judged first
        self.alarms: dict[str, Alarm] = {}
        self.lost: list[Lost] = []
        self.gauges: dict[str, Gauge] = {}
        self.rises: dict[str, Rise] = {}
        self.turns: dict[str, Turn] = {}
        for place in config.places:
            for source in place.sources:
                cadence_ms = max(place.scan_ms, source.cadence_ms)
                points = [Point(channel, cadence_ms) for channel in source.channels]
                self.by_source[source.name] = {point.channel.column: point for point in points}
                self.by_channel.update((point.channel.name, point) for point in points)
                self._accompany(source.name, points)
        self._add_gauges(config.rules)
        for rule in config.rules:
            self._add(rule, mono_ms, unix_ms)

    def _accompany(self, source: str, points: list[Point]) -> None:
        """Let the channels of one source look at their companions."""
        measured = {point.channel.quantity: point for point in points}
        columns: set[int] = set()
        for point in points:
            for one in point.channel.companions:
                other = measured.get(one.quantity)
                if other is not None and other is not point:
                    point.watch.follow(other.watch, one.low, one.high)
                    point.companions.append((other.channel.column, one.low, one.high))
                    columns.add(other.channel.column)
        if columns:
            self.first[source] = frozenset(columns)

    def _add_gauges(self, rules: tuple[Rule, ...]) -> None:
        windows_s: dict[str, set[int]] = {}
        for rule in rules:
            if rule.kind == "rain_sum":
                windows_s.setdefault(rule.channel, set()).add(rule.window_ms // 1000)
        for channel, lengths in windows_s.items():
            self.gauges[channel] = Gauge(Rain(tuple(sorted(lengths))))
            self._point(channel, "rain_sum").judges.append(self.gauges[channel])

    def _add(self, rule: Rule, mono_ms: int, unix_ms: int) -> None:
        if rule.kind == "lost":
            lost = Lost(rule, self._watched(rule), mono_ms, unix_ms)
            self.lost.append(lost)
            self.alarms[rule.name] = lost.alarm
            return
        point = self._point(rule.channel, rule.name)
        alarm = Alarm(rule)
        self.alarms[rule.name] = alarm
        point.alarms.append(alarm)
        if rule.kind == "smoke":
            contact = self._contact_of(point)
            smoke = Smoke(alarm, contact is not None)
            point.judges.append(smoke)
            if contact is not None:
                contact.judges.append(Contact(smoke))
            return
        shape = self._shape(rule)
        point.judges.append(alarm if shape is None else Shaped(alarm, shape))

    def _shape(self, rule: Rule) -> Shape | None:
        if rule.kind == "high":
            return Median(rule.window_ms) if rule.window_ms else None
        if rule.kind == "rise":
            self.rises[rule.name] = Rise(rule.window_ms)
            return self.rises[rule.name]
        if rule.kind == "rain_sum":
            return RainSum(self.gauges[rule.channel].rain, rule.window_ms // 1000)
        if rule.kind == "tilt":
            self.turns[rule.name] = Turn(rule.window_ms, rule.steps[0].at // STILL_PART, rule.baseline)
            return self.turns[rule.name]
        raise ConfigError([f"rule {rule.name}: kind {rule.kind!r} cannot be judged; use another kind"])

    def _watched(self, rule: Rule) -> list[Point]:
        """A channel, or all channels of a source; both where they share their name: none may be lost unseen."""
        watched = list(self.by_source.get(rule.channel, {}).values())
        channel = self.by_channel.get(rule.channel)
        if channel is not None and channel not in watched:
            watched.append(channel)
        if not watched:
            raise ConfigError([f"rule {rule.name}: no channel or source {rule.channel!r}; name one of the station"])
        return watched

    def _point(self, channel: str, rule: str) -> Point:
        if channel not in self.by_channel:
            raise ConfigError([f"rule {rule}: no channel {channel!r}; name one of the station"])
        return self.by_channel[channel]

    def _contact_of(self, chamber: Point) -> Point | None:
        """The smoke contact of the same board, if it has one."""
        for point in self.by_source[chamber.channel.source].values():
            if point.channel.quantity == "smoke_contact":
                return point
        return None
