"""Kind "storage": how full the gateway's store is, by rows that nobody has acknowledged (0.1 % of its cap)."""

from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Points
from gateway.rule_table import RuleTable
from wire.reading import VALUE_MAX

DEADBAND_PERMIL = 20


def read(table: RuleTable) -> Rule | None:
    steps = table.steps("share")
    deadband = table.table.amount("deadband", "share", 0, VALUE_MAX, DEADBAND_PERMIL, "2 %")
    return table.rule(steps if deadband is not None else None, siren=False, deadband=deadband)


def make(rule: Rule, points: Points) -> None:
    points.storage.append(points.alarm(rule))


KIND = Kind(read, make, "storage")
