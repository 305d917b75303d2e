"""Smoke: obscuration of a chamber by N of M samples, and the contact of a certified detector at once.

Rules of this file: no clock. The pre-alarm wants 2 of the last 3 samples, the alarm (the rule's last step) 3 of the
last 4; a sample above twice the alarm's threshold, or a closed contact, is the alarm at once (FIELD.md 6). While damp
or dust is known, what N of M reaches must last for GUARD_MS: never longer, and what is at once stays so. What is not
seen, chamber or contact, lowers nothing. This listens beside a certified detector; it is none.
"""

from bisect import bisect_right

from gateway.alarms import Alarm
from gateway.changes import Change

PRE_ALARM = (2, 3)  # of the last 3 samples
ALARM = (3, 4)
GUARD_MS = 29_000  # FIELD.md 6: damp or dust may cost 30 s at most; a look at the clock is 200 ms away.


class Smoke:
    """Feeds one alarm from an obscuration channel and, where the board has it, a contact."""

    __slots__ = ("_closed", "_recent", "_risen", "alarm", "contact", "guarded", "heard", "tested")

    def __init__(self, alarm: Alarm, contact: bool) -> None:
        self.alarm = alarm
        self.contact = contact  # Is there a contact that must be seen open before anything is lowered?
        self.guarded = False  # Damp or dust is known now.
        self.tested = False  # A person tests the detector: nothing it says is an alarm.
        self.heard = False  # It would have been one in this test.
        self._recent: list[int] = []  # newest last, at most 4
        self._closed: int | None = None  # newest state of the contact; None = not seen now
        self._risen: list[tuple[int, int] | None] = [None] * len(alarm.ats)  # since when N of M reaches each step

    @property
    def contact_seen(self) -> bool:
        return self._closed is not None

    @property
    def contact_closed(self) -> bool:
        return bool(self._closed)

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        """One usable sample of obscuration in 0.001 dB/m. Doubt changes nothing: N of M is the confirmation."""
        alarm = self.alarm
        alarm.value = value
        recent = self._recent
        recent.append(value)
        if len(recent) > ALARM[1]:
            del recent[0]
        last = len(alarm.ats)
        up = last if self._closed else self._reached(alarm.ats, mono_ms, unix_ms)
        if self.tested:
            self.heard = self.heard or up == last
            return None
        if self._closed:
            return alarm.move(last, last, mono_ms, unix_ms)
        held = max(up, bisect_right(alarm.downs, value))
        if self.contact and self._closed is None:
            held = last
        return alarm.move(up, held, mono_ms, unix_ms)

    def look(self, mono_ms: int) -> Change | None:
        """At any time: the guard's time may be over without a sample."""
        if not self.guarded or self.tested:
            return None
        up = self._lasting(len(self.alarm.ats), mono_ms)
        begun = self._risen[up - 1] if up > self.alarm.index else None
        if begun is None:
            return None
        return self.alarm.move(up, len(self.alarm.ats), mono_ms, begun[1])

    def touch(self, closed: int, mono_ms: int, unix_ms: int) -> Change | None:
        """One usable sample of the contact: 1 = alarm. An open one is only noted: the chamber's next sample judges."""
        self._closed = closed
        if self.tested:
            self.heard = self.heard or bool(closed)
            return None
        if not closed:
            return None
        last = len(self.alarm.ats)
        return self.alarm.move(last, last, mono_ms, unix_ms)

    def hold(self) -> None:
        """The chamber is not seen: nothing is judged by it until it is."""
        self.alarm.hold()

    def hold_contact(self) -> None:
        """The contact is not seen."""
        self._closed = None
        self.alarm.hold()

    def _reached(self, ats: tuple[int, ...], mono_ms: int, unix_ms: int) -> int:
        recent, risen = self._recent, self._risen
        up = 0
        for step, at in enumerate(ats):
            need, among = ALARM if step == len(ats) - 1 else PRE_ALARM
            if sum(value >= at for value in recent[-among:]) < need:
                break
            up = step + 1
        for step in range(len(ats)):
            if step >= up:
                risen[step] = None
            elif risen[step] is None:
                risen[step] = (mono_ms, unix_ms)
        if recent[-1] > 2 * ats[-1]:
            return len(ats)
        return self._lasting(up, mono_ms) if self.guarded else up

    def _lasting(self, up: int, mono_ms: int) -> int:
        """Of `up` steps those that stand already, or were reached for long enough."""
        while up > self.alarm.index:
            begun = self._risen[up - 1]
            if begun is not None and mono_ms - begun[0] >= GUARD_MS:
                break
            up -= 1
        return up
