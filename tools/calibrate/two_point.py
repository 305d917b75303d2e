"""Two known states of a sensor on one of our boards: its settings follow, in the sensor's own integers.

Rules of this file: both states are put to the sensor at its place and read through the running gateway; what comes of
it is shown, state by state, before it is written. The board gets it by `riverpost provision`.
"""

import argparse
import contextlib
from fractions import Fraction
from typing import Any, NamedTuple

from gateway.amounts import AmountError, amount
from gateway.level import metres
from gateway.load_calibration import SENSORS
from tools.calibrate import arithmetic, bucket, targets
from tools.calibrate.arithmetic import Known, NoSettings
from tools.calibrate.boards_now import Sensor, boards, check_runs, sensors_of
from tools.calibrate.record import Shown, finish, shown, undo
from tools.calibrate.rehearsal import in_test
from tools.calibrate.talk import Session, amount_in

SPREAD_MM, MOVED_MM = 10, 5  # A probe in a pipe, a plate before a sensor: nothing moves there.
NEAR_PERMIL = 50  # Two states nearer than this part of the scale say too little of the rest of it.
ZERO_NA, SPAN_PERMIL = 500_000, 100  # Further from a probe by the book it is wired wrongly, or another one.
GAP_MM, GAP_PERMIL = 100, 50  # So far off is no sensor of distance.
BUCKET = "tipping_bucket"
STATES = ("low", "high")


class State(NamedTuple):
    """What was there: as it was told, and in mm."""

    told: str
    mm: Fraction


def run(session: Session) -> int:
    """0: written. `Failure` otherwise."""
    sensor = find(session)
    target = targets.two_point(session, sensor.board.name, sensor.driver)
    if session.args.undo:
        return undo(session, target)
    session.who()
    session.look()
    session.may_write()
    due = session.due()
    if sensor.channel.uncalibrated:
        port = sensor.channel.uncalibrated
        raise session.fault("calibrate_bare", seen=port, board=sensor.board.name, port=port.rpartition(" ")[2])
    check_runs(session, sensor.board)
    if sensor.driver == BUCKET:
        after, readings = bucket.measure(session, sensor)
    else:
        after, readings = _measure(session, sensor)
    for key, value in after.items():
        before = shown(session, session.editor.get(target.spot(key)))
        session.facts(("Change", session.say("setting", name=key, after=shown(session, value), before=before)))
    return finish(session, target, {}, after, readings, due)


