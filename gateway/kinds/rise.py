"""Kind "rise": how far a value stands above the lowest of its window; a step may be reached by a level too.

Chongqing's rule for small rivers is one of these: orange for a rise of 5 m or above warning, red for 8 m or above
guarantee (FIELD.md 3).
"""

from bisect import bisect_right
from itertools import pairwise

from gateway.alarms import Alarm
from gateway.changes import Change
from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS, ReadStep
from gateway.points import Points
from gateway.rule_table import RuleTable
from gateway.windows import Rise


class RiseOrLevel:
    """Judges the rise, and the value itself by those steps that have a level."""

    __slots__ = ("_heights", "_rise", "alarm")

    def __init__(self, alarm: Alarm, rise: Rise) -> None:
        self.alarm = alarm
        self._rise = rise
        steps = alarm.rule.steps
        # (steps reached, from where, down to where), the worst first.
        self._heights = [
            (place, step.or_level, step.or_level - step.deadband)
            for place, step in reversed(list(enumerate(steps, start=1)))
            if step.or_level is not None
        ]

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        alarm = self.alarm
        alarm.value = rise = self._rise.feed(value, mono_ms, doubt)
        up = bisect_right(alarm.ats, rise)
        held = bisect_right(alarm.downs, rise)
        for place, at, down in self._heights:
            if value >= at and place > up:
                up = place
            if value >= down and place > held:
                held = place
        return alarm.move(up, max(up, held), mono_ms, unix_ms, doubt)

    def hold(self) -> None:
        self.alarm.hold()


def read(table: RuleTable) -> Rule | None:
    channel = table.channel()
    steps = table.steps(table.dimension(channel), or_level=True)
    heights = [step for step in steps or () if step.or_level is not None]
    datum = ""
    if heights:
        datum = table.datum(channel)
        steps = steps if _rising(table, heights) else None
        if channel is not None and channel.level is None:
            table.table.problem("channel", f'channel "{channel.name}" has no elevation; leave or_level out')
    table.deadband(channel)
    window_ms = table.window_ms(1_000, 30 * DAY_MS)
    return table.rule(steps if channel else None, datum=datum, window_ms=window_ms)


def make(rule: Rule, points: Points) -> None:
    rise = Rise(rule.window_ms, points.point(rule.channel, rule.name).zero)
    points.keep("rise", rule.name, rise)
    if all(step.or_level is None for step in rule.steps):
        points.judge(rule, rise)
        return
    point = points.point(rule.channel, rule.name)
    point.judges.append(RiseOrLevel(points.alarm(rule, point), rise))


def _rising(table: RuleTable, heights: list[ReadStep]) -> bool:
    for lower, upper in pairwise(heights):
        if (upper.or_level or 0) <= (lower.or_level or 0):
            table.table.problem("", "an or_level is not above that of the level before; put them in order")
            return False
    return True


KIND = Kind(read, make)
