"""The one function that a reading passes on its way to an alarm, and everything a station decides by itself.

Rules of this file: judge, then siren, then the event, then the kept state. Nothing here waits: disk and network are
behind `sink`, which only takes things over. Delays run on the station's monotonic clock; a dead disk, network or wrong
clock changes nothing about the siren. A source that is lost lowers no alarm; not seeing is an alarm of its own.
"""

from zoneinfo import ZoneInfo

from gateway.alarms import ESCALATED, NORMAL, RAISED, REBASED, Change
from gateway.clock import Clock
from gateway.config import Station as StationConfig
from gateway.gauge import KEPT as RAIN
from gateway.gauge import Gauge, gauges_of
from gateway.intake import Intake
from gateway.kinds import make_points
from gateway.points import Joined, NowValue
from gateway.quality import impossible
from gateway.siren import Siren
from gateway.snapshot import alarm_now, channel_now
from gateway.station_state import StateError, pack_state, recall_events, unpack_state
from gateway.telling import Sink, Telling
from wire.reading import MISSING
from wire.row import Row, unpack
from wire.telemetry import MODES

__all__ = ["NowValue", "Sink", "Station"]

STATE = "alarms"  # name of the kept state
STATE_PERIOD_MS = 10_000  # What changed without an event (rain, delays under way) is kept this often,
WINDOWS_PERIOD_MS = 300_000  # what moves with every sample this often: a card is not made for more.
NO_READING = (None, MISSING)


