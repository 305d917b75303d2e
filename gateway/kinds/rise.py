"""Kind "rise": how far a value stands above the lowest of its window."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS
from gateway.points import Points
from gateway.rule_table import RuleTable
from gateway.windows import Rise


def read(table: RuleTable) -> Rule | None:
    channel = table.channel()
    steps = table.steps(table.dimension(channel))
    table.deadband(channel)
    window_ms = table.window_ms(1_000, 30 * DAY_MS)
    return table.rule(steps if channel else None, window_ms=window_ms)


def make(rule: Rule, points: Points) -> None:
    rise = Rise(rule.window_ms)
    points.keep("rise", rule.name, rise)
    points.judge(rule, rise)


KIND = Kind(read, make)
