"""A recording, searched; and kept in a file where something was found in it, so that the state can be looked at again.

Rules of this file: files that were recorded are trusted as this project's own: they are Python pickles.
"""

import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from gateway.load import load
from tools.emulator.whole import ROOT
from tools.soak.crash.load import Recorded
from tools.soak.crash.oracle import Facts, SpoolOracle
from tools.soak.crash.reopened import Reopened
from tools.soak.crash.search import Search

KEPT = ROOT / ".cache" / "crash"
MEMORY = Path("/dev/shm")


def search_of(recorded: Recorded, seed: int, folder: Path) -> Search[Facts]:
    """A search of the gateway's spool in this recording; `folder` is for its disks."""
    station_file = folder / "station.toml"
    station_file.write_text(recorded.station, encoding="utf-8")
    config = load(station_file)
    if recorded.cap_mib:
        config = replace(config, spool=replace(config.spool, cap_mib=recorded.cap_mib))
    reopened = Reopened(config, recorded.talk.boards)
    oracle = SpoolOracle(recorded.database, recorded.talk, reopened.try_it)
    return Search(recorded.recording, oracle, seed, folder)


@contextmanager
def memory() -> Iterator[Path]:
    """A folder for disks: in memory where there is any, because the states are many and short-lived."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="riverpost-crash-", dir=place) as folder:
        yield Path(folder)


def keep(recorded: Recorded, name: str) -> Path:
    """Keep a recording beside the checkout's other caches; its file."""
    KEPT.mkdir(parents=True, exist_ok=True)
    file = KEPT / f"{name}.recording"
    file.write_bytes(pickle.dumps(recorded))
    return file


def kept(file: Path) -> Recorded:
    """A recording of `keep`. TypeError for another pickle."""
    recorded = pickle.loads(file.read_bytes())
    if not isinstance(recorded, Recorded):
        raise TypeError(f"{file} is no recording")
    return recorded
