"""What is missing: ranges that a station says it reaches and that are not here, and ranges that no log holds any more.

Rules of this file: a gap is what the stations' states claim, minus what is stored; a range is asked for only after it
stood still for a while, in bounded commands, and ever more seldom; nothing is final that a later state may bring back.
"""

import secrets
import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from gateway.ranges import Ranges
from tools.center.schema import Ask, Key
from tools.center.stored import Stored

HOLE_MS = 30_000  # A hole below the highest stored seq that stood still so long is asked for,
TOP_MS = 600_000  # and rows above it: a live batch alone takes five minutes.
AGAIN_FIRST_MS = 300_000  # From one asking to the next; then twice as long each time,
AGAIN_MAX_MS = 6 * 3_600_000  # up to this.
EXPIRES_MS = 600_000  # A command that nobody took by then is void.
PAIRS_MAX = 200  # Ranges of one command,
ROWS_MAX = 20_000  # and rows of them.
WAITS_MAX = 200  # Ranges of one log that are watched; what is above them comes when these are closed.
COMMANDS_MAX = 1_000  # The newest that are kept, of all stations.
UNLISTED_MS = 60_000  # A log that no state names for so long is held by nobody; a later state may take that back.


class Wait(NamedTuple):
    """A missing range: since when it stands as it is; when it was asked for last (0 = never), and how often."""

    first: int
    last: int
    since_ms: int
    asked_ms: int = 0
    asks: int = 0

    def is_due(self, stored_last: int, now_ms: int, born: bool) -> bool:
        hole = self.last < stored_last
        if born and hole:
            return now_ms >= self.asked_ms + HOLE_MS
        rested_ms = min(AGAIN_FIRST_MS << min(self.asks - 1, 16), AGAIN_MAX_MS) if self.asks else 0
        return now_ms >= max(self.since_ms + (HOLE_MS if hole else TOP_MS), self.asked_ms + rested_ms)


class Log(NamedTuple):
    """What is known of one log's reach. `unlisted_ms`: since when no state names it; None = named."""

    key: Key
    tail: int
    head: int
    unlisted_ms: int | None


def logs_of(db: sqlite3.Connection, station: str) -> list[Log]:
    found = db.execute(
        "SELECT source, epoch, tail, head, unlisted_ms FROM logs WHERE station = ? ORDER BY source, epoch", (station,)
    )
    return [Log((source, epoch), tail, head, unlisted) for source, epoch, tail, head, unlisted in found]


def take_state(
    db: sqlite3.Connection, station: str, logs: list[tuple[bytes, int, int, int]], stored: set[Key], now_ms: int
) -> None:
    """What a living station says of its logs; one that it names no more, and rows whose log it never named, are noted.

    The head of a log never falls: a card that was put back may know less than was told before.
    """
    db.executemany(
        "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO UPDATE SET station = excluded.station,"
        " tail = excluded.tail, head = max(head, excluded.head), told_ms = excluded.told_ms, unlisted_ms = NULL",
        [(source, epoch, station, tail, head, now_ms) for source, epoch, tail, head in logs],
    )
    named = {(source, epoch) for source, epoch, _, _ in logs}
    known = {log.key for log in logs_of(db, station) if log.unlisted_ms is None}
    db.executemany(
        "INSERT INTO logs VALUES (?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO UPDATE SET unlisted_ms = excluded.unlisted_ms"
        " WHERE unlisted_ms IS NULL AND station = excluded.station",
        [(*key, station, now_ms, now_ms) for key in (known | stored) - named],
    )


def dropped(db: sqlite3.Connection, key: Key) -> Ranges:
    """What a gateway told to be in no log any more."""
    found = db.execute(
        "SELECT first, last FROM events WHERE concerns = ? AND concerns_epoch = ? AND first IS NOT NULL", key
    )
    return Ranges(found.fetchall())


def missing(log: Log, stored: Ranges, gone: Ranges) -> Ranges:
    """What some log should hold and is not here."""
    first, last = max(log.tail, 1), max(log.head, stored.last)
    return Ranges([(first, last)]).minus(stored, gone) if last >= first else Ranges()


class Gap(NamedTuple):
    """A range that is not here, of one state: "waiting", "asked", or "final"; `why` says more of a final one."""

    first: int
    last: int
    state: str
    why: str = ""
    asked_ms: int = 0


