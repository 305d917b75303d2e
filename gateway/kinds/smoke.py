"""Kind "smoke": the obscuration of a chamber by N of M samples, and the contact of a detector on the same board."""

from gateway.changes import Change
from gateway.config import Rule
from gateway.kinds.kind import Kind
from gateway.points import Point, Points
from gateway.rule_table import RuleTable
from gateway.smoke import Smoke

QUANTITIES = ("smoke_mdbm",)


class Contact:
    """The contact's channel, as a judge of its board's smoke alarm."""

    __slots__ = ("smoke",)

    def __init__(self, smoke: Smoke) -> None:
        self.smoke = smoke

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        return self.smoke.touch(value, mono_ms, unix_ms)

    def hold(self) -> None:
        self.smoke.hold_contact()


def read(table: RuleTable) -> Rule | None:
    channel = table.channel(QUANTITIES)
    steps = table.steps(table.dimension(channel, QUANTITIES))
    table.deadband(channel, QUANTITIES)
    return table.rule(steps if channel else None)


def make(rule: Rule, points: Points) -> None:
    point = points.point(rule.channel, rule.name)
    contact = _contact_of(point, points)
    smoke = Smoke(points.alarm(rule, point), contact is not None)
    point.judges.append(smoke)
    if contact is not None:
        contact.judges.append(Contact(smoke))


def _contact_of(chamber: Point, points: Points) -> Point | None:
    """The smoke contact of the same board, if it has one."""
    for point in points.by_source[chamber.channel.source].values():
        if point.channel.quantity == "smoke_contact":
            return point
    return None


KIND = Kind(read, make)
