"""What people and the calendar do to a station: the center's actions carried out, and the modes that hold.

Rules of this file: an action that was refused has changed nothing, and the reason is a sentence for the person who
asked. What was done stands in an event with the actor, before the center hears "done". Nothing here waits.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import cbor2

from gateway.actions import Action, until_of
from gateway.clock import Clock
from gateway.config import Station as StationConfig
from gateway.events import Event, plain_event
from gateway.mode_log import ModeLog, Stand
from gateway.modes import COMMAND_MS_MAX, Modes
from gateway.observations import observation
from gateway.siren import SILENCE_MS_MAX
from gateway.station import Station
from gateway.station_mode import ACTUAL
from wire.telemetry import (
    E_ACTOR,
    E_COMMAND,
    E_DATUM,
    E_DETECTED_MS,
    E_MODE,
    E_OPERATING,
    MODES,
    OPERATING,
)

log = logging.getLogger("gateway")

STATE = "modes"  # name of the kept state
KEEP_MS = 60_000  # The time of day is kept so often: a start with an older one does not believe its clock.

DONE = ("done", "")


class Duty:
    """`act` for the center's commands, `tick` regularly. `tell(event)` takes events over, `keep(name, data)` state at
    once, `keep_later(name, data)` when it costs nothing.
    """

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        station: Station,
        mode_log: ModeLog,
        tell: Callable[[dict[int, object]], None],
        keep: Callable[[str, bytes], object],
        keep_later: Callable[[str, bytes], object],
    ) -> None:
        self.on_modes: Callable[[], None] = lambda: None  # Called when other modes hold.
        self.modes = Modes(config.modes, ZoneInfo(config.time_zone))
        self._config = config
        self._clock = clock
        self._station = station
        self._log = mode_log
        self._tell = tell
        self._keep = keep
        self._keep_later = keep_later
        self._command: int | None = None  # id of the one that is being carried out
        self._kept_mono_ms = clock.mono_ms()
        self._acts: dict[str, Callable[[Action], str]] = {
            "acknowledge": lambda a: station.acknowledge(a.rule, a.actor, a.tier, a.level or 0),
            "silence": lambda a: station.silence(a.duration_ms or SILENCE_MS_MAX, a.actor),
            "sound": lambda a: station.sound(a.actor),
            "shelve": lambda a: station.shelve(a.rule, a.actor, a.reason, self._until_ms(a) or 0),
            "unshelve": lambda a: station.unshelve(a.rule, a.actor),
            "out-of-service": lambda a: station.out_of_service(a.rule, a.actor, a.reason, True),
            "in-service": lambda a: station.out_of_service(a.rule, a.actor, a.reason, False),
            "reset": lambda a: station.reset(a.rule, a.actor),
            "self-test": lambda a: station.self_test(a.actor),
            "mode": self._mode,
            "operating": self._operating,
            "observe": self._observe,
            "staff": self._staff,
            "mute": lambda a: station.mute(a.rule, a.actor),
            "test-detector": lambda a: station.test_detector(a.rule, a.actor),
            "re-zero": lambda a: station.rezero(a.channel, a.actor, a.reason),
            "undo-re-zero": lambda a: station.rezero(a.channel, a.actor, a.reason, back=True),
        }

    def act(self, number: int, action: Action) -> tuple[str, str]:
        """Carry out the action of command `number`: ("done", "") or ("refused", why)."""
        carry_out = self._acts.get(action.kind)
        if carry_out is None:
            return "refused", f"this station cannot {action.kind.replace('-', ' ')} yet"
        self._command = number
        try:
            refused = carry_out(action)
        finally:
            self._command = None
        self._note()
        return ("refused", refused) if refused else DONE

    def mark(self, event: dict[int, object]) -> dict[int, object]:
        """`event` with the command that is being carried out, and the operating mode; where they are any."""
        marks: dict[int, object] = {}
        if self._command is not None:
            marks[E_COMMAND] = self._command
        if self.modes.now.place:
            marks[E_OPERATING] = self.modes.now.place
        return event | marks

    def tick(self, *, stepped: bool = False) -> None:
        """Let calendar and limits of time pass; `stepped`: the time of day was just set."""
        unix_ms, mono_ms = self._clock.both()
        if self.modes.look(unix_ms, stepped=stepped):
            now = self.modes.now
            detail = f"{OPERATING[now.place]}, by {now.by}{self._until(now.until_ms)}"
            by: Event = {E_ACTOR: now.by}
            self._tell(plain_event("operating mode changed", unix_ms, self._station.mode, "", detail, "", b"", by))
        self._note()
        if mono_ms - self._kept_mono_ms >= KEEP_MS:
            self._kept_mono_ms = mono_ms
            self._keep_later(STATE, self._state())

    def restore(self, data: bytes | None) -> bool:
        """Take over the kept state; False where it cannot be read: the calendar alone counts then."""
        if data is None:
            return True
        try:
            modes, spans = cbor2.loads(data)
            self.modes.restore(modes)
            self._log.restore(spans)
        except (cbor2.CBORDecodeError, ValueError, TypeError):
            return False
        return True

    def document(self) -> dict[str, object]:
        """The modes as they stand, for the health document."""
        stand = self._log.now
        return {
            "mode": MODES[stand.mode],
            "mode_by": stand.mode_by,
            "mode_until_s": stand.mode_until_s or None,
            "mode_siren": not self._station.standing_mode.quiet,
            "operating": OPERATING[stand.operating],
            "operating_by": stand.operating_by,
            "operating_until_s": stand.operating_until_s or None,
            "clock_known": self.modes.known,
        }

    # Actions: "" or why not

    def _mode(self, action: Action) -> str:
        return self._station.set_mode(MODES[action.mode or 0], action.actor, self._until_ms(action), action.siren)

    def _operating(self, action: Action) -> str:
        place = action.operating
        if place is not None:
            until_ms = self._until_ms(action)
            if until_ms is None:
                return "a mode by command needs a time until which it holds"
            now_ms = self._clock.unix_ms()
            if not now_ms < until_ms <= now_ms + COMMAND_MS_MAX:
                return f"it holds until a time within {COMMAND_MS_MAX // 86_400_000} days from now"
        self.modes.set(place, action.actor, self._until_ms(action) or 0)
        self.tick()
        self._keep_state()
        return ""

    def _observe(self, action: Action) -> str:
        now_ms = self._clock.unix_ms()
        event = observation(action, self._station.channels())
        if isinstance(event, str):
            return event
        self._tell(event | {E_DETECTED_MS: now_ms, E_MODE: MODES.index(self._station.mode)})
        if E_DATUM in event:  # A water level of a channel of ours: somebody stood at the staff gauge.
            value, at_ms = action.value, action.at_ms
            assert value is not None
            assert at_ms is not None
            self._station.staff_reading(action.channel, value, action.actor, at_ms)
        return ""

    def _staff(self, action: Action) -> str:
        assert action.value is not None
        assert action.at_ms is not None
        try:
            self._station.staff_reading(action.channel, action.value, action.actor, action.at_ms)
        except KeyError:
            return f"there is no channel {action.channel}"
        except ValueError as error:
            return str(error)
        return ""

    # Inside

    def _until_ms(self, action: Action) -> int | None:
        return until_of(action, self._clock.unix_ms())

    def _note(self) -> None:
        """Tell whoever sends and measures when other modes hold."""
        now = self.modes.now
        operating = (now.place, now.by if now.place else "", now.until_ms // 1000 if now.place else 0)
        mode = self._station.standing_mode
        stand = (0, "", 0) if mode.name == ACTUAL else (MODES.index(mode.name), mode.actor, mode.until_unix_ms // 1000)
        if self._log.note(self._clock.unix_ms(), Stand(*stand, *operating)):
            self._keep_state()
            self.on_modes()

    def _keep_state(self) -> None:
        self._keep(STATE, self._state())

    def _state(self) -> bytes:
        return cbor2.dumps([self.modes.save(self._clock.unix_ms()), self._log.save()], canonical=True)

    def _until(self, unix_ms: int) -> str:
        if not unix_ms:
            return ""
        at = datetime.fromtimestamp(unix_ms // 1000, UTC).astimezone(ZoneInfo(self._config.time_zone))
        return f", until {at:%Y-%m-%d %H:%M %z}"
