"""One center at a time on a database: a file beside it, locked for as long as the process lives, however it ends.

Rules of this file: the database file itself is not locked, since SQLite's own locks on it would be lost with ours.
"""

import fcntl
from pathlib import Path


class LockedError(Exception):
    """Another process holds the database."""


class Lock:
    """Held from the start until `release()` or the end of the process. LockedError, OSError."""

    def __init__(self, database: Path) -> None:
        self._file = lock_path(database).open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise LockedError("another center runs on it") from error

    def release(self) -> None:
        self._file.close()


def lock_path(database: Path) -> Path:
    """The file that stays beside the database; it is empty."""
    return database.with_name(database.name + ".lock")
