"""`riverpost record`: listens on a bus and writes every frame with its time, until it is stopped.

Rules of this file: nothing is ever sent; what was heard is in the file at once, so that a pulled adapter or Ctrl-C
leaves a whole recording.
"""

import argparse
from pathlib import Path

HELP = "listen on a bus and write every frame with its time"
EXAMPLE = """example:
  riverpost record --port /dev/ttyUSB0 -o bus.jsonl            until Ctrl-C
  riverpost record --station station.toml --for "10 min" -o bus.jsonl

It never sends. The gateway keeps its port to itself: listen with an adapter of
your own beside it. Next: riverpost replay --bus bus.jsonl"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where to listen, where to write, and how long."""
    from tools import bus_place

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    bus_place.add_arguments(parser)
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", required=True, help="where the recording goes")
    parser.add_argument("--for", dest="duration", metavar="TIME", help='how long, such as "10 min"; else until Ctrl-C')
    parser.add_argument("--yes", action="store_true", help="write over a file that is there")
    parser.add_argument("--dry-run", action="store_true", help="say where it would listen and write")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the counts there at the end; - for stdout")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def run(args: argparse.Namespace) -> int:
    """0: recorded; 1: only garbage came; 3: nothing; 130: stopped by hand."""
    from gateway import words
    from tools.record.course import record

    return record(args, words.language(args.lang))
