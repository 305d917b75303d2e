"""Where a wall or slope stands now becomes what its turns are measured from: the gateway's own re-zero.

Rules of this file: the gateway takes the baseline, keeps it and tells it; what it refuses is refused in its words. No
record goes into station.toml: a file cannot know what the center took anew meanwhile.
"""

import argparse
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway import words
from gateway.actions import TEXT_MAX, Action
from gateway.config import Rule
from gateway.tilt import CONFIGURATION, STATION
from tools.calibrate.readings import LOOK_S, check_config
from tools.calibrate.talk import Session, refused
from tools.failure import EXIT_DONE
from tools.orders import TIER, carry_out
from tools.phrases import phrase as common

SHOWN_S = 3.0


def run(session: Session) -> int:
    """0: done. `Failure` otherwise."""
    args = session.args
    rules = [
        rule
        for rule in session.config.rules
        if rule.kind == "tilt" and args.channel in (rule.name, rule.channel, *rule.axes)
    ]
    if not rules:
        known = [rule.channel for rule in session.config.rules if rule.kind == "tilt"]
        raise session.fault("calibrate_no_tilt", seen=", ".join(known) or "-", channel=args.channel)
    by = session.who()
    reason = args.reason.strip()
    if not reason or len(reason) > TEXT_MAX or not reason.isprintable():
        raise session.fault("calibrate_reason", seen=f"--reason {reason[:40]!r}")
    before = baselines(session, rules)
    session.facts(*[("Baseline", f"{rule.name}  {told(session, before.get(rule.name))}") for rule in rules])
    if not args.undo:
        _show_now(session, rules)
    kind = "undo-re-zero" if args.undo else "re-zero"
    found = {"kind": "tilt", "channel": args.channel, "order": kind, "before": list(before.values())}
    if args.dry_run:
        session.tell(session.say("dry"))
        session.json({**found, "written": False})
        return EXIT_DONE
    if not session.agree(session.say("unzero_as" if args.undo else "zero_as", by=by)):
        return EXIT_DONE
    action = Action(kind, by, TIER, channel=args.channel, reason=reason)
    if why := carry_out(session.now, action, session.lang):
        raise refused(session, why)
    after = _after(session, rules, before)
    session.facts(*[("Result", f"{rule.name}  {told(session, after.get(rule.name))}") for rule in rules])
    lines = [(common("ok", session.lang), session.say("zeroed"))]
    if not args.undo:
        command = session.command(f'calibrate tilt {args.channel} --undo --by {by} --reason "…"')
        lines.append((session.say("Undo"), command))
    session.lines(*lines)
    session.json({**found, "after": list(after.values()), "written": True})
    return EXIT_DONE


def baselines(session: Session, rules: list[Rule]) -> dict[str, dict[str, Any]]:
    """Of each of the rules that has one: rule, version, at_unix_ms, actor, reason, vector. `Failure`."""
    document = session.now.read()
    check_config(session.now, document, session.lang)
    return baselines_in(document, rules)


def baselines_in(document: dict[str, Any], rules: list[Rule]) -> dict[str, dict[str, Any]]:
    """The same, out of a gateway's state."""
    found = {one["rule"]: one for channel in document["channels"] for one in channel.get("baselines", [])}
    return {rule.name: found[rule.name] for rule in rules if rule.name in found}


def told(session: Session, baseline: dict[str, Any] | None) -> str:
    """A baseline for a person."""
    if baseline is None:
        return session.say("baseline_none")
    actor = baseline["actor"]
    names = {STATION: "station_took_it", CONFIGURATION: "from_file"}
    by = session.say(names[actor]) if actor in names else actor
    reason = f" ({baseline['reason']})" if baseline["reason"] else ""
    day = day_of(session, baseline["at_unix_ms"])
    return session.say("baseline_is", version=baseline["version"], day=day, by=by, reason=reason)


def day_of(session: Session, unix_ms: int) -> str:
    """The day in the station's zone; — where there is none."""
    if not unix_ms:
        return "—"
    return (
        datetime.fromtimestamp(unix_ms / 1_000, UTC).astimezone(ZoneInfo(session.config.time_zone)).date().isoformat()
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take whose baseline, and why."""
    parser.add_argument("channel", metavar="CHANNEL", help="a channel that a tilt rule judges, or that rule")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why; it stands in the event")
    parser.add_argument("--undo", action="store_true", help="go back to the baseline before")


def _show_now(session: Session, rules: list[Rule]) -> None:
    """Where each axis stands; whether it is still the gateway knows."""
    channels = {channel["name"]: channel for channel in session.now.read()["channels"]}
    for name in dict.fromkeys(axis for rule in rules for axis in rule.axes or (rule.channel,)):
        channel = channels[name]
        session.facts(("Now", f"{name}  {words.shown(channel['quantity'], channel['value'])}"))


def _after(session: Session, rules: list[Rule], before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The baselines as the gateway shows them once they are others: it says how it is twice a second."""
    end_s = time.monotonic() + SHOWN_S
    while True:
        after = baselines_in(session.now.read(), rules)
        if after != before or time.monotonic() > end_s:
            return after
        time.sleep(LOOK_S)
