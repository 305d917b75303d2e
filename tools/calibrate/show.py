"""What of a station is calibrated, when, by whom, until when; and what is not, and so carries no alarm.

Rules of this file: it only reads. A value that stands otherwise than its record left it is told, not corrected.
"""

import tomllib
from typing import Any, NamedTuple

from gateway import words
from gateway.config import Calibration
from gateway.level import metres
from gateway.load_calibration import SENSORS, TABLE
from tools.calibrate import tilt
from tools.calibrate.edit import Spot
from tools.calibrate.record import ARRAY, Target, day_of, in_force
from tools.calibrate.talk import Session
from tools.calibrate.targets import converter, level, two_point
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, ROOM_LEAST, Failure, wrapped
from tools.phrases import phrase as common
from tools.phrases import room

OK, LOOK, WRONG = "ok", "look", "FAIL"
STATE_COLUMNS = 8


class Line(NamedTuple):
    """One thing: its state, what is said of it, what to do with it, and the same for a machine."""

    state: str
    told: str
    do: str
    found: dict[str, Any]


def run(session: Session) -> int:
    """0: all of it holds; 1: something is past its date. `Failure` where there is nothing of the kind."""
    lines = [*_levels(session), *_boards(session), *_bare(session), *_tilts(session)]
    if not lines:
        raise session.fault("calibrate_empty", seen=", ".join(source.name for source in session.config.sources))
    session.tell(session.say("show_head", station=session.config.id))
    for line in lines:
        _print(session, line)
    counts = {state: sum(line.state == state for line in lines) for state in (OK, LOOK, WRONG)}
    do = next((line.do for state in (WRONG, LOOK) for line in lines if line.state == state and line.do), "")
    session.tell(session.say("counted", ok=counts[OK], look=counts[LOOK], fail=counts[WRONG]))
    if do:
        session.facts(("Next", session.command(do)))
    session.json({"station": session.config.id, "things": [line.found | {"state": line.state} for line in lines]})
    return EXIT_NOT_RIGHT if counts[WRONG] else EXIT_DONE


def _levels(session: Session) -> list[Line]:
    lines = []
    for channel in session.config.channels:
        if channel.level is not None:
            value = session.say("level_value", offset=metres(channel.level.offset_mm))
            hand = channel.level.surveyed and session.say("surveyed_on", day=channel.level.surveyed)
            command = f"calibrate level {channel.name} --by WHO"
            lines.append(_line(session, level(session, channel.name), value, hand, command))
    return lines


def _boards(session: Session) -> list[Line]:
    """What stands below `calibration` of each board, with or without a record."""
    lines = []
    for source in session.config.sources:
        values = session.editor.get(Spot(session.editor.source(source.name), ("calibration",))) or {}
        bare = []  # Tables that nobody recorded are named together: a new board has some.
        for number, pairs in values.get("adc", {}).items():
            target = converter(session, source.name, number)
            if not in_force(session.config, target):
                bare.append(f"adc {number}")
                continue
            command = f"calibrate table {source.name} --adc {number} --by WHO"
            lines.append(_line(session, target, session.say("points", count=len(pairs)), "", command))
        if bare:
            told = f"{source.name} {', '.join(bare)}  {session.say(f'kind_{TABLE}')}  {session.say('never')}"
            found = {"kind": TABLE, "thing": f"{source.name} {', '.join(bare)}", "at": None, "by": None, "due": None}
            lines.append(Line(OK, told, "", found))
        for driver in [name for name in values if name in SENSORS]:
            told = ", ".join(f"{key} {value}" for key, value in values[driver].items())
            command = f"calibrate two-point {source.name} --by WHO"
            lines.append(_line(session, two_point(session, source.name, driver), told, session.say("never"), command))
    return lines


def _line(session: Session, target: Target, value: str, by_hand: str, command: str) -> Line:
    """A thing whose value is `value`; `by_hand`: where it is from if there is no record, "" = from nowhere."""
    kind = session.say(f"kind_{target.kind}")
    found: dict[str, Any] = {"kind": target.kind, "thing": target.thing, "value": value}
    stack = in_force(session.config, target)
    if not stack:
        state = OK if by_hand else LOOK
        told = session.say("comma").join([f"{target.thing}  {kind}  {value}", by_hand or session.say("never")])
        return Line(state, told, command, found | {"at": None, "by": None, "due": None})
    last = stack[-1]
    day, today = day_of(session.config, last), session.at().date().isoformat()
    found |= {"at": day, "by": last.by, "due": last.due or None}
    parts = [f"{target.thing}  {kind}  {value}", session.say("when_by", day=day, by=last.by)]
    state = OK
    if last.due:
        overdue = today > last.due
        parts.append(session.say("overdue" if overdue else "until", due=last.due))
        state = WRONG if overdue else OK
    changed = _by_hand(session, target, last)
    if changed:
        parts.append(session.say("by_hand", value=changed))
        state = LOOK if state == OK else state
    return Line(state, session.say("comma").join(parts), command, found | {"changed_by_hand": bool(changed)})


def _by_hand(session: Session, target: Target, last: Calibration) -> str:
    """What stands otherwise than its record left it; "" where nothing does."""
    records = tomllib.loads(session.station.text())[ARRAY]
    after = records[session.config.calibrations.index(last)]["after"]
    now = {key: session.editor.get(target.spot(key)) for key in after}
    return ", ".join(f"{key} {now[key]}" for key in after if now[key] != after[key])


def _bare(session: Session) -> list[Line]:
    lines = []
    for channel in session.config.channels:
        if channel.uncalibrated:
            number = channel.uncalibrated.rpartition(" ")[2]
            told = f"{channel.name}  {session.say('no_table', port=channel.uncalibrated)}"
            command = f"calibrate table {channel.source} --adc {number} --by WHO"
            found = {"kind": TABLE, "thing": f"{channel.source} {channel.uncalibrated}", "value": None}
            lines.append(Line(LOOK, told, command, found | {"at": None, "by": None, "due": None}))
    return lines


def _tilts(session: Session) -> list[Line]:
    """The baselines, which only the gateway knows; where none runs, that is said once."""
    rules = [rule for rule in session.config.rules if rule.kind == "tilt"]
    if not rules:
        return []
    try:
        baselines = tilt.baselines_in(session.now.read(), rules)
    except Failure:
        return [Line(LOOK, session.say("no_gateway"), "", {"kind": "tilt", "thing": None, "value": None})]
    lines = []
    for rule in rules:
        baseline = baselines.get(rule.name)
        told = f"{rule.name}  {session.say('kind_tilt')}  {tilt.told(session, baseline)}"
        command = f'calibrate tilt {rule.channel} --by WHO --reason "…"'
        found = {"kind": "tilt", "thing": rule.name, "value": baseline}
        lines.append(Line(OK if baseline else LOOK, told, "" if baseline else command, found))
    return lines


def _print(session: Session, line: Line) -> None:
    state = common(line.state, session.lang)
    for part in wrapped(line.told, max(room() - STATE_COLUMNS - 1, ROOM_LEAST)):
        session.tell(state + " " * (STATE_COLUMNS - words.columns(state)) + part)
        state = ""
