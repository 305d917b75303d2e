"""The disk below the spool: opens its file, sees to room on the card, and sets aside what is damaged.

Rules of this file: everything runs in the writer's thread; nothing is ever deleted but the reserve, which holds
nothing. An error is believed only after the file was opened anew and checked: after an I/O error a handle may call a
good file corrupt.
"""

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gateway import spool_schema as schema

RESERVE_BYTES = 4 * 1024 * 1024  # Freed when the disk is full: clean-up needs room, too.
RESERVE_SHARE = 16  # On a small disk the reserve takes no more than one part in so many.
WAL_BYTES = 4 * 1024 * 1024  # What the write-ahead log may take beside the file.
TEND_S = 30.0  # How often it is looked whether a full disk has room again.
IO_CHECKS_MAX = 12  # A file that cannot be read whole so often, one try after another, counts as damaged.
READER_S = 5.0  # How long a set-aside waits for the reader to let go of the file.

Connect = Callable[[Path, int], sqlite3.Connection]


def code_of(error: BaseException) -> int:
    """SQLite's primary result code; 0 for what is no error of SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damage(error: BaseException) -> bool:
    """Does the error say that the file's content is wrong? (Another handle may say otherwise.)"""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class OpenAnew(sqlite3.OperationalError):
    """Whoever reads the file has met what makes it suspect: the writer shall open and check it."""


class Disk:
    """`open()` gives the writer's connection. `aside`: files that were set aside and are not salvaged yet.

    `generation` counts the files that stood under the path: a reader that opened an earlier one must let go of it.
    """

    def __init__(self, path: Path, cap_mib: int, connect: Connect) -> None:
        self.path = path
        self.reserve = path.with_name(path.name + ".reserve")
        self.generation = 0
        self.aside: list[Path] = []
        self.news: list[str] = []  # Names of files set aside that no event has told yet.
        self.suspect = False  # Somebody met damage: the next opening checks.
        self.full = False  # The disk, not the cap: the file may not grow for now.
        self.cap_pages = 0
        self.reading = threading.Lock()  # Held while the reader uses its connection.
        self.close_reader: Callable[[], None] = lambda: None
        self._cap_bytes = cap_mib * 1024 * 1024
        self._connect = connect
        self._io_checks = 0
        self._tend_s = 0.0
        self._has_reserve = False

    @property
    def cap_is_cut(self) -> bool:
        """Is the cap that was asked for more than the disk holds?"""
        return self.cap_pages * schema.PAGE_BYTES < self._cap_bytes

    def open(self) -> sqlite3.Connection:
        """The writer's connection; a damaged file is set aside under another name. sqlite3.Error, OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._let_reader_go()
        self.cap_pages = self._pages_allowed()
        try:
            db = self._checked()
        except sqlite3.DatabaseError as error:
            if not (is_damage(error) or self._is_unreadable(error)):
                raise
            self._set_aside()
            db = self._connect(self.path, self.cap_pages)
        self.suspect = False
        self._io_checks = 0
        self.full = False
        self._has_reserve = self._make_reserve()
        return db

    def _let_reader_go(self) -> None:
        """A file that was opened while its disk was read-only stays so for the whole process until every handle is
        closed: they share SQLite's view of it."""
        if self.reading.acquire(timeout=READER_S):
            try:
                self.close_reader()
            finally:
                self.reading.release()

    def trust(self) -> None:
        """Called by a job: OpenAnew where the file that it has is suspect."""
        if self.suspect:
            raise OpenAnew("the file is suspect")

    def relieve(self, db: sqlite3.Connection | None, error: sqlite3.Error) -> bool:
        """The disk refused a transaction (rolled back by now): True if it is worth another try at once."""
        if isinstance(error, OpenAnew):
            return True
        if is_damage(error) or code_of(error) == sqlite3.SQLITE_IOERR:
            self.suspect = True
        if db is None:  # Not even opened: that takes room, too, for the files beside it.
            return self._free_reserve() if shutil.disk_usage(self.path.parent).free < WAL_BYTES else False
        if code_of(error) != sqlite3.SQLITE_FULL or self.full:
            return False
        # Either the cap, where clean-up has found nothing, or the disk: then the file grows no more, but for events.
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        if pages >= self.cap_pages:
            return False
        self.full = True
        self._tend_s = time.monotonic() + TEND_S
        self._free_reserve()
        with contextlib.suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        grown = pages + _reserve_bytes(shutil.disk_usage(self.path.parent).total) // 2 // schema.PAGE_BYTES
        db.execute(f"PRAGMA max_page_count = {min(grown, self.cap_pages)}")
        return True

    def tend(self, db: sqlite3.Connection) -> None:
        """After a commit: where the disk was full, look whether it has room again."""
        if (self.full or not self._has_reserve) and time.monotonic() >= self._tend_s:
            self._tend_s = time.monotonic() + TEND_S
            self._has_reserve = self._make_reserve()
            if self._has_reserve:
                self.full = False
                self.cap_pages = self._pages_allowed()
                db.execute(f"PRAGMA max_page_count = {self.cap_pages}")

    def _checked(self) -> sqlite3.Connection:
        db = self._connect(self.path, self.cap_pages)
        try:
            if self.suspect:
                (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    damage = sqlite3.DatabaseError(found)
                    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                    raise damage
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _is_unreadable(self, error: sqlite3.Error) -> bool:
        """An I/O error that stays: a bad place of the card below the file."""
        if code_of(error) != sqlite3.SQLITE_IOERR or not self.path.exists():
            return False
        self._io_checks += 1
        return self._io_checks >= IO_CHECKS_MAX

    def _set_aside(self) -> None:
        """Give the damaged file another name. All handles must be closed before: the last one to close a database
        removes the write-ahead log by its name, and that might be the new file's by then."""
        if not self.reading.acquire(timeout=READER_S):
            raise sqlite3.OperationalError("the damaged file is still being read")
        try:
            self.close_reader()
            aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns() // 1_000_000}")
            for suffix in ("-wal", "-shm", ""):
                with contextlib.suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + suffix).rename(aside.with_name(aside.name + suffix))
            self.aside.append(aside)
            self.news.append(aside.name)
            self.generation += 1
        finally:
            self.reading.release()

    def _pages_allowed(self) -> int:
        """The cap, or less where the disk does not hold it beside write-ahead log and reserve."""
        disk = shutil.disk_usage(self.path.parent)
        own = sum(_size(self.path.with_name(self.path.name + suffix)) for suffix in ("", "-wal", ".reserve"))
        room = disk.free + own - _reserve_bytes(disk.total) - min(WAL_BYTES, disk.total // 8)
        allowed = max(min(self._cap_bytes, room), _size(self.path), 64 * schema.PAGE_BYTES)
        return allowed // schema.PAGE_BYTES

    def _free_reserve(self) -> bool:
        """Give the reserve's room back to the disk; False where there was none."""
        self._has_reserve = False
        try:
            self.reserve.unlink()
        except FileNotFoundError:
            return False
        return True

    def _make_reserve(self) -> bool:
        """Set the reserve's room aside, unless the disk has not that much and as much again."""
        wanted = _reserve_bytes(shutil.disk_usage(self.path.parent).total)
        if _size(self.reserve) >= wanted:
            return True
        if shutil.disk_usage(self.path.parent).free < 2 * wanted:
            return False
        try:
            with self.reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, wanted)
        except OSError:
            with contextlib.suppress(OSError):
                self.reserve.unlink()
            return False
        return True


def _reserve_bytes(disk_bytes: int) -> int:
    return min(RESERVE_BYTES, disk_bytes // RESERVE_SHARE)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
