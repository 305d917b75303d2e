"""`riverpost update BOARD PACKAGE`: bring a package to a board through the gateway that runs, and follow it to its end.

Rules of this file: what the gateway or the board would refuse is refused here, before anything is dropped; the gateway
does the work, so whoever stops watching stops nothing.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import image as images
from tools import station_now
from tools.failure import EXIT_DONE, EXIT_STOPPED

if TYPE_CHECKING:
    from tools.update.plan import Plan

HELP = "update a board through the gateway, and watch it to its end"
EXAMPLE = """example:
  riverpost release --class esp32 --counter 8 --key update.key      makes riverpost-esp32-8.rpu
  riverpost update level riverpost-esp32-8.rpu --dry-run            what would happen
  riverpost update level riverpost-esp32-8.rpu
  riverpost update level                                            go on watching
  riverpost update level --cancel                                   take it back

exit codes: 0 confirmed by the board, 2 wrong call, configuration or file, 3 nothing found, 4 rolled back, refused, or
the gateway is not there, 5 refused for safety, 130 stopped watching"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which board, what it gets, and where the gateway is."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("board", metavar="BOARD", help="its name in station.toml")
    parser.add_argument(
        "package", metavar="PACKAGE", type=Path, nargs="?", help="what riverpost release made; else what is under way"
    )
    parser.add_argument("--cancel", action="store_true", help="take back what is under way")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    station_now.add_arguments(parser)
    images.add_usual(parser)


def run(args: argparse.Namespace) -> int:
    """0: the board has confirmed it, or it was taken back. `Failure` otherwise."""
    from gateway import words
    from tools.update import cancel, plan

    lang = words.language(args.lang)
    if args.cancel:
        return cancel.run(args, lang)
    made = plan.make(args, lang)
    try:
        return _update(args, made, lang)
    except KeyboardInterrupt:
        _tell(args, made, lang, "stopped")
        print(f"\n{plan.how_to_go_on(args, made, lang)}", file=sys.stderr)
        return EXIT_STOPPED


def _update(args: argparse.Namespace, plan: "Plan", lang: str) -> int:
    from tools.failure import Failure
    from tools.update.phrases import facts, said
    from tools.update.watch import Watch

    talk = sys.stderr if str(args.json) == "-" else sys.stdout
    print(facts(plan.facts(), lang), file=talk, flush=True)
    if plan.runs_already:
        print(said("update_runs_already", lang), file=talk)
        _tell(args, plan, lang, "confirmed")
        return EXIT_DONE
    if args.dry_run:
        print(said("dry_update", lang), said("next_call", lang), sep="\n", file=talk)
        _tell(args, plan, lang, "")
        return EXIT_DONE
    if not plan.watches and not args.yes and not _agreed(lang):
        print(said("update_declined", lang), file=sys.stderr)
        return EXIT_DONE
    began_s = time.monotonic()
    watch = Watch(plan, lang)
    try:
        if not plan.watches:
            plan.drop()
        watch.follow()
    except Failure:
        _tell(args, plan, lang, watch.state)
        raise
    _tell(args, plan, lang, watch.state)
    print(plan.closing(args, time.monotonic() - began_s), file=talk)
    return EXIT_DONE


def _agreed(lang: str) -> bool:
    """Does whoever sits there want it? `Failure` without a terminal."""
    from tools.faults import fault
    from tools.update.phrases import phrase

    if not sys.stdin.isatty():
        raise fault("ask_first", lang, seen="stdin: -")
    print(phrase("update_question", lang), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


def _tell(args: argparse.Namespace, plan: "Plan", lang: str, state: str) -> None:
    """Write the result for a machine; `state` as a note has it, "" = nothing was done, "stopped" watching."""
    if args.json:
        found: dict[str, Any] = {**plan.document(), "dropped": plan.dropped, "state": state}
        images.write_json(args.json, found, lang)
