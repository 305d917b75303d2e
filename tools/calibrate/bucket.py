"""A tipping bucket and a known amount of water: how much rain one tip is.

Rules of this file: the water goes over the funnel's own area; what is poured counts as rain of a test, or the tips are
counted by hand.
"""

import argparse
import math
from fractions import Fraction
from typing import Any

from tools.calibrate import arithmetic
from tools.calibrate.boards_now import Sensor
from tools.calibrate.record import Shown
from tools.calibrate.rehearsal import in_test
from tools.calibrate.talk import Session, amount_in
from wire.reading import RAIN_WRAP_UM

TIPS_LEAST = 20  # One tip more or less is 5 % of them.
CHANGE_PERMIL = 250  # More than that and it is another bucket, another funnel, or water that went beside it.


def measure(session: Session, sensor: Sensor) -> tuple[dict[str, Any], list[Shown]]:
    """um_per_tip, and what it follows from. `Failure`."""
    args = session.args
    water_ul = session.ask(session.say("ask_water"), "--water", args.water, amount_in("volume", "mL"))
    if args.area is not None:
        area_mm2 = session.ask("", "--area", args.area, amount_in("area", "cm2"))
    else:
        wide_um = session.ask(session.say("ask_funnel"), "--funnel", args.funnel, amount_in("fine_length", "mm"))
        area_mm2 = round(math.pi * (wide_um / 2_000) ** 2)
    if water_ul <= 0 or area_mm2 <= 0:
        raise session.fault("calibrate_states", seen=f"{water_ul} uL, {area_mm2} mm2")
    depth_um = Fraction(water_ul * 1_000, area_mm2)
    before_um = sensor.settings["um_per_tip"]
    tips = args.tips if args.tips is not None else _pour(session, sensor, before_um)
    if tips < TIPS_LEAST:
        raise session.fault("calibrate_few_tips", seen=f"{tips} < {TIPS_LEAST}")
    after_um = arithmetic.tip_um(depth_um, tips)
    session.facts(
        ("Now", session.say("poured", depth=_mm(round(depth_um)), tips=tips, shown=_mm(tips * before_um))),
        ("Result", session.say("tip_is", um=after_um, share=f"{100 / tips:.1f}", left=_mm(tips * after_um))),
    )
    if abs(after_um - before_um) * 1_000 > CHANGE_PERMIL * before_um and not args.far:
        raise session.fault("calibrate_absurd", seen=f"um_per_tip = {after_um} / {before_um}")
    told = Shown(_mm(tips * before_um), "0 um", tips, _mm(round(depth_um)))
    return {"um_per_tip": after_um}, [told]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the water, the funnel and, where they were counted by hand, the tips."""
    parser.add_argument("--water", metavar="AMOUNT", help='rain gauge: what was poured, such as "314 mL"')
    parser.add_argument("--funnel", metavar="AMOUNT", help='width of its funnel, such as "200 mm"; or')
    parser.add_argument("--area", metavar="AMOUNT", help='its area, such as "314.16 cm2"')
    parser.add_argument("--tips", type=int, metavar="N", help="tips, where they were counted by hand")


def _pour(session: Session, sensor: Sensor, um_per_tip: int) -> int:
    """The tips that the station counts while the water runs."""
    name = sensor.channel.name
    with in_test(session, back=False):
        begin_um = session.newest(name, key="raw")
        session.ready(session.say("pour"), "--tips")
        end_um = session.newest(name, key="raw")
    session.tell(session.say("water_stays"))
    return (end_um - begin_um) % RAIN_WRAP_UM // um_per_tip


def _mm(um: int) -> str:
    return f"{um / 1_000:.3f} mm"
