"""A disk for the spool that fails when a test says so: SQLite's own connection with a switch in front of it."""

import sqlite3
import threading
from pathlib import Path

from gateway import spool_schema as schema

CODES = {
    "disk I/O error": sqlite3.SQLITE_IOERR,
    "database or disk is full": sqlite3.SQLITE_FULL,
    "attempt to write a readonly database": sqlite3.SQLITE_READONLY,
    "database disk image is malformed": sqlite3.SQLITE_CORRUPT,
    "unable to open database file": sqlite3.SQLITE_CANTOPEN,
}


class FaultyDisk:
    """Give `connect` to a Spool. `error`: what every statement that may write says; `let_go` clear: COMMIT hangs."""

    def __init__(self) -> None:
        self.error = ""
        self.cannot_open = ""
        self.opened = 0
        self.let_go = threading.Event()
        self.let_go.set()
        self.hanging = threading.Event()
        self.on_commit = lambda: None  # Called in the writer's thread before each COMMIT.

    def connect(self, path: Path, cap_pages: int) -> sqlite3.Connection:
        if self.cannot_open:
            raise self._failure(self.cannot_open)
        self.opened += 1
        faults = self

        class Faulty(sqlite3.Connection):
            def execute(self, sql: str, *more) -> sqlite3.Cursor:
                if faults.error and sql.startswith(("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE")):
                    raise faults._failure(faults.error)
                if sql == "COMMIT":
                    faults.on_commit()
                    if not faults.let_go.is_set():
                        faults.hanging.set()
                        faults.let_go.wait()
                return super().execute(sql, *more)

        return schema.connect(path, cap_pages, factory=Faulty)

    def _failure(self, message: str) -> sqlite3.Error:
        code = CODES[message]
        kind = sqlite3.DatabaseError if code == sqlite3.SQLITE_CORRUPT else sqlite3.OperationalError
        failure = kind(message)
        failure.sqlite_errorcode = code
        return failure
