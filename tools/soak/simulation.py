"""The whole chain in one process and on its own clock: station-years of faults, each run replayable from its seed.

`python -m tools.soak.simulation --seed S` replays one seed. The same seed gives the same trace, to the last event.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from tools.broker import end_with_parent
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT
from tools.soak.simulated.disk import disks
from tools.soak.simulated.faults import FAULTS, Fault, Faults
from tools.soak.simulated.loop import START_S, Stalled, VirtualLoop
from tools.soak.simulated.oracle import finish, watch
from tools.soak.simulated.world import World, patches

HOURS = 44.0
FAULTS_PER_SEED = 30
SCAN_S = 60
SEEDS = 200
YEAR_HOURS = 8_766.0
FAULTS_MIN = 5_000
DAY_HOURS, DAY_FAULTS = 24.0, 40  # Once with a scan each second.
TOLD_EVERY = 20
TOP = Path(__file__).resolve().parents[2]
QUIET_S = 1_800.0  # At the beginning: everything is there and has met.


class Job(NamedTuple):
    """A seed, and how much of it."""

    seed: int
    hours: float = HOURS
    faults: int = FAULTS_PER_SEED
    scan_s: int = SCAN_S
    without: Sequence[str] = ()  # kinds of faults that are left out

    @property
    def replay(self) -> str:
        """The command that runs it again."""
        more = (
            f" --hours {self.hours:g} --faults {self.faults} --scan-s {self.scan_s}" if self[1:] != Job(0)[1:] else ""
        )
        return f"python -m tools.soak.simulation --seed {self.seed}{more}"


@dataclass
class Result:
    """What one seed did. `digest` is the fingerprint of its trace; `dead` rows were lost to faults that may do so."""

    seed: int
    replay: str
    hours: float
    digest: str
    faults: dict[str, int]
    rows: int
    dead: int
    lost: int
    duplicated: int
    failures: list[str]


def simulate(job: Job, folder: Path) -> Result:
    """Run one seed in `folder`, which is empty."""
    loop = VirtualLoop()
    random.seed(job.seed)
    table = tuple(fault for fault in FAULTS if fault.name not in job.without)
    world = World(loop, folder, job.seed, job.hours, job.scan_s)
    with ExitStack() as stack:
        stack.enter_context(disks(world.disk, world.center_disk))
        for patch in patches(world):
            stack.enter_context(patch)
        done = loop.run(_story(world, job.faults, table))
    ledger = world.ledger
    return Result(
        seed=job.seed,
        replay=job.replay,
        hours=round((loop.now_s - START_S) / 3_600, 1),
        digest=world.trace.digest,
        faults=done,
        rows=ledger.rows(),
        dead=ledger.lost_count(),
        lost=ledger.lost,
        duplicated=ledger.duplicated,
        failures=[*ledger.failures, *world.crashes, *loop.errors],
    )


async def _story(world: World, count: int, table: tuple[Fault, ...]) -> dict[str, int]:
    """Begin, faults at drawn times, no more faults, everything settles, the end is judged."""
    await world.start_center()
    await world.start_gateway()
    watching = asyncio.create_task(watch(world))
    faults = Faults(world, table)
    chance = world.chances["faults"]
    begin_s = world.loop.now_s + QUIET_S
    for at_s in sorted(chance.uniform(begin_s, world.end_s) for _ in range(count)):
        await asyncio.sleep(max(0.0, at_s - world.loop.now_s))
        faults.strike()
    await asyncio.sleep(max(0.0, world.end_s - world.loop.now_s))
    await faults.over()
    await finish(world)
    watching.cancel()
    await world.kill_center()
    return dict(faults.done)


def run(minutes: float, seed: int, tell: Callable[[str], None], folder: Path) -> dict[str, int | float | list]:
    """At least SEEDS seeds and YEARS station-years, one day of scans each second, and on for about `minutes`."""
    results: list[Result] = []
    begun_s = time.monotonic()
    numbers = itertools.chain([Job(seed, DAY_HOURS, DAY_FAULTS, 1)], (Job(seed + n) for n in itertools.count(1)))

    def next_job() -> Job | None:
        with lock:
            enough = len(results) >= SEEDS and sum(result.hours for result in results) >= YEAR_HOURS
            enough = enough and sum(sum(result.faults.values()) for result in results) >= FAULTS_MIN
            return None if enough and time.monotonic() - begun_s >= minutes * 60 else next(numbers)

    def work() -> None:
        with Worker() as worker:
            while (job := next_job()) is not None:
                result = worker.simulate(job)
                with lock:
                    results.append(result)
                    for text in result.failures:
                        tell(f"seed {result.seed}: {text}")
                    if len(results) % TOLD_EVERY == 0:
                        tell(f"{len(results)} seeds, {sum(r.hours for r in results):,.0f} h")

    lock = threading.Lock()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in [pool.submit(work) for _ in range(os.cpu_count() or 1)]:
            done.result()
    return figures(results)


def figures(results: Sequence[Result]) -> dict[str, int | float | list]:
    """What the seeds did, summed; a failure names its seed and what replays it."""
    failures = [
        f"seed {r.seed}: {text}; {r.replay}" for r in sorted(results, key=lambda r: r.seed) for text in r.failures
    ]
    return {
        "station_years": round(sum(result.hours for result in results) / YEAR_HOURS, 2),
        "seeds": len(results),
        "faults": sum(sum(result.faults.values()) for result in results),
        "fault_kinds": len({name for result in results for name in result.faults}),
        "simulated_rows": sum(result.rows for result in results),
        "lost": sum(result.lost for result in results),
        "duplicated": sum(result.duplicated for result in results),
        "failures": failures,
    }


class Worker:
    """A process that simulates seed after seed. Its hashes are not random: sets would have another order each time."""

    def __enter__(self) -> "Worker":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.soak.simulation", "--worker"],
            cwd=TOP,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent(),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def simulate(self, job: Job) -> Result:
        """RuntimeError where the process ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the simulation of seed {job.seed} ended: {job.replay}")
        return Result(**json.loads(answer))


def work_on() -> int:
    """A worker's life: a line of JSON for each line of JSON."""
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        with tempfile.TemporaryDirectory(dir=memory(), prefix="riverpost-simulation-") as place:
            job = Job(*json.loads(line))
            try:
                result = simulate(job, Path(place))
            except Stalled as error:
                result = Result(job.seed, job.replay, 0.0, "", {}, 0, 0, 0, 0, [str(error)])
        print(json.dumps(asdict(result)), flush=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.soak.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one after another, until one fails")
    parser.add_argument("--hours", type=float, default=HOURS)
    parser.add_argument("--faults", type=int, default=FAULTS_PER_SEED)
    parser.add_argument("--scan-s", type=int, default=SCAN_S)
    parser.add_argument("--without", nargs="*", default=[], metavar="FAULT", help="leave these kinds of faults out")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work_on()
    with Worker() as worker:
        for seed in args.seed:
            result = worker.simulate(Job(seed, args.hours, args.faults, args.scan_s, args.without))
            print(f"seed {seed}: trace {result.digest}, {result.hours:.1f} h, {result.rows} rows, {result.faults}")
            for text in result.failures:
                print(f"FAIL  {text}")
            if result.failures:
                return EXIT_NOT_RIGHT
    return EXIT_DONE


def memory() -> str | None:
    """A folder whose flushes cost nothing, where there is one: what a power cut takes is decided here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    sys.exit(main())
