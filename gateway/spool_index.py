"""What the spool knows of its logs without asking the disk: which rows are here, which the center has.

Rules of this file: no clock, disk or network; it says what the last commit said. "Acknowledged" may run ahead of the
disk: losing it costs a resend, nothing else.
"""

from collections import OrderedDict

from gateway.ranges import Ranges
from gateway.spool_schema import ACKED, GONE, HELD, Changes, Key, LogInfo
from wire.telemetry import SOURCE_EVENTS

Statement = tuple[
    bytes, int, int, list[int]
]  # serial, epoch, contiguous watermark, ranges above it: first, last; again


REMEMBERED_MAX = 256  # Logs of which the center speaks and that have not begun here.


class Log:
    """One epoch of one source: what of it is here (`held` on the disk, `memory` not yet), at the center (`acked`), lost
    for good (`gone`)."""

    def __init__(self, info: LogInfo) -> None:
        self.info = info
        self.held = Ranges()
        self.memory = Ranges()
        self.acked = Ranges()
        self.gone = Ranges()

    @property
    def key(self) -> Key:
        return self.info.source, self.info.epoch

    @property
    def tail(self) -> int:
        """The lowest seq that was ever within reach; 0 = none yet."""
        return min((ranges.first for ranges in (self.held, self.acked, self.gone) if ranges), default=0)

    def here(self) -> Ranges:
        """Rows that can be read here, from the disk or from memory."""
        if not self.memory:
            return self.held
        here = self.held.copy()
        here.update(self.memory)
        return here

    def unacked(self) -> Ranges:
        return self.here().minus(self.acked)


