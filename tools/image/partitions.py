"""An ESP32's partition table: rows of 32 bytes at 0x8000, closed by their MD5.

Rules of this file: what was written reads back equal; a table whose MD5 is not right is no table.
Source: Espressif, "ESP-IDF Programming Guide", Partition Tables.
"""

import hashlib
import struct
from dataclasses import dataclass

TABLE_BYTES = 0xC00  # Of a sector; the rest stays blank.
ROW_BYTES = 32
ROWS_MAX = TABLE_BYTES // ROW_BYTES - 1
LABEL_BYTES = 16
APP, DATA = 0, 1
FACTORY = 0x00
FAT = 0x81  # What MicroPython's own table says of its file system, whatever lies in it.
UNDEFINED = 0x06  # Data of a kind that ESP-IDF has no name for: our log.
_ROW = struct.Struct("<2sBBII16sI")
_ROW_MAGIC = b"\xaa\x50"
_MD5_HEAD = b"\xeb\xeb" + b"\xff" * 14


class NoTable(ValueError):
    """Bytes that are no partition table; the text says why."""


@dataclass(frozen=True)
class Row:
    """One piece of the flash: `label` by which a program finds it."""

    label: str
    kind: int
    subtype: int
    offset: int
    size: int
    flags: int = 0


def pack(rows: list[Row]) -> bytes:
    """The table of `rows`, TABLE_BYTES long. ValueError for too many rows, or a label that is too long."""
    if len(rows) > ROWS_MAX:
        raise ValueError(f"{len(rows)} rows, a table holds {ROWS_MAX}")
    packed = b""
    for row in rows:
        label = row.label.encode("ascii")
        if not 0 < len(label) <= LABEL_BYTES:
            raise ValueError(f"label {row.label!r}: 1 to {LABEL_BYTES} characters")
        packed += _ROW.pack(_ROW_MAGIC, row.kind, row.subtype, row.offset, row.size, label, row.flags)
    packed += _MD5_HEAD + hashlib.md5(packed).digest()
    return packed.ljust(TABLE_BYTES, b"\xff")


def unpack(table: bytes) -> list[Row]:
    """The rows of a table. `NoTable` unless it is whole and its MD5 is right."""
    rows = []
    for at in range(0, min(len(table), TABLE_BYTES) - ROW_BYTES + 1, ROW_BYTES):
        packed = table[at : at + ROW_BYTES]
        if packed.startswith(_MD5_HEAD):
            if packed[len(_MD5_HEAD) :] != hashlib.md5(table[:at]).digest():
                raise NoTable("its MD5 is not that of its rows")
            return rows
        magic, kind, subtype, offset, size, label, flags = _ROW.unpack(packed)
        if magic != _ROW_MAGIC:
            raise NoTable(f"row {len(rows)} begins with {magic.hex()}")
        try:
            name = label.rstrip(b"\0").decode("ascii")
        except UnicodeDecodeError:
            raise NoTable(f"row {len(rows)} has a label that is no text") from None
        rows.append(Row(name, kind, subtype, offset, size, flags))
    raise NoTable("it ends without an MD5")
