"""`riverpost bench`: measures gateway and firmware, and holds the figures against their limits."""

import argparse
import importlib
import json
import platform
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_WRONG_CALL, Failure

if TYPE_CHECKING:
    from tools.bench.figures import Figure

HELP = "measure gateway and firmware against their limits"
EXAMPLE = "riverpost bench wire --seconds 20 --json wire.json"
# Each a module of this package: ABOUT, measure(plan).
PAGES = ("engine", "wire", "dead", "latency", "cost", "start", "spool", "drain", "uplink", "replay", "flash")
PAGES += ("firmware", "siren")
SECONDS_MIN = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"any of {', '.join(PAGES)} (default: all)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a run (default: 20)")
    parser.add_argument(
        "--repeat", type=int, default=5, help="runs of each measurement; the median counts (default: 5)"
    )
    parser.add_argument("--trials", type=int, default=20, help="siren: how many stimuli at least (default: 20)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write every figure there")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs and databases there")


def run(args: argparse.Namespace) -> int:
    """0: every limit is kept; 1: one is missed; 2: wrong call; 4: something did not run."""
    wrong = [page for page in args.pages if page not in PAGES]
    if wrong or args.seconds < SECONDS_MIN or args.repeat < 1 or args.trials < 1:
        raise _wrong_call(wrong)
    if args.keep and args.keep.exists() and any(args.keep.iterdir()):
        raise Failure(
            f"{args.keep} is not empty",
            seen=", ".join(sorted(place.name for place in args.keep.iterdir())[:5]),
            likely="it keeps an earlier bench",
            do=[f"rm -r {args.keep}, or name another folder"],
            exit_code=EXIT_WRONG_CALL,
        )
    from tools.bench.figures import HEAD
    from tools.bench.station import Plan

    folder = args.keep or Path(tempfile.mkdtemp(prefix="riverpost-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    tell = partial(print, " ", file=sys.stderr, flush=True)
    plan = Plan(args.seconds, args.repeat, folder, tell, args.trials)
    pages: dict[str, list[Figure]] = {}
    try:
        for name in args.pages or PAGES:
            page = importlib.import_module(f"tools.bench.{name}")
            print(f"{name}: {page.ABOUT}", file=sys.stderr, flush=True)
            pages[name] = page.measure(plan)
            print("\n".join([HEAD, *(figure.text() for figure in pages[name]), ""]), flush=True)
            _write(args, pages)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    missed = [figure.name for figures in pages.values() for figure in figures if not figure.good]
    print("look  " + "; ".join(missed) if missed else "ok  every limit is kept")
    return EXIT_NOT_RIGHT if missed else EXIT_DONE


def _wrong_call(pages: list[str]) -> Failure:
    return Failure(
        "there is no such bench" if pages else "a bench needs some time",
        seen=f"page {', '.join(pages)}" if pages else "--seconds below 1, or --repeat or --trials below 1",
        likely="a slip of the pen",
        do=[f"riverpost bench {' '.join(PAGES)}", "riverpost bench --help"],
        exit_code=EXIT_WRONG_CALL,
    )


def _write(args: argparse.Namespace, pages: "dict[str, list[Figure]]") -> None:
    """After every page: a bench that is stopped keeps what it has."""
    if args.json is None:
        return
    document: dict[str, Any] = {
        "machine": {"python": platform.python_version(), "processor": platform.machine(), "system": platform.release()},
        "seconds": args.seconds,
        "repeat": args.repeat,
        "trials": args.trials,
        "pages": {name: [figure.document() for figure in figures] for name, figures in pages.items()},
    }
    args.json.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
