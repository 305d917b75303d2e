"""A flash file with rows in it, as a board would have written them: for backlogs that nobody has the time to make.

Rules of this file: as flash_dump.py, it shares no line with the firmware. Counters are left blank, as in a log whose
counters were lost: nobody has any row.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from tools.emulator.flash_dump import BLOCK_BYTES, MAGIC
from wire.row import Row, pack

ROWS_AT = 40
ROWS_END = BLOCK_BYTES - 40
BLANK = b"\xff"


def write(path: Path, epoch: int, rows: Sequence[Row]) -> list[bytes]:
    """Write the log `epoch` with `rows` (their seq is given here, from 1 on) to `path`; the packed rows."""
    packed_rows = []
    blocks: list[bytes] = []
    block = b""
    for seq, row in enumerate(rows, 1):
        row.seq = seq
        packed = pack(row, epoch)
        packed_rows.append(packed)
        if not block or len(block) + len(packed) > ROWS_END:
            blocks.append(block.ljust(BLOCK_BYTES, BLANK))
            head = struct.pack(">4sIII", MAGIC, epoch, seq, len(blocks))
            block = (head + struct.pack(">I", zlib.crc32(head))).ljust(ROWS_AT, BLANK)
        block += packed
    blocks.append(block.ljust(BLOCK_BYTES, BLANK))
    path.write_bytes(b"".join(blocks[1:]))
    return packed_rows
