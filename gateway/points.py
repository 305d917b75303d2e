"""The points of a station: each channel with its newest sample and the rules that judge it, made once from the config.

Rules of this file: no clock, no disk, no network. What is made here is walked for every sample: flat, no dictionaries.
"""

from typing import Any, Protocol, TypeVar

from msgspec import Struct

from gateway.air import Air
from gateway.alarms import Alarm
from gateway.changes import Change
from gateway.config import Channel, ConfigError, Rule, Station
from gateway.level import judged_quantity, line
from gateway.quality import Watch
from gateway.staff import Staff
from gateway.tilt import Baseline
from gateway.windows import Median
from wire.reading import MISSING, SUSPECT, worst

LATE_MS_MIN = 3_000  # UX.md 5: late is older than two scans, and than 3 s: shown, but still judged.
SAME_MS = 250  # An equal value of nearly the same moment is the same sample, read twice; less where scans are as quick.
STALE_MS_MIN = 10_000  # Older than ten scans, and than this, is not the present: as missing.
GAP_MS_MAX = 60_000  # No sensor is asked less often (boards: min_interval_ms).

K = TypeVar("K")


class NowValue(Struct, frozen=True, gc=False):
    """One now-value of an answer: `mono_ms` and `unix_ms` are the end of the answer frame, `age_ms` is before it."""

    column: int
    value: int | None
    quality: int
    age_ms: int
    mono_ms: int
    unix_ms: int


class Note(Struct, frozen=True, gc=False):
    """What a judge has to tell beside its alarm: an event of `kind`, told after the alarms of the same answer."""

    kind: str
    source: str
    detail: str
    channel: str
    actor: str = ""
    baseline: Baseline | None = None
    before: Baseline | None = None


class Judge(Protocol):
    """Whatever a usable sample passes: an alarm, or something before one."""

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None: ...

    def hold(self) -> None: ...


class Shape(Protocol):
    """Turns a value into the one that is judged; None = not known yet."""

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int | None: ...


class Flagged(Protocol):
    """Judges what is wrong with samples, not their values."""

    def sample(self, kinds: int, mono_ms: int, unix_ms: int) -> Change | None: ...

    def hold(self) -> None: ...


class Look(Protocol):
    """Judges at any time what no sample brings: not seeing, the gateway's own figures."""

    def look(self, mono_ms: int) -> Change | None: ...


class Joined(Protocol):
    """A channel made of several others (gateway/fusion.py), looked at when one of them has `news`."""

    news: int
    point: "Point"
    told: list[tuple[str, str, str]]

    def look(self) -> tuple[int, int, int, bool] | None: ...


class Kept(Protocol):
    """Whatever must survive a restart: windows, baselines, gauges.

    `save` gives plain CBOR data, with ages in place of monotonic times; `restore` takes what was saved `down_ms` ago,
    possibly under another configuration, as far as it fits: it parses first and changes itself then, so that a
    ValueError, TypeError, KeyError or IndexError leaves it as it was. `moved`: it changed in a way that the next
    seconds must not lose (reset by whoever kept it); what moves with every sample leaves it False.
    """

    moved: bool

    def save(self, mono_ms: int) -> object: ...

    def restore(self, saved: Any, mono_ms: int, down_ms: int) -> None: ...


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


