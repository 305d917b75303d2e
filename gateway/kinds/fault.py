"""Kind "fault": a sensor that gives what cannot be, as an alarm of its own.

Three samples in a row that failed, are a code for "no value", or whose instrument cannot be right (its temperature or
supply is impossible) raise it, at the first of them; three good ones in a row end it, at the first of them. What did
not come at all is no sample: that is kind "lost".
"""

from gateway.alarms import Alarm
from gateway.changes import Change
from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Points
from gateway.quality import COMPANION, INVALID, RANGE
from gateway.rule_table import RuleTable

IN_A_ROW = 3
BAD = RANGE | INVALID | COMPANION


class Fault:
    """Counts the samples of one channel for one alarm."""

    __slots__ = ("_first_unix_ms", "_run", "_was_bad", "alarm")

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self._was_bad = False
        self._run = 0  # samples of the same kind in a row, no more than counts
        self._first_unix_ms = 0  # of the first of them

    def sample(self, kinds: int, mono_ms: int, unix_ms: int) -> Change | None:
        """One sample that came, with its kinds of flags."""
        bad = bool(kinds & BAD)
        if bad != self._was_bad or not self._run:
            self._was_bad = bad
            self._run = 0
            self._first_unix_ms = unix_ms
        if self._run < IN_A_ROW:
            self._run += 1
            if self._run < IN_A_ROW:
                return None
        elif not bad and not self.alarm.index:
            return None  # The usual one: it was good, and it is.
        return self.alarm.move(int(bad), int(bad), mono_ms, self._first_unix_ms)

    def hold(self) -> None:
        """Not seen: neither good nor bad."""
        self.alarm.hold()


def read(table: RuleTable) -> Rule | None:
    channel = table.channel(by_value=False)  # What it judges is whether there is a number.
    return table.rule(table.level_step("yellow") if channel else None, siren=False)


def make(rule: Rule, points: Points) -> None:
    point = points.point(rule.channel, rule.name)
    point.faults.append(Fault(points.alarm(rule, point)))


KIND = Kind(read, make)
