"""`riverpost calibrate`: put a sensor right by what is known: a staff gauge, known states or voltages, a wall at rest.

Rules of this file: nothing changes that was not shown and agreed to; station.toml is the old one or the new one, whole;
each calibration stands there with its day and who did it, and can be taken back.
"""

import argparse
from typing import Any

from tools.failure import EXIT_STOPPED

HELP = "put sensors right: staff gauge, known states, tilt baseline"
READINGS, READINGS_LEAST, READINGS_MOST = 60, 5, 3_600
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
    "tilt": """example:
  riverpost calibrate tilt wall_x --by 07 --reason "sensor was mounted anew"
  riverpost calibrate tilt wall_x --by 07 --reason "it was the wall" --undo""",
    "show": """example:
  riverpost calibrate show
  riverpost calibrate show --station station.toml --json -""",
}
HELPS = {
    "level": "let a level channel say what the staff gauge says",
    "tilt": "measure turns of a wall or slope from where it stands now",
    "show": "show what is calibrated, by whom, until when; and what is not",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A parser for each kind."""
    from tools.calibrate import level, tilt

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    kinds = parser.add_subparsers(dest="what", required=True, metavar="KIND")
    own = {"level": level.add_arguments, "tilt": tilt.add_arguments}
    for name, text in HELPS.items():
        kind = kinds.add_parser(
            name, help=text, description=text, epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if name in own:
            own[name](kind)
        _add_usual(kind, writes=name != "show", reads=name not in ("show", "tilt"))


def run(args: argparse.Namespace) -> int:
    """0: done; 1: looked at, and not right. `Failure` otherwise."""
    from tools.calibrate import level, show, tilt
    from tools.calibrate.talk import Session

    session = Session(args)
    kinds: dict[str, Any] = {"level": level.run, "tilt": tilt.run, "show": show.run}
    try:
        return kinds[args.what](session)
    except KeyboardInterrupt:
        session.stopped(order=args.what == "tilt")
        return EXIT_STOPPED


def _add_usual(parser: argparse.ArgumentParser, *, writes: bool, reads: bool) -> None:
    """Take what every kind takes; of one that `writes`, and one that `reads` a sensor, some more."""
    from tools import station_now
    from tools.image import add_usual

    if reads:
        parser.add_argument(
            "--readings", type=_count, default=READINGS, metavar="N", help=f"how many make a value ({READINGS})"
        )
        parser.add_argument("--due", metavar="DATE", help="last day on which it holds, such as 2027-05-30")
    if writes:
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
