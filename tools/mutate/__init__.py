"""`riverpost mutate`: plants one mistake after another into the lines that must not be wrong, in a copy of the tree.

Every mistake must make a test fail; one that does not is a survivor, and shows a line that no test holds.
"""

import argparse
import itertools
import json
import os
import sys
from pathlib import Path

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_NOTHING_FOUND
from tools.mutate.mutants import Mutant
from tools.mutate.regions import EQUIVALENT, REGIONS, Region
from tools.mutate.trials import SURVIVED, Outcome, judge_all

HELP = "plant mistakes in a copy; each must make a test fail"
ROOT = Path(__file__).parents[2]
EXCUSED = {(one.file, one.function, one.code, change): one.why for one in EQUIVALENT for change in one.changes}
TOLD_EVERY = 50  # mutants: a few minutes of nothing look like a hang


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="TEXT", default="", help="only files and functions whose name holds TEXT")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="tests at a time (default: processors)"
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    regions = tuple(
        Region(region.file, functions, region.tests)
        for region in REGIONS
        if (functions := tuple(f for f in region.functions if args.only in f"{region.file} {f}"))
    )
    if not regions:
        print(f"no region holds {args.only!r}", file=sys.stderr)
        return EXIT_NOTHING_FOUND
    outcomes = judge_all(ROOT, regions, Teller(), max(1, args.workers))
    survivors = [outcome for outcome in outcomes if survived(outcome)]
    if args.json:
        print(json.dumps({"mutants": len(outcomes), "survivors": [text(outcome) for outcome in survivors]}, indent=1))
    else:
        print(f"{len(outcomes)} mutants, {len(survivors)} survived")
    return EXIT_NOT_RIGHT if survivors else EXIT_DONE


def survived(outcome: Outcome) -> bool:
    """Did no test see it, though it could have been seen?"""
    return outcome.fate == SURVIVED and identity(outcome.region, outcome.mutant) not in EXCUSED


def identity(region: Region, mutant: Mutant) -> tuple[str, str, str, str]:
    """What names a mutant, and stays when lines move."""
    return region.file, mutant.function, mutant.code, mutant.change


def text(outcome: Outcome) -> str:
    mutant = outcome.mutant
    return f"{outcome.region.file}:{mutant.line} {mutant.function}: {mutant.change}"


class Teller:
    """Tells of survivors as they come, and now and then how far it is."""

    def __init__(self) -> None:
        self._seen = itertools.count(1)

    def __call__(self, outcome: Outcome) -> None:
        seen = next(self._seen)
        if survived(outcome):
            print(f"survived  {text(outcome)}", file=sys.stderr, flush=True)
        if seen % TOLD_EVERY == 0:
            print(f"{seen} mutants so far, now in {outcome.region.file}", file=sys.stderr, flush=True)
