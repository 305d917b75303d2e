"""Smoke: obscuration of a chamber by N of M samples, and the contact of a certified detector at once.

Rules of this file: no clock. The pre-alarm wants 2 of the last 3 samples, the alarm (the rule's last step) 3 of the
last 4; a sample above twice the alarm's threshold, or a closed contact, is the alarm at once (FIELD.md 6). What is not
seen, chamber or contact, lowers nothing. This listens beside a certified detector; it is none.
"""

from bisect import bisect_right

from gateway.alarms import Alarm
from gateway.changes import Change

PRE_ALARM = (2, 3)  # of the last 3 samples
ALARM = (3, 4)


class Smoke:
    """Feeds one alarm from an obscuration channel and, where the board has it, a contact."""

    __slots__ = ("_closed", "_recent", "alarm", "contact")

    def __init__(self, alarm: Alarm, contact: bool) -> None:
        self.alarm = alarm
        self.contact = contact  # Is there a contact that must be seen open before anything is lowered?
        self._recent: list[int] = []  # newest last, at most 4
        self._closed: int | None = None  # newest state of the contact; None = not seen now

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        """One usable sample of obscuration in 0.001 dB/m. Doubt changes nothing: N of M is the confirmation."""
        alarm = self.alarm
        alarm.value = value
        recent = self._recent
        recent.append(value)
        if len(recent) > ALARM[1]:
            del recent[0]
        last = len(alarm.ats)
        if self._closed:
            return alarm.move(last, last, mono_ms, unix_ms)
        up = self._reached(alarm.ats)
        held = max(up, bisect_right(alarm.downs, value))
        if self.contact and self._closed is None:
            held = last
        return alarm.move(up, held, mono_ms, unix_ms)

    def touch(self, closed: int, mono_ms: int, unix_ms: int) -> Change | None:
        """One usable sample of the contact: 1 = alarm. An open one is only noted: the chamber's next sample judges."""
        self._closed = closed
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

    def _reached(self, ats: tuple[int, ...]) -> int:
        recent = self._recent
        if recent[-1] > 2 * ats[-1]:
            return len(ats)
        up = 0
        for step, at in enumerate(ats):
            need, among = ALARM if step == len(ats) - 1 else PRE_ALARM
            if sum(value >= at for value in recent[-among:]) < need:
                break
            up = step + 1
        return up
