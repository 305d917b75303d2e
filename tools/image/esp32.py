"""An ESP32's image: MicroPython's own combined file with our partition table and our file system.

Rules of this file: bootloader and application stay as they are, but for one number in the bootloader's header: how
large the flash is. Without it the bootloader refuses a table that reaches further than the 4 MiB of the stock image.
Offsets are those of the flash; the combined file begins at BOOTLOADER_AT.
Source: Espressif, "ESP-IDF Programming Guide", App Image Format.
"""

import hashlib
import re
import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor

from boards import Board
from tools.image.partitions import APP, DATA, FACTORY, FAT, UNDEFINED, NoTable, Row, pack, unpack

BOOTLOADER_AT = 0x1000
TABLE_AT = 0x8000
SECTOR_BYTES = 0x1000
CHIP_ID = 0  # Of the ESP32 in an image's header; its successors have others.
FILES_LABEL = "vfs"  # By which MicroPython's start script finds its file system.
LOG_LABEL = "log"
_MAGIC = 0xE9
_HEADER_BYTES = 24
_SEGMENTS_MAX = 16
_CHECKSUM = 0xEF
_CHIP_AT, _HASHED_AT, _SIZE_AT = 12, 23, 3
_SIZES = {1 << 20: 0x00, 2 << 20: 0x10, 4 << 20: 0x20, 8 << 20: 0x30, 16 << 20: 0x40}
_VERSION = re.compile(rb"MicroPython-(\d+\.\d+\.\d+)-")  # As platform.platform() says it, in every build.


class WrongImage(ValueError):
    """A file that is no combined MicroPython image for this board; the text says what is wrong."""


@dataclass(frozen=True)
class Interpreter:
    """The parts of a combined image. `version`: as MicroPython says it, "" if it does not."""

    bootloader: bytes
    rows: tuple[Row, ...]
    app: bytes
    version: str


def read(data: bytes) -> Interpreter:
    """Take a combined image apart. `WrongImage` unless bootloader, table and application are whole and an ESP32's."""
    bootloader = data[: _image_bytes(data[: TABLE_AT - BOOTLOADER_AT], "bootloader")]
    at = TABLE_AT - BOOTLOADER_AT
    try:
        rows = unpack(data[at : at + SECTOR_BYTES])
    except NoTable as reason:
        raise WrongImage(f"no partition table at {TABLE_AT:#x}: {reason}") from None
    apps = [row for row in rows if row.kind == APP]
    if len(apps) != 1:
        raise WrongImage(f"{len(apps)} applications in its table, not one; an image for updates over the air?")
    app = data[apps[0].offset - BOOTLOADER_AT :][: apps[0].size]
    app = app[: _image_bytes(app, "application")]
    return Interpreter(bootloader, tuple(rows), app, version_of(app))


def version_of(program: bytes) -> str:
    """What MicroPython in `program` calls itself, such as "1.25.0"; "" if it does not."""
    found = _VERSION.search(program)
    return found[1].decode("ascii") if found else ""


def _image_bytes(data: bytes, what: str) -> int:
    """Length of the image at the beginning of `data`, checksum and hash included. `WrongImage` if it is not whole."""
    if len(data) < _HEADER_BYTES or data[0] != _MAGIC:
        raise WrongImage(f"no {what} where it should be: begins with {data[:4].hex() or 'nothing'}, not e9")
    (chip,) = struct.unpack_from("<H", data, _CHIP_AT)
    if chip != CHIP_ID:
        raise WrongImage(f"its {what} is for another chip (id {chip}), not an ESP32")
    if not 1 <= data[1] <= _SEGMENTS_MAX:
        raise WrongImage(f"its {what} has {data[1]} segments")
    at, checksum = _HEADER_BYTES, _CHECKSUM
    for _ in range(data[1]):
        if at + 8 > len(data):
            raise WrongImage(f"its {what} is cut off")
        (length,) = struct.unpack_from("<I", data, at + 4)
        at += 8
        if at + length > len(data):
            raise WrongImage(f"its {what} is cut off")
        checksum = reduce(xor, data[at : at + length], checksum)
        at += length
    end = (at | 15) + 1  # The checksum is the last byte of a line of 16.
    if end > len(data) or data[end - 1] != checksum:
        raise WrongImage(f"the checksum of its {what} is wrong")
    if not data[_HASHED_AT]:
        return end
    if data[end : end + 32] != hashlib.sha256(data[:end]).digest():
        raise WrongImage(f"the SHA-256 of its {what} is wrong")
    return end + 32


def table_rows(interpreter: Interpreter, board: Board) -> list[Row]:
    """The table of `board`: what the official one has before its application, then app, file system and log."""
    pieces = {piece.name: piece for piece in board.partitions}
    app, files, log = (pieces[name] for name in ("app", "slots", "log"))
    official = next(row for row in interpreter.rows if row.kind == APP)
    if official.offset != app.offset:
        raise WrongImage(f"its application lies at {official.offset:#x}, the board's at {app.offset:#x}")
    if len(interpreter.app) > app.size:
        raise WrongImage(f"its application has {len(interpreter.app):,} bytes, the board has room for {app.size:,}")
    before = [row for row in interpreter.rows if row.offset < app.offset]
    return [
        *before,
        Row(official.label, APP, FACTORY, app.offset, app.size),
        Row(FILES_LABEL, DATA, FAT, files.offset, files.size),
        Row(LOG_LABEL, DATA, UNDEFINED, log.offset, log.size),
    ]


def sized_bootloader(bootloader: bytes, flash_bytes: int) -> bytes:
    """The bootloader, told that the flash has `flash_bytes`; with its hash made anew. `WrongImage` for an odd size."""
    code = _SIZES.get(flash_bytes)
    if code is None:
        raise WrongImage(f"a flash of {flash_bytes:,} bytes has no number in a bootloader's header")
    patched = bytearray(bootloader)
    patched[_SIZE_AT] = code | patched[_SIZE_AT] & 0x0F
    if patched[_HASHED_AT]:
        patched[-32:] = hashlib.sha256(patched[:-32]).digest()
    return bytes(patched)


def assemble(interpreter: Interpreter, board: Board, flash_bytes: int, files: bytes) -> bytes:
    """The flash of `board` from BOOTLOADER_AT to the end of its file system, 0xFF where nothing is."""
    rows = table_rows(interpreter, board)
    home = next(row for row in rows if row.label == FILES_LABEL)
    flash = bytearray(b"\xff" * (home.offset + home.size))
    parts = [
        (BOOTLOADER_AT, sized_bootloader(interpreter.bootloader, flash_bytes)),
        (TABLE_AT, pack(rows)),
        (next(row.offset for row in rows if row.kind == APP), interpreter.app),
        (home.offset, files),
    ]
    for at, data in parts:
        flash[at : at + len(data)] = data
    return bytes(flash[BOOTLOADER_AT:])
