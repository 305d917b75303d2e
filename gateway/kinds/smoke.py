"""Kind "smoke": the obscuration of a chamber by N of M samples, and the contact of a detector on the same board."""

from gateway.changes import Change
from gateway.config import Rule
from gateway.detector import KEPT, Detector, Drift
from gateway.kinds.kind import Kind
from gateway.points import Point, Points
from gateway.rule_table import RuleTable, uncalibrated
from gateway.smoke import Smoke
from wire.reading import VALUE_MAX

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
    low_mv = table.table.amount("battery", "voltage", 0, VALUE_MAX, 0, "10.8 V")
    drift = table.table.flag("drift", False)
    button = table.table.text("test", "", "smoke.button")
    if button:
        found = table.known.channels.get(button)
        if found is None:
            table.known.missing(table.table, button, table.known.channels, "channel")
            steps = None
        elif found.quantity != "smoke_contact":
            table.table.problem("test", f'"{button}" is {found.quantity}; a test button is a smoke_contact')
            steps = None
    if low_mv is None or button is None:
        return None
    if low_mv and channel is not None:
        for other in table.known.channels.values():
            if other.source == channel.source and other.quantity == "supply_mv" and other.uncalibrated:
                table.table.problem("battery", uncalibrated(other))
                steps = None
    return table.rule(steps if channel else None, battery_mv=low_mv, drift=drift, test=button)


def make(rule: Rule, points: Points) -> None:
    point = points.point(rule.channel, rule.name)
    contact = _beside(point, points, "smoke_contact", rule.test)
    smoke = Smoke(points.alarm(rule, point), contact is not None)
    detector = Detector(smoke, point, points.start[0], Drift(rule.steps[0].at) if rule.drift else None)
    button = points.point(rule.test, rule.name) if rule.test else None
    detector.attend(contact, _beside(point, points, "humidity_permil"), button)
    battery = _beside(point, points, "supply_mv")
    if battery is not None and rule.battery_mv:
        detector.power(battery, rule.battery_mv)
    point.judges.append(detector)
    if contact is not None:
        contact.judges.append(Contact(smoke))
        source = point.channel.source  # Judged first: else an answer in which it closes lowers before it raises.
        points.first[source] = points.first.get(source, frozenset()) | {contact.channel.column}
    points.looks.append(detector)
    points.keep(KEPT, rule.name, detector)


def _beside(chamber: Point, points: Points, quantity: str, other_than: str = "") -> Point | None:
    """The channel of the same source with that quantity, if it has one."""
    for point in points.by_source[chamber.channel.source].values():
        if point.channel.quantity == quantity and point.channel.name != other_than:
            return point
    return None


KIND = Kind(read, make)
