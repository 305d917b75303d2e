"""What a disk may hold after a power cut, from the operations that a program gave to it.

Rules of this file: what was not flushed may be there or not, whole or in sectors, in any order that the model allows.

    ordered   as ext4 does it: sizes and names become durable in their order, any flush takes all earlier ones along,
              and a file never shows more than was written to it; overwritten bytes come in any order
    strict    as POSIX promises: a flush makes one file durable, a flush of the folder its names, and nothing else

Pending writes belong to an inode, not to a name: the name may be another file's by then.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from tools.soak.crash.bench import SECTOR_BYTES, Bench, Patch
from tools.soak.crash.recording import FLUSH, FLUSH_FOLDER, NAMES, SIZE, WRITE, Operation

ORDERED, STRICT = "ordered", "strict"
MODELS = (ORDERED, STRICT)
WHOLE, FLUSHED, TORN, SUBSET = "whole", "flushed", "torn", "subset"
SECTORED_MAX = 16  # Writes of one subset that are taken apart by sector.


class State(NamedTuple):
    """A disk as one cut may leave it: `kind` names how it was chosen, and replays it."""

    kind: str
    names: dict[str, int]
    patches: list[Patch]


class Disk:
    """The disk of `bench` while operations come in. `names`, and the bench's images, are what is durable."""

    def __init__(self, model: str, first: dict[str, bytes], bench: Bench) -> None:
        if model not in MODELS:
            raise ValueError(f"a model is one of {', '.join(MODELS)}")
        self.model = model
        self.names: dict[str, int] = {}
        self.flushes = 0
        self._bench = bench
        self._pending: list[Operation] = []
        for inode, (name, content) in enumerate(first.items(), 1):
            self.names[name] = inode
            bench.add(inode, content)

    def take(self, operation: Operation) -> None:
        """The program does this next."""
        if operation.what == FLUSH or operation.what == FLUSH_FOLDER:
            self._flush(operation)
            return
        for _, inode in operation.changes:
            if inode is not None and inode not in self._bench:
                self._bench.add(inode)
        self._pending.append(operation)

    def states(self, seed: str, subsets: range) -> Iterator[State]:
        """How a cut right now, during the operation taken last, may leave the disk. `subsets`: which random ones."""
        pending = self._pending
        yield State(WHOLE, self._named(pending), [patch for op in pending for patch in _whole(op)])
        yield State(FLUSHED, self.names, [])
        if not pending:
            return
        before = [patch for op in pending[:-1] for patch in _whole(op)]
        pieces = sectors(pending[-1])
        names = self._named(pending[:-1])
        for count in range(1, len(pieces)):
            length = sum(len(piece) for _, piece in pieces[:count])
            patch = Patch(pending[-1].inode, pending[-1].offset, pending[-1].data[:length])
            yield State(f"{TORN} {count}", names, [*before, patch])
        if len(pending) > 1 or len(pieces) > 1:
            for number in subsets:
                yield self._subset(number, random.Random(f"{seed} {number}"))

    def _subset(self, number: int, chance: random.Random) -> State:
        """Some of what is pending, chosen by chance in one of four ways."""
        pending = self._pending
        chosen: dict[int, list[Patch]] = {}  # by id() of the operation
        free = pending
        if self.model == ORDERED:
            ordered = [op for op in pending if is_metadata(op)]
            free = [op for op in pending if not is_metadata(op)]
            count = chance.randint(0, len(ordered)) if chance.random() < 0.5 else len(ordered)
            chosen |= {id(op): _whole(op) for op in ordered[:count]}
        chosen |= chance.choice(_WAYS)(free, chance) if free else {}
        names, patches = dict(self.names), []
        sizes: dict[int, int] = {}
        for op in pending:
            if id(op) not in chosen:
                continue
            _rename(names, op)
            if op.what == NAMES:
                continue
            size = sizes.setdefault(op.inode, self._bench.size(op.inode))
            end = op.offset + len(op.data)
            if self.model == ORDERED and end > size and not is_metadata(op):
                continue  # It changes what was written behind an end that this disk has not.
            sizes[op.inode] = op.offset if op.what == SIZE else max(size, end)
            patches += chosen[id(op)]
        return State(f"{SUBSET} {number}", names, patches)

    def _named(self, operations: list[Operation]) -> dict[str, int]:
        names = dict(self.names)
        for op in operations:
            _rename(names, op)
        return names

    def _flush(self, flush: Operation) -> None:
        """Make durable what this flush covers: what was asked for before it began."""
        self.flushes += 1
        left: list[Operation] = []
        for op in self._pending:
            if op.begin < flush.begin and self._covers(flush, op):
                self._settle(op, left)
            else:
                left.append(op)
        self._pending = left

    def _covers(self, flush: Operation, op: Operation) -> bool:
        if self.model == ORDERED and is_metadata(op):
            return True
        return op.what == NAMES if flush.what == FLUSH_FOLDER else op.inode == flush.inode and op.what != NAMES

    def _settle(self, op: Operation, earlier: list[Operation]) -> None:
        if op.what == SIZE and self._bench.size(op.inode) > op.offset:
            # What was written behind the new end, and not flushed, is gone for good.
            earlier[:] = [other for other in earlier if other.inode != op.inode or other.offset < op.offset]
        _rename(self.names, op)
        for patch in _whole(op):
            self._bench.keep(patch)


def is_metadata(op: Operation) -> bool:
    """Does it change a size or a name?"""
    return op.what in (SIZE, NAMES) or op.grows


def sectors(op: Operation) -> list[tuple[int, bytes]]:
    """(offset, bytes) of a write, cut where the disk's sectors end."""
    pieces = []
    at = 0
    while at < len(op.data):
        length = SECTOR_BYTES - (op.offset + at) % SECTOR_BYTES
        pieces.append((op.offset + at, op.data[at : at + length]))
        at += length
    return pieces


def _whole(op: Operation) -> list[Patch]:
    if op.what == NAMES:
        return []
    return [Patch(op.inode, op.offset, op.data if op.what == WRITE else None)]


def _all_but_one(free: list[Operation], chance: random.Random) -> dict[int, list[Patch]]:
    missing = chance.choice(free)
    chosen = {id(op): _whole(op) for op in free if op is not missing}
    if missing.what == WRITE and chance.random() < 0.5:
        chosen[id(missing)] = _some(missing, chance)
    return chosen


def _only_one(free: list[Operation], chance: random.Random) -> dict[int, list[Patch]]:
    op = chance.choice(free)
    return {id(op): _whole(op)}


def _a_share(free: list[Operation], chance: random.Random) -> dict[int, list[Patch]]:
    share = chance.choice((0.1, 0.5, 0.9))
    return {id(op): _whole(op) for op in free if chance.random() < share}


def _a_share_of_sectors(free: list[Operation], chance: random.Random) -> dict[int, list[Patch]]:
    chosen = _a_share(free, chance)
    writes = [op for op in free if op.what == WRITE]
    for op in chance.sample(writes, min(len(writes), SECTORED_MAX)):
        chosen[id(op)] = _some(op, chance)
    return chosen


_WAYS = (_all_but_one, _only_one, _a_share, _a_share_of_sectors)


def _some(op: Operation, chance: random.Random) -> list[Patch]:
    share = chance.choice((0.2, 0.5, 0.8))
    return [Patch(op.inode, offset, piece) for offset, piece in sectors(op) if chance.random() < share]


def _rename(names: dict[str, int], op: Operation) -> None:
    for name, inode in op.changes:
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode
