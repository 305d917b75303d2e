"""Alarms and episodes, made from the events that the stations sent: what stands, what people did, what was told late.

Rules of this file: reading only. An episode of an exercise and an actual one are two, whatever their rule; what was
judged for the record from late rows changes nothing that stands. A log's own order counts before its clock.
"""

import sqlite3
from typing import Any

from gateway.words import LEVEL_NAMES
from wire.reading import QUANTITIES
from wire.telemetry import EVENT_CODES, MODES

_LEVEL_KINDS = {EVENT_CODES[f"alarm {what}"] for what in ("raised", "escalated", "lowered", "cleared", "rebased")}
_SEEN = EVENT_CODES["alarm acknowledged"]
_LATCHED = EVENT_CODES["alarm latched"]
_SHELVED, _UNSHELVED = EVENT_CODES["alarm shelved"], EVENT_CODES["alarm unshelved"]
_OUT, _IN = EVENT_CODES["alarm out of service"], EVENT_CODES["alarm in service"]
_ASIDE = {_SHELVED: "shelved", _OUT: "out of service"}

# Events of a rule in their order. A log's own order counts before its clock, which may have been put back; between
# logs, time as far as it can be.
_EVENTS = (
    "SELECT *, max(min(detected_ms, received_ms)) OVER (PARTITION BY source, epoch ORDER BY seq) AS order_ms"
    " FROM events WHERE station = ? AND rule IS NOT NULL AND coalesce(late, 0) = ? ORDER BY order_ms, epoch, seq"
)
Rule = tuple[str, str]  # rule, channel


def standing(db: sqlite3.Connection, station: str, at_ms: int) -> list[dict[str, Any]]:
    """The alarms that are raised, and those that are shelved or out of service: worst first, then the longest."""
    last: dict[tuple[Rule, int], dict[str, Any]] = {}
    aside: dict[Rule, dict[str, Any]] = {}
    for event in db.execute(_EVENTS, (station, 0)):
        rule = (event["rule"], event["channel"] or "")
        key = (rule, _mode(event))
        kind = event["kind"]
        if kind in _LEVEL_KINDS:
            before = last.get(key, {})
            seen = {} if (event["level"] or 0) > before.get("level", 0) else _seen_of(before)
            last[key] = _alarm(event) | seen
        elif kind == _SEEN and key in last:
            last[key] |= {"acknowledged": True, "acknowledged_by": event["actor"] or event["detail"] or ""}
            last[key] |= {"acknowledged_tier": event["tier"] or "", "acknowledged_ms": event["at_ms"]}
        elif kind == _LATCHED and key in last:
            last[key]["latched"] = True
        elif kind in _ASIDE:
            aside[rule] = _aside(event)
        elif kind in (_UNSHELVED, _IN):
            aside.pop(rule, None)
    found = []
    put_aside = {rule: one for rule, one in aside.items() if not one["until_ms"] or one["until_ms"] > at_ms}
    for (rule, _), alarm in last.items():
        if alarm["level"]:
            found.append(alarm | {"aside": put_aside.get(rule)})
    raised = {(alarm["rule"], alarm["channel"]) for alarm in found}
    found += [_calm(rule, one) for rule, one in put_aside.items() if rule not in raised]
    for alarm in found:
        alarm["state"] = _state(alarm)
    return sorted(found, key=lambda alarm: (alarm["mode"] != "actual", -alarm["level"], alarm["since_ms"]))


def counts(alarms: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """How many stand at which level, for each mode apart; how many of them nobody has seen; how many are put aside."""
    found = {}
    for mode in MODES:
        of_mode = [alarm for alarm in alarms if alarm["mode"] == mode and alarm["level"]]
        levels = {name: sum(alarm["level"] == level for alarm in of_mode) for level, name in enumerate(LEVEL_NAMES)}
        del levels["none"]
        found[mode] = levels | {"unacknowledged": sum(not alarm["acknowledged"] for alarm in of_mode)}
    found["aside"] = {name: sum(alarm["state"] == name for alarm in alarms) for name in _ASIDE.values()}
    return found


def late(db: sqlite3.Connection, station: str, limit: int) -> list[dict[str, Any]]:
    """Episodes judged for the record from rows that came late, newest first."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for event in db.execute(_EVENTS, (station, 1)):
        if event["kind"] not in _LEVEL_KINDS:
            continue
        since_ms = event["episode_ms"] if event["episode_ms"] is not None else event["at_ms"]
        key = (event["rule"], event["channel"] or "", since_ms)
        level = event["level"] or 0
        before = found.setdefault(key, _alarm(event) | {"highest": 0, "end_ms": None})
        before["highest"] = max(before["highest"], level)
        before["end_ms"] = None if level else event["at_ms"]
    episodes = sorted(found.values(), key=lambda episode: -episode["since_ms"])
    names = ("rule", "channel", "mode", "highest", "since_ms", "end_ms")
    return [{name: episode[name] for name in names} for episode in episodes[:limit]]


def _mode(event: sqlite3.Row) -> int:
    return event["mode"] if event["mode"] in range(len(MODES)) else 0


def _alarm(event: sqlite3.Row) -> dict[str, Any]:
    quantity = QUANTITIES.get(event["quantity"] or 0)
    return {
        "rule": event["rule"],
        "channel": event["channel"] or "",
        "level": event["level"] or 0,
        "value": event["value"],
        "threshold": event["threshold"],
        "quantity": quantity[0] if quantity else "",
        "datum": event["datum"] or "",
        "since_ms": event["episode_ms"] if event["episode_ms"] is not None else event["at_ms"],
        "mode": MODES[_mode(event)],
        "number": event["number"],
        "acknowledged": False,
        "acknowledged_by": "",
        "latched": False,
    }


def _calm(rule: Rule, put_aside: dict[str, Any]) -> dict[str, Any]:
    """A rule that is put aside while nothing is raised."""
    calm = {"rule": rule[0], "channel": rule[1], "level": 0, "value": None, "threshold": None, "quantity": ""}
    calm |= {"datum": "", "since_ms": put_aside["at_ms"], "mode": "actual", "number": None}
    return calm | {"acknowledged": False, "acknowledged_by": "", "latched": False, "aside": put_aside}


def _seen_of(alarm: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in alarm.items() if name.startswith("acknowledged")}


def _aside(event: sqlite3.Row) -> dict[str, Any]:
    what = {"state": _ASIDE[event["kind"]], "by": event["actor"] or "", "reason": event["detail"] or ""}
    return what | {"until_ms": event["until_ms"], "at_ms": event["at_ms"]}


def _state(alarm: dict[str, Any]) -> str:
    """What a person sees first."""
    if alarm["aside"]:
        return alarm["aside"]["state"]
    if alarm["latched"]:
        return "latched"
    return "acknowledged" if alarm["acknowledged"] else "unacknowledged"
