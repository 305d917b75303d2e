"""The loader in the ROM of an ESP32, as far as the real esptool needs it with --no-stub: bytes in, bytes out.

Rules of this file: no time, no line: `feed` takes what the host sent and returns what the chip answers. Every command
is checked before it is done: length, checksum, sequence, attached flash, erased flash; what is wrong is refused with
the ROM's error code and kept in `faults`. It loads no program into RAM, so it runs no stub.
Source: esptool's "Serial Protocol" page.
"""

import hashlib
import struct
from collections.abc import Callable

from tools.emulator.rom_chip import Chip

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD
FRAME_BYTES_MAX = 20_000
ROM_BAUD = 115_200
READ_BYTES_MAX = 64
SYNC_ANSWERS = 8
SYNC_BODY = b"\x07\x07\x12\x20" + 32 * b"\x55"
NO_ERROR = b"\0\0\0\0"
INVALID_MESSAGE, FAILED, BAD_CHECKSUM, FLASH_WRITE, FLASH_READ = 0x05, 0x06, 0x07, 0x08, 0x09
SYNC, WRITE_REG, READ_REG = 0x08, 0x09, 0x0A
FLASH_BEGIN, FLASH_DATA, FLASH_END = 0x02, 0x03, 0x04
SPI_SET_PARAMS, SPI_ATTACH, READ_FLASH, CHANGE_BAUD, FLASH_MD5, SECURITY_INFO = 0x0B, 0x0D, 0x0E, 0x0F, 0x13, 0x14

Answer = tuple[int, bytes]  # Value of the header, and what stands behind it without the status.


