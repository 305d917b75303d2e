"""Taking the baseline of a tilt anew, and going back: what a person who may do so asks for, and what it needs.

Rules of this file: all rules of a channel or none; each change is an event with both baselines, who and why. A sensor
that moves, is not seen, or has an alarm that nobody has looked at is refused: a re-zero must not hide anything.
"""

from gateway.alarms import UNACKNOWLEDGED
from gateway.config import Rule
from gateway.direction import Vector
from gateway.points import Note, Points
from gateway.tilt import RezeroError, Turn
from gateway.tilt_rate import TurnRate

TEXT_MAX = 200


def rezero(points: Points, name: str, who: tuple[str, str], at: tuple[int, int], *, back: bool) -> str:
    """Take the median of the newest samples as baseline of the rule, or of all tilt rules of the channel, `name`.

    `who` and why; `at` (monotonic ms, unix ms); `back`: take the baseline before the present one, as a new version.
    "" if it was done (points.notes tell of it), else why not: there is none, nobody says who or why, or the sensor is
    not seen to stand still.
    """
    actor, reason = who
    mono_ms, unix_ms = at
    if not actor.strip() or not reason.strip() or max(len(actor), len(reason)) > TEXT_MAX:
        return f"who and why must be said, in {TEXT_MAX} characters at the most"
    found = _turns(points, name)
    if not found:
        return f"{name}: no tilt is judged there"
    vectors = []
    for rule, turn in found:
        if points.alarms[rule.name].state == UNACKNOWLEDGED:
            return f"{rule.name}: its alarm is not acknowledged; look at it first"
        try:
            vectors.append(turn.before() if back else _stands(points, rule, turn, mono_ms))
        except RezeroError as error:
            return f"{rule.name}: {error}"
    for (rule, turn), vector in zip(found, vectors, strict=True):
        before = turn.baseline
        now = turn.follow(vector, unix_ms, actor, reason)
        told = f"rule {rule.name}: version {now.version} by {actor}, {reason}"
        source = points.point(rule.channel, rule.name).channel.source
        kind = "re-zero undone" if back else "baseline re-zeroed"
        points.notes.append(Note(kind, source, told, rule.channel, actor, now, before))
    _begin_rates_anew(points, {axis for rule, _ in found for axis in (rule.channel, *rule.axes)})
    return ""


def _stands(points: Points, rule: Rule, turn: Turn, mono_ms: int) -> Vector:
    seen = [points.point(axis, rule.name) for axis in rule.axes or (rule.channel,)]
    if any(point.value is None for point in seen):
        raise RezeroError("the sensor cannot be read now; wait until it answers")
    return turn.still(mono_ms, max(point.stale_ms for point in seen))


def _turns(points: Points, name: str) -> list[tuple[Rule, Turn]]:
    rules = [rule for rule in points.rules if rule.kind == "tilt" and name in (rule.name, rule.channel, *rule.axes)]
    return [(rule, turn) for rule in rules if (turn := points.kept_as("turn", rule.name, Turn)) is not None]


def _begin_rates_anew(points: Points, touched: set[str]) -> None:
    """Whoever moved the sensor has turned it: that is no rate."""
    for rule in points.rules:
        rate = points.kept_as("turn_rate", rule.name, TurnRate)
        if rate is not None and touched & {rule.channel, *rule.axes}:
            rate.begin_anew()
