"""Rows in a dump of a board's log flash, found by reading the bytes alone.

Rules of this file: it shares no line with the firmware or `wire`, so that the account of what was made does not depend
on the code that made it. Blocks of 4096 bytes; a block begins with a header (magic "RPL2", epoch, first seq, counter,
CRC-32 of these 16 bytes; big-endian); rows begin with their length and end with their CRC-32, seeded with the epoch.
"""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

BLOCK_BYTES = 4096
HEADER_BYTES = 20
MAGIC = b"RPL2"
SHORTEST = 19  # Head of 15 bytes and CRC of 4.
LONGEST = 234


class DumpedRow(NamedTuple):
    """One whole row: what names it, and its bytes."""

    epoch: int
    seq: int
    crc: int
    packed: bytes


def rows(dump: bytes) -> list[DumpedRow]:
    """Every whole row in `dump`, by epoch and seq; torn ones, and blocks whose header is torn, are stepped over."""
    found: dict[tuple[int, int, int], DumpedRow] = {}
    for base in range(0, len(dump) - BLOCK_BYTES + 1, BLOCK_BYTES):
        block = dump[base : base + BLOCK_BYTES]
        if is_block(block):
            (epoch,) = struct.unpack_from(">I", block, len(MAGIC))
            for row in _rows_of_block(block, epoch):
                found[row[:3]] = row
    return [found[key] for key in sorted(found)]


def is_block(block: bytes) -> bool:
    """Does `block` begin with a whole header?"""
    magic, _, first, _, crc = struct.unpack_from(">4sIIII", block)
    return magic == MAGIC and first > 0 and crc == zlib.crc32(block[:16])


def read(path: Path) -> list[DumpedRow]:
    """The rows in the dump file `path`; [] if there is no such file yet."""
    return rows(path.read_bytes()) if path.exists() else []


def _rows_of_block(block: bytes, epoch: int) -> list[DumpedRow]:
    """Whole rows anywhere behind the header: where a row is torn, the next may begin at any byte."""
    found = []
    at = HEADER_BYTES
    while at + SHORTEST <= BLOCK_BYTES:
        length = block[at]
        packed = block[at : at + length]
        if SHORTEST <= length <= LONGEST and len(packed) == length:
            (crc,) = struct.unpack_from(">I", packed, length - 4)
            if crc == zlib.crc32(packed[:-4], epoch):
                (seq,) = struct.unpack_from(">I", packed, 2)
                found.append(DumpedRow(epoch, seq, crc, packed))
                at += length
                continue
        at += 1
    return found
