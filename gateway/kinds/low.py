"""Kind "low": a value at or below a step, such as a supply that runs down; with a window, the median over it."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Points
from gateway.rule_table import RuleTable


def read(table: RuleTable) -> Rule | None:
    channel = table.channel()
    steps = table.steps(table.dimension(channel), falling=True)
    datum = table.datum(channel)
    table.deadband(channel)
    window_ms = table.window_ms()
    return table.rule(steps if channel else None, datum=datum, window_ms=window_ms)


def make(rule: Rule, points: Points) -> None:
    points.judge(rule, points.median(rule))


KIND = Kind(read, make)
