"""What a spool must hold that is found after a power cut: all that was promised, and nothing else under its name.

Rules of this file: it knows the spool's tables and nothing else of it. A row may be missing only from the moment on in
which the center had said that it has it, or where the spool itself says that it is gone and an event tells it.
"""

import sqlite3
from binascii import crc32
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cbor2

from gateway.ranges import Ranges
from gateway.spool_schema import ACKED, EVENT_ROW, GONE, HELD
from tools.soak.crash.talk import NEVER, Key, Promise, RowKey, Talk
from wire.row import crc_of
from wire.telemetry import E_KIND, E_RANGE, E_SOURCE, EVENT_CODES

TABLES = frozenset(("logs", "rows", "ranges", "state"))
_TEXTS_MAX = 5

Reopen = Callable[[Path, int], tuple[list[str], dict[Key, Ranges]]]


class Hole(NamedTuple):
    """Rows that are not there, and should be after a cut from `promised` to `since`, when the center had them."""

    promised: int
    since: int
    key: RowKey  # the first of them
    why: str


@dataclass
class Facts:
    """`wrong`: whatever the time; `missing`: in the order of promises; `needs`: from when on the center had
    what is held for acknowledged; `made`: the last seq given by log."""

    wrong: list[str] = field(default_factory=list)
    missing: list[Hole] = field(default_factory=list)
    other: list[tuple[Promise, RowKey]] = field(default_factory=list)  # There, with another content than promised.
    needs: tuple[int, str] = (0, "")
    made: dict[Key, int] = field(default_factory=dict)


