"""Kind "tilt": how far a wall or slope has turned from its baseline, by one axis, two inclinations or gravity."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Points
from gateway.rule_table import RuleTable
from gateway.tilt import Turn
from gateway.tilt_axes import Axes
from gateway.tilt_table import ANGLES, read_axes, read_baseline, read_one_g

STILL_PART = 4  # A tilt stands still within a quarter of its first threshold.


def read(table: RuleTable) -> Rule | None:
    axes, quantities = read_axes(table)
    steps = table.steps("angle")
    table.deadband(None, ANGLES)
    window_ms = table.window_ms()
    baseline = read_baseline(table, quantities)
    one_g = read_one_g(table, quantities)
    if not axes or baseline is None:
        steps = None
    return table.rule(steps, window_ms=window_ms, axes=axes, baseline=baseline, one_g=one_g)


def make(rule: Rule, points: Points) -> None:
    names = rule.axes or (rule.channel,)
    turn = Turn(len(names), rule.window_ms, rule.steps[0].at // STILL_PART, rule.baseline or None, rule.one_g)
    points.keep("turn", rule.name, turn)
    alarm = points.alarm(rule, points.point(rule.channel, rule.name))
    alarm.basis = turn
    Axes(alarm, turn, names, points, "deg")


KIND = Kind(read, make)