def gaps(db: sqlite3.Connection, log: Log, stored: Ranges, now_ms: int) -> list[Gap]:
    """All gaps of a log, ascending."""
    gone = dropped(db, log.key)
    below = Ranges([(1, log.tail - 1)]) if log.tail > 1 else Ranges()
    found = [Gap(*pair, "final", "dropped") for pair in gone.minus(stored)]
    found += [Gap(*pair, "final", "overwritten") for pair in below.minus(stored, gone)]
    open_gaps = missing(log, stored, gone)
    if log.unlisted_ms is not None:
        state, why = ("final", "log gone") if now_ms >= log.unlisted_ms + UNLISTED_MS else ("waiting", "")
        return sorted(found + [Gap(*pair, state, why) for pair in open_gaps])
    for wait in load_waits(db, log.key):
        if wait.asks:
            for pair in open_gaps.within(wait.first, wait.last):
                found.append(Gap(*pair, "asked", asked_ms=wait.asked_ms))
                open_gaps.remove(*pair)
    return sorted(found + [Gap(*pair, "waiting") for pair in open_gaps])


def load_waits(db: sqlite3.Connection, key: Key) -> list[Wait]:
    found = db.execute(
        "SELECT first, last, since_ms, asked_ms, asks FROM missing WHERE source = ? AND epoch = ? ORDER BY first", key
    )
    return [Wait(*row) for row in found]


def watch(waits: list[Wait], now_missing: Ranges, now_ms: int) -> list[Wait]:
    """The waits after another look: a range that shrinks is on its way, and its patience begins anew."""
    kept: list[Wait] = []
    seen = Ranges()
    for wait in waits:
        for pair in now_missing.within(wait.first, wait.last):
            seen.add(*pair)
            same = pair == (wait.first, wait.last)
            kept.append(wait if same else Wait(*pair, now_ms, wait.asked_ms))
    kept += [Wait(*pair, now_ms) for pair in now_missing.minus(seen)]
    joined: list[Wait] = []
    for wait in sorted(kept):
        before = joined[-1] if joined else None
        if before and before.last + 1 == wait.first and before.asks and before.asked_ms == wait.asked_ms:
            # What grew piece by piece, and was then asked for at once, is one range from then on.
            since_ms, asks = max(before.since_ms, wait.since_ms), min(before.asks, max(wait.asks, 1))
            joined[-1] = Wait(before.first, wait.last, since_ms, wait.asked_ms, asks)
        else:
            joined.append(wait)
    return joined[:WAITS_MAX]


def asks(db: sqlite3.Connection, stored: Stored, now_ms: int, born: Collection[str]) -> list[Ask]:
    """Look at every living station, and note what it is asked for; inside a transaction."""
    made = []
    for (station,) in db.execute("SELECT station FROM stations WHERE alive ORDER BY station").fetchall():
        wanted = _ask(db, stored, station, now_ms, station in born)
        if not wanted:
            continue
        ask = Ask(station, secrets.randbits(32), now_ms + EXPIRES_MS, wanted)
        count = sum(
            last - first + 1 for _, _, flat in wanted for first, last in zip(flat[::2], flat[1::2], strict=True)
        )
        db.execute(
            "INSERT OR REPLACE INTO commands (station, id, made_ms, expires_ms, rows) VALUES (?, ?, ?, ?, ?)",
            (station, ask.id, now_ms, ask.expires_ms, count),
        )
        made.append(ask)
    if made:
        db.execute(
            "DELETE FROM commands WHERE action IS NULL AND (station, id) NOT IN"
            " (SELECT station, id FROM commands WHERE action IS NULL ORDER BY made_ms DESC LIMIT ?)",
            (COMMANDS_MAX,),
        )
    return made


def _ask(db: sqlite3.Connection, stored: Stored, station: str, now_ms: int, born: bool) -> list[list]:
    wanted = []
    pairs, rows = PAIRS_MAX, ROWS_MAX
    for log in logs_of(db, station):
        here = stored.of(log.key)
        now_missing = missing(log, here, dropped(db, log.key)) if log.unlisted_ms is None else Ranges()
        before = load_waits(db, log.key)
        after = []
        flat: list[int] = []
        for wait in watch(before, now_missing, now_ms):
            if pairs <= 0 or rows <= 0 or not wait.is_due(here.last, now_ms, born):
                after.append(wait)
                continue
            last = min(wait.last, wait.first + rows - 1)
            flat += [wait.first, last]
            pairs, rows = pairs - 1, rows - (last - wait.first + 1)
            after.append(wait._replace(last=last, asked_ms=now_ms, asks=wait.asks + 1))
            if last < wait.last:
                after.append(wait._replace(first=last + 1))
        if flat:
            wanted.append([*log.key, flat])
        _save_waits(db, log.key, before, after)
    return wanted


def _save_waits(db: sqlite3.Connection, key: Key, before: list[Wait], after: list[Wait]) -> None:
    gone, new = set(before) - set(after), set(after) - set(before)
    db.executemany(
        "DELETE FROM missing WHERE source = ? AND epoch = ? AND first = ?", [(*key, wait.first) for wait in gone]
    )
    db.executemany("INSERT INTO missing VALUES (?, ?, ?, ?, ?, ?, ?)", [(*key, *wait) for wait in new])
