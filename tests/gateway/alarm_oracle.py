"""What an alarm must do, worked out the slow way: from the whole history at every sample. Imports nothing of ours.

A sample is (mono_ms, unix_ms, value or None, doubtful). A doubtful sample may begin a crossing, and neither completes
nor ends one. None is "not seen": what was about to be lowered starts anew, what was about to be raised does not.
"""

from collections import namedtuple

Limit = namedtuple("Limit", "level at deadband on_ms off_ms")


class Oracle:
    """One alarm with ascending limits; `told` collects (kind, level, unix ms of the crossing, episode, number)."""

    def __init__(self, limits, latch=False):
        self.limits, self.latch = limits, latch
        self.history = []
        self.above_from = 0  # place in the history from which a crossing may count
        self.fall_from = 0  # and a fall
        self.reached = 0
        self.level = 0
        self.acknowledged = self.returned = self.latched = False
        self.pending = False  # judged under other limits with the next sample
        self.episode = None
        self.number = 0
        self.worst = 0
        self.shelf = None  # (level, until in mono ms)
        self.out = False
        self.told = []

    def sample(self, mono_ms, unix_ms, value, doubtful):
        self.history.append((mono_ms, unix_ms, value, doubtful))
        if value is None or doubtful:
            return
        if self.pending:
            self._judge_anew(value, unix_ms)
            return
        done = [step for step in range(self.reached, len(self.limits)) if self._long_enough_above(step)]
        if done:
            self._raise(max(done), self._above_since(self.reached), self._above_since(max(done)))
        elif self.reached and not self.latched:
            fall = self._fall()
            if fall is not None and mono_ms - fall[0] >= self.limits[self.reached - 1].off_ms:
                self._lower(fall[1])

    def change_limits(self, limits):
        """Started again with other limits."""
        if limits == self.limits:
            return
        self.limits = limits
        self.above_from = self.fall_from = len(self.history)
        if self.reached:
            self.pending = True
            milder = [place for place, limit in enumerate(limits, start=1) if limit.level <= self.level]
            self.reached = max(milder, default=1)

    def acknowledge(self, seen):
        """True if that was possible."""
        if self.level > seen:
            return False
        if self.reached and not self.acknowledged:
            self.acknowledged = True
            return True
        if self.returned:
            self.returned = False
            return True
        return False

    def reset(self, unix_ms):
        if not self.latched:
            return False
        self.latched = self.pending = self.acknowledged = False
        self.reached = self.level = 0
        self.above_from = self.fall_from = len(self.history)
        self._tell("alarm cleared", unix_ms)
        return True

    def shelve(self, until_ms):
        if not self.reached and not self.returned:
            return False
        level = self.level or self.worst
        if level == 4:
            return False
        self.shelf = (level, until_ms)
        return True

    def look(self, mono_ms):
        if self.shelf is not None and (self.level > self.shelf[0] or mono_ms >= self.shelf[1]):
            self.shelf = None

    @property
    def sounds(self):
        return 0 if self.shelf is not None or self.out else self.level

    @property
    def state(self):
        if self.out or self.shelf is not None:
            return "out of service" if self.out else "shelved"
        if self.latched:
            return "latched"
        if self.reached:
            return "acknowledged" if self.acknowledged else "unacknowledged"
        return "returned" if self.returned else "normal"

    def _tell(self, kind, unix_ms):
        self.told.append((kind, self.level, unix_ms, self.episode, self.number))

    def _above_since(self, step):
        """The first sample of the unbroken run at or above a step that ends now."""
        first = None
        at = self.limits[step].at
        for mono_ms, unix_ms, value, doubtful in reversed(self.history[self.above_from :]):
            if value is None or (doubtful and value < at):
                continue
            if value < at:
                break
            first = (mono_ms, unix_ms)
        return first

    def _long_enough_above(self, step):
        first = self._above_since(step)
        return first is not None and self.history[-1][0] - first[0] >= self.limits[step].on_ms

    def _fall(self):
        """The first sample of the unbroken run below the present step less its deadband that ends now."""
        limit = self.limits[self.reached - 1]
        first = None
        for mono_ms, unix_ms, value, doubtful in reversed(self.history[self.fall_from :]):
            if value is None:
                break
            if value >= limit.at - limit.deadband:
                if doubtful:
                    continue
                break
            first = (mono_ms, unix_ms)
        return first

    def _raise(self, step, first, crossed):
        kind = "alarm escalated"
        if not self.reached:
            kind = "alarm raised"
            self.episode = first[1]
            self.number += 1
            self.worst = 0
        self.reached = step + 1
        self.level = self.limits[step].level
        self.worst = max(self.worst, self.level)
        self.acknowledged = self.returned = self.latched = False
        self.fall_from = len(self.history)
        self._tell(kind, crossed[1])

    def _lower(self, fell_unix_ms):
        if self.latch:
            self.latched = True
            self._tell("alarm latched", fell_unix_ms)
            return
        self.reached -= 1
        self.level = self.limits[self.reached - 1].level if self.reached else 0
        self.fall_from = len(self.history) - 1
        if not self.reached:
            self.returned = not self.acknowledged
            self.acknowledged = False
        self._tell("alarm lowered" if self.reached else "alarm cleared", fell_unix_ms)

    def _judge_anew(self, value, unix_ms):
        before = self.level
        self.pending = False
        up = sum(limit.at <= value for limit in self.limits)
        held = sum(limit.at - limit.deadband <= value for limit in self.limits)
        self.reached = max(up, self.reached if self.latch or self.latched else min(self.reached, held))
        self.level = self.limits[self.reached - 1].level if self.reached else 0
        self.worst = max(self.worst, self.level)
        self.above_from = self.fall_from = len(self.history)
        if not self.reached:
            self.returned = not self.acknowledged
            self.acknowledged = False
        elif self.level > before:
            self.acknowledged = self.latched = False
        self._tell("alarm rebased", unix_ms)


class RainOracle:
    """Sums over (t - window, t] by adding up every tip ever."""

    def __init__(self):
        self.tips = []

    def tip(self, second, amount_um):
        self.tips.append((second, amount_um))

    def sum(self, now_s, window_s):
        return sum(amount for second, amount in self.tips if now_s - window_s < second <= now_s)
