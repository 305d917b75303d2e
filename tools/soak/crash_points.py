"""Power cuts of the gateway at every one of its writes: nothing that was promised may be missing afterwards.

A whole station runs under load while strace writes down what its gateway does to the disk, the line and the network.
From that every disk is made that a power cut could have left, and each is judged (tools/soak/crash). The gateway's
store alone, under a small cap, goes through evictions and drops besides. The same is done with copies of the tree that
have a bug; there something must be found, or the search is blind.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.spool_schema import GONE
from tools.soak.crash.disk import MODELS
from tools.soak.crash.kept import keep, memory, search_of
from tools.soak.crash.load import Load, Recorded
from tools.soak.crash.plant import PLANTS, planted
from tools.soak.crash.store_load import record_store

STATES_MIN = 20_000
RECORD_S = 40.0
PLANT_S = 6.0
PLANT_STEPS = (5,)  # of the store program
SUBSETS = 3  # Random subsets for each operation.
RECORDINGS_MAX = 1_000

Tell = Callable[[str], None]
Figures = dict[str, Any]  # numbers, and texts under "failures"


def run(minutes: float, seed: int, tell: Tell, folder: Path) -> Figures:
    """The soak's part: at least STATES_MIN distinct states, and for about `minutes`."""
    end_s = time.monotonic() + minutes * 60
    figures = _no_figures()
    for name in PLANTS:
        place = folder / f"store, {name}"
        recorded = record_store(place / "store", seed, PLANT_STEPS, planted(name, place / "tree"))
        _search_plant(name, recorded, seed, figures, tell)
    _search_plant_of_station("nothing is flushed", seed, folder, figures, tell)
    for number in range(RECORDINGS_MAX):
        place = folder / f"recording-{number}"
        _search(Load(place / "station", seed + number).record(RECORD_S), seed + number, figures, tell)
        _search_store(place / "store", seed + number, figures, tell)
        if figures["crash_states"] >= STATES_MIN and time.monotonic() > end_s:
            break
    return figures


def short(seed: int, folder: Path, seconds: float) -> Figures:
    """A station's recording of `seconds`, searched: for a test."""
    figures = _no_figures()
    _search(Load(folder, seed).record(seconds), seed, figures, _say_nothing)
    return figures


def with_plant(name: str, seed: int, folder: Path) -> Figures:
    """A station with one plant, searched: for a test."""
    figures = _no_figures()
    _search_plant_of_station(name, seed, folder, figures, _say_nothing)
    return figures


def _search_store(folder: Path, seed: int, figures: Figures, tell: Tell) -> None:
    """The store under its small cap; what it is recorded for must have happened."""
    recorded = record_store(folder, seed)
    with closing(sqlite3.connect(folder / "data" / "spool.db")) as db:
        (dropped,) = db.execute("SELECT count(*) FROM ranges WHERE what = ?", (GONE,)).fetchone()
    if not dropped:
        figures["failures"].append(f"the store has dropped nothing with seed {seed}: its load is too small")
    _search(recorded, seed, figures, tell)


def _search(recorded: Recorded, seed: int, figures: Figures, tell: Tell) -> None:
    """Try all states of one recording in both models."""
    operations = len(recorded.recording.operations)
    tell(f"{operations:,} operations of {recorded.starts} starts, {len(recorded.talk.promises):,} promises")
    with memory() as place:
        search = search_of(recorded, seed, place)
        for model in MODELS:
            search.run(model, range(SUBSETS))
    found, twice = search.found, recorded.talk.twice
    tell(f"{found.states:,} states, {found.contents:,} contents, {found.bad} bad")
    _add(figures, crash_states=found.states, crash_operations=operations, crash_contents=found.contents)
    _add(figures, lost=found.bad, duplicated=len(twice))
    if found.failures or twice:
        file = keep(recorded, f"seed-{seed}-{recorded.database}-{operations}")
        replay = f"python -m tools.soak.crash {file} MODEL OPERATION KIND --seed {seed}"
        figures["failures"] += [f"{text}; to see it again: {replay}" for text in found.failures + twice]


def _search_plant_of_station(name: str, seed: int, folder: Path, figures: Figures, tell: Tell) -> None:
    """The gateway's own process from a copy with a bug."""
    place = folder / f"station, {name}"
    recorded = Load(place / "station", seed, planted(name, place / "tree")).record(PLANT_S)
    _search_plant(name, recorded, seed, figures, tell)


def _search_plant(name: str, recorded: Recorded, seed: int, figures: Figures, tell: Tell) -> None:
    with memory() as disks:
        search = search_of(recorded, seed, disks)
        for model in MODELS:
            search.run(model, range(1), enough=lambda: bool(search.found.failures))
    if search.found.failures:
        tell(f"planted: {name}: found: {search.found.failures[0]}")
        _add(figures, crash_plants_found=1)
    else:
        again = f"python -m tools.soak crash_points --seed {seed}"
        figures["failures"].append(f"the planted bug was not found: {name}; to try again: {again}")


def _no_figures() -> Figures:
    names = ("crash_states", "crash_operations", "crash_contents", "crash_plants_found", "lost", "duplicated")
    return dict.fromkeys(names, 0) | {"failures": []}


def _add(figures: Figures, **more: int) -> None:
    for name, value in more.items():
        figures[name] += value


def _say_nothing(text: str) -> None:
    """A test's report is its assertion."""
