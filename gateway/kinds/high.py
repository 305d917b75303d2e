"""Kind "high": a value at or above a step; with a window, the median over it."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Points
from gateway.rule_table import RuleTable


def read(table: RuleTable) -> Rule | None:
    channel = table.channel()
    steps, datum, threshold_set = table.heights(channel)
    table.deadband(channel)
    window_ms = table.window_ms()
    return table.rule(steps if channel else None, datum=datum, threshold_set=threshold_set, window_ms=window_ms)


def make(rule: Rule, points: Points) -> None:
    points.judge(rule, points.median(rule))


KIND = Kind(read, make)
