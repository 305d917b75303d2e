"""A copy of a center's database, and a center put back to one: nothing is deleted, and nobody is told old news.

Rules of this file: a restored database gets a new generation, so that stations forget what the lost one acknowledged;
the present file is kept aside under another name; a copy is checked before it is trusted.
"""

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.center.lock import Lock, LockedError
from tools.center.schema import VERSION
from tools.failure import EXIT_FAILED, EXIT_NOTHING_FOUND, EXIT_REFUSED, EXIT_WRONG_CALL, Failure

_SIDES = ("", "-wal", "-shm")  # The files of one SQLite database.
_TABLES = ("meta", "rows", "readings", "events", "ranges", "logs")


class Content(NamedTuple):
    """What a database holds. `newest_ms`: receipt of the last row, unix ms; None where there is none."""

    generation: int
    rows: int
    newest_ms: int | None


class Restored(NamedTuple):
    """What was done, or with `dry_run` would be. `kept`: where the present file went; None = there was none."""

    backup: Content
    present: Content | None
    generation: int
    kept: Path | None


def backup(database: Path, to: Path) -> Content:
    """Copy `database` as of now to the new file `to`, also while a center runs on it. Failure."""
    if to.exists():
        raise Failure(
            f"{to} is there already",
            seen="a file of that name",
            likely="an earlier backup, and that may be the better one",
            do=["give another name to --to"],
            exit_code=EXIT_REFUSED,
        )
    _need_file(database)
    part = to.with_name(f"{to.name}.part")
    try:
        _copy(database, part)
        content = _checked(part)
        part.rename(to)
        _flush(to.parent)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise Failure(
            f"no backup of {database} was made",
            seen=str(error),
            likely="no room, no right to write there, or the database is damaged",
            do=[f"see what is wrong with {to.parent}", "give another place to --to"],
        ) from error
    return content


def restore(database: Path, source: Path, *, dry_run: bool = False) -> Restored:
    """Put `database` back to the copy `source`. Failure; the present file is then where it was."""
    _need_file(source)
    if database.exists() and database.samefile(source):
        raise Failure(
            "the backup is the database itself",
            seen=f"--from and --db are both {source}",
            likely="a slip of the hand",
            do=["give the file that was copied earlier to --from"],
            exit_code=EXIT_WRONG_CALL,
        )
    with _held(database):
        fresh = database.with_name(f"{database.name}.restoring")
        try:
            if dry_run:
                return Restored(_checked(source), _look(database), 0, _aside(database) if database.exists() else None)
            _remove(fresh)
            _copy(source, fresh)
            content = _checked(fresh)
        except (sqlite3.Error, OSError) as error:
            _remove(fresh)
            raise Failure(
                f"{source} cannot be used as a backup",
                seen=str(error),
                likely="it is damaged, or no center's database, or there is no room for its copy",
                do=["take an older backup", f"see that {database.parent} has room for it"],
            ) from error
        return Restored(content, _look(database), *_swap(database, fresh))


def _swap(database: Path, fresh: Path) -> tuple[int, Path | None]:
    generation = secrets.randbits(32) or 1
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (generation,))
        db.execute("DELETE FROM missing")  # Whatever was asked for then, is to be asked for anew.
    kept = _aside(database) if database.exists() else None
    try:
        if kept:
            for side in _SIDES:
                with contextlib.suppress(FileNotFoundError):
                    database.with_name(database.name + side).rename(kept.with_name(kept.name + side))
        fresh.rename(database)
        _flush(database.parent)
    except OSError as error:
        raise Failure(
            "the backup could not be put in its place",
            seen=str(error),
            likely="the folder may not be written",
            do=[f"rename {fresh} to {database} by hand"],
            state=f"the present database is {kept or 'not there'}, the checked copy is {fresh}",
        ) from error
    return generation, kept


@contextlib.contextmanager
def _held(database: Path) -> Iterator[None]:
    try:
        lock = Lock(database)
    except LockedError as error:
        raise Failure(
            f"a center runs on {database}",
            seen="its lock is held",
            likely="the service was not stopped",
            do=["stop the center", "riverpost center restore … once more", "start the center"],
            exit_code=EXIT_REFUSED,
        ) from error
    except OSError as error:
        raise Failure(
            f"{database.parent} cannot be written",
            seen=str(error),
            likely="no such folder, or no right to write there",
            do=["give another --db"],
            exit_code=EXIT_FAILED,
        ) from error
    try:
        yield
    finally:
        lock.release()


def _need_file(path: Path) -> None:
    if not path.is_file():
        raise Failure(
            f"there is no database {path}",
            seen="no such file",
            likely="another name or another folder",
            do=[f"ls {path.parent}"],
            exit_code=EXIT_NOTHING_FOUND,
        )


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30.0)


def _copy(source: Path, to: Path) -> None:
    """A copy in one read transaction: what a running center commits meanwhile is in all of it or in none."""
    with (
        contextlib.closing(_reader(source)) as db,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # One file, without a journal beside it.
    with to.open("rb") as file:
        os.fsync(file.fileno())


def _checked(path: Path) -> Content:
    """What a copy holds. sqlite3.Error where it is damaged or not ours."""
    with contextlib.closing(_reader(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if version != VERSION or not tables.issuperset(_TABLES):
            raise sqlite3.DatabaseError(f"no center's database of version {VERSION}")
        (result,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError(result)
        content = _content(db)
        (claimed,) = db.execute("SELECT coalesce(sum(last - first + 1), 0) FROM ranges").fetchone()
        if claimed != content.rows:
            raise sqlite3.DatabaseError(f"it acknowledges {claimed} rows and has {content.rows}")
        return content


def _look(database: Path) -> Content | None:
    """What the present database holds; None where it is not there or cannot be read."""
    if not database.exists():
        return None
    try:
        with contextlib.closing(_reader(database)) as db:
            return _content(db)
    except sqlite3.Error:
        return None  # It is kept all the same, for somebody who can read it.


def _content(db: sqlite3.Connection) -> Content:
    (generation,) = db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
    return Content(generation, *db.execute("SELECT count(*), max(received_ms) FROM rows").fetchone())


def _aside(database: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = database.with_name(f"{database.name}.before-restore-{stamp}")
    number = 1
    while kept.exists():
        number += 1
        kept = database.with_name(f"{database.name}.before-restore-{stamp}-{number}")
    return kept


def _remove(path: Path) -> None:
    """A copy that this program made and nobody needs."""
    for side in (*_SIDES, "-journal"):
        path.with_name(path.name + side).unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Make renames durable."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
