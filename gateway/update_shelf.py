"""The folder in which packages are dropped, and what the gateway answers beside them.

Rules of this file: everything here may wait for the disk: it runs in a thread of its own. A package is `<board>.rpu`
and appears whole (written under another name, then renamed); beside it `<board>.json` says what has become of it. The
note is on the disk, and its folder too, before a function returns; a package that has ended gives way after its note.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from wire.package import PACKAGE_BYTES_MAX

PACKAGE, NOTE, REFUSED, PART = ".rpu", ".json", ".refused", ".part"
NOTE_BYTES_MAX = 16_384
PACKAGES_MAX = 256  # More than a station has boards.

File = tuple[int, int]  # What tells a file from any other of that name: inode, time of change in ns.


class Shelf:
    """The folder `folder`; every function may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def packages(self) -> dict[str, File]:
        """Names of boards for which a package lies here."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found = {}
        for path in sorted(self._folder.glob("*" + PACKAGE))[:PACKAGES_MAX]:
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                found[path.name.removesuffix(PACKAGE)] = (stat.st_ino, stat.st_mtime_ns)
        return found

    def drop(self, name: str, data: bytes) -> File:
        """Lay a package there for `name`, in the place of any other: what tells its file."""
        partial = self._path(name, PACKAGE + PART)
        with partial.open("wb") as file:
            os.fchmod(file.fileno(), 0o644)  # Whoever drops it need not be the gateway's user.
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            stat = os.fstat(file.fileno())
        partial.replace(self._path(name, PACKAGE))
        self._sync()
        return stat.st_ino, stat.st_mtime_ns

    def withdraw(self, name: str) -> None:
        """Take it back."""
        self._path(name, PACKAGE).unlink()
        self._sync()

    def read(self, name: str) -> bytes:
        """The package for `name`; of one that is too long only so much that this is seen."""
        with self._path(name, PACKAGE).open("rb") as file:
            return file.read(PACKAGE_BYTES_MAX + 1)

    def note(self, name: str) -> dict[str, Any]:
        """What was written last of `name`; {} where that is nothing or cannot be read."""
        try:
            with self._path(name, NOTE).open("rb") as file:
                note = json.loads(file.read(NOTE_BYTES_MAX))
        except (FileNotFoundError, ValueError, RecursionError):
            return {}
        return note if isinstance(note, dict) else {}

    def write_note(self, name: str, note: dict[str, Any]) -> None:
        partial = self._path(name, NOTE + PART)
        with partial.open("w", encoding="utf-8") as file:
            json.dump(note, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path(name, NOTE))
        self._sync()

    def put_away(self, name: str, file: File, *, keep: bool) -> None:
        """The package has ended: remove it, or `keep` it as `<board>.refused`; unless another one has come."""
        path = self._path(name, PACKAGE)
        if self.packages().get(name) != file:
            return
        if keep:
            path.replace(self._path(name, REFUSED))
        else:
            path.unlink()
        self._sync()

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / (name + suffix)

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
