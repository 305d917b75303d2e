"""Runs the tests of a region against one mutant after another, each in a copy of the tree."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools.broker import end_with_parent
from tools.failure import EXIT_WRONG_CALL, Failure
from tools.mutate.mutants import Mutant, NoSuchFunction, mutants
from tools.mutate.regions import Region

COPIED = ("pyproject.toml", "boards", "firmware", "gateway", "tests", "tools")
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".hypothesis", "build")
HOST = Path(__file__).with_name("host.py")
BASELINE_LIMIT_S = 120
LIMIT_FACTOR = 4  # A mutant that never ends is known by this much more time than the tests take without one,
LIMIT_MIN_S = 2  # and by no less than this.
KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timed out"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant of `region`: KILLED, SURVIVED or TIMED_OUT (which counts as seen)."""

    region: Region
    mutant: Mutant
    fate: str


def copy_tree(root: Path, place: Path) -> None:
    """The tree below `root` as far as tests need it, at `place`, which is made."""
    place.mkdir()
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, place / name, ignore=NOT_COPIED)
        elif (root / name).exists():
            shutil.copy(root / name, place / name)


class Copy:
    """A copy of the tree below `root` at `place`, with a host that runs its tests; a context manager."""

    def __init__(self, root: Path, place: Path) -> None:
        copy_tree(root, place)
        self._place = place
        self._host = subprocess.Popen(
            [sys.executable, "-P", str(HOST)],
            cwd=place,
            # No bytecode: a mutant of the same second and length would run as the one before it.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(place)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )

    def __enter__(self) -> "Copy":
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._host.pid, signal.SIGKILL)
        self._host.communicate()

    def judge(self, region: Region, source: str | None, limit_s: int) -> tuple[str, float]:
        """The fate of `region`'s file as `source` (None: as it is) within `limit_s` of processor time, and the time."""
        file = self._place / region.file
        original = file.read_text(encoding="utf-8")
        try:
            if source is not None:
                file.write_text(source, encoding="utf-8")
            return self._tested(region.tests, limit_s)
        finally:
            file.write_text(original, encoding="utf-8")

    def _tested(self, tests: tuple[str, ...], limit_s: int) -> tuple[str, float]:
        assert self._host.stdin is not None
        assert self._host.stdout is not None
        self._host.stdin.write(json.dumps([tests, limit_s]) + "\n")
        self._host.stdin.flush()
        answer = self._host.stdout.readline()
        if not answer:
            raise RuntimeError("the host of the tests ended")
        code, used_s = json.loads(answer)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return TIMED_OUT, used_s
        return KILLED if code else SURVIVED, used_s


def judge_all(root: Path, regions: tuple[Region, ...], told: Callable[[Outcome], None], workers: int) -> list[Outcome]:
    """The fate of every mutant of `regions` in the tree below `root`; `told` hears of each.

    Failure where the tests fail without any mutant, or a region names what is not there.
    """
    jobs = [(region, mutant) for region in regions for mutant in _mutants_of(root, region)]
    free: queue.Queue[Copy] = queue.Queue()

    def judge(region: Region, source: str | None, limit_s: int) -> tuple[str, float]:
        lent = free.get()
        try:
            return lent.judge(region, source, limit_s)
        finally:
            free.put(lent)

    def limit_s(region: Region) -> int:
        """Seconds that a mutant's tests may take, from a run without any."""
        fate, used_s = judge(region, None, BASELINE_LIMIT_S)
        if fate != SURVIVED:
            raise _tests_fail(region, fate)
        return max(LIMIT_MIN_S, round(LIMIT_FACTOR * used_s))

    def one(job: tuple[Region, Mutant]) -> Outcome:
        region, mutant = job
        fate, _ = judge(region, mutant.source, limits_s[region])
        outcome = Outcome(region, mutant, fate)
        told(outcome)
        return outcome

    with tempfile.TemporaryDirectory(prefix="mutate-") as folder, ExitStack() as stack:
        for i in range(workers):
            free.put(stack.enter_context(Copy(root, Path(folder) / str(i))))
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        limits_s = dict(zip(regions, pool.map(limit_s, regions), strict=True))
        return list(pool.map(one, jobs))


def _mutants_of(root: Path, region: Region) -> list[Mutant]:
    try:
        return list(mutants((root / region.file).read_text(encoding="utf-8"), region.functions))
    except (OSError, NoSuchFunction) as error:
        raise Failure(
            "A region of the mutations is not there",
            seen=f"{region.file}: {error}",
            likely="a function or file was renamed",
            do=["write its new name into tools/mutate/regions.py"],
            exit_code=EXIT_WRONG_CALL,
        ) from None


def _tests_fail(region: Region, fate: str) -> Failure:
    return Failure(
        "The tests fail without any mutant",
        seen=f"{' '.join(region.tests)}: {'longer than the limit' if fate == TIMED_OUT else 'not all pass'}",
        likely="a failing test, or one that needs what a copy of the tree has not",
        do=[f"python -m pytest {' '.join(region.tests)}", "start again"],
    )
