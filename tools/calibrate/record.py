"""Writes what a calibration changed, with the record of it, and takes the last one back.

Rules of this file: values and record go into the file together; an undo is a record too, and goes back only over what
still stands as the calibration left it.
"""

import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway.config import Calibration, Station
from tools.calibrate.edit import Spot, Value
from tools.calibrate.talk import Session
from tools.failure import EXIT_DONE

ARRAY = "calibration"


class Target(NamedTuple):
    """What is calibrated: the keys that name it in a record, its name in `Calibration.thing`, where a value of it
    stands, and how it is called on the command line. `board`: the one that has to get its settings anew afterwards.
    """

    kind: str
    thing: str
    names: dict[str, str]
    spot: Callable[[str], Spot]
    command: str
    board: str = ""

    @property
    def following(self) -> str:
        """What comes after a change of it."""
        return f"provision {self.board}" if self.board else f"calibrate {self.command} --verify --by WHO"

    def record(self, at: datetime, by: str) -> dict[str, Value]:
        return {"kind": self.kind, **self.names, "at": at, "by": by}


class Shown(NamedTuple):
    """One reading as a record has it."""

    shows: str
    spread: str
    of: int  # readings
    there: str

    def table(self) -> dict[str, Value]:
        return {"shows": self.shows, "spread": self.spread, "count": self.of, "is": self.there}


def finish(
    session: Session,
    target: Target,
    found: dict[str, Any],
    after: dict[str, Value | None],
    readings: list[Shown],
    due: date | None,
) -> int:
    """Agree and write the values `after` (None: the key goes) with the record of it; the exit code. `found`: what else
    a machine is told. `Failure` where a gateway would refuse the file.
    """
    found = {"kind": target.kind, "thing": target.thing, **found}
    if session.args.dry_run:
        session.tell(session.say("dry"))
        session.json({**found, "written": False})
        return EXIT_DONE
    by = session.who()
    if not session.agree(session.say("write_as", by=by)):
        return EXIT_DONE
    before = _values(session, target, list(after))
    record = target.record(session.at(), by)
    if due is not None:
        record["due"] = due
    new = {key: value for key, value in after.items() if value is not None}
    record |= {"readings": [reading.table() for reading in readings], "before": before, "after": new}
    session.json({**found, **_save(session, target, record)})
    session.written(
        target.thing, target.following, board=target.board, undo=f"calibrate {target.command} --undo --by {by}"
    )
    return EXIT_DONE


def undo(session: Session, target: Target) -> int:
    """Take the last calibration of `target` back, as the person who asks agrees to; the exit code."""
    stack = in_force(session.config, target)
    if not stack:
        raise session.fault("calibrate_nothing", seen=target.thing, thing=target.thing)
    last, under = stack[-1], stack[-2] if len(stack) > 1 else None
    records: list[dict[str, Any]] = tomllib.loads(session.station.text())[ARRAY]
    old = records[session.config.calibrations.index(last)]
    keys = sorted({*old["before"], *old["after"]})
    now = _values(session, target, keys)
    if now != old["after"]:
        raise session.fault("calibrate_by_hand", seen=f"{now} / {old['after']}", thing=target.thing)
    by = session.who()
    lines = [session.say("undo_what", day=day_of(session.config, last), by=last.by)]
    for key in keys:
        values = {name: shown(session, old[name].get(key)) for name in ("before", "after")}
        lines.append(session.say("undo_key", name=key, before=values["after"], after=values["before"]))
    session.facts(*[("Change", line) for line in lines])
    if session.args.dry_run:
        session.tell(session.say("dry"))
        session.json({"kind": target.kind, "thing": target.thing, "written": False})
        return EXIT_DONE
    if not session.agree(session.say("write_as", by=by)):
        return EXIT_DONE
    record = target.record(session.at(), by) | {"undoes": old["at"], "before": old["after"], "after": old["before"]}
    if under is not None and under.due:
        record["due"] = date.fromisoformat(under.due)
    session.json(_save(session, target, record))
    what = session.say("undone", day=day_of(session.config, last))
    session.written(what, target.following, board=target.board)
    return EXIT_DONE


def in_force(config: Station, target: Target) -> list[Calibration]:
    """The calibrations of `target` that were not taken back, oldest first."""
    stack: list[Calibration] = []
    for one in config.calibrations:
        if (one.kind, one.thing) == (target.kind, target.thing):
            if one.undoes_ms is None:
                stack.append(one)
            else:
                stack = [other for other in stack if other.at_ms != one.undoes_ms]
    return stack


def day_of(config: Station, one: Calibration) -> str:
    """The day of a calibration in the station's zone."""
    at = datetime.fromtimestamp(one.at_ms / 1_000, UTC)
    return at.astimezone(ZoneInfo(config.time_zone)).date().isoformat()


def shown(session: Session, value: Any) -> str:
    """A value of a record for a person."""
    return session.say("not_set") if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _values(session: Session, target: Target, keys: list[str]) -> dict[str, Any]:
    values = {key: session.editor.get(target.spot(key)) for key in keys}
    return {key: value for key, value in values.items() if value is not None}


def _save(session: Session, target: Target, record: dict[str, Any]) -> dict[str, Any]:
    for key in {**record["before"], **record["after"]}:
        session.editor.put(target.spot(key), record["after"].get(key))
    session.editor.add_record(ARRAY, record)
    session.station.save()
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in record.items()} | {
        "written": True
    }
