"""A dump of a board's flash, or of its log alone: the rows in it, by the reader that shares no line with the firmware.

Rules of this file: blocks lie at multiples of their size in a dump of the whole flash too; torn rows are stepped over.
"""

import sys
from collections.abc import Sequence
from typing import overload

from tools.decode import row_kind
from tools.decode.found import Ask, Found, Line, NotThis
from tools.emulator import flash_dump
from tools.emulator.flash_dump import BLOCK_BYTES, MAGIC, DumpedRow
from tools.steps import Steps
from wire.row import RowError, unpack

KIND = "dump"
TOLD_FROM_BYTES = 64 * BLOCK_BYTES  # A smaller one is read at once.


def read(data: bytes, ask: Ask) -> Found:
    """At least one whole block of a log of ours, in whole blocks. NotThis."""
    begun = [at for at in range(0, len(data), BLOCK_BYTES) if data[at : at + len(MAGIC)] == MAGIC]
    if not begun:
        raise NotThis(ask.say("no_block"))
    if len(data) % BLOCK_BYTES:
        raise NotThis(ask.say("half_block", bytes=f"{len(data):,}", block=f"{BLOCK_BYTES:,}"), near=True)
    rows, broken = _rows(data, begun, ask)
    epochs: dict[int, list[int]] = {}
    for one in rows:
        epochs.setdefault(one.epoch, []).append(one.seq)
    facts = [(ask.say("Blocks"), ask.say("blocks", used=f"{len(begun):,}", all=f"{len(data) // BLOCK_BYTES:,}"))]
    logs = []
    for epoch, seqs in epochs.items():
        missing = seqs[-1] - seqs[0] + 1 - len(set(seqs))
        source = ask.source(epoch)
        name = f" ({source.name})" if source else ""
        told = ask.say("log", epoch=epoch, count=f"{len(seqs):,}", first=f"{seqs[0]:,}", last=f"{seqs[-1]:,}")
        facts.append((ask.say("Log"), told + name + (ask.say("holes", count=f"{missing:,}") if missing else "")))
        logs.append({"epoch": epoch, "rows": len(seqs), "first": seqs[0], "last": seqs[-1], "missing": missing})
    if not all(ask.source(epoch) for epoch in epochs):
        facts.append((ask.say("Names"), ask.say("no_names")))
    facts.append((ask.say("Time"), "UTC"))
    document = {"rows": len(rows), "logs": logs, "blocks": len(begun), "broken": broken}
    wrong = ask.say("broken_blocks", count=len(broken), first=broken[0]) if broken else ""
    title = ask.say("dump", bytes=f"{len(data):,}", count=f"{len(rows):,}")
    return Found(KIND, title, facts, document, wrong, _Lines(rows, ask))


class _Lines(Sequence[Line]):
    """The rows as lines, each made when it is asked for: a flash holds more rows than one wants as text at once."""

    def __init__(self, rows: list[DumpedRow], ask: Ask) -> None:
        self._rows = rows
        self._ask = ask

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Line: ...

    @overload
    def __getitem__(self, place: slice) -> "_Lines": ...

    def __getitem__(self, place: int | slice) -> "Line | _Lines":
        if isinstance(place, slice):
            return _Lines(self._rows[place], self._ask)
        one = self._rows[place]
        return row_kind.line(unpack(one.packed, one.epoch), one.epoch, one.crc, self._ask)


def _rows(data: bytes, begun: list[int], ask: Ask) -> tuple[list[DumpedRow], list[str]]:
    """Rows in order, each once, and what is broken: blocks by their header, rows that no board of ours wrote."""
    if len(data) < TOLD_FROM_BYTES:
        return _each(data, begun, None)
    steps = Steps(1, ask.lang, sys.stderr)
    with steps.step("read_log"):
        return _each(data, begun, steps)


def _each(data: bytes, begun: list[int], steps: Steps | None) -> tuple[list[DumpedRow], list[str]]:
    found: dict[tuple[int, int, int], DumpedRow] = {}
    broken = []
    for place, at in enumerate(begun):
        block = data[at : at + BLOCK_BYTES]
        if not flash_dump.is_block(block):
            broken.append(f"{at:#x}")
        for row in flash_dump.rows(block):
            try:
                unpack(row.packed, row.epoch)
            except RowError as error:
                broken.append(f"{at:#x}: {error.reason}")
                continue
            found[row[:3]] = row
        if steps:
            steps.show((place + 1) * BLOCK_BYTES, len(begun) * BLOCK_BYTES)
    return [found[key] for key in sorted(found)], broken
