"""`riverpost watch`: a running station as it is now: values, alarms, buses, boards, renewed twice a second.

Rules of this file: it only looks; what is not of the present is not shown as a value.
"""

import argparse
from pathlib import Path

HELP = "see a running station's values, alarms and buses, live"
EXAMPLE = """example:
  riverpost watch                          the station of ./station.toml
  riverpost watch --status /run/riverpost/CYB01.json
  riverpost watch --once                   one look; exit code 1 if a channel fails

Keys: q quit, p pause, z language, j and k another plot, g no plot. In a pipe
it writes a line for each channel every second; with --json - a JSON line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which station, and how it is shown."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument(
        "--station", type=Path, metavar="FILE", help="its station.toml; else ./station.toml, if it is there"
    )
    parser.add_argument("--status", type=Path, metavar="FILE", help="the gateway's --status file; else the usual place")
    parser.add_argument("--channel", metavar="NAME", help="the channel that is plotted first")
    parser.add_argument("--once", action="store_true", help="one look, without a live picture")
    parser.add_argument("--json", type=Path, metavar="PATH", help="one look into a file; - for JSON lines on stdout")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def run(args: argparse.Namespace) -> int:
    """0: ended by q; with --once: all channels have values; 1: one has not. `Failure` where no gateway runs."""
    from gateway import words
    from tools.watch.course import watch

    return watch(args, words.language(args.lang))
