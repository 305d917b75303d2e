"""A board's time: uptime that only grows, and unix time once the gateway has told it.

Rules of this file: seconds and milliseconds are kept apart, so that on a 32-bit port only the unix second is more
than a small integer, and only its change of second allocates. Corrections below STEP_S are slewed, larger ones step.
"""

from wire.reading import HOLDOVER, HOLDOVER_AFTER_S, NEVER, SYNCED

STEP_S = 5  # DESIGN 1: slew below, step from here on.
SLEW_PERCENT = 5  # A correction of 5 s takes 100 s; no minute gets shorter than 57 s.
UNIX_S_MIN = 1_577_836_800  # 2020-01-01: earlier than any board of ours.
UNIX_S_MAX = 0xFFFFFFFF


class Clock:
    """`tick(now)` once in every turn of the loop; everything else reads what it left.

    `unix_high`, `unix_low`, `unix_ms`: the words of the register block. `anchor_due`: a step or first setting has not
    been written to the log yet.
    """

    def __init__(self, hal):
        self._diff = hal.ticks_diff
        self._ticks = hal.ticks_ms()
        self.up_s = 0
        self.up_ms = 0
        self.unix_s = 0
        self.unix_ms = 0
        self.unix_high = 0
        self.unix_low = 0
        self.anchor_due = False
        self.steps = 0
        self.off_ms = 0  # What it was behind when it was set last.
        self._set_at_s = -1
        self._slept = False
        self._slew_ms = 0
        self._slew_credit = 0

    def tick(self, now: int) -> None:
        """Advance to ticks `now`; at least every 6 days."""
        passed_ms = self._diff(now, self._ticks)
        if passed_ms <= 0:
            return
        self._ticks = now
        self.up_ms += passed_ms
        if self.up_ms >= 1000:
            self.up_s += self.up_ms // 1000
            self.up_ms %= 1000
        if self._set_at_s < 0:
            return
        self.unix_ms += passed_ms
        if self._slew_ms:
            self._slew(passed_ms)
        if self.unix_ms >= 1000:
            self.unix_s += self.unix_ms // 1000
            self.unix_ms %= 1000
            self._words()

    def set(self, unix_s: int, ms: int) -> bool:
        """Take unix time `unix_s`, `ms` as true now: step or slew to it. False if it cannot be the time."""
        if not UNIX_S_MIN <= unix_s <= UNIX_S_MAX or not 0 <= ms <= 999:
            return False
        off_s = unix_s - self.unix_s
        self.off_ms = 0 if self._set_at_s < 0 else off_s * 1000 + ms - self.unix_ms
        if self._set_at_s < 0 or not -STEP_S <= off_s <= STEP_S:
            off_ms = STEP_S * 1000
        else:
            off_ms = off_s * 1000 + ms - self.unix_ms
        if -STEP_S * 1000 < off_ms < STEP_S * 1000:
            self._slew_ms = off_ms
        else:
            self.unix_s = unix_s
            self.unix_ms = ms
            self._slew_ms = 0
            self._words()
            self.anchor_due = True
            self.steps += 1
        self._slew_credit = 0
        self._set_at_s = self.up_s
        self._slept = False
        return True

    def after(self, ms: int) -> tuple:
        """(up_s, up_ms, unix_s, unix_ms) that it will show in `ms`, all corrections made; unix_s 0 = never set."""
        up_ms = self.up_ms + ms
        if self._set_at_s < 0:
            return self.up_s + up_ms // 1000, up_ms % 1000, 0, 0
        unix_ms = self.unix_ms + self._slew_ms + ms
        return self.up_s + up_ms // 1000, up_ms % 1000, self.unix_s + unix_ms // 1000, unix_ms % 1000

    def resume(self, shown: tuple, ago_ms: int) -> None:
        """Go on from what it showed (`after`) `ago_ms` ago. A time that was slept through is holdover until set."""
        up_ms, unix_ms = shown[1] + ago_ms, shown[3] + ago_ms
        self.up_s, self.up_ms = shown[0] + up_ms // 1000, up_ms % 1000
        if shown[2]:
            self.unix_s, self.unix_ms = shown[2] + unix_ms // 1000, unix_ms % 1000
            self._set_at_s = self.up_s
            self._slept = True
            self._words()

    def quality(self) -> int:
        """NEVER, HOLDOVER or SYNCED (wire.reading)."""
        if self._set_at_s < 0:
            return NEVER
        fresh = not self._slept and self.up_s - self._set_at_s < HOLDOVER_AFTER_S
        return SYNCED if fresh else HOLDOVER

    def seconds(self) -> int:
        """Unix seconds, or uptime in seconds while the clock was never set: what a row is stamped with."""
        return self.up_s if self._set_at_s < 0 else self.unix_s

    def milliseconds(self) -> int:
        """The milliseconds that belong to `seconds()`."""
        return self.up_ms if self._set_at_s < 0 else self.unix_ms

    def age_s(self, ago_ms: int, stamp_s: int) -> int:
        """Whole seconds from the second of what happened `ago_ms` ago to the second `stamp_s`; never negative."""
        # floor((now - ago) / 1 s) as an offset from the present second, without a large number.
        back_s = -((self.milliseconds() - ago_ms) // 1000)
        return max(0, stamp_s - self.seconds() + back_s)

    def _slew(self, passed_ms):
        """Move the unix milliseconds by a part of the open correction; time never runs backwards."""
        self._slew_credit += passed_ms * SLEW_PERCENT
        part = min(self._slew_credit // 100, abs(self._slew_ms))
        self._slew_credit %= 100
        if self._slew_ms < 0:
            part = -part
        self._slew_ms -= part
        self.unix_ms += part

    def _words(self):
        self.unix_high = self.unix_s >> 16
        self.unix_low = self.unix_s & 0xFFFF