class SpoolOracle:
    """Judges contents of `database` by what was said in `talk`; `reopen(folder, end)` starts our own code on one."""

    def __init__(self, database: str, talk: Talk, reopen: Reopen) -> None:
        self.database = database
        self._promises = sorted(
            ((promise, key) for key, promise in talk.promises.items()), key=lambda item: (item[0].moment, item[1])
        )
        self._since = talk.center_has_since()
        self._stated: dict[Key, list[tuple[int, Ranges]]] = {}  # by log: all that was stated by a moment
        for moment, key, ranges in talk.stated:
            steps = self._stated.setdefault(key, [])
            total = steps[-1][1].copy() if steps else Ranges()
            total.update(ranges)
            steps.append((moment, total))
        self._reopen = reopen
        self._highest: dict[Key, list[tuple[int, int]]] = {}  # by log: (moment, highest seq promised by then)
        for promise, (serial, epoch, seq) in self._promises:
            steps = self._highest.setdefault((serial, epoch), [])
            if not steps or seq > steps[-1][1]:
                steps.append((promise.moment, seq))

    # What search.Oracle asks for

    def look(self, db: sqlite3.Connection | None) -> Facts:
        facts = Facts()
        rows: dict[RowKey, tuple[int, int, bytes]] = {}
        tables = set() if db is None else {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if db is not None and tables:
            checked = [text for (text,) in db.execute("PRAGMA integrity_check")]
            if checked != ["ok"]:
                facts.wrong.append(f"integrity_check: {'; '.join(checked[:3])}")
            if not tables >= TABLES:
                facts.wrong.append(f"tables are missing: {', '.join(sorted(TABLES - tables))}")
                return facts
            for source, epoch, seq, kind, crc, packed in db.execute(
                "SELECT source, epoch, seq, kind, crc, packed FROM rows ORDER BY source, epoch, seq"
            ):
                rows[source, epoch, seq] = (kind, crc, packed)
            facts.made = {
                (source, epoch): seq for source, epoch, seq in db.execute("SELECT source, epoch, made_seq FROM logs")
            }
        gone = self._gone(db, rows) if db is not None and tables else {}
        facts.missing = self._holes(rows, gone)
        facts.wrong += [f"{_named(key)} is damaged" for key, row in rows.items() if not _is_sound(key, *row)]
        for promise, key in self._promises:
            if key in rows and promise.crc not in (None, rows[key][1]):
                facts.other.append((promise, key))
        if db is not None and tables:
            facts.wrong += self._wrong_ranges(db, rows, facts)
            facts.wrong += [
                f"kept state {name} is damaged"
                for name, data, crc in db.execute("SELECT name, data, crc FROM state")
                if crc32(data) != crc
            ]
        return facts

    def judge(self, facts: Facts, begin: int, end: int) -> list[str]:
        wrong = list(facts.wrong)
        for hole in facts.missing:
            if hole.promised >= end:
                break
            if hole.since > begin:
                wrong.append(f"{_named(hole.key)} is missing, {hole.why}")
        for promise, key in facts.other:
            if promise.moment < end:
                wrong.append(f"{_named(key)} has another content than what was {promise.why}")
        if facts.needs[0] >= end:
            wrong.append(f"{facts.needs[1]} is held for acknowledged before the center said so")
        for key, made in facts.made.items():
            promised = self._promised(key, end)
            if made and made < promised:
                wrong.append(
                    f"seq {made + 1} of {_named((*key, made + 1))} would be given twice, {promised} was promised"
                )
        return wrong[:_TEXTS_MAX]

    def reopen(self, folder: Path, facts: Facts, end: int) -> list[str]:
        """Start the gateway's own spool there, let it go on, and look again."""
        wrong, given = self._reopen(folder, end)
        for key, seqs in given.items():
            promised = self._promised(key, end)
            if not seqs:
                wrong.append(f"log {key[0].hex()} {key[1]:08x} goes on with no new seq")
            elif seqs.first <= promised:
                wrong.append(f"{_named((*key, seqs.first))} was given twice, {promised} was promised")
        with closing(sqlite3.connect(folder / self.database)) as db:
            return [f"started again: {text}" for text in wrong + self.judge(self.look(db), end - 1, end)]

    # Inside

    def _promised(self, key: Key, end: int) -> int:
        """The highest seq of a log that was promised before moment `end`; 0 = none."""
        steps = self._highest.get(key, [])
        at = bisect_left(steps, (end, 0))
        return steps[at - 1][1] if at else 0

    def _holes(self, rows: Mapping[RowKey, object], gone: dict[Key, Ranges]) -> list[Hole]:
        """What is missing, one for all rows with the same times."""
        holes: dict[tuple[int, int, Key], Hole] = {}
        for promise, key in self._promises:
            if key in rows or _in(key, gone):
                continue
            since = self._since.get(key, NEVER)
            if since > promise.moment:
                times = (promise.moment, since, key[:2])
                holes.setdefault(times, Hole(promise.moment, since, key, promise.why))
        return list(holes.values())

    def _gone(self, db: sqlite3.Connection, rows: dict[RowKey, tuple[int, int, bytes]]) -> dict[Key, Ranges]:
        """What the spool says is gone, as far as an event tells it."""
        gone = _ranges(db, GONE)
        if not gone:
            return {}
        told: dict[bytes, Ranges] = {}
        for kind, _, packed in rows.values():
            event = cbor2.loads(packed) if kind == EVENT_ROW else {}
            if event.get(E_KIND) == EVENT_CODES["rows dropped"] and E_RANGE in event:
                told.setdefault(event[E_SOURCE], Ranges()).add(*event[E_RANGE])
        return {key: _common(ranges, told.get(key[0], Ranges())) for key, ranges in gone.items()}

    def _stated_when(self, key: Key, ranges: Ranges) -> int:
        """The moment from which the center had said that it has all of `ranges`."""
        for moment, stated in self._stated.get(key, []):
            if not ranges.minus(stated):
                return moment
        return NEVER

    def _wrong_ranges(self, db: sqlite3.Connection, rows: dict, facts: Facts) -> list[str]:
        held = _held(rows)
        said = {key: ranges for key, ranges in _ranges(db, HELD).items() if ranges}
        wrong = [
            f"what is held of {key[0].hex()} is not what is there"
            for key in held | said
            if held.get(key) != said.get(key)
        ]
        for key, ranges in _ranges(db, ACKED).items():
            facts.needs = max(facts.needs, (self._stated_when(key, ranges), f"something of log {key[0].hex()}"))
        return wrong


def _held(rows: Iterable[RowKey]) -> dict[Key, Ranges]:
    """The rows as ranges. `rows` ascend."""
    runs: dict[Key, list[tuple[int, int]]] = {}
    for source, epoch, seq in rows:
        of_log = runs.setdefault((source, epoch), [])
        if of_log and of_log[-1][1] == seq - 1:
            of_log[-1] = (of_log[-1][0], seq)
        else:
            of_log.append((seq, seq))
    return {key: Ranges(pairs) for key, pairs in runs.items()}


def _is_sound(key: RowKey, kind: int, crc: int, packed: bytes) -> bool:
    if kind == EVENT_ROW:
        return crc32(packed, key[1]) == crc
    return crc_of(packed) == crc == crc32(packed[:-4], key[1])


def _ranges(db: sqlite3.Connection, what: int) -> dict[Key, Ranges]:
    found: dict[Key, Ranges] = {}
    for source, epoch, first, last in db.execute(
        "SELECT source, epoch, first, last FROM ranges WHERE what = ?", (what,)
    ):
        found.setdefault((source, epoch), Ranges()).add(first, last)
    return found


def _common(one: Ranges, other: Ranges) -> Ranges:
    return one.minus(one.minus(other))


def _in(key: RowKey, ranges: dict[Key, Ranges]) -> bool:
    return key[2] in ranges.get(key[:2], Ranges())


def _named(key: RowKey) -> str:
    return f"seq {key[2]} of log {key[0].hex()} {key[1]:08x}"
