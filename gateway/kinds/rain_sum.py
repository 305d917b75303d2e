"""Kind "rain_sum": the rain of a window that ends now."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS
from gateway.points import Points
from gateway.rain import Rain, RainSum
from gateway.rule_table import RuleTable

QUANTITIES = ("rain_um",)


class Gauge:
    """Feeds a rain counter's windows before the rules that ask for their sums."""

    __slots__ = ("moved", "rain")

    def __init__(self, rain: Rain) -> None:
        self.rain = rain
        self.moved = False  # Has rain fallen since the state was last kept?

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        if self.rain.feed(value, mono_ms // 1000):
            self.moved = True

    def hold(self) -> None:
        """A counter keeps counting while it is not seen."""

    def save(self, mono_ms: int) -> object:
        return self.rain.save(mono_ms // 1000)

    def restore(self, saved: list, mono_ms: int, down_ms: int) -> None:
        self.rain.restore(saved, mono_ms // 1000, down_ms // 1000)


def read(table: RuleTable) -> Rule | None:
    channel = table.channel(QUANTITIES)
    steps = table.steps(table.dimension(channel, QUANTITIES))
    table.deadband(channel, QUANTITIES)
    window_ms = table.window_ms(1_000, 30 * DAY_MS)
    return table.rule(steps if channel else None, window_ms=window_ms)


def make(rule: Rule, points: Points) -> None:
    gauge = points.kept_as("rain", rule.channel, Gauge)
    if gauge is None:
        windows_ms = {
            other.window_ms for other in points.rules if (other.kind, other.channel) == (rule.kind, rule.channel)
        }
        gauge = Gauge(Rain(tuple(sorted(window_ms // 1000 for window_ms in windows_ms))))
        points.keep("rain", rule.channel, gauge)
        points.point(rule.channel, rule.name).judges.append(gauge)
    points.judge(rule, RainSum(gauge.rain, rule.window_ms // 1000))


KIND = Kind(read, make)
