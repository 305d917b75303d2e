"""Rows that a board still holds, and how many of them nobody has stored: read from its flash before it is erased.

Rules of this file: only `read` and `md5` of the flash; what the log does not say counts as not stored. No line is
shared with the firmware.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from tools.emulator import flash_dump
from tools.image.esp32 import LOG_LABEL, TABLE_AT
from tools.image.partitions import TABLE_BYTES, NoTable, unpack

BLOCK_BYTES = 4096
EDGE_BYTES = 20
HEAD_BYTES = 2 * EDGE_BYTES  # Header and counters.
_HEADER = struct.Struct(">4sIIII")
_COUNTERS = struct.Struct(">BBHIIII")
_MARK, _VERSION = 0xFE, 2

Read = Callable[[int, int], bytes]
Md5 = Callable[[int, int], str]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Held:
    """`rows` on the board, of which nobody has `unsent`, as far as the board knows. `ours`: there is a log of ours."""

    ours: bool
    rows: int = 0
    unsent: int = 0


def held(read: Read, md5: Md5, progress: Progress) -> Held:
    """What the log of the board holds. A log that was written by nobody, or not by us, holds nothing."""
    try:
        rows = unpack(read(TABLE_AT, TABLE_BYTES))
    except NoTable:
        return Held(False)
    log = next((row for row in rows if row.label == LOG_LABEL), None)
    if log is None or log.size < BLOCK_BYTES:
        return Held(False)
    if md5(log.offset, log.size) == blank_md5(log.size):
        return Held(True)
    heads = []
    for at in range(log.offset, log.offset + log.size, BLOCK_BYTES):
        head = _head(read(at, HEAD_BYTES))
        if head:
            heads.append((*head, at))
        progress(at - log.offset + BLOCK_BYTES, log.size)
    return _counted(heads, read) if heads else Held(False)


def blank_md5(size: int) -> str:
    """Of erased flash."""
    return hashlib.md5(b"\xff" * size).hexdigest()


def _head(data: bytes) -> tuple[int, int, int] | None:
    """(counter, epoch, first seq) of a block whose header is whole."""
    magic, epoch, first, counter, crc = _HEADER.unpack_from(data)
    whole = magic == flash_dump.MAGIC and first and crc == crc32(data[: EDGE_BYTES - 4])
    return (counter, epoch, first) if whole else None


def _counted(heads: list[tuple[int, int, int, int]], read: Read) -> Held:
    _, epoch, first, at = max(heads)
    newest = read(at, BLOCK_BYTES)
    seqs = [row.seq for row in flash_dump.rows(newest)]
    last = max(seqs, default=first - 1)
    oldest = min(one[2] for one in heads if one[1] == epoch)
    stored = next((has for edge in _edges(newest) if (has := _gateway_has(edge, epoch)) is not None), 0)
    count = max(0, last - oldest + 1)
    return Held(True, count, min(count, max(0, last - stored)))


def _edges(block: bytes) -> list[bytes]:
    """Where counters may stand, the newest place first."""
    return [block[-EDGE_BYTES:], block[-2 * EDGE_BYTES : -EDGE_BYTES], block[EDGE_BYTES:HEAD_BYTES]]


def _gateway_has(edge: bytes, epoch: int) -> int | None:
    mark, version, _, gateway, _, _, crc = _COUNTERS.unpack(edge)
    return gateway if (mark, version) == (_MARK, _VERSION) and crc == crc32(edge[:-4], epoch) else None
