"""Feeds a recording to a real station under a virtual clock, and gathers episodes and flags.

Rules of this file: the station is gateway.station.Station and nothing beside it judges. The clock stands at each row's
own time. An episode is what the station's events say it is; only its peak is looked up, sample by sample.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.alarms import Alarm
from gateway.clock import StandingClock
from gateway.config import Rule
from gateway.config import Siren as SirenConfig
from gateway.points import NowValue, Points
from gateway.siren import Siren
from gateway.station import Station
from tools.replay.feeds import Amounts, Before, Feed, Neighbour, Plain, Tips, alone
from tools.replay.lanes import Lane
from tools.replay.recording import Row
from tools.replay.site import Sensor, Site
from wire.reading import QUANTITIES
from wire.telemetry import E_AT_MS, E_CHANNEL, E_EPISODE_MS, E_KIND, E_LEVEL, E_RULE, EVENT_KINDS

TRACED = {
    "rain_sum": "rain_um",
    "tilt": "turn_mdeg",
    "tilt_rate": "turn_mdeg_per_day",
}  # kind -> quantity of its values
LOOKS_MAX = 1_000  # Looks at what is not seen, in one gap; behind them only its end.


class Watched(Station):
    """The station as it is, with its points in sight."""

    @property
    def points(self) -> Points:
        return self._points


@dataclass
class Episode:
    """One episode of a rule; `end_ms` None: it stood at the end of the recording."""

    rule: str
    channel: str
    level: int
    start_ms: int
    end_ms: int | None = None
    peak: int | None = None
    peak_ms: int | None = None
    quantity: str = ""


@dataclass
class Peak:
    value: int
    unix_ms: int


@dataclass
class Change:
    """One change of an alarm, as the station told it."""

    rule: str
    kind: str
    level: int
    at_ms: int


@dataclass
class Trace:
    """What a rule judged at each look, where that is not the recorded value itself."""

    rule: Rule
    quantity: str
    times: array = field(default_factory=lambda: array("q"))
    values: array = field(default_factory=lambda: array("q"))


@dataclass
class Told:
    """The station's sink: nothing is stored, everything is heard."""

    events: list[dict[int, object]] = field(default_factory=list)

    def event(self, event: dict[int, object]) -> None:
        self.events.append(event)

    def keep_state(self, name: str, data: bytes) -> None:
        """A rehearsal keeps nothing."""

    note_state = keep_state


