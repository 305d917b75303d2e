"""Which rows of each log are stored, as ranges: the sets that acknowledgements and gaps are made of.

Rules of this file: what a transaction adds counts for others only after its COMMIT; the table `ranges` and the table
`rows` change in the same transaction.
"""

import sqlite3

from gateway.ranges import Ranges
from tools.center.schema import Key, Statement

STATEMENT_RANGES_MAX = 200  # Pairs of one statement; the rest follows when holes close.


class Stored:
    """The ranges of every log. `changing()` inside a transaction, then `flush()`, and `adopt()` or `forget()`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._committed: dict[Key, Ranges] = {}
        self._changed: dict[Key, tuple[str, Ranges]] = {}

    def of(self, key: Key) -> Ranges:
        """As committed; not to be changed."""
        if key not in self._committed:
            found = self._db.execute("SELECT first, last FROM ranges WHERE source = ? AND epoch = ?", key)
            self._committed[key] = Ranges(found.fetchall())
        return self._committed[key]

    def changing(self, station: str, key: Key) -> Ranges:
        """The ranges of a log as this transaction sees them; add to them what it stores."""
        if key not in self._changed:
            self._changed[key] = (station, self.of(key).copy())
        return self._changed[key][1]

    def flush(self) -> None:
        """Write what changed, before COMMIT."""
        for key, (station, ranges) in self._changed.items():
            before, now = set(self.of(key)), set(ranges)
            gone = [(*key, first) for first, _ in before - now]
            self._db.executemany("DELETE FROM ranges WHERE source = ? AND epoch = ? AND first = ?", gone)
            new = [(*key, *pair, station) for pair in now - before]
            self._db.executemany("INSERT INTO ranges VALUES (?, ?, ?, ?, ?)", new)

    def adopt(self) -> None:
        """The transaction is committed."""
        self._committed |= {key: ranges for key, (_, ranges) in self._changed.items()}
        self._changed = {}

    def forget(self) -> None:
        """The transaction was undone."""
        self._changed = {}

    def keys(self, station: str) -> set[Key]:
        """Every log of a station that has rows here, those of this transaction included."""
        found = self._db.execute("SELECT DISTINCT source, epoch FROM ranges WHERE station = ?", (station,))
        return set(found) | {key for key, (of_station, _) in self._changed.items() if of_station == station}

    def statements(self, station: str, keys: set[Key]) -> list[Statement]:
        """What is committed of these logs; an empty set of keys asks for all logs of the station."""
        found = []
        for source, epoch in sorted(keys or self.keys(station)):
            ranges = self.of((source, epoch))
            watermark = ranges.contiguous()
            above = [pair for pair in ranges if pair[0] > watermark][:STATEMENT_RANGES_MAX]
            found.append(Statement(source, epoch, watermark, [number for pair in above for number in pair]))
        return found
