"""Kind "lost": a channel, or one of a source, was not usable for a time: not seeing is an alarm of its own."""

from msgspec.structs import replace

from gateway.alarms import Alarm
from gateway.changes import Change
from gateway.config import ConfigError, Rule, Step
from gateway.kinds.kind import Kind
from gateway.load_steps import DAY_MS
from gateway.points import Point, Points
from gateway.rule_table import RuleTable

LOST_SCANS = 10
LOST_MS_MIN = 10_000
REPORTS_MISSED = 2
REPORT_LATE_MS = 120_000


class Lost:
    """The alarm of not seeing: raised when one of its points was not usable for the rule's time."""

    __slots__ = ("_after_ms", "_points", "_start", "alarm")

    def __init__(self, alarm: Alarm, after_ms: int, points: list[Point], start: tuple[int, int]) -> None:
        self.alarm = alarm
        self._after_ms = after_ms
        self._points = points
        self._start = start  # (monotonic ms, unix ms): what was never seen counts from here.

    def look(self, mono_ms: int) -> Change | None:
        """Judge at any time. The crossing is when the point was last seen."""
        oldest_ms, oldest_unix_ms = mono_ms, 0
        all_seen = True
        for point in self._points:
            since_ms, since_unix_ms = self._start
            if point.usable_ms is None:
                all_seen = False
            else:
                since_ms, since_unix_ms = point.usable_ms, point.usable_unix_ms
            if since_ms <= oldest_ms:
                oldest_ms, oldest_unix_ms = since_ms, since_unix_ms
        if mono_ms - oldest_ms >= self._after_ms:
            return self.alarm.move(1, 1, mono_ms, oldest_unix_ms)
        # After a restart it stays lost until everything is really seen.
        return self.alarm.move(0, 0 if all_seen else self.alarm.index, mono_ms, oldest_unix_ms)


def default_rule(name: str, source: str, scan_ms: int, *, asleep: bool = False) -> Rule:
    """The rule of a source that no rule names; of a board that sleeps when `asleep`, `scan_ms` is then its report."""
    after_ms = REPORTS_MISSED * scan_ms + REPORT_LATE_MS if asleep else _after_ms(scan_ms)
    return Rule(name=name, kind="lost", channel=source, steps=(Step(2, after_ms),), siren=False)


def read(table: RuleTable) -> Rule | None:
    target, scans_ms = table.target, table.known.scans_ms
    after_ms = table.table.amount("after", "time", 1, DAY_MS, _after_ms(scans_ms.get(target or "", 0)), "10 s")
    steps = table.level_step("yellow", after_ms or 1)
    if target is not None and target not in scans_ms:
        table.known.missing(table.table, target, scans_ms, "channel or source")
        steps = None
    elif target is not None and after_ms is not None and after_ms < 2 * scans_ms[target]:
        least = f'use at least "{2 * scans_ms[target]} ms"'
        table.table.problem("after", f'"{table.table.values["after"]}" is less than two scans, or reports; {least}')
        steps = None
    return table.rule(steps, siren=False)


def make(rule: Rule, points: Points) -> None:
    step = rule.steps[0]
    alarm = points.alarm(replace(rule, steps=(replace(step, on_delay_ms=0),)))  # It is part of the time unseen.
    points.looks.append(Lost(alarm, max(step.at, step.on_delay_ms), _watched(rule, points), points.start))


def _after_ms(scan_ms: int) -> int:
    return max(LOST_SCANS * scan_ms, LOST_MS_MIN)


def _watched(rule: Rule, points: Points) -> list[Point]:
    """A channel, or all channels of a source; both where they share their name: none may be lost unseen."""
    watched = list(points.by_source.get(rule.channel, {}).values())
    channel = points.by_channel.get(rule.channel)
    if channel is not None and channel not in watched:
        watched.append(channel)
    if not watched:
        raise ConfigError([f"rule {rule.name}: no channel or source {rule.channel!r}; name one of the station"])
    return watched


KIND = Kind(read, make)
