"""Kind "tilt_rate": how fast a wall or slope turns, in millidegrees a day, by the Theil-Sen slope over a window."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS
from gateway.points import Points
from gateway.rule_table import RuleTable
from gateway.tilt_axes import Axes
from gateway.tilt_rate import TurnRate
from gateway.tilt_table import RATES, read_axes

WINDOW_MS_MIN = 3_600_000
SAME_HOUR_MS_MIN = 2 * DAY_MS
WINDOW_MS_MAX = 30 * DAY_MS


def read(table: RuleTable) -> Rule | None:
    axes, _ = read_axes(table)
    steps = table.steps("turn_rate")
    table.deadband(None, RATES)
    window_ms = table.window_ms(WINDOW_MS_MIN, WINDOW_MS_MAX)
    same_hour = table.table.flag("same_hour", False)
    if same_hour and window_ms is not None and window_ms < SAME_HOUR_MS_MIN:
        table.table.problem("same_hour", 'compares whole days; use a window of "48 h" or more, or take it out')
        steps = None
    return table.rule(steps if axes else None, window_ms=window_ms, axes=axes, same_hour=same_hour)


def make(rule: Rule, points: Points) -> None:
    names = rule.axes or (rule.channel,)
    rate = TurnRate(len(names), rule.window_ms, rule.same_hour)
    points.keep("turn_rate", rule.name, rate)
    alarm = points.alarm(rule, points.point(rule.channel, rule.name))
    Axes(alarm, rate, names, points, "deg/d")


KIND = Kind(read, make)
