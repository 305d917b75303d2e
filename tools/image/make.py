"""From a board, an interpreter and files to the bytes of a flash, and what they are piece by piece.

Rules of this file: pure; the same arguments give the same bytes.
"""

import hashlib
from dataclasses import dataclass

from boards import Board
from tools.image import esp32, uf2
from tools.image.esp32 import WrongImage
from tools.image.files import check_room, pack
from tools.image.partitions import TABLE_BYTES

BLANK = 0xFF
STAMP = b"riverpost image\0"
STAMP_BYTES = len(STAMP) + 32
STAMP_IN_FLASH = esp32.TABLE_AT + TABLE_BYTES  # Behind the table, in its sector: read by nobody else.
STAMP_IN_UF2 = 32 + uf2.PAGE_BYTES  # Behind the first page, in its block: never written to the flash.
CHIPS = ("esp32", "rp2040")


@dataclass(frozen=True)
class Piece:
    """A region of the flash that the image means: `offset` and `data`. `name`: as in boards/, or as the chip has it."""

    name: str
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    @property
    def used_bytes(self) -> int:
        """Bytes up to the last that is not blank."""
        return len(self.data.rstrip(bytes([BLANK])))


@dataclass(frozen=True)
class Image:
    """What a board gets. `file`: the bytes of the file that is written; `ending`: what such files are called.

    `at`: where the file's first byte goes, for a program that writes it whole. `log`: (offset, size) of the rows.
    """

    board: Board
    pieces: tuple[Piece, ...]
    file: bytes
    ending: str
    at: int
    log: tuple[int, int]
    version: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file).hexdigest()


def stamped(file: bytes, at: int) -> bytes:
    """`file` with its own SHA-256 at `at`, where nothing else stands: so that a damaged one is known."""
    stamp = STAMP + hashlib.sha256(file).digest()
    return file[:at] + stamp + file[at + STAMP_BYTES :]


def make(board: Board, interpreter: bytes, files: dict[str, bytes]) -> Image:
    """The image of `board`. `WrongImage` for an interpreter that is none for it, `NoRoom` for too many files."""
    parts = {piece.name: piece for piece in board.partitions}
    check_room(board.chip, files, parts["slots"].size)
    packed = pack(board.chip, files, parts["slots"].size)
    log = (parts["log"].offset, parts["log"].size)
    if board.chip == "esp32":
        return _esp32(board, esp32.read(interpreter), packed, log)
    return _rp2040(board, interpreter, packed, log)


def _esp32(board: Board, interpreter: esp32.Interpreter, packed: bytes, log: tuple[int, int]) -> Image:
    file = stamped(esp32.assemble(interpreter, board, board.flash_bytes, packed), STAMP_IN_FLASH - esp32.BOOTLOADER_AT)
    rows = esp32.table_rows(interpreter, board)
    cuts = [("bootloader", esp32.BOOTLOADER_AT, esp32.TABLE_AT), ("table", esp32.TABLE_AT, esp32.TABLE_AT + 0x1000)]
    cuts += [(row.label, row.offset, row.offset + row.size) for row in rows if row.label != esp32.LOG_LABEL]
    start = esp32.BOOTLOADER_AT
    pieces = tuple(Piece(name, at, file[at - start : end - start]) for name, at, end in cuts)
    return Image(board, pieces, file, ".bin", start, log, interpreter.version)


def _rp2040(board: Board, interpreter: bytes, packed: bytes, log: tuple[int, int]) -> Image:
    program = rp2040_program(interpreter)
    app, files = (next(one for one in board.partitions if one.name == name) for name in ("app", "slots"))
    if len(program) > app.size:
        raise WrongImage(f"it has {len(program):,} bytes, the board has room for {app.size:,}")
    pieces = (Piece("app", app.offset, program), Piece("vfs", files.offset, packed))
    file = stamped(uf2.pack([(piece.offset, piece.data) for piece in pieces]), STAMP_IN_UF2)
    return Image(board, pieces, file, ".uf2", 0, log, esp32.version_of(program))


def rp2040_program(data: bytes) -> bytes:
    """The interpreter for an RP2040 from offset 0 on, out of a .uf2 or a bare file. `WrongImage` if it is none."""
    if data[:4] == uf2.pack([(0, b"\0")])[:4]:
        try:
            data = uf2.program(uf2.unpack(data))
        except uf2.WrongUf2 as reason:
            raise WrongImage(str(reason)) from None
    if len(data) < 256 or _crc32_mpeg(data[:252]) != int.from_bytes(data[252:256], "little"):
        raise WrongImage("the first 256 bytes, which start an RP2040, have no right CRC-32")
    if not esp32.version_of(data):
        raise WrongImage("nothing in it says that it is MicroPython")
    return data


def _crc32_mpeg(data: bytes) -> int:
    """CRC-32 as the boot ROM of an RP2040 takes it of the second stage (RP2040 Datasheet 2.8.1.3.1)."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C1_1DB7 if crc & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return crc


def reopen(board: Board, file: bytes) -> Image:
    """The image of `board` in a file that `make` gave. `WrongImage` unless every byte is as it would give it."""
    parts = {piece.name: piece for piece in board.partitions}
    slots, log = parts["slots"], (parts["log"].offset, parts["log"].size)
    if board.chip == "esp32":
        at = slots.offset - esp32.BOOTLOADER_AT
        made = _esp32(board, esp32.read(file), file[at : at + slots.size], log)
    else:
        try:
            pages = uf2.unpack(file)
        except uf2.WrongUf2 as reason:
            raise WrongImage(str(reason)) from None
        packed = b"".join(pages.pop(at, b"") for at in range(slots.offset, slots.offset + slots.size, uf2.PAGE_BYTES))
        made = _rp2040(board, uf2.program(pages) if 0 in pages else b"", packed, log)
    if made.file != file:
        raise WrongImage("it is not what riverpost image makes for this board")
    return made
