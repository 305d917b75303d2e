"""Bugs planted into copies of the shipped tree, one at a time: the proof that is meant for each must fail.

A proof that passes with the bug in place proves nothing; one that fails without it is broken. A bug is one piece of a
file's text, replaced; where that text is not there exactly once any more, the bug is out of date and fails too.
"""

import os
import queue
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.mutate.trials import copy_tree
from tools.soak import crash_points
from tools.soak.crash.plant import PLANTS, Plant

TOP = Path(__file__).resolve().parents[2]
WORKERS = 2  # As many as the smallest machine of ours has cores.
LIMIT_S = 120
TAIL_CHARS = 300

Command = tuple[str, ...]  # What follows `python -m`; exit code 1 = something was found.


def simulation(*seeds: int) -> Command:
    """Short seeds, until one fails."""
    return ("tools.soak.simulation", "--hours", "8", "--faults", "24", "--seed", *map(str, seeds))


def tests(*names: str) -> Command:
    return ("pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *names)


class Bug(NamedTuple):
    """A plant, and the proof that must catch it."""

    name: str
    plant: Plant
    proof: Command


BUGS = (
    Bug(
        "acknowledged to boards what only memory has",
        Plant(
            "gateway/spool_index.py",
            "return _contiguous(self._below(log), log.held, log.acked, log.gone)",
            "return _contiguous(self._below(log), log.here(), log.acked, log.gone)",
        ),
        simulation(1, 2, 3, 4),
    ),
    Bug(
        "deleted before it was acknowledged",
        Plant(
            "gateway/spool_room.py",
            "lambda key, held: held.minus(held.minus(changes.range(db, ACKED, key)))",
            "lambda key, held: held",
        ),
        tests("tests/gateway/test_spool.py"),
    ),
    Bug(
        "sequence used again",
        Plant(
            "gateway/spool_tables.py",
            "SET made_seq = made_seq + 1 WHERE",
            "SET made_seq = 1 + (SELECT coalesce(max(seq), 0) FROM rows WHERE rows.source = logs.source"
            " AND rows.epoch = logs.epoch) WHERE",
        ),
        tests("tests/gateway/test_spool.py"),
    ),
    Bug(
        "watermark not contiguous",
        Plant("gateway/spool_index.py", "return known.contiguous(below) if known", "return known.last if known"),
        tests("tests/gateway/test_spool_index.py"),
    ),
    Bug(
        "old generation believed",
        Plant("gateway/spool_index.py", "if generation != self.generation:", "if not self.generation:"),
        tests("tests/gateway/test_spool_center.py", "tests/gateway/test_spool.py"),
    ),
    Bug(
        "PUBACK taken for an acknowledgement",
        Plant("gateway/sender.py", 'elif self._center.ack == "broker":', "elif confirmed.result() != UNHEARD:"),
        simulation(1, 2, 3, 4),
    ),
    Bug(
        "never sent again",
        Plant(
            "gateway/flight.py",
            "return self._drop([flight for flight in self._flights if now_s >= flight.due_s(timeout_s)])",
            "return []",
        ),
        simulation(1, 2, 3, 4),
    ),
    Bug(
        "what the center has already is inserted again",
        Plant(
            "tools/center/store.py",
            "fresh = [stored for stored in rows if stored.row.seq not in ranges] if known else rows",
            "fresh = rows",
        ),
        tests("tests/tools/test_center.py"),
    ),
    Bug(
        "the center acknowledges what it did not commit",
        Plant(
            "tools/center/store.py",
            '                self._db.execute("COMMIT")\n',
            '                self._db.execute("COMMIT" if self._counts["rows"] % 5 else "ROLLBACK")\n',
        ),
        simulation(1, 2, 3, 4),
    ),
    Bug(
        "a board's ring overwrites silently what nobody has",
        Plant("firmware/board_log.py", "            self.overwritten += unseen\n", "            pass\n"),
        tests("tests/firmware/test_board_log.py"),
    ),
    Bug(
        "a catalogue's version used again",
        Plant("gateway/catalogue.py", "return (days & 0xFFFF) << 16 | content", "return newest + 1"),
        tests("tests/gateway/test_catalogue.py"),
    ),
)


def run(minutes: float, seed: int, tell: Callable[[str], None], folder: Path) -> dict[str, int | float | list]:
    """Every bug once, and every proof once without any; `minutes` and `seed` make no difference to the copies."""
    failures: list[str] = []
    caught = 0
    free: queue.Queue[Path] = queue.Queue()
    for number in range(WORKERS):
        copy_tree(TOP, folder / f"copy-{number}")
        free.put(folder / f"copy-{number}")

    def judge(bug: Bug | None, proof: Command) -> str:
        """What the proof says in a copy with `bug`; "" = nothing was found."""
        place = free.get()
        try:
            return verdict(place, proof, bug.plant if bug else None)
        finally:
            free.put(place)

    proofs = sorted({bug.proof for bug in BUGS})
    with ThreadPoolExecutor(WORKERS) as pool:
        for proof, found in zip(proofs, pool.map(lambda proof: judge(None, proof), proofs), strict=True):
            if found:
                failures.append(f"the proof fails without any bug: python -m {' '.join(proof)}: {found}")
        for bug, found in zip(BUGS, pool.map(lambda bug: judge(bug, bug.proof), BUGS), strict=True):
            caught += bool(found)
            tell(f"planted: {bug.name}: {found or 'NOT CAUGHT'}")
            if not found:
                failures.append(f"nobody caught: {bug.name}; python -m {' '.join(bug.proof)}")
    for name in PLANTS:  # What only a power cut shows: flushes left out, promises before the COMMIT.
        figures = crash_points.with_plant(name, seed, folder / "crash")
        caught += figures["crash_plants_found"]
        failures += figures["failures"]
    return {"planted": len(BUGS) + len(PLANTS), "caught": caught, "failures": failures}


def verdict(place: Path, proof: Command, plant: Plant | None) -> str:
    """Run `proof` in the tree at `place` with `plant` in it; its last words where it found something, else ""."""
    if plant is None:
        return _proven(place, proof)
    file = place / plant.file
    original = file.read_text(encoding="utf-8")
    try:
        file.write_text(plant.in_text(original), encoding="utf-8")
        return _proven(place, proof)
    finally:
        file.write_text(original, encoding="utf-8")


def _proven(place: Path, proof: Command) -> str:
    # No bytecode: a bug of the same second and length would run as the text before it.
    paths = os.pathsep.join((str(place), str(place / "firmware" / "lib")))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", *proof],
            cwd=place,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {LIMIT_S} s"
    if done.returncode == 0:
        return ""
    words = done.stdout + done.stderr
    said = [line for line in words.splitlines() if line.startswith(("FAIL", "E  "))] or [words.strip()[-TAIL_CHARS:]]
    return said[0][:TAIL_CHARS] or f"exit {done.returncode}"
