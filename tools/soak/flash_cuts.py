"""Power cuts at every program and erase of the board's log, torn included, under the real MicroPython.

The script that cuts is tests/firmware/flash_cuts_scenario.py; here its worlds are run, a handful in a process, and the
proof is proven: each mistake of BROKEN, planted into the log, must be found.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.failure import EXIT_WRONG_CALL, Failure
from tools.firmware_build import BUILD, SCRIPTS, build, script

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "tests" / "firmware" / "flash_cuts_scenario.py"
INTERPRETER = Path(".cache") / "micropython" / "micropython"
BROKEN = ("crc", "ahead", "seq", "note", "erase")
CUTS_MIN = 3_000
WORLDS = 10  # In one process.
WORLDS_BROKEN = 16  # Ends at the first failures; some mistakes need a ring that wraps unread.
PROCESS_LIMIT_S = 300
HEAP = "8m"
_TOTAL = re.compile(r"^cuts (\d+) ", re.MULTILINE)


def run(minutes: float, seed: int, tell: Callable[[str], None], folder: Path) -> dict[str, int | float | list]:
    """Cut for about `minutes`, at least CUTS_MIN times. World numbers begin at `seed`: the same seed, the same cuts."""
    build()
    end_s = time.monotonic() + 60 * minutes
    cuts, failures = 0, []
    for found, count in _worlds(seed):
        cuts += count
        failures += found
        if failures or (cuts >= CUTS_MIN and time.monotonic() >= end_s):
            break
        tell(f"    flash cuts: {cuts:,}")
    caught = 0
    for how in BROKEN:
        wrong, _ = cut(seed, WORLDS_BROKEN, how)
        caught += bool(wrong)
        if not wrong:
            failures.append(f'the planted mistake "{how}" was not found; {_replay(seed, WORLDS_BROKEN, how)}')
    return {
        "flash_cuts": cuts,
        "flash_mistakes": len(BROKEN),
        "flash_mistakes_caught": caught,
        "lost": sum("is lost" in text for text in failures),
        "duplicated": sum("again" in text for text in failures),
        "failures": failures,
    }


def cut(first: int, worlds: int, broken: str = "") -> tuple[list[str], int]:
    """Failures, each with what replays it, and the number of cuts, of `worlds` worlds from number `first` on."""
    if not (TOP / INTERPRETER).exists() or not SCRIPT.exists():
        raise Failure(
            "There is no MicroPython, or no checkout, to cut in",
            seen=f"{INTERPRETER} or {SCRIPT.relative_to(TOP)} is missing",
            likely="the set-up has not run, or this is an installed package",
            do=["./riverpost test"],
            exit_code=EXIT_WRONG_CALL,
        )
    copy = script(SCRIPT, SCRIPT.with_name("flash_cuts_model.py"))
    done = subprocess.run(
        [str(TOP / INTERPRETER), "-X", f"heapsize={HEAP}", str(copy), str(first), str(worlds), broken],
        env={**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}"},
        capture_output=True,
        text=True,
        timeout=PROCESS_LIMIT_S,
        check=False,
    )
    failures = [
        f"{line.removeprefix('FAIL ')}; {_replay(first, worlds, broken)}"
        for line in done.stdout.splitlines()
        if line.startswith("FAIL")
    ]
    total = _TOTAL.search(done.stdout)
    if done.returncode or total is None:
        failures.append(f"ended with {done.returncode}: {done.stderr[-400:]}; {_replay(first, worlds, broken)}")
    return failures, int(total[1]) if total else 0


def _worlds(seed: int) -> Iterator[tuple[list[str], int]]:
    while True:
        yield cut(seed, WORLDS)
        seed += WORLDS


def _replay(first: int, worlds: int, broken: str) -> str:
    """The command that does the same again, to be typed in the checkout."""
    place, copy = BUILD.relative_to(TOP), (SCRIPTS / SCRIPT.relative_to(TOP)).relative_to(TOP)
    command = f"MICROPYPATH={place}:{place}/lib {INTERPRETER} -X heapsize={HEAP} {copy} {first} {worlds} {broken}"
    return f"replay: {command.strip()}"