class Station:
    """Judges the now-values of all sources, sounds the siren, tells events."""

    def __init__(self, config: StationConfig, clock: Clock, siren: Siren, sink: Sink) -> None:
        self._config = config
        self._clock = clock
        self._siren = siren
        self._sink = sink
        self._points = make_points(config, clock.mono_ms(), clock.unix_ms())
        self._gauges = gauges_of(self._points)
        self._intake = Intake()
        self._telling = Telling(config, clock, sink)
        self._zone = ZoneInfo(config.time_zone)
        self._lost_sources: set[str] = set()
        self._siren_failed = ""
        self._kept_at_ms = self._looked_at_ms = clock.mono_ms()
        siren.set(0)

    @property
    def mode(self) -> str:
        """actual, exercise or test: stands in every event."""
        return self._telling.mode

    # What the pollers tell.

    def on_now(self, source: str, words: list[NowValue]) -> None:
        """Judge the now-values of one answer. KeyError for a source that the configuration has not."""
        points = self._points.by_source[source]
        first = self._points.first.get(source)
        if first is not None:
            words = sorted(words, key=lambda word: word.column not in first)
        intake = self._intake
        changes: list[Change] = []
        for word in words:
            point = points.get(word.column)
            if point is not None:
                intake.take(point, word, changes)
        joined = self._points.fused.get(source)
        if joined is not None:
            intake.take_joined(joined, changes)
        if changes:
            self._act(changes)
        if joined is not None:
            self._tell_joined(joined)
        if intake.sensor_events:
            for kind, channel, detail in intake.sensor_events:
                self._telling.plain(kind, source, detail, channel)
            intake.sensor_events.clear()
            self._keep()

    def on_lost(self, source: str, why: str, mono_ms: int) -> None:
        """`source` does not answer: its alarms are held, its lost rule counts from the last usable sample."""
        for point in self._points.by_source[source].values():
            point.lose()
        joined = self._points.fused.get(source)
        if joined is not None:
            changes: list[Change] = []
            self._intake.take_joined(joined, changes)
            if changes:
                self._act(changes)
            self._tell_joined(joined)
        if source not in self._lost_sources:
            self._lost_sources.add(source)
            self._telling.plain("source lost", source, why)
            self._keep()

    def on_back(self, source: str, mono_ms: int) -> None:
        if source in self._lost_sources:
            self._lost_sources.remove(source)
            self._telling.plain("source back", source, "")
            self._keep()

    def on_fault(self, kind: str, source: str, detail: str) -> None:
        """Tell a fault of a source; the same one again only after FAULT_REPEAT_MS. KeyError for no such kind."""
        self._telling.fault(kind, source, detail)

    def on_rows(self, source: str, epoch: int, packed_rows: list[bytes]) -> None:
        """Stored rows of a board: what its log says of rain takes the place of what was guessed."""
        for packed in packed_rows if source in self._gauges else ():
            row = unpack(packed, epoch)
            for gauge in self._gauges[source]:
                gauge.refill(row)

    def gauges(self) -> dict[str, bool]:
        """Sources that measure rain, and whether their counters have been seen: before that no row can be placed."""
        return {source: all(gauge.rain.seen for gauge in gauges) for source, gauges in self._gauges.items()}

    def identify(self, source: str, serial: bytes) -> None:
        """Events of `source` carry this serial from now on."""
        self._telling.identify(source, serial)

    def tick(self, mono_ms: int) -> None:
        """Judge what no sample brings: what is not seen, the siren's own times, the state that is due."""
        changes = [change for judge in self._points.looks if (change := judge.look(mono_ms))]
        self._siren.tick(mono_ms)
        if changes:
            self._act(changes)
        self._tell_siren()
        if mono_ms - self._looked_at_ms >= STATE_PERIOD_MS:
            self._looked_at_ms = mono_ms
            if self._restless() or mono_ms - self._kept_at_ms >= WINDOWS_PERIOD_MS:
                self._keep()

    # What people and the center do.

    def acknowledge(self, rule: str, actor: str) -> bool:
        """`actor` has seen the alarm of `rule`; False if there was nothing to see. KeyError for no such rule."""
        return self._by_hand(self._points.alarms[rule].acknowledge(actor, self._clock.unix_ms()))

    def reset(self, rule: str, actor: str) -> bool:
        """End a latched alarm; False where none is latched. KeyError for no such rule."""
        return self._by_hand(self._points.alarms[rule].reset(actor, self._clock.unix_ms()))

    def silence(self, duration_ms: int, actor: str) -> bool:
        """Quiet the siren for a while; False if it does not sound. No alarm is acknowledged by it."""
        if not self._siren.silence(duration_ms):
            return False
        self._telling.plain("operator action", "", f"siren silenced by {actor}")
        return True

    def set_mode(self, mode: str, actor: str = "") -> None:
        """actual, exercise or test: stands in every event. ValueError for another."""
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        if mode != self.mode:
            self._telling.mode = mode
            self._telling.plain("mode changed", "", f"{mode} {actor}".strip())
            self._keep()

    # What others look at.

    def channels(self) -> list[dict[str, object]]:
        """Every channel as it is now, for tables and the health document."""
        now_ms, unix_ms = self._now()
        told = []
        for name, point in self._points.by_channel.items():
            gauge = self._points.kept_as(RAIN, name, Gauge)
            rain = None if gauge is None else gauge.now(now_ms, unix_ms, self._zone)
            told.append(channel_now(point, now_ms) | ({"rain": rain} if rain is not None else {}))
        return told

    def alarms(self) -> list[dict[str, object]]:
        """Every alarm that is not normal, worst first."""
        active = [alarm for alarm in self._points.alarms.values() if alarm.index or alarm.state != NORMAL]
        active.sort(key=lambda alarm: -alarm.level)
        return [alarm_now(alarm, self._points.by_channel.get(alarm.rule.channel)) for alarm in active]

    @property
    def siren_failed(self) -> str:
        return self._siren.failed

    def gateway_quality(self, source: str, row: Row) -> dict[int, int]:
        """{column: flag} where the gateway judges a stored row's reading otherwise than the board did."""
        out = {}
        points = self._points.by_source[source]
        measured = {reading.channel: (reading.value, reading.quality) for reading in row.readings}
        for reading in row.readings:
            point = points.get(reading.channel)
            if point is None:
                continue
            raw = reading.value
            value = point.zero + point.sign * raw if raw is not None else 0
            ill = any(
                impossible(*measured.get(column, NO_READING), low, high) for column, low, high in point.companions
            )
            flag = point.watch.stored(raw, value, reading.quality, ill)
            if flag != reading.quality:
                out[reading.channel] = flag
        return out

    # The state that survives a restart.

    def state_bytes(self) -> bytes:
        return pack_state(self._points, self._config.mode, self.mode, self._lost_sources, self._now())

    def restore(self, data: bytes, events: list[dict[int, object]] | None = None) -> bool:
        """Take over a kept state, then the `events` that came after it (oldest first), and sound what must sound.

        False where the state cannot be read: then alarms are judged from the present alone, and an event says so.
        """
        try:
            saved = unpack_state(data, self._points, self._config, self._now())
        except StateError as error:
            self._telling.plain("store failed", "", f"kept alarm state not readable: {error}")
            return False
        self._telling.mode = saved.mode
        self._lost_sources = saved.lost_sources
        recall_events(self._points, events or [])
        self._siren.set(self._siren_level())
        self._tell_siren()
        for name in saved.gone:
            self._telling.plain("alarm rebased", "", f"rule {name} was active and is no longer configured")
        for name in saved.unread:
            self._telling.plain("store failed", "", f"kept {name} not readable: it begins anew")
        return True

    def close(self) -> None:
        """Keep the state; call before an orderly stop."""
        self._keep()

    # Inside.

    def _act(self, changes: list[Change]) -> None:
        """The order of it: siren, events, state."""
        detected_ms = self._clock.unix_ms()
        raised = [c.level for c in changes if c.kind in (RAISED, ESCALATED, REBASED) and c.alarm.rule.siren]
        siren_ms = self._siren.set(self._siren_level(), max(raised, default=0))
        for change in changes:
            if change.kind:
                point = self._points.by_channel.get(change.alarm.rule.channel)
                self._telling.alarm(change, point, detected_ms, siren_ms)
        self._tell_siren()
        self._keep()

    def _by_hand(self, change: Change | None) -> bool:
        if change is None:
            return False
        self._act([change])
        return True

    def _siren_level(self) -> int:
        return max((alarm.level for alarm in self._points.alarms.values() if alarm.rule.siren), default=0)

    def _tell_joined(self, joined: list[Joined]) -> None:
        for one in joined:
            for kind, channel, detail in one.told:
                self._telling.plain(kind, "", detail, channel)
            if one.told:
                one.told.clear()
                self._keep()

    def _tell_siren(self) -> None:
        failed = self._siren.failed
        if failed and not self._siren_failed:
            self._telling.plain("siren failed", "", failed)
        self._siren_failed = failed

    def _restless(self) -> bool:
        points = self._points
        if any(kept.moved for of_kind in points.kept.values() for kept in of_kind.values()):
            return True
        return any(alarm.timing for alarm in points.alarms.values())

    def _keep(self) -> None:
        self._kept_at_ms = self._clock.mono_ms()
        self._sink.keep_state(STATE, self.state_bytes())

    def _now(self) -> tuple[int, int]:
        return self._clock.mono_ms(), self._clock.unix_ms()
