"""`python -m tools.soak.crash RECORDING MODEL OPERATION KIND`: lay out one crash state again, and judge it."""

import argparse
import shutil
import sys
from pathlib import Path

from tools.soak.crash.disk import MODELS
from tools.soak.crash.kept import kept, memory, search_of


def main() -> int:
    """0: nothing is wrong with it; 1: something is, and the files are there to look at."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak.crash", description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("operation", type=int)
    parser.add_argument("kind", help='as the failure says it: "whole", "flushed", "torn 3", "subset 7"')
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("crash-state"), help="a new folder for the files of the state")
    args = parser.parse_args()
    with memory() as folder:
        search = search_of(kept(args.recording), args.seed, folder)
        wrong = search.again(args.model, args.operation, args.kind)
        shutil.copytree(search.disk, args.out)
    print("\n".join(wrong) or "nothing is wrong with this state")
    print(f"its files: {args.out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
