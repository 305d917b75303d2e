"""Kind "rain_sum": the rain of a window that ends now."""

from gateway.config import Rule
from gateway.gauge import gauge_of
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS
from gateway.points import Points
from gateway.rain import RainSum
from gateway.rule_table import RuleTable

QUANTITIES = ("rain_um",)


def read(table: RuleTable) -> Rule | None:
    channel = table.channel(QUANTITIES)
    steps = table.steps(table.dimension(channel, QUANTITIES))
    table.deadband(channel, QUANTITIES)
    window_ms = table.window_ms(1_000, 30 * DAY_MS)
    return table.rule(steps if channel else None, window_ms=window_ms)


def make(rule: Rule, points: Points) -> None:
    gauge = gauge_of(points, rule.channel, rule.name)
    points.judge(rule, RainSum(gauge.rain, rule.window_ms // 1000))


KIND = Kind(read, make)
