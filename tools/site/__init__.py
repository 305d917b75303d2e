"""`riverpost site new`: the few questions that a site needs; its station.toml, wiring list and commands come of them.

Rules of this file: what is there is never overwritten; whoever stops keeps the answers, and nothing else is written.
"""

import argparse
from pathlib import Path

HELP = "plan a new site: station.toml, wiring list, next commands"
EXAMPLE = """example:
  riverpost site new cyb01                    asks, writes cyb01/station.toml
  riverpost site new cyb01 --wiring cyb01/wiring.md
  riverpost site enable cyb01/station.toml    switches on rules that waited"""
EXAMPLES = {
    "new": """example:
  riverpost site new cyb01
  riverpost site new cyb01 --dry-run
  riverpost site new cyb01 --answers cyb01.toml --wiring cyb01.md --yes

At a question: Enter takes what stands in [ ], ? explains it, < goes back.
Ctrl-C keeps the answers in cyb01/site-answers.toml: the same command goes on.""",
    "enable": """example:
  riverpost site enable cyb01/station.toml --dry-run
  riverpost site enable cyb01/station.toml

A rule over a converter waits until its board has its calibration.adc.PORT.
Exit codes: 0 none waits any more, 1 some still wait.""",
}
HELPS = {
    "new": "ask what the site needs, write its station.toml, print its wiring list",
    "enable": "switch on the rules that waited, where what they waited for is there",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A parser for each of the two."""
    from tools.image import add_usual

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, text in HELPS.items():
        kind = kinds.add_parser(name, help=text, description=text, epilog=EXAMPLES[name])
        kind.formatter_class = argparse.RawDescriptionHelpFormatter
        where, shown = ("?", "FOLDER|station.toml") if name == "new" else (None, "station.toml")
        default = Path() if name == "new" else None
        kind.add_argument("where", type=Path, nargs=where, default=default, metavar=shown, help="the site's file")
        if name == "new":
            kind.add_argument("--answers", type=Path, metavar="FILE", help="a TOML file with all answers; asks nothing")
            kind.add_argument("--wiring", type=Path, metavar="FILE", help="write the wiring list there (Markdown)")
            kind.add_argument("--yes", action="store_true", help="do not ask before it is written")
        add_usual(kind)


def run(args: argparse.Namespace) -> int:
    """0: done; 1: rules still wait. `Failure` otherwise."""
    from gateway import words
    from tools.site import enable, new

    lang = words.language(args.lang)
    return new.run(args, lang) if args.what == "new" else enable.run(args, lang)