class Index:
    """The logs by (serial, epoch), and the generation of the center's database whose statements count."""

    def __init__(self, logs: list[Log], generation: int) -> None:
        self.logs = {log.key: log for log in logs}
        self.generation = generation
        self.reach: dict[Key, tuple[int, int]] = {}  # Tail and head that a board told last.
        self._stated: OrderedDict[Key, Ranges] = OrderedDict()  # What the center has of logs that are not here yet.
        self._asked: OrderedDict[Key, Ranges] = OrderedDict()  # What it asked for and nobody has been found to hold.

    def in_order(self) -> list[Log]:
        """Every log in the order in which they began."""
        return sorted(self.logs.values(), key=lambda log: log.info.place)

    def watermark(self, key: Key) -> int:
        """The seq up to which nothing is missing on the disk here or at the center; what was gone before we came is not
        missing, and what is only in memory is. 0 = nothing.
        """
        log = self.logs.get(key)
        if log is None:
            return 0
        return _contiguous(self._below(log), log.held, log.acked, log.gone)

    def center_has(self, key: Key) -> int:
        """As `watermark`, for what the center stated to have."""
        log = self.logs.get(key)
        return _contiguous(self._below(log), log.acked, log.gone) if log else 0

    def _below(self, log: Log) -> int:
        """The seq below which nothing of the log was ever within reach: what a board holds and we do not is missing."""
        tail, _ = self.reach.get(log.key, (0, 0))
        return min(tail or log.tail, log.tail) - 1

    def wanted(self, key: Key, tail: int, head: int) -> tuple[int, int] | None:
        """The first range of `tail`..`head` that is neither here nor at the center nor lost; None = there is none."""
        if not 1 <= tail <= head:
            return None
        missing = Ranges([(tail, head)])
        log = self.logs.get(key)
        if log is not None:
            missing = missing.minus(log.here().within(tail, head), log.acked.within(tail, head), log.gone)
        return next(iter(missing), None)

    def reach_of(self, log: Log) -> tuple[int, int]:
        """Lowest and highest seq of a log that can be had: here, or from the board that writes it. 0, 0 = none."""
        here = log.here()
        reaches = [reach for reach in ((here.first, here.last), self.reach.get(log.key)) if reach and reach[1]]
        return min((tail for tail, _ in reaches), default=0), max((head for _, head in reaches), default=0)

    def depth(self) -> int:
        return sum(log.unacked().count() for log in self.logs.values())

    def unsent(self, events: bool) -> list[tuple[Log, Ranges]]:
        found = [(log, log.unacked()) for log in self.in_order() if (log.info.kind == SOURCE_EVENTS) == events]
        return [(log, ranges) for log, ranges in found if ranges]

    def acknowledge(self, generation: int, statements: list[Statement]) -> set[Key]:
        """Take over the center's statements; the logs whose `acked` changed. ValueError for ranges that are none.

        Another generation than before is another database: nothing of what the earlier one said counts any more.
        """
        stored = {}
        for serial, epoch, watermark, flat in statements:
            stored[serial, epoch] = Ranges.from_flat(flat)
            if watermark:
                stored[serial, epoch].add(1, watermark)
        touched = set()
        if generation != self.generation:
            self.generation = generation
            self._stated.clear()
            touched = {key for key, log in self.logs.items() if log.acked}
            for key in touched:
                self.logs[key].acked = Ranges()
        for key, ranges in stored.items():
            log = self.logs.get(key)
            if log is None:
                _remember(self._stated, key, ranges)
            elif ranges.minus(log.acked):
                log.acked.update(ranges)
                touched.add(key)
        return touched

    def ask_again(self, asked: list[tuple[bytes, int, list[int]]]) -> set[Key]:
        """The center lacks these rows (serial, epoch, ranges): logs whose `acked` changed. ValueError: no ranges."""
        ranges_of = [((serial, epoch), Ranges.from_flat(flat)) for serial, epoch, flat in asked]
        touched = set()
        for key, ranges in ranges_of:
            log = self.logs.get(key)
            if log is not None:  # What has not been made yet, as far as anybody knows, is not lost.
                end = max(self.reach.get(key, (0, 0))[1], log.here().last, log.acked.last, log.gone.last)
                ranges = ranges.within(1, end) if end else Ranges()
            _remember(self._asked, key, ranges)
            if key in self._stated:
                self._stated[key] = self._stated[key].minus(ranges)
            if log is not None and log.acked.minus(log.acked.minus(ranges)):
                log.acked = log.acked.minus(ranges)
                touched.add(key)
        return touched

    def lost(self, key: Key, own: bool) -> Ranges:
        """Rows of a log that no log holds any more: those below a board's tail, and what the center asked for in vain.

        Nothing is known to be lost of a board that has not told its reach. `own`: the gateway writes the log.
        """
        tail, head = self.reach.get(key, (0, 0))
        if not (own or head):
            return Ranges()
        missing = self._asked.pop(key, Ranges())
        log = self.logs.get(key)
        if tail > 1:
            missing.add(1, tail - 1)
        if head:
            missing = missing.minus(Ranges([(tail, head)]))
        return missing.minus(log.here(), log.acked, log.gone) if log is not None else missing

    def asked(self) -> list[Key]:
        """Logs of which the center asked for rows that nobody was found to hold."""
        return list(self._asked)

    def miss(self, key: Key, seqs: Ranges) -> None:
        """Rows that were here and are no more: the center does not have them yet, so somebody else should."""
        log = self.logs[key]
        missing = seqs.minus(log.acked)
        if missing:
            _remember(self._asked, key, missing)

    def begin(self, info: LogInfo) -> Log:
        """A log that begins, or is named otherwise than before, while the disk cannot know it."""
        key = (info.source, info.epoch)
        known = self.logs.get(key)
        place = known.info.place if known else max((log.info.place for log in self.logs.values()), default=0) + 1
        if known is None:
            self.logs[key] = known = Log(info)
            known.acked = self._stated.pop(key, known.acked)
        known.info = info._replace(place=place)
        return known

    def merge(self, loaded: list[Log], generation: int) -> None:
        """What is on the disk, at last: only that is held. What was acknowledged meanwhile counts beside what is kept
        there, unless another generation said it."""
        if not self.generation:
            self.generation = generation
        before, self.logs = self.logs, {log.key: log for log in loaded}
        for key, known in before.items():
            log = self.logs.setdefault(key, Log(known.info))
            log.memory = known.memory.minus(log.held)
            log.gone.update(known.gone)
            if generation == self.generation:
                log.acked.update(known.acked)
            else:
                log.acked = known.acked

    def adopt(self, changes: Changes) -> set[Key]:
        """What a commit has just made true; the new logs of which the center has spoken before."""
        stated = set()
        for info in changes.logs:
            key = (info.source, info.epoch)
            if key in self.logs:
                self.logs[key].info = info
                continue
            self.logs[key] = log = Log(info)
            if key in self._stated:
                log.acked = self._stated.pop(key)
                stated.add(key)
        for (what, key), ranges in changes.ranges.items():
            log = self.logs.get(key)
            if log is not None and what == HELD:
                log.held = ranges
            elif log is not None and what == GONE:
                log.gone = ranges
        return stated


def snapshot(logs: dict[Key, Log], keys: set[Key]) -> dict[tuple[int, Key], Ranges]:
    """Copies of what is acknowledged, for the writer's thread."""
    return {(ACKED, key): logs[key].acked.copy() for key in keys}


def _contiguous(below: int, *sets: Ranges) -> int:
    known = Ranges()
    for ranges in sets:
        known.update(ranges)
    return known.contiguous(below) if known and below + 1 in known else 0


def _remember(among: OrderedDict[Key, Ranges], key: Key, ranges: Ranges) -> None:
    among.setdefault(key, Ranges()).update(ranges)
    among.move_to_end(key)
    if len(among) > REMEMBERED_MAX:
        among.popitem(last=False)
