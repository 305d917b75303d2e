"""How channels and alarms are now, as plain maps for tables, the health document and the local page.

Rules of this file: it only reads. A value that is not usable is None, never the old one; an alarm whose channel cannot
be judged now is told as held.
"""

from zoneinfo import ZoneInfo

from gateway.alarms import STATE_NAMES, Alarm
from gateway.config import Rule
from gateway.detector import detectors_of
from gateway.gauge import gauges_of
from gateway.points import Point, Points, Shaped
from gateway.quality import names, usable
from gateway.tilt import Turn
from gateway.windows import Median
from gateway.words import LEVEL_NAMES
from wire.reading import QUANTITIES, QUANTITY_CODES
from wire.telemetry import MODES

NO_VALUES = ("lost", "fault")  # Kinds whose alarms are about the sensor, not about what it measures.


def channels_now(points: Points, now_ms: int, unix_ms: int, zone: ZoneInfo) -> list[dict[str, object]]:
    """Every channel; one of rain with its `rain`, a chamber with its `smoke`, a tilt with its `baselines`."""
    told = {name: channel_now(point, now_ms) for name, point in points.by_channel.items()}
    for source in gauges_of(points).values():
        for gauge in source:
            if (rain := gauge.now(now_ms, unix_ms, zone)) is not None:
                told[gauge.channel.name]["rain"] = rain
    for rule, detector in detectors_of(points).items():
        told[points.alarms[rule].rule.channel]["smoke"] = detector.now(now_ms)
    for rule in points.rules:
        turn = points.kept_as("turn", rule.name, Turn)
        if turn is not None and (basis := turn.baseline) is not None:
            baselines = told[rule.channel].setdefault("baselines", [])
            assert isinstance(baselines, list)
            what = {"version": basis.version, "at_unix_ms": basis.at_ms, "actor": basis.actor, "reason": basis.reason}
            baselines.append({"rule": rule.name, "vector": list(basis.vector), **what})
    return list(told.values())


def channel_now(point: Point, now_ms: int) -> dict[str, object]:
    """A channel: `value` as judged in the quantity's sub-unit, `unit` and `decimals` as a person reads it; `raw` as it
    was `measured`.
    """
    channel = point.channel
    name, _, _, _, unit, decimals = QUANTITIES[point.quantity]
    age_ms = None if point.sample_ms is None else now_ms - point.sample_ms
    return {
        "name": channel.name,
        "source": channel.source,
        "quantity": name,
        "measured": channel.quantity,
        "raw": None if point.value is None else point.raw,
        "value": point.value,
        "unit": unit,
        "decimals": decimals,
        "datum": channel.level.datum if channel.level is not None else None,
        "over": [
            {"datum": other, "value": None if point.value is None else point.value + add} for other, add in point.others
        ],
        "noise": _noise(point),
        "calibrate": point.staff is not None and point.staff.off,
        "quality": point.quality,
        "flags": names(point.watch.kinds),
        "counts": dict(point.watch.counts),
        "age_ms": age_ms,
        "late": age_ms is None or age_ms > max(point.late_ms, 2 * point.gap_ms),
        "level": max((alarm.level for alarm in point.alarms), default=0),
    }


def _noise(point: Point) -> dict[str, int] | None:
    """Median, spread and count of the window over which the first rule of the channel takes its median."""
    for judge in point.judges:
        if isinstance(judge, Shaped) and isinstance(judge.shape, Median):
            noise = judge.shape.noise()
            return None if noise is None else dict(zip(("median", "spread", "count"), noise, strict=True))
    return None


def alarm_now(alarm: Alarm, point: Point | None) -> dict[str, object]:
    """An alarm; `since_unix_ms` is the first crossing of its episode, `held` = its channel cannot be judged now.

    `state` is what a person sees first, `judged` the state below "shelved" and "out of service".
    """
    rule = alarm.rule
    watched = point is not None and rule.kind not in NO_VALUES
    blind = point is not None and not usable(point.quality)
    step = rule.steps[alarm.index - 1] if alarm.index else None
    shelf = alarm.shelf
    aside = alarm.out or shelf
    return {
        "rule": rule.name,
        "kind": rule.kind,
        "channel": rule.channel,
        "level": alarm.level,
        "word": LEVEL_NAMES[alarm.level],
        "state": alarm.state_name,
        "judged": STATE_NAMES[alarm.state],
        "since_unix_ms": alarm.episode_ms,
        "value": alarm.value,
        "threshold": step.at if step is not None and watched else None,
        "step": step.name if step is not None else "",
        "threshold_set": alarm.threshold_set,
        "datum": datum_of(rule, point),
        "held": watched and alarm.index > 0 and blind,
        "actor": alarm.actor,
        "tier": alarm.tier,
        "number": alarm.number,
        "highest": LEVEL_NAMES[alarm.highest],
        "mode": MODES[alarm.mode],
        "shelved_until_unix_ms": shelf.until_unix_ms if shelf is not None else None,
        "suppressed_by": aside.actor if aside is not None else "",
        "reason": aside.reason if aside is not None else "",
        "baseline": basis.baseline.version if (basis := alarm.basis) is not None and basis.baseline else None,
    }


def alarms_now(points: Points) -> list[dict[str, object]]:
    """Every alarm that is not normal, worst first."""
    active = [alarm for alarm in points.alarms.values() if alarm.index or alarm.state or alarm.suppressed]
    active.sort(key=lambda alarm: -alarm.level)
    return [alarm_now(alarm, points.by_channel.get(alarm.rule.channel)) for alarm in active]


def rules_now(points: Points) -> list[dict[str, object]]:
    """Every rule with the newest value that it judged; None = it has judged none, or judges not by values."""
    return [{"rule": name, "kind": one.rule.kind, "value": one.value} for name, one in points.alarms.items()]


def quantity_of(rule: Rule, point: Point | None) -> int | None:
    """Code of what the rule judges; None for a rule over a source."""
    if rule.kind == "tilt_rate":
        return QUANTITY_CODES["turn_mdeg_per_day"]
    if len(rule.axes) > 1:
        return QUANTITY_CODES["turn_mdeg"]
    return None if point is None else point.quantity


def datum_of(rule: Rule, point: Point | None) -> str:
    """Datum of a rule's thresholds, else of its channel's elevation; "" where there is none."""
    if rule.datum or point is None or point.channel.level is None:
        return rule.datum
    return point.channel.level.datum
