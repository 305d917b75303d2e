"""Kind "storm": one alarm for the national storm signals, each level a sum of rain over a window of its own.

A signal of the weather service also says what will come; a gauge only knows what has fallen. So these are "observed".
"""

from gateway.amounts import amount
from gateway.config import Rule
from gateway.gauge import gauge_of
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS, LEVELS, ReadStep
from gateway.points import Points
from gateway.rain import Storm
from gateway.rule_table import RuleTable
from wire.reading import VALUE_MAX

QUANTITIES = ("rain_um",)
SIGNALS = {  # FIELD.md 4: reached, or reached and likely to go on.
    "blue": ("50 mm", "12 h"),
    "yellow": ("50 mm", "6 h"),
    "orange": ("50 mm", "3 h"),
    "red": ("100 mm", "3 h"),
}
OBSERVED = "observed"


def read(table: RuleTable) -> Rule | None:
    """Levels as they stand in the rule; where it names none, the national ones."""
    channel = table.channel(QUANTITIES)
    given = [name for name in LEVELS if table.table.has(name)]
    found = [_signal(table, name) for name in given] if given else [_national(name) for name in LEVELS]
    for name in LEVELS:
        table.table.mark(name)
    table.deadband(channel, QUANTITIES)
    good = [signal for signal in found if signal is not None]
    steps = tuple(step for step, _ in good) if channel and len(good) == len(found) else None
    return table.rule(steps, windows_ms=tuple(window_ms for _, window_ms in good), rising=False)


def make(rule: Rule, points: Points) -> None:
    gauge = gauge_of(points, rule.channel, rule.name)
    point = points.point(rule.channel, rule.name)
    windows_s = tuple(window_ms // 1000 for window_ms in rule.windows_ms)
    point.judges.append(Storm(gauge.rain, windows_s, points.alarm(rule, point)))


def _signal(table: RuleTable, name: str) -> tuple[ReadStep, int] | None:
    inner = table.table.table(name)
    at = inner.amount("at", "fine_length", 1, VALUE_MAX, example=SIGNALS[name][0])
    window_ms = inner.amount("window", "time", 60_000, 3 * DAY_MS, example=SIGNALS[name][1])
    inner.close()
    if at is None or window_ms is None:
        return None
    return _step(name, at, str(inner.values["at"]), window_ms, str(inner.values["window"]))


def _national(name: str) -> tuple[ReadStep, int]:
    at, window = SIGNALS[name]
    return _step(name, amount(at, "fine_length"), at, amount(window, "time"), window)


def _step(name: str, at: int, at_text: str, window_ms: int, window_text: str) -> tuple[ReadStep, int]:
    called = f"{OBSERVED} {at_text} in {window_text}"
    return ReadStep(LEVELS.index(name) + 1, at, called, None, None, None), window_ms


KIND = Kind(read, make)
