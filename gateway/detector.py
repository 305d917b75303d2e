"""A smoke detector as a whole: what it is doing, what is wrong with it, who has muted or tests it.

Rules of this file: no clock, disk or network. It never stands between smoke and alarm, with two exceptions, each with a
limit: a test (TEST_MS) and the guard against damp and dust (smoke.GUARD_MS). Muting quiets what is told of faults and
nothing else. What is wrong is told when it begins and ends, and again each day that it lasts.
"""

from typing import Protocol

from gateway.alarms import Change
from gateway.points import Point, Points
from gateway.smoke import Smoke
from wire.reading import SUSPECT

KEPT = "smoke"
MUTE_MS = 25_200_000  # GB 20517-2025: 7 h, give or take 1.
TEST_MS = 600_000  # A forgotten test, or a button that sticks, must not leave a room unwatched.
DIRTY_MS = 60_000
BATTERY_MS = 60_000  # A siren or a radio draws it down for a moment.
BATTERY_BACK_PERMIL = 20  # above the limit, before it is good again
DAMP_PERMIL = 950  # Water condenses in a chamber.
REPEAT_MS = 86_400_000  # The battery is looked at each day; so is all else.
DRIFT_MDBM_PER_H = 2  # As our own boards do, for detectors that do not: see drivers/smoke_photo.py.
DRIFT_MAX_MDBM = 100
DRIFT_PART = 2  # ... and at most half of the rule's first threshold.
CLEAR_MDBM = 50
HOUR_MS = 3_600_000
STEP_MAX_MS = 60_000

NOT_HEARD, REMOVED, BLIND, DIRTY, BATTERY, STUCK = (
    "not heard", "removed", "chamber blind", "chamber dirty", "low battery", "test contact stuck",
)  # fmt: skip
FAULTS = (NOT_HEARD, REMOVED, BLIND, DIRTY, BATTERY, STUCK)


class Tell(Protocol):
    """Where what happens to a detector goes: kind as in wire.telemetry, channel, detail."""

    def __call__(self, kind: str, channel: str, detail: str) -> None: ...


