"""A copy of the shipped tree with one bug in it: what the search must find, or it proves nothing.

Rules of this file: a plant is one replaced piece of text that occurs exactly once; where it does not, the plant is out
of date and says so.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

from tools.emulator.whole import ROOT

TREES = {"gateway": "gateway", "boards": "boards", "wire": "firmware/lib/wire"}


class Plant(NamedTuple):
    file: str
    text: str
    instead: str

    def in_text(self, text: str) -> str:
        """`text`, the file's, with the bug. ValueError where its place is not there exactly once."""
        if text.count(self.text) != 1:
            raise ValueError(f"a plant is out of date: in {self.file} its text occurs {text.count(self.text)} times")
        return text.replace(self.text, self.instead)


PLANTS = {
    "nothing is flushed": Plant("gateway/spool_schema.py", "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),
    "acknowledged before the commit": Plant(
        "gateway/commit.py",
        '            self._db.execute("COMMIT")\n',
        "            self._deliver(changes, results)\n"
        "            time.sleep(0.2)\n"
        '            self._db.execute("COMMIT")\n',
    ),
}


def planted(name: str, folder: Path) -> Path:
    """A checkout in `folder` in which `python -m gateway` has this bug. ValueError where the text is not there once."""
    plant = PLANTS[name]
    for here, there in TREES.items():
        shutil.copytree(ROOT / there, folder / here, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / plant.file
    file.write_text(plant.in_text(file.read_text(encoding="utf-8")), encoding="utf-8")
    return folder
