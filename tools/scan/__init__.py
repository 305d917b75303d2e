"""`riverpost scan`: who is on an RS-485 bus, whether that is what station.toml means, and what is wrong with the line.

Rules of this file: it only asks, and nothing where another master talks; whatever comes as an answer, it goes on.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_STOPPED
from tools.scan.settings import ADDRESSES, addresses

if TYPE_CHECKING:
    from tools.scan.call import Call
    from tools.scan.found import Scan

HELP = "find what is on an RS-485 bus, and what is wrong with it"
EXAMPLE = """example:
  riverpost scan                                   the bus of ./station.toml
  riverpost scan --port /dev/ttyUSB0 --addresses 1-30
  riverpost scan --port /dev/ttyUSB0 --all         every usual rate and parity

Stop the gateway before: it asks on the same line. Exit codes: 0 all right,
1 something to look at, 3 nothing found, 4 the port failed, 5 somebody talks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where, how and whom to ask."""
    from tools import bus_place

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    bus_place.add_arguments(parser)
    parser.add_argument("--all", action="store_true", help="ask at every usual rate and framing (takes minutes)")
    parser.add_argument(
        "--addresses", type=addresses, default=ADDRESSES, metavar="A", help="whom to ask: 1-247, or 11,12,20-30"
    )
    parser.add_argument("--wait", type=_wait_ms, default=100, metavar="MS", help="for an answer, 20 to 2000 ms (100)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked and how long it takes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the result there; - for standard output")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def _wait_ms(text: str) -> int:
    found = int(text)
    if not 20 <= found <= 2_000:
        raise ValueError(text)
    return found


def run(args: argparse.Namespace) -> int:
    """0: all as it should be; 1: something to look at. `Failure` where nothing was found, or nothing could be asked."""
    from gateway import words
    from tools.failure import wrapped
    from tools.scan.call import read_call
    from tools.scan.course import estimate, listed, look
    from tools.scan.show import width

    lang = words.language(args.lang)
    call = read_call(args, lang)
    out = sys.stderr if str(args.json) == "-" else sys.stdout
    for line in listed(call, lang):
        print(*wrapped(line, width()), sep="\n", file=out, flush=True)
    if args.dry_run:
        print(*wrapped(estimate(call, lang), width()), sep="\n", file=out)
        return EXIT_DONE
    return _tell(args, call, look(call, lang), lang)


def _tell(args: argparse.Namespace, call: "Call", scan: "Scan", lang: str) -> int:
    """Print it, write it, and say whether all is right."""
    from tools import image
    from tools.scan import show
    from tools.scan.course import following, judged, nothing
    from tools.scan.phrases import phrase

    out = sys.stderr if str(args.json) == "-" else sys.stdout
    rows, hints = judged(call, scan)
    if args.json:
        image.write_json(args.json, show.document(scan, rows, hints), lang)
    if scan.stopped:
        print(phrase("stopped_at", lang), file=sys.stderr)
    elif not scan.devices:
        raise nothing(scan, hints, lang)
    show.table(rows, lang, out)
    show.line_hints(hints, lang, out)
    if scan.stopped:
        return EXIT_STOPPED
    show.result(rows, hints, following(call, rows, hints, lang), lang, out)
    right = all(one.state == "ok" for one in [*rows, *hints])
    return EXIT_DONE if right else EXIT_NOT_RIGHT