class Drift:
    """The slow rise of a chamber that gathers dust: followed in clear air, slowly, and only so far."""

    __slots__ = ("_credit", "_last_ms", "_most", "offset", "stopped")

    def __init__(self, first_at: int) -> None:
        self._most = min(DRIFT_MAX_MDBM, first_at // DRIFT_PART)
        self._credit = 0  # Clear time that was not used yet, in ms * mdB/m/h.
        self._last_ms: int | None = None
        self.offset = 0  # mdB/m that are taken off
        self.stopped = False  # It wants more than it may: the chamber is dirty.

    def feed(self, value: int, mono_ms: int) -> int:
        """The value without its drift."""
        passed_ms = 0 if self._last_ms is None else min(max(mono_ms - self._last_ms, 0), STEP_MAX_MS)
        self._last_ms = mono_ms
        above = value - self.offset
        if abs(above) > CLEAR_MDBM:
            self._credit = 0
            return above
        self._credit += passed_ms * DRIFT_MDBM_PER_H
        if self._credit >= HOUR_MS:
            self._credit -= HOUR_MS
            wanted = self.offset + (above > 0) - (above < 0)
            self.offset = max(-self._most, min(self._most, wanted))
            self.stopped = self.offset != wanted or (self.stopped and abs(self.offset) > self._most * 9 // 10)
        return value - self.offset


class Detector:
    """Judge of a chamber's channel, and what looks after it at any time (`look`)."""

    __slots__ = (
        "_battery", "_battery_at", "_button", "_by_button", "_chamber", "_contact", "_drift", "_humidity", "_since",
        "_spent", "_start_ms", "_tested_ms", "_told_ms", "faults", "moved", "muted_until_ms", "smoke", "tell",
    )  # fmt: skip

    def __init__(self, smoke: Smoke, chamber: Point, start_ms: int, drift: Drift | None) -> None:
        self.smoke = smoke
        self.tell: Tell = _nobody
        self.faults: set[str] = set()
        self.muted_until_ms: int | None = None
        self.moved = False
        self._tested_ms: int | None = None  # since when it is tested
        self._by_button = False
        self._spent = False  # The time of a test is over, but its button is still pressed.
        self._chamber = chamber
        self._contact: Point | None = None
        self._battery: Point | None = None
        self._battery_at = 0
        self._humidity: Point | None = None
        self._button: Point | None = None
        self._drift = drift
        self._start_ms = start_ms
        self._since: dict[str, int] = {}  # since when something is not as it should be
        self._told_ms: dict[str, int] = {}

    def attend(self, contact: Point | None, humidity: Point | None, button: Point | None) -> None:
        """What else belongs to it: the contact of a certified detector, the air's humidity, a test button."""
        self._contact, self._humidity, self._button = contact, humidity, button

    def power(self, battery: Point, low_mv: int) -> None:
        """Its battery, which is low below `low_mv`."""
        self._battery, self._battery_at = battery, low_mv

    # As a judge

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        if self._drift is not None:
            value = self._drift.feed(value, mono_ms)
        return self.smoke.step(value, mono_ms, unix_ms, doubt)

    def hold(self) -> None:
        self.smoke.hold()

    # At any time

    def look(self, mono_ms: int) -> Change | None:
        """What is wrong, and whether the time of a mute or a test is over."""
        if self.muted_until_ms is not None and mono_ms >= self.muted_until_ms:
            self.muted_until_ms = None
            self._say("smoke muted", "ended")
        self._look_at_test(mono_ms)
        wrong = self._wrong(mono_ms)
        for fault in FAULTS:
            if fault in wrong:
                self._begin(fault, mono_ms)
            elif fault in self.faults:
                self.faults.remove(fault)
                self._told_ms.pop(fault, None)
                self._say("smoke back", fault)
        damp = self._humidity is not None and (self._humidity.value or 0) >= DAMP_PERMIL
        self.smoke.guarded = damp or DIRTY in self.faults
        return self.smoke.look(mono_ms)

    @property
    def state(self) -> str:
        """The one word for it, the most urgent: an alarm before all else."""
        index, steps = self.smoke.alarm.index, len(self.smoke.alarm.ats)
        if index:
            return "alarm" if index == steps else "pre-alarm"
        if self.smoke.tested:
            return "test"
        if REMOVED in self.faults:
            return "removed"
        if self.faults - {BATTERY}:
            return "fault"
        if BATTERY in self.faults:
            return "low battery"
        return "muted" if self.muted_until_ms is not None else "normal"

    def now(self, mono_ms: int) -> dict[str, object]:
        """For tables and the health document."""
        left_ms = None if self.muted_until_ms is None else max(0, self.muted_until_ms - mono_ms)
        return {
            "state": self.state,
            "faults": [fault for fault in FAULTS if fault in self.faults],
            "muted_left_ms": left_ms,
            "tested": self.smoke.tested,
            "drift_mdbm": 0 if self._drift is None else self._drift.offset,
        }

    # What people do

    def mute(self, mono_ms: int, actor: str) -> None:
        """Quiet what is told of faults for MUTE_MS. Smoke is told and sounds as ever."""
        self.muted_until_ms = mono_ms + MUTE_MS
        self._say("smoke muted", f"by {actor}" if actor else "")

    def test(self, mono_ms: int, actor: str) -> bool:
        """Begin a test of at most TEST_MS; False while an alarm stands, which a test must not cover."""
        if self.smoke.alarm.index:
            return False
        self._tested_ms = mono_ms
        self._by_button = not actor
        self.smoke.tested, self.smoke.heard = True, False
        self._say("smoke test", f"begun by {actor}" if actor else "begun")
        return True

    # What survives a restart

    def save(self, mono_ms: int) -> object:
        muted_ms = None if self.muted_until_ms is None else self.muted_until_ms - mono_ms
        tested_ms = None if self._tested_ms is None else [mono_ms - self._tested_ms, self._by_button]
        drift = None if self._drift is None else [self._drift.offset, self._drift.stopped]
        return [sorted(self.faults), muted_ms, tested_ms, drift]

    def restore(self, saved: list, mono_ms: int, down_ms: int) -> None:
        faults, muted_ms, tested_ms, drift = saved
        known = {fault for fault in faults if fault in FAULTS}
        muted_until_ms = None if muted_ms is None else mono_ms - down_ms + int(muted_ms)
        age_ms, by_button = tested_ms if tested_ms is not None else (None, False)
        begun_ms = None if age_ms is None else mono_ms - down_ms - int(age_ms)
        offset, stopped = drift if drift is not None else (0, False)
        self.faults, self.muted_until_ms = known, muted_until_ms
        self._told_ms = dict.fromkeys(known, mono_ms)
        self._tested_ms, self._by_button, self.smoke.tested = begun_ms, bool(by_button), begun_ms is not None
        if self._drift is not None:
            self._drift.offset, self._drift.stopped = int(offset), bool(stopped)

    # Inside

    def _say(self, kind: str, detail: str) -> None:
        self.moved = True
        self.tell(kind, self._chamber.channel.name, detail)

    def _begin(self, fault: str, mono_ms: int) -> None:
        new = fault not in self.faults
        if not new and mono_ms - self._told_ms[fault] < REPEAT_MS:
            return
        self.faults.add(fault)
        self._told_ms[fault] = mono_ms
        if new or self.muted_until_ms is None:
            self._say("smoke fault", fault)

    def _wrong(self, mono_ms: int) -> set[str]:
        wrong: set[str] = set()
        chamber = self._chamber
        late_ms = chamber.stale_ms  # ten samples
        if self._age_ms(chamber.sample_ms, mono_ms) >= late_ms:
            wrong.add(NOT_HEARD)
        elif self._age_ms(chamber.usable_ms, mono_ms) >= late_ms:
            contact = self._contact
            gone = contact is not None and self._age_ms(contact.usable_ms, mono_ms) >= late_ms
            wrong.add(REMOVED if gone else BLIND)
        stopped = self._drift is not None and self._drift.stopped
        suspect = chamber.value is not None and chamber.board_quality == SUSPECT
        if stopped or self._lasts(DIRTY, suspect, DIRTY_MS, mono_ms):
            wrong.add(DIRTY)
        if self._battery_low(mono_ms):
            wrong.add(BATTERY)
        if self._spent:
            wrong.add(STUCK)
        # What cannot be seen now is neither better nor worse than it was.
        if NOT_HEARD in wrong:
            wrong |= self.faults & {DIRTY, BATTERY, REMOVED, BLIND}
        return wrong

    def _battery_low(self, mono_ms: int) -> bool:
        battery = self._battery
        if battery is None:
            return False
        was = BATTERY in self.faults
        if battery.value is None:
            return was
        back = self._battery_at + self._battery_at * BATTERY_BACK_PERMIL // 1000
        low = self._lasts(BATTERY, battery.value < self._battery_at, BATTERY_MS, mono_ms)
        return low or (was and battery.value < back)

    def _lasts(self, what: str, so: bool, long_ms: int, mono_ms: int) -> bool:
        """Is it so, and has it been for `long_ms`?"""
        if not so:
            self._since.pop(what, None)
            return False
        return what in self.faults or mono_ms - self._since.setdefault(what, mono_ms) >= long_ms

    def _age_ms(self, seen_ms: int | None, mono_ms: int) -> int:
        return mono_ms - (self._start_ms if seen_ms is None else seen_ms)

    def _look_at_test(self, mono_ms: int) -> None:
        pressed = self._button is not None and self._button.value == 1
        begun_ms = self._tested_ms
        if begun_ms is None:
            self._spent = self._spent and pressed
            if pressed and not self._spent:
                self.test(mono_ms, "")
        elif mono_ms - begun_ms >= TEST_MS or (self._by_button and not pressed):
            self._tested_ms = None
            self.smoke.tested = False
            self._spent = pressed
            self._say("smoke test", "ended, it was heard" if self.smoke.heard else "ended, it was not heard")


def detectors_of(points: Points) -> dict[str, Detector]:
    """The detectors of a station by their rules."""
    return {rule.name: found for rule in points.rules if (found := points.kept_as(KEPT, rule.name, Detector))}


def _nobody(kind: str, channel: str, detail: str) -> None:
    """Nobody wants to hear of it."""
