"""Staff gauge to gauge zero: the offset of a level sensor, so that it says what the staff says.

Rules of this file: an offset comes from water that stands, a sensor that is good and a person who reads; whoever is far
off has to say so twice.
"""

import argparse

from gateway import words
from gateway.actions import Action
from gateway.config import Channel, Level
from gateway.level import metres
from gateway.load_calibration import LEVEL
from tools.calibrate import targets
from tools.calibrate.readings import Readings
from tools.calibrate.record import Shown, Target, day_of, finish, in_force, undo
from tools.calibrate.talk import Session, amount_in, refused
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT
from tools.orders import TIER, carry_out
from tools.phrases import phrase as common

SPREAD_MM = 30  # Between the quartiles: more than that is waves, and then a staff cannot be read either.
MOVED_MM = 10  # From the first third of the readings to the last.
FAR_MM = 500  # No sensor drifts so far: the staff, the datum or the channel is another one.


def run(session: Session) -> int:
    """0: written, or agreed; 1: looked at, and sensor and staff do not agree. `Failure` otherwise."""
    channel, level = find(session)
    target = targets.level(session, channel.name)
    if session.args.undo:
        return undo(session, target)
    session.who()
    session.look()
    if not session.args.verify:
        session.may_write()
    due = session.due()
    if channel.uncalibrated:
        port = channel.uncalibrated.rpartition(" ")[2]
        raise session.fault("calibrate_bare", seen=channel.uncalibrated, board=channel.source, port=port)
    readings = session.collect(channel.name)
    datum = words.word(level.datum, session.lang)
    value = metres(readings.median)
    _tell_now(session, readings, value, datum)
    check(session, readings)
    staff_mm = _staff(session, level, datum)
    difference_mm = staff_mm - readings.median
    if session.args.verify:
        return _verify(session, channel, readings, staff_mm)
    if abs(difference_mm) > FAR_MM and not session.args.far:
        seen = f"{metres(difference_mm)} ({metres(staff_mm)}, {value})"
        raise session.fault("calibrate_far", seen=seen, limit=metres(FAR_MM))
    after = {"offset": metres(level.offset_mm + difference_mm), "surveyed": session.at().date().isoformat()}
    change = session.say(
        "offset", change=signed(difference_mm), after=after["offset"], before=metres(level.offset_mm),
        when=_when(session, target, level),
    )  # fmt: skip
    session.facts(("Change", change))
    found = {"median_mm": readings.median, "spread_mm": readings.spread, "left_out": readings.left_out}
    found |= {"staff_mm": staff_mm, "offset_mm": level.offset_mm + difference_mm}
    shown = Shown(value, f"{readings.spread} mm", readings.count, metres(staff_mm))
    return finish(session, target, found, dict(after), [shown], due)


def find(session: Session) -> tuple[Channel, Level]:
    """The channel that is meant: by its own name, or by the name or address of a board that has just one level."""
    asked = session.args.channel
    levels = {c.name: (c, c.level) for c in session.config.channels if c.level is not None}
    if asked in levels:
        return levels[asked]
    named = [source.name for source in session.config.sources if asked in (source.name, str(source.address or ""))]
    found = [pair for pair in levels.values() if pair[0].source in named]
    if len(found) != 1:
        raise session.fault("calibrate_no_channel", seen=", ".join(levels) or "-", channel=asked)
    return found[0]


def check(session: Session, readings: Readings) -> None:
    """`Failure` where the water was not still enough."""
    if abs(readings.moved) > MOVED_MM:
        raise session.fault("calibrate_moves", seen=f"{signed(readings.moved)} m / {readings.count}")
    if readings.spread > session.args.spread_mm:
        raise session.fault("calibrate_restless", seen=f"{readings.spread} mm > {session.args.spread_mm} mm")


def signed(mm: int) -> str:
    """A change in metres: "+0.060", "−0.250"."""
    return f"{mm / 1_000:+.3f}".replace("-", "−")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what is read at the staff."""
    parser.add_argument("channel", metavar="CHANNEL", help="the level channel, or name or address of its board")
    parser.add_argument("--staff", metavar="AMOUNT", help='what the staff gauge reads, such as "177.20 m"')
    parser.add_argument("--over-zero", action="store_true", help="it is counted from gauge zero, not an elevation")
    parser.add_argument(
        "--spread", dest="spread_mm", type=_mm, default=SPREAD_MM, metavar="MM", help=f"waves allowed, mm ({SPREAD_MM})"
    )
    parser.add_argument("--far", action="store_true", help=f"allow a change of more than {metres(FAR_MM)}")
    parser.add_argument("--verify", action="store_true", help="only compare with the staff, change nothing")
    parser.add_argument("--undo", action="store_true", help="take the last calibration of this channel back")


def _mm(text: str) -> int:
    """Millimetres, from 1 to 1000."""
    number = int(text)
    if not 1 <= number <= 1_000:
        raise argparse.ArgumentTypeError("1 to 1000")
    return number


def _tell_now(session: Session, readings: Readings, value: str, datum: str) -> None:
    now = session.say("now_level", value=value, datum=datum, count=readings.count, spread=readings.spread)
    lines = [("Now", now)]
    if readings.left_out:
        lines.append(("Now", session.say("left_out", count=readings.left_out)))
    session.facts(*lines)


def _staff(session: Session, level: Level, datum: str) -> int:
    """What the staff reads, as an elevation in millimetres."""
    args = session.args
    key = "ask_over_zero" if args.over_zero else "ask_staff"
    read_mm = session.ask(session.say(key, datum=datum), "--staff", args.staff, amount_in("length", "m"))
    if not args.over_zero:
        session.facts(("Staff", session.say("staff_level", value=metres(read_mm), datum=datum)))
        return read_mm
    staff_mm = level.gauge_zero_mm + read_mm
    told = session.say("staff_over_zero", over=metres(read_mm), value=metres(staff_mm), datum=datum)
    session.facts(("Staff", told))
    return staff_mm


def _when(session: Session, target: Target, level: Level) -> str:
    """When the offset became what it is, and by whom."""
    stack = in_force(session.config, target)
    if stack:
        return session.say("when_by", day=day_of(session.config, stack[-1]), by=stack[-1].by)
    return session.say("surveyed_on", day=level.surveyed) if level.surveyed else session.say("never")


def _verify(session: Session, channel: Channel, readings: Readings, staff_mm: int) -> int:
    """Compare, and let the gateway know: it ends its own doubt, or begins it."""
    if not session.args.dry_run:
        at_ms = session.now.read()["unix_ms"]
        action = Action("staff", session.who(), TIER, channel=channel.name, value=staff_mm, at_ms=at_ms)
        reason = carry_out(session.now, action, session.lang)
        if reason:
            raise refused(session, reason)
    difference_mm = readings.median - staff_mm
    right = abs(difference_mm) <= channel.staff_limit_mm
    state = common("ok" if right else "FAIL", session.lang)
    told = session.say("differs", value=f"{difference_mm:+d}".replace("-", "−"), limit=channel.staff_limit_mm)
    session.facts(("Result", f"{state}  {told}"))
    session.json({"kind": LEVEL, "channel": channel.name, "difference_mm": difference_mm, "agrees": right})
    session.tell(session.say("agrees" if right else "differs_end"))
    return EXIT_DONE if right else EXIT_NOT_RIGHT