class Refused(Exception):
    """A command that the ROM would not carry out: its error code, and why."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class RomLoader:
    """`chip` in download mode. `baud`: what the line is to run at. `left`: the host has let it start its program."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.baud = ROM_BAUD
        self.left = False
        self.blocks = 0
        self.faults: list[str] = []
        self._frame: bytearray | None = None
        self._escaped = False
        self._attached = False
        self._size = 0
        self._writing: tuple[int, int, int, int] | None = None  # Begin, end of what was erased; block size; next seq.
        self._commands: dict[int, tuple[str, Callable[..., Answer]]] = {
            READ_REG: ("<I", self._read_reg),
            SPI_ATTACH: ("<II", self._attach),
            SPI_SET_PARAMS: ("<6I", self._set_params),
            FLASH_BEGIN: ("<4I", self._begin),
            FLASH_END: ("<I", self._end),
            READ_FLASH: ("<II", self._read_flash),
            CHANGE_BAUD: ("<II", self._change_baud),
            FLASH_MD5: ("<4I", self._md5),
        }

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the line; return the answers, framed."""
        answers = b""
        for byte in data:
            if byte == END:
                if self._frame:
                    answers += self._command(bytes(self._frame))
                    self._frame = None
                else:
                    self._frame = bytearray()
                self._escaped = False
            elif self._frame is not None and not self._take(byte):
                self._frame = None
        return answers

    def _take(self, byte: int) -> bool:
        """Add a byte to the frame; False where it breaks."""
        assert self._frame is not None
        if self._escaped:
            self._escaped = False
            if byte not in (ESCAPED_END, ESCAPED_ESCAPE):
                self.faults.append(f"escape followed by {byte:#x}")
                return False
            byte = END if byte == ESCAPED_END else ESCAPE
        elif byte == ESCAPE:
            self._escaped = True
            return True
        self._frame.append(byte)
        return len(self._frame) <= FRAME_BYTES_MAX

    def _command(self, frame: bytes) -> bytes:
        if len(frame) < 8:
            self.faults.append(f"a frame of {len(frame)} bytes")
            return b""
        direction, code, length, checksum = struct.unpack_from("<BBHI", frame)
        body = frame[8:]
        if direction != 0 or length != len(body):
            self.faults.append(f"command {code:#x} says {length} bytes and has {len(body)}")
            return _packed(code, 0, bytes([1, INVALID_MESSAGE, 0, 0]))
        try:
            if code == SYNC:
                return self._sync(body)
            value, data = self._carried_out(code, body, checksum)
        except Refused as refused:
            if code in self._commands or code in (FLASH_DATA, WRITE_REG):
                self.faults.append(f"command {code:#x}: {refused}")
            return _packed(code, 0, bytes([1, refused.code, 0, 0]))
        return _packed(code, value, data + NO_ERROR)

    def _carried_out(self, code: int, body: bytes, checksum: int) -> Answer:
        if code == FLASH_DATA:
            return self._data(body, checksum)
        if code == WRITE_REG:
            return self._write_reg(body)
        if code == SECURITY_INFO and self.chip.kind.chip_id is not None:
            return 0, struct.pack("<I8BII", 0, *bytes(8), self.chip.kind.chip_id, 0)
        if code not in self._commands:
            raise Refused(INVALID_MESSAGE, "unknown")
        form, carry_out = self._commands[code]
        if len(body) != struct.calcsize(form):
            raise Refused(INVALID_MESSAGE, f"{len(body)} bytes")
        return carry_out(*struct.unpack(form, body))

    def _sync(self, body: bytes) -> bytes:
        if body != SYNC_BODY:
            raise Refused(INVALID_MESSAGE, "no sync")
        return _packed(SYNC, 0x2012_0707, NO_ERROR) * SYNC_ANSWERS

    def _read_reg(self, address: int) -> Answer:
        return self.chip.read_register(address), b""

    def _write_reg(self, body: bytes) -> Answer:
        if not body or len(body) % 16:
            raise Refused(INVALID_MESSAGE, f"{len(body)} bytes")
        for address, value, mask, _ in struct.iter_unpack("<4I", body):
            self.chip.write_register(address, value, mask)
        return 0, b""

    def _attach(self, pins: int, _legacy: int) -> Answer:
        self._attached = True
        return 0, b""

    def _set_params(self, _id: int, size: int, _block: int, sector: int, _page: int, _mask: int) -> Answer:
        if size > self.chip.flash_bytes or sector != 4096:
            raise Refused(FAILED, f"a flash of {size} bytes in sectors of {sector}")
        self._size = size
        return 0, b""

    def _begin(self, erase: int, blocks: int, block_bytes: int, offset: int) -> Answer:
        self._check(offset, erase)
        if blocks * block_bytes < erase or not 0 < block_bytes <= 0x4000:
            raise Refused(FAILED, f"{blocks} blocks of {block_bytes} bytes for {erase}")
        if erase:
            self.chip.erase(offset, erase)
        self._writing = (offset, offset + blocks * block_bytes, block_bytes, 0)
        return 0, b""

    def _data(self, body: bytes, checksum: int) -> Answer:
        if self._writing is None or len(body) < 16:
            raise Refused(FAILED, "data before a begin")
        begin, end, block_bytes, wanted = self._writing
        length, seq, _, _ = struct.unpack_from("<4I", body)
        data = body[16:]
        if length != len(data) or length > block_bytes:
            raise Refused(INVALID_MESSAGE, f"block {seq} says {length} bytes and has {len(data)}")
        made = 0xEF
        for byte in data:
            made ^= byte
        if made != checksum & 0xFF:
            raise Refused(BAD_CHECKSUM, f"checksum of block {seq}")
        if seq != wanted:
            raise Refused(FAILED, f"block {seq} where {wanted} was due")
        at = begin + seq * block_bytes
        if at + length > end:
            raise Refused(FAILED, f"block {seq} ends behind what was begun")
        self._check(at, length)
        if not self.chip.program(at, data):
            raise Refused(FLASH_WRITE, self.chip.faults[-1])
        self._writing = (begin, end, block_bytes, wanted + 1)
        self.blocks += 1
        return 0, b""

    def _end(self, _stay: int) -> Answer:
        """The ROM leaves the loader either way: it restarts, or runs the program."""
        if self._writing is None:
            raise Refused(FAILED, "an end without a begin")
        self._writing = None
        self.left = True
        return 0, b""

    def _read_flash(self, offset: int, length: int) -> Answer:
        self._check(offset, length)
        if length > READ_BYTES_MAX:
            raise Refused(FLASH_READ, f"{length} bytes at once")
        return 0, self.chip.read(offset, length).ljust(READ_BYTES_MAX, b"\0")

    def _change_baud(self, baud: int, _old: int) -> Answer:
        if not 9_600 <= baud <= 5_000_000:
            raise Refused(FAILED, f"{baud} baud")
        self.baud = baud
        return 0, b""

    def _md5(self, offset: int, length: int, _a: int, _b: int) -> Answer:
        self._check(offset, length)
        return 0, hashlib.md5(self.chip.read(offset, length)).hexdigest().encode()

    def _check(self, offset: int, length: int) -> None:
        if not self._attached:
            raise Refused(FAILED, "the flash was not attached")
        if offset + length > (self._size or self.chip.flash_bytes):
            raise Refused(FAILED, f"{length} bytes at {offset:#x} reach behind the flash")


def _packed(code: int, value: int, data: bytes) -> bytes:
    packed = struct.pack("<BBHI", 1, code, len(data), value) + data
    escaped = packed.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + escaped + b"\xc0"