class Point:
    """A channel: its newest sample and its rules."""

    __slots__ = (
        "air", "alarms", "bad", "board_quality", "cadence_ms", "channel", "companions", "faults", "faulty", "gap_ms",
        "good", "judges", "late_ms", "others", "quality", "quantity", "raw", "same_ms", "sample_ms", "sign", "staff",
        "stale_ms", "suspect_ms", "usable_ms", "usable_unix_ms", "value", "watch", "zero",
    )  # fmt: skip

    def __init__(self, channel: Channel, cadence_ms: int) -> None:
        self.channel = channel
        self.quantity = judged_quantity(channel)
        self.zero, self.sign = line(channel)
        self.watch = Watch(channel, cadence_ms)
        self.companions: list[tuple[int, int, int]] = []  # (column, lowest, highest possible raw value)
        self.cadence_ms = cadence_ms
        self.late_ms = max(2 * cadence_ms, LATE_MS_MIN)
        self.stale_ms = max(10 * cadence_ms, STALE_MS_MIN)
        self.same_ms = min(SAME_MS, cadence_ms // 2)
        self.gap_ms = 0  # between the newest two samples
        self.judges: list[Judge] = []
        self.alarms: list[Alarm] = []
        self.faults: list[Flagged] = []  # judge every sample that came, by its flags
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
        self.air: Air | None = None  # a gap that is corrected by temperature
        self.staff: Staff | None = None  # a level that is compared with a staff gauge
        self.others: list[tuple[str, int]] = []  # other datums: what to add to the value
        self.suspect_ms: int | None = None  # when it last had a flag that is told

    def hold(self) -> None:
        for judge in self.judges:
            judge.hold()

    def suspect(self, kind: int) -> None:
        """The newest sample, a usable one, has this kind of flag as well."""
        self.watch.add(kind)
        self.quality = worst(self.quality, SUSPECT)

    def lose(self) -> None:
        """The source does not answer: the newest sample is no longer the present."""
        self.value = None
        self.quality = MISSING
        self.hold()
        for fault in self.faults:
            fault.hold()


class Points:
    """All points, alarms and judges of a station, found by source and column, by channel, by rule.

    `kept[kind][name]` is whatever must survive a restart beside the alarms; `looks` judge what no sample brings.
    """

    def __init__(self, config: Station, mono_ms: int, unix_ms: int) -> None:
        """The points without their rules; gateway.kinds.make_points adds those."""
        self.rules = config.rules
        self.start = (mono_ms, unix_ms)
        self.by_source: dict[str, dict[int, Point]] = {}
        self.by_channel: dict[str, Point] = {}
        self.first: dict[str, frozenset[int]] = {}  # columns of a source that others of it depend on: judged first
        self.alarms: dict[str, Alarm] = {}
        self.looks: list[Look] = []
        self.storage: list[Alarm] = []  # judge how full the store is
        self.kept: dict[str, dict[str, Kept]] = {}
        self.fused: dict[str, list[Joined]] = {}  # by each source that they hang on
        self.notes: list[Note] = []  # that nobody has told yet
        for place in config.places:
            for source in place.sources:
                cadence_ms = max(place.scan_ms, source.cadence_ms)
                points = [Point(channel, cadence_ms) for channel in source.channels]
                self.by_source[source.name] = {point.channel.column: point for point in points}
                self.by_channel.update((point.channel.name, point) for point in points)
                self._accompany(points)
                for point in points:
                    self.keep("watch", point.channel.name, point.watch)

    def moved(self) -> bool:
        """Has anything changed, without an event, that must survive a restart?"""
        return any(kept.moved for of_kind in self.kept.values() for kept in of_kind.values())

    def settle(self) -> None:
        """All of it is kept."""
        for of_kind in self.kept.values():
            for kept in of_kind.values():
                if kept.moved:
                    kept.moved = False

    def unseen_ms(self, source: str, now_ms: int) -> int | None:
        """Age of the newest sample of `source`; None = there was none."""
        samples_ms = [point.sample_ms for point in self.by_source[source].values() if point.sample_ms is not None]
        return now_ms - max(samples_ms) if samples_ms else None

    def point(self, channel: str, rule: str) -> Point:
        """The point of the channel that `rule` names. ConfigError."""
        if channel not in self.by_channel:
            raise ConfigError([f"rule {rule}: no channel {channel!r}; name one of the station"])
        return self.by_channel[channel]

    def alarm(self, rule: Rule, point: Point | None = None) -> Alarm:
        """A new alarm of `rule`, of `point` where it judges one."""
        alarm = Alarm(rule)
        self.alarms[rule.name] = alarm
        if point is not None:
            point.alarms.append(alarm)
        return alarm

    def judge(self, rule: Rule, shape: Shape | None = None) -> Alarm:
        """An alarm that judges the values of its channel, or what `shape` makes of them."""
        point = self.point(rule.channel, rule.name)
        alarm = self.alarm(rule, point)
        point.judges.append(alarm if shape is None else Shaped(alarm, shape))
        return alarm

    def look_first(self, point: Point, other: Point) -> None:
        """Of an answer that has both, take `other` first: `point` hangs on it."""
        source = point.channel.source
        if other.channel.source == source:
            self.first[source] = self.first.get(source, frozenset()) | {other.channel.column}

    def median(self, rule: Rule) -> Median | None:
        """The median over a rule's window, None where it has none; it is known after half of the window."""
        if not rule.window_ms:
            return None
        median = Median(rule.window_ms, rule.window_ms // 2)
        self.keep("median", rule.name, median)
        return median

    def keep(self, kind: str, name: str, kept: Kept) -> None:
        """Let `kept` survive a restart under this name."""
        self.kept.setdefault(kind, {})[name] = kept

    def kept_as(self, kind: str, name: str, of: type[K]) -> K | None:
        """What is kept under this name, if it is one `of`."""
        found = self.kept.get(kind, {}).get(name)
        return found if isinstance(found, of) else None

    def _accompany(self, points: list[Point]) -> None:
        """Let the channels of one source look at their companions."""
        measured = {point.channel.quantity: point for point in points}
        for point in points:
            for one in point.channel.companions:
                other = measured.get(one.quantity)
                if other is not None and other is not point:
                    point.watch.follow(other.watch, one.low, one.high)
                    point.companions.append((other.channel.column, one.low, one.high))
                    self.look_first(point, other)
