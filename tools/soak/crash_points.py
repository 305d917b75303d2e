"""Power cuts of the gateway at every one of its writes: nothing that was promised may be missing afterwards.

A whole station runs under load while strace writes down what its gateway does to the disk, the line and the network.
From that every disk is made that a power cut could have left, and each is judged (tools/soak/crash). The same is done
with copies of the tree that have a bug; there something must be found, or the search is blind.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.soak.crash.disk import MODELS
from tools.soak.crash.kept import keep, memory, search_of
from tools.soak.crash.load import Load
from tools.soak.crash.plant import PLANTS, planted

STATES_MIN = 20_000
RECORD_S = 60.0
PLANT_S = 8.0
PASSES_MAX = 4  # Over one recording; then another one tells more.
SUBSETS = 4  # Random subsets for each operation and pass.
RECORDINGS_MAX = 1_000

Tell = Callable[[str], None]
Figures = dict[str, Any]  # numbers, and texts under "failures"


def run(minutes: float, seed: int, tell: Tell, folder: Path) -> Figures:
    """The soak's part: at least STATES_MIN distinct states, and for about `minutes`."""
    end_s = time.monotonic() + minutes * 60
    figures = _no_figures()
    for name in PLANTS:
        _search_plant(name, seed, folder, figures, tell)
    for number in range(RECORDINGS_MAX):
        _search_shipped(seed + number, folder / f"shipped-{number}", figures, tell, RECORD_S, STATES_MIN)
        if figures["crash_states"] >= STATES_MIN and time.monotonic() > end_s:
            break
    return figures


def short(seed: int, folder: Path, seconds: float) -> Figures:
    """One recording of `seconds`, searched once: for a test."""
    figures = _no_figures()
    _search_shipped(seed, folder, figures, _say_nothing, seconds, 1)
    return figures


def with_plant(name: str, seed: int, folder: Path) -> Figures:
    """One plant alone."""
    figures = _no_figures()
    _search_plant(name, seed, folder, figures, _say_nothing)
    return figures


def _search_shipped(seed: int, folder: Path, figures: Figures, tell: Tell, seconds: float, states_min: int) -> None:
    """Record the shipped gateway once and search the recording until there are `states_min`, or PASSES_MAX times."""
    recorded = Load(folder, seed).record(seconds)
    operations = len(recorded.recording.operations)
    tell(f"{operations:,} operations of {recorded.starts} starts recorded, {len(recorded.talk.promises):,} promises")
    with memory() as place:
        search = search_of(recorded, seed, place)
        found = search.found
        for number in range(PASSES_MAX):
            for model in MODELS:
                search.run(model, range(number * SUBSETS, (number + 1) * SUBSETS))
            tell(f"{found.states:,} states, {found.contents:,} contents, {found.bad} bad")
            if figures["crash_states"] + found.states >= states_min:
                break
    twice = recorded.talk.twice
    _add(figures, crash_states=found.states, crash_operations=operations, crash_contents=found.contents)
    _add(figures, lost=found.bad, duplicated=len(twice))
    if found.failures or twice:
        file = keep(recorded, f"seed-{seed}")
        replay = f"python -m tools.soak.crash {file} MODEL OPERATION KIND --seed {seed}"
        figures["failures"] += [f"{text}; to see it again: {replay}" for text in found.failures + twice]


def _search_plant(name: str, seed: int, folder: Path, figures: Figures, tell: Tell) -> None:
    """The same with a bug: it must be found, and by what it does to a promise."""
    place = folder / name.replace(" ", "-")
    recorded = Load(place, seed, planted(name, place / "tree")).record(PLANT_S)
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