def find(session: Session) -> Sensor:
    """The sensor that is meant: by its channel, or by the name or address of a board that has just one of the kind."""
    asked, driver = session.args.channel, session.args.sensor
    known = [one for board in boards(session) for one in sensors_of(board) if one.driver in SENSORS]
    found = [one for one in known if asked == one.channel.name]
    if not found:
        named = [one for one in known if asked in (one.board.name, str(one.board.address or ""))]
        found = [one for one in named if driver in (None, one.driver)]
    if len(found) != 1:
        seen = ", ".join(f"{one.channel.name} ({one.driver})" for one in known) or "-"
        raise session.fault("calibrate_no_sensor", seen=seen, channel=asked)
    return found[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the sensor and its two states, or the water that was poured."""
    parser.add_argument("channel", metavar="CHANNEL", help="the sensor's channel, or name or address of its board")
    parser.add_argument("--sensor", choices=sorted(SENSORS), help="which one, where a board has several")
    for state in STATES:
        what = "lower" if state == "low" else "higher"
        parser.add_argument(f"--{state}", metavar="AMOUNT", help=f'what the {what} state is: "0.500 m", or "4 mA"')
        parser.add_argument(f"--{state}-shows", metavar="AMOUNT", help="what it shows then; else it is read now")
    bucket.add_arguments(parser)
    parser.add_argument("--far", action="store_true", help="take settings that are far from the usual ones")
    parser.add_argument("--undo", action="store_true", help="take the last one of this sensor back")


def _measure(session: Session, sensor: Sensor) -> tuple[dict[str, Any], list[Shown]]:
    """The settings that follow from two states, and their readings."""
    args = session.args
    given = args.low_shows is not None and args.high_shows is not None
    with contextlib.nullcontext() if given else in_test(session):
        states = [_state(session, sensor, name) for name in STATES]
    (low, _), (high, _) = [(known, told) for known, told in states]
    try:
        after = _settings(sensor, low, high)
        absurd = _absurd(sensor, after, low, high)
    except NoSettings as why:
        raise session.fault("calibrate_states", seen=session.say(str(why), least=f"{NEAR_PERMIL / 10:g}")) from None
    for known, told in states:
        with_it = round(_with(sensor, after, known))
        session.facts(("Result", session.say("then_shows", there=told.there, shows=told.shows, after=metres(with_it))))
    if absurd and not args.far:
        raise session.fault("calibrate_absurd", seen=absurd)
    return after, [told for _, told in states]


def _state(session: Session, sensor: Sensor, name: str) -> tuple[Known, Shown]:
    """One known state, and what the sensor shows of it."""
    args = session.args
    loop = sensor.driver == "pressure_420"
    question = session.say(f"ask_{name}_{'loop' if loop else 'gap'}")
    state = session.ask(question, f"--{name}", getattr(args, name), lambda text: _read_state(sensor, text))
    given = getattr(args, f"{name}_shows")
    if given is not None:
        shows_mm = session.ask("", f"--{name}-shows", given, amount_in("length", "m"))
        return Known(shows_mm * 1_000, state.mm), Shown(metres(shows_mm), "0 mm", 1, state.told)
    session.ready(session.say("put_it_so", state=state.told), f"--{name}-shows")
    readings = session.collect(sensor.channel.name, key="raw")
    if abs(readings.moved) > MOVED_MM or readings.spread > SPREAD_MM:
        raise session.fault("calibrate_unsteady", seen=f"{readings.moved:+d} mm, {readings.spread} mm")
    value = metres(readings.median)
    session.facts(("Now", session.say("now_raw", value=value, count=readings.count, spread=readings.spread)))
    told = Shown(value, f"{readings.spread} mm", readings.count, state.told)
    return Known(readings.middle_milli, state.mm), told


def _read_state(sensor: Sensor, text: str) -> State:
    """A distance or a head; of a 4-20 mA probe a current too. AmountError."""
    if sensor.driver == "pressure_420" and text.rstrip().endswith("A"):
        current_na = amount(text, "current")
        return State(text, arithmetic.head_of(current_na, sensor.settings))
    mm = amount_in("length", "m")(text)
    if mm < 0:
        raise AmountError(f'"{text}" is below nothing; use 0 or more')
    return State(metres(mm), Fraction(mm))


def _settings(sensor: Sensor, low: Known, high: Known) -> dict[str, Any]:
    """What stands in station.toml afterwards; None: the key goes."""
    if sensor.driver == "pressure_420":
        scale_mm = sensor.settings["full_scale_mm"]
        if (high.there - low.there) * 1_000 < NEAR_PERMIL * scale_mm:
            raise NoSettings("why_near")
        found: dict[str, Any] = dict(arithmetic.loop_settings(sensor.settings, low, high))
        return found | ({"points": None} if sensor.settings["points"] else {})
    return {"points": arithmetic.gap_points(sensor.settings, low, high)}


def _with(sensor: Sensor, after: dict[str, Any], known: Known) -> Fraction:
    """What the sensor would have shown with the new settings."""
    if sensor.driver == "pressure_420":
        return arithmetic.loop_head(sensor.settings, after, known.shown_milli)
    measured = arithmetic.before_points(sensor.settings["points"], Fraction(known.shown_milli, 1_000))
    return arithmetic.after_points(after["points"], measured)


def _absurd(sensor: Sensor, after: dict[str, Any], low: Known, high: Known) -> str:
    """Why the settings are hard to believe; "" where they are not."""
    if sensor.driver == "pressure_420":
        zero_na, span_na = after["zero_na"], after["full_na"] - after["zero_na"]
        if abs(zero_na - arithmetic.IDEAL_ZERO_NA) > ZERO_NA:
            return f"zero_na = {zero_na:_}"
        if abs(span_na - arithmetic.IDEAL_SPAN_NA) * 1_000 > SPAN_PERMIL * arithmetic.IDEAL_SPAN_NA:
            return f"full_na - zero_na = {span_na:_}"
        return ""
    for measured, there in after["points"]:
        if abs(measured - there) > max(GAP_MM, GAP_PERMIL * there // 1_000):
            return f"{metres(measured)} / {metres(there)}"
    return ""
