"""Kind "tilt": how far a wall or slope has turned from its baseline."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Points
from gateway.rule_table import RuleTable
from gateway.tilt import Turn
from wire.reading import VALUE_MAX, VALUE_MIN

QUANTITIES = ("tilt_x_mdeg", "tilt_y_mdeg")
STILL_PART = 4  # A tilt stands still within a quarter of its first threshold.


def read(table: RuleTable) -> Rule | None:
    channel = table.channel(QUANTITIES)
    dimension = table.dimension(channel, QUANTITIES)
    steps = table.steps(dimension)
    table.deadband(channel, QUANTITIES)
    window_ms = table.window_ms()
    baseline = table.table.amount("baseline", dimension, VALUE_MIN, VALUE_MAX, None, "0.10 deg")
    return table.rule(steps if channel else None, window_ms=window_ms, baseline=baseline)


def make(rule: Rule, points: Points) -> None:
    turn = Turn(rule.window_ms, rule.steps[0].at // STILL_PART, rule.baseline)
    points.keep("turn", rule.name, turn)
    points.judge(rule, turn)


KIND = Kind(read, make)