class Player:
    """A recording on its way through a station. After `end()` the lanes and episodes are complete."""

    def __init__(self, site: Site, first_ms: int) -> None:
        self.site = site
        self.clock = StandingClock(first_ms - site.cadence_ms)
        self.told = Told()
        self.station = Watched(site.config, self.clock, Siren(SirenConfig(), self.clock), self.told)
        self.points = self.station.points
        self._neighbours: list[Neighbour] = []
        self._feeds = [self._feed(sensor, self._advance) for sensor in site.sensors]
        self.lanes = [lane for feed in self._feeds for lane in feed.lanes]
        self.episodes: list[Episode] = []
        self.other_events: dict[str, int] = {}
        self._open: dict[str, Episode] = {}
        self._peaks: dict[str, Peak] = {}
        self.traces: list[Trace] = []
        self.changes: list[Change] = []
        self._alarms: dict[str, list[tuple[Alarm, Trace | None]]] = {
            sensor.source: self._alarms_of(sensor) for sensor in [*site.sensors, *site.neighbours]
        }
        self._looks = bool(self.points.looks)
        self._looked_ms = self.clock.now_ms

    def row(self, row: Row) -> None:
        """Judge one row."""
        if self._looks:
            self._look(row.unix_ms - 1)
        for feed in self._feeds:
            feed.take(row)

    def end(self) -> None:
        """No row follows."""
        for feed in self._feeds:
            feed.end()

    def accompany(self, rows: Iterator[Row], sensor: Sensor) -> None:
        """Let the gauge of `sensor` come along as a neighbour; `rows` are of its own recording."""
        self._neighbours.append(Neighbour(rows, self._feed(sensor, alone)))

    def _advance(self, until_ms: int) -> None:
        for neighbour in self._neighbours:
            neighbour.advance(until_ms)

    def _feed(self, sensor: Sensor, before: Before) -> Feed:
        site = self.site
        lanes = [Lane(label, self.points.by_channel[name]) for label, name in sensor.columns]
        if site.quantity == "rain":
            return Amounts(sensor.source, lanes[0], sensor.first, site.cadence_ms, self._give, before)
        if site.quantity == "rain-tips":
            run_out_ms = site.longest_window_ms + site.cadence_ms
            return Tips(sensor.source, lanes[0], sensor.first, run_out_ms, self._give, before)
        return Plain(sensor.source, lanes, sensor.first, sensor.temperature, self._give)

    def _give(self, source: str, words: list[NowValue], unix_ms: int) -> None:
        self.clock.now_ms = max(unix_ms, self.clock.now_ms)
        self.station.on_now(source, words)
        for alarm, trace in self._alarms[source]:
            value = alarm.value
            if value is None:
                continue
            if trace is not None:
                trace.times.append(unix_ms)
                trace.values.append(value)
            if alarm.index or value >= alarm.ats[0]:
                self._peak(alarm.rule.name, value, unix_ms)
            elif self._peaks:
                self._peaks.pop(alarm.rule.name, None)
        if self.told.events:
            self._hear()

    def _alarms_of(self, sensor: Sensor) -> list[tuple[Alarm, Trace | None]]:
        """The alarms that samples of this source may change, each with its trace."""
        found: list[tuple[Alarm, Trace | None]] = []
        points = [self.points.by_channel[channel] for _, channel in sensor.columns]
        points += [joined.point for joined in self.points.fused.get(sensor.source, [])]
        for point in points:
            for alarm in point.alarms:
                trace = None
                if alarm.rule.kind in TRACED:
                    trace = Trace(alarm.rule, TRACED[alarm.rule.kind])
                    self.traces.append(trace)
                found.append((alarm, trace))
        return found

    def _peak(self, rule: str, value: int, unix_ms: int) -> None:
        """Keep the highest value since the first crossing, which may be before the alarm is raised."""
        peak = self._peaks.get(rule)
        if peak is None:
            peak = self._peaks[rule] = Peak(value, unix_ms)
        elif value > peak.value:
            peak.value, peak.unix_ms = value, unix_ms
        episode = self._open.get(rule)
        if episode is not None:
            episode.peak, episode.peak_ms = peak.value, peak.unix_ms

    def _look(self, until_ms: int) -> None:
        """What no sample brings: a sensor that is lost."""
        cadence_ms = self.site.cadence_ms
        looks = min((until_ms - self._looked_ms) // cadence_ms, LOOKS_MAX)
        for _ in range(looks):
            self._looked_ms += cadence_ms
            self.clock.now_ms = max(self._looked_ms, self.clock.now_ms)
            self.station.tick(self.clock.now_ms)
        self._looked_ms = max(self._looked_ms, until_ms)
        self._hear()

    def _hear(self) -> None:
        for event in self.told.events:
            self._event(event)
        self.told.events.clear()

    def _event(self, event: dict[int, object]) -> None:
        kind = EVENT_KINDS[int(str(event[E_KIND]))]
        if not kind.startswith("alarm ") or E_RULE not in event:
            self.other_events[kind] = self.other_events.get(kind, 0) + 1
            return
        rule = str(event[E_RULE])
        level = int(str(event.get(E_LEVEL, 0)))
        self.changes.append(Change(rule, kind, level, int(str(event[E_AT_MS]))))
        episode = self._open.get(rule)
        if episode is None and level:
            channel = str(event.get(E_CHANNEL, ""))
            episode = Episode(rule, channel, level, int(str(event[E_EPISODE_MS])))
            episode.quantity = self.quantity_of(rule, channel)
            peak = self._peaks.get(rule)
            if peak is not None:
                episode.peak, episode.peak_ms = peak.value, peak.unix_ms
            self._open[rule] = episode
            self.episodes.append(episode)
        if episode is None:
            return
        episode.level = max(episode.level, level)
        if not level and kind != "alarm acknowledged":
            episode.end_ms = int(str(event[E_AT_MS]))
            self._open.pop(rule)
            self._peaks.pop(rule, None)

    def quantity_of(self, rule: str, channel: str) -> str:
        """What the values of a rule are in."""
        point = self.points.by_channel.get(channel)
        kind = self.points.alarms[rule].rule.kind
        return TRACED.get(kind) or (QUANTITIES[point.quantity][0] if point is not None else "")
