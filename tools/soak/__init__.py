"""`./riverpost test --soak`: the long proofs that nothing is lost, each a module of this package run as a process.

A part is `run(minutes, seed, tell, folder) -> figures`: it works at least to its floors and for about `minutes`, and
puts what went wrong as texts under "failures", each with the seed and the command that replay it. Two lanes keep two
cores busy; a part that needs both runs alone at the end.

Rules of this file: a figure below its floor, a lost or doubled row, a planted bug that nobody caught, a part that ended
without figures: each of them fails the whole.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.broker import end_with_parent
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_WRONG_CALL, Failure

TOP = Path(__file__).resolve().parents[2]
MINUTES = 10.0
MINUTES_MIN, MINUTES_MAX = 1.0, 7 * 24 * 60.0
PART_LIMIT_S = 1_800.0  # Beside its minutes: the floors take what they take on a slow machine.
STOP_S = 20.0
SUMS = ("lost", "duplicated")  # Counted by several parts: added up.
ALONE = 0  # The lane that begins when the others have ended.


@dataclass(frozen=True)
class Part:
    """A proof: `share` of the minutes, `lane` in which it runs, `floors` that its figures must reach."""

    name: str
    about: str
    share: float
    lane: int
    floors: Mapping[str, float] = field(default_factory=dict)


PARTS = (
    Part("kills", "processes and boards killed at random, whole stations", 0.5, 1, {"kills": 100}),
    Part("flash_cuts", "power cuts in the board log, under MicroPython", 0.05, 2, {"flash_cuts": 3_000}),
    Part("week", "a board of each link for a week of its time, its memory", 0.0, 1, {"board_weeks": 2}),
    Part("crash_points", "power cuts of the gateway, from its recorded writes", 0.25, 2, {"crash_states": 20_000}),
    Part("planted", "bugs planted into a copy: each must be caught", 0.2, 2, {"planted": 6}),
    Part(
        "simulation",
        "station-years with faults, from one seed each",
        0.4,
        ALONE,
        {"station_years": 1, "seeds": 200, "faults": 5_000},
    ),
)


def soak(minutes: float, seed: int | None, json_path: Path | None, parts: Sequence[Part] = PARTS) -> int:
    """Run `parts`, print and write their figures; 0 where all hold, 1 where one does not."""
    if not MINUTES_MIN <= minutes <= MINUTES_MAX:
        raise Failure(
            f"a soak takes {MINUTES_MIN:.0f} to {MINUTES_MAX:.0f} minutes",
            seen=f"--minutes {minutes:g}",
            likely="a slip of the pen",
            do=["./riverpost test --soak --minutes 10"],
            exit_code=EXIT_WRONG_CALL,
        )
    seed = secrets.randbits(32) if seed is None else seed
    tell(f"soak: {minutes:g} minutes, seed {seed}; to run the same again: ./riverpost test --soak --seed {seed}")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="riverpost-soak-") as place:
        runs = [Run(part, minutes * part.share, seed, Path(place)) for part in parts]
        try:
            _run_lanes(runs)
        finally:
            for run in runs:
                run.end()
    figures = collect(runs) | {"seed": seed, "minutes": round((time.monotonic() - began_s) / 60, 1)}
    wrong = verdict(runs, figures)
    print("\n".join(f"{name:<24}{_text(value)}" for name, value in figures.items() if name not in ("failures", "seed")))
    for text in wrong:
        print(f"FAIL  {text}")
    if json_path is not None:
        json_path.write_text(json.dumps(figures | {"wrong": wrong}, ensure_ascii=False, indent=1) + "\n")
    if wrong:
        print(f"{len(wrong)} wrong.   Next: ./riverpost test --soak --seed {seed}")
        return EXIT_NOT_RIGHT
    print("ok  nothing lost, nothing doubled, every planted bug caught")
    return EXIT_DONE


def collect(runs: "Sequence[Run]") -> dict[str, Any]:
    """The figures of all parts in one map; what several count is added up."""
    figures: dict[str, Any] = dict.fromkeys(SUMS, 0)
    failures: list[str] = []
    for run in runs:
        for name, value in run.figures.items():
            if name in SUMS:
                figures[name] += value
            elif name == "failures":
                failures += [f"{run.part.name}: {text}" for text in value]
            else:
                figures[name] = value
    return figures | {"failures": failures}


def verdict(runs: "Sequence[Run]", figures: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong, as sentences."""
    wrong = list(figures["failures"])
    wrong += [f"{figures[name]} rows {name}" for name in SUMS if figures[name]]
    if figures.get("caught", 0) != figures.get("planted", 0):
        wrong.append(f"only {figures.get('caught', 0)} of {figures.get('planted', 0)} planted bugs were caught")
    for run in runs:
        if not run.figures:
            wrong.append(f"{run.part.name} ended without figures (exit {run.code}): {run.tail()}")
            continue
        for name, floor in run.part.floors.items():
            if run.figures.get(name, 0) < floor:
                wrong.append(f"{run.part.name}: {name} {_text(run.figures.get(name, 0))}, at least {floor:,} wanted")
    return wrong


def tell(text: str) -> None:
    """Talk goes to stderr, a line at a time, from whichever lane."""
    print(text, file=sys.stderr, flush=True)


class Run:
    """One part as a process, its figures when it has ended. `code` None = it never ended by itself."""

    def __init__(self, part: Part, minutes: float, seed: int, place: Path) -> None:
        self.part = part
        self.code: int | None = None
        self.figures: dict[str, Any] = {}
        self._limit_s = minutes * 60 + PART_LIMIT_S
        self._file = place / f"{part.name}.json"
        self._log = place / f"{part.name}.log"
        self._process: subprocess.Popen[str] | None = None
        folder = place / part.name
        self._command = [sys.executable, "-m", "tools.soak", part.name, "--minutes", f"{minutes:g}"]
        self._command += ["--seed", str(seed), "--folder", str(folder), "--figures", str(self._file)]

    def run(self) -> None:
        """Run it to its end, and pass on what it says."""
        began_s = time.monotonic()
        tell(f"  {self.part.name:<14}{self.part.about}")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=end_with_parent(),
            )
            watch = threading.Timer(self._limit_s, self._process.kill)
            watch.start()
            assert self._process.stderr is not None
            for line in self._process.stderr:
                log.write(line)
                log.flush()
                tell(f"  {self.part.name:<14}{line.rstrip()}")
            self.code = self._process.wait()
            watch.cancel()
        if self._file.exists():
            self.figures = json.loads(self._file.read_text())
        tell(f"  {self.part.name:<14}ended after {time.monotonic() - began_s:.0f} s")

    def end(self) -> None:
        """Stop it if it still runs; it gets time to end what it started."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def tail(self) -> str:
        """The last thing that it said."""
        lines = self._log.read_text().split("\n") if self._log.exists() else []
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _run_lanes(runs: Sequence[Run]) -> None:
    lanes = sorted({run.part.lane for run in runs} - {ALONE})
    threads = [
        threading.Thread(target=_run_lane, args=(runs, lane), name=f"lane {lane}", daemon=True) for lane in lanes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _run_lane(runs, ALONE)


def _run_lane(runs: Sequence[Run], lane: int) -> None:
    for run in runs:
        if run.part.lane == lane:
            run.run()


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
