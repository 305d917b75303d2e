"""`riverpost calibrate`: put a sensor right by what is known: a staff gauge, known states or voltages, a wall at rest.

Rules of this file: nothing changes that was not shown and agreed to; station.toml is the old one or the new one, whole;
each calibration stands there with its day and who did it, and can be taken back.
"""

import argparse
from typing import Any

from tools.failure import EXIT_DONE, EXIT_STOPPED

HELP = "put sensors right: staff gauge, known states, tilt baseline"
READINGS_OF = {"level": 60, "two-point": 30, "table": 30}
READINGS_LEAST, READINGS_MOST = 5, 3_600
EXAMPLE = """example:
  riverpost calibrate show
  riverpost calibrate level river --by 07
  riverpost calibrate tilt wall_x --by 07 --reason "sensor was hit"

The gateway has to run: its readings are what is calibrated. Each kind has its
own --help."""
EXAMPLES = {
    "level": """example:
  riverpost calibrate level river --by 07
  riverpost calibrate level river --by 07 --staff "177.20 m" --due 2027-05-30
  riverpost calibrate level river --by 07 --verify    (the gateway started anew)
  riverpost calibrate level river --by 07 --undo""",
    "two-point": """example:
  riverpost calibrate two-point river --by 07 --low "0 m" --high "1.000 m"
  riverpost calibrate two-point level --by 07 --low "4 mA" --high "20 mA"
  riverpost calibrate two-point rain.rain --by 07 --water "314 mL" --funnel "200 mm"

A probe is held at two known depths, or fed by a loop calibrator; a sensor of
distance looks at two known ones; a bucket gets water that was measured.""",
    "table": """example:
  riverpost calibrate table level --adc 0 --by 07
  riverpost calibrate table smoke --adc 1 --by 07 --port /dev/ttyUSB0
  riverpost calibrate table level --adc 1 --by 07 --point "142 mV" "150 mV" \\
      --point "1098 mV" "1100 mV" --point "2377 mV" "2400 mV"

Put known voltages to the terminal, three at least, over all that its sensor
gives: of a 4-20 mA port from a little less than 0.4 V to a little more than 2.""",
    "tilt": """example:
  riverpost calibrate tilt wall_x --by 07 --reason "sensor was mounted anew"
  riverpost calibrate tilt wall_x --by 07 --reason "it was the wall" --undo""",
    "show": """example:
  riverpost calibrate show
  riverpost calibrate show --station station.toml --json -""",
}
HELPS = {
    "level": "let a level channel say what the staff gauge says",
    "two-point": "settings of a board's sensor, from two known states",
    "table": "what a board's converter shows of known voltages",
    "tilt": "measure turns of a wall or slope from where it stands now",
    "show": "show what is calibrated, by whom, until when; and what is not",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A parser for each kind."""
    from tools.calibrate import level, table, tilt, two_point

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    kinds = parser.add_subparsers(dest="what", required=True, metavar="KIND")
    own = {"level": level, "two-point": two_point, "table": table, "tilt": tilt}
    for name, text in HELPS.items():
        kind = kinds.add_parser(
            name, help=text, description=text, epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if name in own:
            own[name].add_arguments(kind)
        _add_usual(kind, name)


def run(args: argparse.Namespace) -> int:
    """0: done; 1: looked at, and not right. `Failure` otherwise."""
    from tools.calibrate import level, show, table, tilt, two_point
    from tools.calibrate.talk import Declined, Session

    session = Session(args)
    kinds: dict[str, Any] = {"level": level, "two-point": two_point, "table": table, "tilt": tilt, "show": show}
    try:
        return kinds[args.what].run(session)
    except Declined:
        return EXIT_DONE
    except KeyboardInterrupt:
        session.stopped(order=args.what == "tilt")
        return EXIT_STOPPED


def _add_usual(parser: argparse.ArgumentParser, name: str) -> None:
    """Take what every kind takes; of one that writes, and one that reads a sensor, some more."""
    from tools import station_now
    from tools.image import add_usual

    if name in READINGS_OF:
        usual = READINGS_OF[name]
        parser.add_argument(
            "--readings", type=_count, default=usual, metavar="N", help=f"how many make a value ({usual})"
        )
        parser.add_argument("--due", metavar="DATE", help="last day on which it holds, such as 2027-05-30")
    if name != "show":
        parser.add_argument("--by", metavar="WHO", help="your name or number on duty; it stands in the record")
        parser.add_argument("--yes", action="store_true", help="do not ask")
    station_now.add_arguments(parser)
    add_usual(parser)


def _count(text: str) -> int:
    """A whole number within the limits."""
    number = int(text)
    if not READINGS_LEAST <= number <= READINGS_MOST:
        raise argparse.ArgumentTypeError(f"{READINGS_LEAST} to {READINGS_MOST}")
    return number
