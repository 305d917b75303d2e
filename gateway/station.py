"""The one function that a reading passes on its way to an alarm, and everything a station decides by itself.

Rules of this file: judge, then siren, then the event, then the kept state. Nothing here waits: disk and network are
behind `sink`, which only takes things over. Delays run on the station's monotonic clock; a dead disk, network or wrong
clock changes nothing about the siren. A source that is lost lowers no alarm; not seeing is an alarm of its own.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from gateway.alarms import Alarm
from gateway.changes import ESCALATED, IN, IS_OVER, RAISED, REBASED, UNSHELVES, Change
from gateway.clock import Clock
from gateway.config import Station as StationConfig
from gateway.detector import detectors_of
from gateway.gauge import Gauges
from gateway.intake import Intake
from gateway.kinds import make_points
from gateway.points import Joined, NowValue
from gateway.rezero import rezero
from gateway.siren import Siren
from gateway.snapshot import alarms_now, channels_now, rules_now
from gateway.sounding import Sounding
from gateway.station_mode import ACTUAL, SIREN_OFF, Mode, configured
from gateway.station_state import Saved, StateError, pack_state, recall_events, unpack_state
from gateway.stored import judged_otherwise
from gateway.suppression import SHELF_MS_MAX, Shelf
from gateway.telling import Sink, Telling
from gateway.words import refusal
from wire.row import Row
from wire.telemetry import MODES

__all__ = ["NowValue", "Sink", "Station"]

STATE = "alarms"  # name of the kept state
STATE_PERIOD_MS = 10_000  # What changed without an event (rain, delays under way) is kept this often,
WINDOWS_PERIOD_MS = 300_000  # what moves with every sample this often: a card is not made for more.
LOUDER = (RAISED, ESCALATED, REBASED, UNSHELVES, IN)  # After these an alarm may sound that did not: no silence holds.


class Station:
    """Judges the now-values of all sources, sounds the siren, tells events."""

    def __init__(self, config: StationConfig, clock: Clock, siren: Siren, sink: Sink) -> None:
        self._config = config
        self._clock = clock
        self._sink = sink
        self._points = make_points(config, clock.mono_ms(), clock.unix_ms())
        self._gauges = Gauges(self._points)
        self._detectors = detectors_of(self._points)
        for detector in self._detectors.values():
            detector.tell = self._tell_smoke
        self._intake = Intake()
        self._telling = Telling(config, clock, sink)
        self._zone = ZoneInfo(config.time_zone)
        self._sounding = Sounding(config, siren, self._telling)
        self.standing_mode = configured(config)
        self._lost_sources: set[str] = set()
        self._kept_at_ms = self._looked_at_ms = clock.mono_ms()
        siren.set(0)

    @property
    def mode(self) -> str:
        """actual, exercise or test: stands in every event."""
        return self.standing_mode.name

    # What the pollers tell.

    def on_now(self, source: str, words: list[NowValue]) -> None:
        """Judge the now-values of one answer. KeyError for a source that the configuration has not."""
        points = self._points.by_source[source]
        if (first := self._points.first.get(source)) is not None:
            words = sorted(words, key=lambda word: word.column not in first)
        intake = self._intake
        changes: list[Change] = []
        for word in words:
            point = points.get(word.column)
            if point is not None:
                intake.take(point, word, changes)
        if (joined := self._points.fused.get(source)) is not None:
            intake.take_joined(joined, changes)
        if changes:
            self._act(changes)
        if joined is not None:
            self._tell_joined(joined)
        if intake.sensor_events or self._points.notes:
            self._telling.rest(source, intake.sensor_events, self._points.notes)
            self._keep()

    def on_asleep(self, source: str) -> None:
        """What `source` said is not the present any more, and nothing is wrong: its alarms are held."""
        for point in self._points.by_source[source].values():
            point.lose()
        if (joined := self._points.fused.get(source)) is not None:
            changes: list[Change] = []
            self._intake.take_joined(joined, changes)
            if changes:
                self._act(changes)
            self._tell_joined(joined)

    def on_lost(self, source: str, why: str, mono_ms: int) -> None:
        """`source` does not answer: its alarms are held, its lost rule counts from the last usable sample."""
        self.on_asleep(source)
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
        self._gauges.refill(source, epoch, packed_rows)

    def gauges(self) -> dict[str, bool]:
        """Sources that measure rain, and whether their counters have been seen: before that no row can be placed."""
        return self._gauges.seen()

    def on_uptime(self, source: str, serial: bytes, boot: int, uptime_s: int, mono_ms: int) -> None:
        """How long a board has run: one that ran on while we were away knows how long that was."""
        by_ms = self._gauges.witness.see(source, serial, boot, uptime_s, mono_ms)
        if by_ms:
            self._gauges.correct(by_ms)
            self._telling.plain("clock stepped", source, f"while we were away, by {by_ms / 1000:+.0f} s as it says")
            self._keep()

    def identify(self, source: str, serial: bytes) -> None:
        """Events of `source` carry this serial from now on."""
        self._telling.identify(source, serial)

    def on_storage(self, used_permil: int | None, mono_ms: int) -> None:
        """How full the store is; None = not known now."""
        unix_ms = self._clock.unix_ms()
        changes: list[Change] = []
        for alarm in self._points.storage:
            if used_permil is None:
                alarm.hold()
            elif (change := alarm.step(used_permil, mono_ms, unix_ms)) is not None:
                changes.append(change)
        if changes:
            self._act(changes)

    def tick(self, mono_ms: int) -> None:
        """Judge what no sample brings: what is not seen, the siren's own times, what ends by itself."""
        unix_ms = self._clock.unix_ms()
        changes = [change for judge in self._points.looks if (change := judge.look(mono_ms))]
        for alarm in self._points.alarms.values():
            if alarm.shelf is not None and (change := alarm.outgrown(mono_ms, unix_ms)):
                changes.append(change)
        if changes:
            self._act(changes)
        self._sounding.tick(mono_ms, unix_ms)
        if self.standing_mode.over(mono_ms):
            self._change_mode(configured(self._config))
        if mono_ms - self._looked_at_ms >= STATE_PERIOD_MS:
            self._looked_at_ms = mono_ms
            if any(alarm.timing for alarm in self._points.alarms.values()):
                self._keep()
            elif self._points.moved() or mono_ms - self._kept_at_ms >= WINDOWS_PERIOD_MS:
                self._keep(soon=False)  # Logs say when rain fell: it is in no hurry.

    # What people do, here or at the center: "" if it was done, else a sentence that says why not.

    def acknowledge(self, rule: str, actor: str, tier: str, level_seen: int) -> str:
        """`actor` has seen the alarm of `rule` at `level_seen`; refused where it has become worse since."""
        return self._by_hand(rule, lambda alarm, _, unix_ms: alarm.acknowledge(actor, tier, level_seen, unix_ms))

    def reset(self, rule: str, actor: str) -> str:
        """End a latched alarm on site."""
        return self._by_hand(rule, lambda alarm, _, unix_ms: alarm.reset(actor, unix_ms))

    def mute(self, rule: str, actor: str) -> str:
        """Quiet for 7 h what is told of a smoke detector's faults; smoke is not."""
        detector = self._detectors.get(rule)
        if detector is None:
            return f"there is no smoke rule {rule}"
        detector.mute(self._clock.mono_ms(), actor)
        self._keep()
        return ""

    def test_detector(self, rule: str, actor: str) -> str:
        """Let a smoke detector be tested for a while: what it says is no alarm."""
        detector = self._detectors.get(rule)
        if detector is None:
            return f"there is no smoke rule {rule}"
        if not detector.test(self._clock.mono_ms(), actor):
            return f"{rule} has an alarm: it cannot be tested now"
        self._keep()
        return ""

    def staff_reading(self, channel: str, staff_mm: int, actor: str, unix_ms: int) -> int | None:
        """`actor` read the staff gauge at `unix_ms`: sensor minus staff, None where the sensor said nothing then.

        It is told, and changes no offset and no alarm. KeyError for no such channel, ValueError for one without datum.
        """
        point = self._points.by_channel[channel]
        if point.staff is None:
            raise ValueError(f"{channel} has no gauge zero: nothing to compare")
        difference_mm = point.staff.compare(staff_mm, unix_ms)
        self._telling.staff(point, staff_mm, difference_mm, actor, unix_ms)
        self._keep()
        return difference_mm

    def shelve(self, rule: str, actor: str, reason: str, until_ms: int) -> str:
        """No siren for the alarm of `rule` until `until_ms` (unix), at most SHELF_MS_MAX; never red."""

        def put(alarm: Alarm, mono_ms: int, unix_ms: int) -> Change | str:
            left_ms = until_ms - unix_ms
            if not 0 < left_ms <= SHELF_MS_MAX:
                return "over" if left_ms <= 0 else "too long"
            level = alarm.level or alarm.highest
            return alarm.put_aside(Shelf(level, mono_ms + left_ms, until_ms, actor, reason), unix_ms)

        return self._by_hand(rule, put)

    def unshelve(self, rule: str, actor: str) -> str:
        return self._by_hand(rule, lambda alarm, _, unix_ms: alarm.unshelve(actor, unix_ms))

    def out_of_service(self, rule: str, actor: str, reason: str, on: bool) -> str:
        """Take the alarm of `rule` out of service (`on`), or put it back: it is judged and told, and never sounds."""
        return self._by_hand(rule, lambda alarm, _, unix_ms: alarm.serve(not on, actor, reason, unix_ms))

    def silence(self, duration_ms: int, actor: str) -> str:
        """Quiet the siren for a while. No alarm is acknowledged by it."""
        return self._sounding.silence(duration_ms, actor, self._clock.unix_ms())

    def sound(self, actor: str) -> str:
        """End a silence."""
        return self._sounding.sound(actor)

    def self_test(self, actor: str) -> str:
        """One short blast; what came of it is an event."""
        return self._sounding.test(actor)

    def set_mode(self, mode: str, actor: str = "", until_ms: int | None = None, siren: bool = True) -> str:
        """actual, exercise or test, until `until_ms` (unix; None = until told otherwise); `siren`: does it sound for
        what is raised in it? ValueError for another mode.
        """
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        mono_ms, unix_ms = self._now()
        if until_ms is not None and until_ms <= unix_ms:
            return refusal("over")
        end_ms = None if until_ms is None else mono_ms + until_ms - unix_ms
        new = Mode(mode, siren, actor, end_ms, until_ms or 0)
        old = self.standing_mode
        if (new.name, new.siren, new.until_unix_ms) != (old.name, old.siren, old.until_unix_ms):
            self._change_mode(new)
        return ""

    def rezero(self, name: str, actor: str, reason: str, *, back: bool = False) -> str:
        """Take the baseline of the tilt rule `name`, or of all tilt rules of that channel, anew, or the one before."""
        refused = rezero(self._points, name, (actor, reason), self._now(), back=back)
        self._telling.rest("", [], self._points.notes)
        self._keep()
        return refused

    # What others look at.

    def channels(self) -> list[dict[str, object]]:
        """Every channel as it is now, for tables and the health document."""
        return channels_now(self._points, *self._now(), self._zone)

    def unseen_ms(self, source: str) -> int | None:
        """How long ago `source` was last heard; None = never."""
        return self._points.unseen_ms(source, self._clock.mono_ms())

    def alarms(self) -> list[dict[str, object]]:
        """Every alarm that is not normal, worst first."""
        return alarms_now(self._points)

    def rules(self) -> list[dict[str, object]]:
        """Every rule, and what it has judged last."""
        return rules_now(self._points)

    def siren(self) -> dict[str, object]:
        """The siren as it is now."""
        return self._sounding.now()

    def gateway_quality(self, source: str, row: Row) -> dict[int, int]:
        """{column: flag} where the gateway judges a stored row's reading otherwise than the board did."""
        return judged_otherwise(self._points.by_source[source], row)

    # The state that survives a restart.

    def state_bytes(self) -> bytes:
        machine = self._clock.machine()
        return pack_state(self._points, self._config.mode, self.standing_mode, self._lost_sources, self._now(), machine)

    def restore(self, data: bytes | None, events: list[dict[int, object]] | None = None) -> bool:
        """Take over a kept state, then the `events` that came after it (oldest first), and sound what must sound.

        False where the state cannot be read: then only the events count beside the present, and one more says so.
        """
        now = self._now()
        saved = Saved(self.standing_mode, set(), {}, [])
        readable = True
        if data is not None:
            try:
                saved = unpack_state(data, self._points, self._config, now, self._clock.machine())
            except StateError as error:
                readable = False
                self._telling.plain("store failed", "", f"kept alarm state not readable: {error}")
        recall_events(self._points, events or [], saved, now)
        self._lost_sources = saved.lost_sources
        self.standing_mode = saved.mode
        self._telling.mode = saved.mode.name
        ended = self._ended(now[1])
        self._sounding.siren.set(self._siren_level())
        for (rule, channel), episode in saved.gone.items():
            self._telling.gone(rule, channel, episode)
        for name in saved.unread:
            self._telling.plain("store failed", "", f"kept {name} not readable: it begins anew")
        self._act(ended)  # Keeps the state too: what comes from now on belongs to this configuration.
        return readable

    def close(self) -> None:
        """Keep the state; call before an orderly stop."""
        self._keep()

    # Inside.

    def _act(self, changes: list[Change]) -> None:
        """The order of it: siren, events, state."""
        mono_ms, unix_ms = self._now()
        told: list[Change] = []
        for change in changes:
            alarm = change.alarm
            if change.kind == RAISED:
                alarm.mode = MODES.index(self.mode)
            if change.kind in LOUDER and (ended := alarm.outgrown(mono_ms, unix_ms)):
                told.append(ended)
            told.append(change)
        raised = [change.level for change in told if change.kind in LOUDER and self._sounds(change.alarm)]
        siren_ms = self._sounding.siren.set(self._siren_level(), max(raised, default=0))
        for change in told:
            self._telling.alarm(change, self._points.by_channel.get(change.alarm.rule.channel), unix_ms, siren_ms)
        self._sounding.look()
        self._keep()

    def _by_hand(self, rule: str, act: Callable[[Alarm, int, int], Change | str]) -> str:
        alarm = self._points.alarms.get(rule)
        if alarm is None:
            return refusal("no rule", rule=rule)
        done = act(alarm, *self._now())
        if isinstance(done, str):
            return refusal(done, rule=rule, level=alarm.level)
        self._act([done])
        return ""

    def _sounds(self, alarm: Alarm) -> int:
        """The level that the siren has to sound for, as far as this alarm goes."""
        return 0 if alarm.mode and self.standing_mode.quiet else alarm.sounds

    def _siren_level(self) -> int:
        return max((self._sounds(alarm) for alarm in self._points.alarms.values()), default=0)

    def _tell_joined(self, joined: list[Joined]) -> None:
        for one in joined:
            for kind, channel, detail in one.told:
                self._telling.plain(kind, "", detail, channel)
            if one.told:
                one.told.clear()
                self._keep()

    def _change_mode(self, mode: Mode) -> None:
        self.standing_mode = mode
        self._telling.mode = mode.name
        self._telling.act("mode changed", mode.actor, SIREN_OFF if mode.quiet else "", mode.until_unix_ms)
        self._act(self._ended(self._clock.unix_ms()))

    def _ended(self, unix_ms: int) -> list[Change]:
        """The ends of what was raised in an exercise or test that is over: it is never mixed with what is actual."""
        ended = []
        for alarm in self._points.alarms.values():
            name = MODES[alarm.mode]
            if name not in (ACTUAL, self.mode) and (change := alarm.end(unix_ms, f"the {name}{IS_OVER}")):
                ended.append(change)
        return ended

    def _tell_smoke(self, kind: str, channel: str, detail: str) -> None:
        source = self._points.by_channel[channel].channel.source
        self._telling.plain(kind, source, detail, channel, "test" if kind == "smoke test" else "")

    def _keep(self, *, soon: bool = True) -> None:
        self._kept_at_ms = self._clock.mono_ms()
        keep = self._sink.keep_state if soon else self._sink.note_state
        keep(STATE, self.state_bytes())
        self._points.settle()

    def _now(self) -> tuple[int, int]:
        return self._clock.mono_ms(), self._clock.unix_ms()
