"""What a station tells: events with their mode and the serial of their source, on their way to the sink.

Rules of this file: nothing waits; a fault that lasts is told again only after a while.
"""

from typing import Protocol

from gateway.changes import Change
from gateway.clock import Clock
from gateway.config import Station
from gateway.events import Event, Gone, alarm_event, gone_event, note_event, plain_event, staff_event
from gateway.points import Note, Point
from wire.telemetry import E_ACTOR, E_UNTIL_MS

FAULT_REPEAT_MS = 600_000
FAULTS_MAX = 256


class Sink(Protocol):
    """Takes over what must be stored and published; never waits."""

    def event(self, event: dict[int, object]) -> None: ...

    def keep_state(self, name: str, data: bytes) -> None: ...

    def note_state(self, name: str, data: bytes) -> None: ...


class Telling:
    """Makes events and hands them over; `mode` stands in each of them."""

    def __init__(self, config: Station, clock: Clock, sink: Sink) -> None:
        self._clock = clock
        self._sink = sink
        self._serials = {s.name: bytes.fromhex(s.serial) for s in config.sources if s.serial}
        self._told: dict[tuple[str, str, str], int] = {}  # when a fault was told
        self.mode = config.mode

    def identify(self, source: str, serial: bytes) -> None:
        """Events of `source` carry this serial from now on."""
        self._serials[source] = serial

    def alarm(self, change: Change, point: Point | None, detected_ms: int, siren_ms: int | None) -> None:
        """A change of an alarm, of `point` where it judges one."""
        serial = self._serials.get(point.channel.source, b"") if point is not None else b""
        self._sink.event(alarm_event(change, point, detected_ms, siren_ms, serial))

    def gone(self, rule: str, channel: str, saved: Gone) -> None:
        """The end of an episode whose rule is no longer configured."""
        self._sink.event(gone_event(rule, channel, saved, self._clock.unix_ms()))

    def plain(self, kind: str, source: str, detail: str, channel: str = "", mode: str = "") -> None:
        """Everything that is no alarm, in the station's mode or another one. KeyError for no such kind."""
        serial = self._serials.get(source, b"")
        now_ms = self._clock.unix_ms()
        self._sink.event(plain_event(kind, now_ms, mode or self.mode, source, detail, channel, serial))

    def act(self, kind: str, actor: str, detail: str = "", until_ms: int = 0) -> None:
        """What a person, or the station by itself (`actor` ""), did that is of no alarm."""
        more: Event = {}
        if actor:
            more[E_ACTOR] = actor
        if until_ms:
            more[E_UNTIL_MS] = until_ms
        self._sink.event(plain_event(kind, self._clock.unix_ms(), self.mode, "", detail, "", b"", more))

    def staff(self, point: Point, staff_mm: int, difference_mm: int | None, actor: str, unix_ms: int) -> None:
        """What `actor` read at the staff gauge, against the sensor."""
        serial = self._serials.get(point.channel.source, b"")
        at = (unix_ms, self._clock.unix_ms())
        self._sink.event(staff_event(point, staff_mm, difference_mm, actor, at, self.mode, serial))

    def rest(self, source: str, sensors: list[tuple[str, str, str]], notes: list[Note]) -> None:
        """What an answer of `source` says of its sensors, and what judges have to tell beside their alarms; then empty.

        KeyError for no such kind.
        """
        for kind, channel, detail in sensors:
            self.plain(kind, source, detail, channel)
        sensors.clear()
        for note in notes:
            serial = self._serials.get(note.source, b"")
            self._sink.event(note_event(note, self._clock.unix_ms(), self.mode, serial))
        notes.clear()

    def fault(self, kind: str, source: str, detail: str) -> None:
        """A fault of a source; the same one again only after FAULT_REPEAT_MS. KeyError for no such kind."""
        key = (kind, source, detail)
        now_ms = self._clock.mono_ms()
        if now_ms - self._told.get(key, now_ms - FAULT_REPEAT_MS) < FAULT_REPEAT_MS:
            return
        self._told.pop(key, None)
        if len(self._told) >= FAULTS_MAX:
            del self._told[next(iter(self._told))]
        self._told[key] = now_ms
        self.plain(kind, source, detail)
