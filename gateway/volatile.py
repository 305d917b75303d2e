"""Rows that the disk does not take: kept in memory, sent from there, written to the disk when it is back.

Rules of this file: no disk, no network; bounded. Rows of a board keep their key; what the gateway makes itself gets a
log of its own whose epoch is drawn at each start, so that no seq is ever given twice. Events are marked as what they
are. Where the ring is full, a board's rows are refused (the board holds them), and of our own the oldest go.
"""

import secrets
from binascii import crc32
from collections.abc import Mapping

import cbor2

from gateway.commit import FullError
from gateway.ranges import Ranges
from gateway.spool_reader import Stored
from gateway.spool_schema import EVENT_ROW, Key, LogInfo
from wire.telemetry import E_DETAIL, E_DETECTED_MS, SOURCE_BOARD

ROWS_MAX = {0: 10_000, 1: 10_000, 2: 1_024}  # By kind of source: boards, bought sensors, events.
DROPPED_ROWS = 64  # So many of our own go at a time: one event tells it.
MARK = "volatile: the station could not store this event"


class Volatile:
    """`rows`: what is kept, by log and seq. `dropped` counts rows that went before the center had them."""

    def __init__(self) -> None:
        self.rows: dict[Key, dict[int, Stored]] = {}
        self.dropped = 0
        self._made: dict[bytes, tuple[LogInfo, int]] = {}  # Logs of our own, and the last seq given.
        self._kinds: dict[Key, int] = {}

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def log_of(self, wanted: LogInfo) -> LogInfo:
        """The log in memory of a source that the gateway writes itself; a new one where its columns are others."""
        made = self._made.get(wanted.source)
        if made is None or made[0].columns != wanted.columns:
            info = wanted._replace(epoch=secrets.randbits(32) or 1, closed=True)
            made = self._made[wanted.source] = (info, 0)
        return made[0]

    def next_seq(self, info: LogInfo) -> int:
        """The next seq of a log of `log_of`."""
        log, seq = self._made[info.source]
        self._made[info.source] = (log, seq + 1)
        return seq + 1

    def put(self, info: LogInfo, rows: list[Stored]) -> list[tuple[Key, Ranges]]:
        """Take rows; what of our own had to go for them, by log. FullError for a board's rows without room."""
        if not rows:
            return []  # A log without rows has no entry: whoever walks them finds a row in each.
        key = (info.source, info.epoch)
        mine = [other for other in self.rows if self._kinds[other] == info.kind]
        over = sum(len(self.rows[other]) for other in mine) + len(rows) - ROWS_MAX[info.kind]
        if over > 0 and info.kind == SOURCE_BOARD:
            raise FullError("memory is full of rows that the disk does not take")
        self._kinds[key] = info.kind
        self.rows.setdefault(key, {}).update((row[0], row) for row in rows)
        return self._make_room(info.kind, over + DROPPED_ROWS) if over > 0 else []

    def drop(self, key: Key, stored: Ranges) -> None:
        """Forget rows that are stored elsewhere by now."""
        rows = self.rows.get(key)
        if rows is None:
            return
        for seq in [seq for seq in rows if seq in stored]:
            del rows[seq]
        if not rows:
            del self.rows[key]

    def _make_room(self, kind: int, count: int) -> list[tuple[Key, Ranges]]:
        """Drop the oldest of the log that has the most."""
        key = max((key for key in self.rows if self._kinds[key] == kind), key=lambda key: len(self.rows[key]))
        oldest = sorted(self.rows[key])[:count]
        gone = Ranges((seq, seq) for seq in oldest)
        self.dropped += len(oldest)
        self.drop(key, gone)
        return [(key, gone)]


def volatile_event(event: Mapping[int, object], seq: int, epoch: int, catalogue: int) -> Stored:
    """An event as it stands in memory: marked."""
    detail = event.get(E_DETAIL)
    content = cbor2.dumps(dict(event) | {E_DETAIL: f"{MARK}; {detail}" if detail else MARK}, canonical=True)
    detected_ms = event[E_DETECTED_MS]
    assert isinstance(detected_ms, int)
    return seq, EVENT_ROW, detected_ms // 1000, catalogue, crc32(content, epoch), content
