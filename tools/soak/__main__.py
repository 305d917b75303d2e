"""`python -m tools.soak PART --seed S`: one proof alone, as the soak runs it and as a failure is replayed."""

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT
from tools.soak import PARTS, tell


def main() -> int:
    """0: nothing wrong was found; 1: failures, printed with what replays them."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description="Run one part of the soak alone.")
    parser.add_argument("part", choices=[part.name for part in PARTS])
    parser.add_argument("--minutes", type=float, default=0.0, help="beyond the floors (default: only these)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for its files; kept (default: a temporary one)")
    parser.add_argument("--figures", type=Path, metavar="PATH", help="write the figures there as JSON")
    args = parser.parse_args()
    part = importlib.import_module(f"tools.soak.{args.part}")
    with tempfile.TemporaryDirectory(prefix="riverpost-soak-") as place:
        folder = args.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        figures = part.run(args.minutes, args.seed, tell, folder)
    text = json.dumps(figures, ensure_ascii=False, indent=1)
    if args.figures:
        args.figures.write_text(text + "\n")
    else:
        print(text)
    return EXIT_NOT_RIGHT if figures.get("failures") else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
