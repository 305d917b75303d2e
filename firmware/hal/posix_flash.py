"""Flash and kept memory of a board process: files that behave like the parts they stand for.

Rules of this file: programming only clears bits, a 0 never becomes 1 without an erase; every operation, of log or
files, is counted and may be the one at which the power fails, half done: none comes behind it. What a call has written
survives the end of the process. What a start script opened stays open for the application it starts: one board.
"""

import os

from hal import CRASH, DEEP_SLEEP, RESET, UNFIT, WATCHDOG

ERASED = 0xFF
BLOCK_BYTES = 4096
CAUSES = (RESET, WATCHDOG, DEEP_SLEEP, CRASH, UNFIT)
KEEP_FILE = 5  # Its place in argv.
KEEP_BYTES_MAX = 2048  # RTC memory of an ESP32.
_COUNT, _SIZE, _ERASE = 4, 5, 6  # ioctl numbers of MicroPython's block devices.
_BLANK = bytes([ERASED]) * 256  # Whole blocks at a time would need more memory in one piece than a board has.


class FlashError(OSError):
    """An operation outside the flash, or one that would set a bit without an erase."""


def _nobody() -> None:
    """Nobody has said what becomes of a program whose power fails."""
    raise OSError("no power")


class Supply:
    """What feeds the flashes of this process. `ops`: their operations so far. `on_cut` is called when the power fails,
    and does not return.
    """

    def __init__(self):
        self.ops = 0
        self.on_cut = _nobody
        self._gone = False
        self._in_ops = 0
        self._part_permil = 0

    def cut_after(self, ops: int, part_permil: int) -> None:
        """The power fails at the `ops`-th operation from now, `part_permil` of its bytes done; 0 ops = never."""
        self._in_ops = ops
        self._part_permil = part_permil

    def part_done(self, length: int) -> int:
        """Bytes that this operation does before the power fails, or -1 if it does not fail."""
        if self._gone:
            self.fail()  # What closes its files while the program ends finds no power.
        self.ops += 1
        if self._in_ops == 0:
            return -1
        self._in_ops -= 1
        return -1 if self._in_ops else length * self._part_permil // 1000

    def fail(self) -> None:
        self._gone = True
        self.on_cut()


SUPPLY = Supply()


class FileFlash:
    """NOR flash of `blocks` blocks in the file `path`. The file ends where everything behind it is blank."""

    def __init__(self, path: str, blocks: int):
        self.block = BLOCK_BYTES
        self.size = blocks * BLOCK_BYTES
        self.erases = 0
        self.programs = 0
        try:
            self._length = os.stat(path)[6]
        except OSError:
            self._length = 0
        self._file = open(path, "r+b" if self._length else "w+b")  # noqa: SIM115 - open for life

    def read(self, offset: int, buffer) -> None:
        """Fill `buffer` from `offset` on. FlashError outside the flash."""
        self._check(offset, len(buffer))
        there = 0
        if offset < self._length:
            self._file.seek(offset)
            there = self._file.readinto(buffer)
        while there < len(buffer):
            count = min(len(_BLANK), len(buffer) - there)
            buffer[there : there + count] = _BLANK[:count]
            there += count

    def program(self, offset: int, data) -> None:
        """Clear the bits that are 0 in `data`. FlashError outside the flash, or where a 0 would have to become 1."""
        self._check(offset, len(data))
        old = bytearray(len(data))
        self.read(offset, old)
        for i in range(len(data)):
            if data[i] & ~old[i] & 0xFF:
                raise FlashError("program at %d sets bits that need an erase" % (offset + i))
        self.programs += 1
        self._reach(offset + len(data))
        part = SUPPLY.part_done(len(data))
        self._file.seek(offset)
        self._file.write(data if part < 0 else bytes(data)[:part])
        if part >= 0:
            SUPPLY.fail()

    def erase(self, block: int) -> None:
        """Set every byte of block number `block` to 0xFF."""
        self._check(block * BLOCK_BYTES, BLOCK_BYTES)
        self.erases += 1
        part = SUPPLY.part_done(BLOCK_BYTES)
        if block * BLOCK_BYTES < self._length:
            self._file.seek(block * BLOCK_BYTES)
            self._write_blank(BLOCK_BYTES if part < 0 else part)
        if part >= 0:
            SUPPLY.fail()

    def _reach(self, end):
        """Let the file reach to `end`, in whole blocks."""
        self._file.seek(self._length)
        while self._length < end:
            self._write_blank(BLOCK_BYTES)
            self._length += BLOCK_BYTES

    def _write_blank(self, count):
        while count:
            count -= self._file.write(_BLANK[:count])

    def _check(self, offset, length):
        if offset < 0 or offset + length > self.size:
            raise FlashError("outside the flash: %d bytes at %d" % (length, offset))


class FlashBlocks:
    """`flash` as a block device: what MicroPython's file system wants of one (its extended interface)."""

    def __init__(self, flash):
        self._flash = flash

    def readblocks(self, block: int, buffer, offset: int = 0) -> None:
        self._flash.read(block * BLOCK_BYTES + offset, buffer)

    def writeblocks(self, block: int, buffer, offset: int = 0) -> None:
        self._flash.program(block * BLOCK_BYTES + offset, buffer)

    def ioctl(self, number: int, argument: int) -> int:
        if number == _COUNT:
            return self._flash.size // BLOCK_BYTES
        if number == _SIZE:
            return BLOCK_BYTES
        if number == _ERASE:
            self._flash.erase(argument)
        return 0


class FileKeep:
    """Memory that survives a reset and not a power cut. In the file: cause of the reset to come, note, bytes.

    A process that ended without naming a cause lost its power. `cause`: of this start, if it was told already, for it
    is told once. `noted`: what the run before noted last.
    """

    def __init__(self, path: str, causes: tuple, cause: "int | None" = None):
        self._path = path
        self._note = 0
        try:
            with open(path, "rb") as file:
                kept = file.read()
        except OSError:
            kept = b""
        if cause is None:
            cause = kept[0] if len(kept) > 1 and kept[0] in causes else 0
        self.cause = cause
        self.noted = kept[1] if cause else 0
        self._bytes = kept[2:] if cause else b""
        self._note = self.noted
        self._write(0)

    def get(self) -> bytes:
        return self._bytes

    def put(self, data: bytes) -> None:
        """Keep `data`. ValueError beyond KEEP_BYTES_MAX."""
        if len(data) > KEEP_BYTES_MAX:
            raise ValueError("kept memory holds %d bytes" % KEEP_BYTES_MAX)
        self._bytes = bytes(data)
        self._write(0)

    def note(self, place: int) -> None:
        """Note where the program is; as in memory, it stands in the file only after `end`."""
        self._note = place

    def end(self, cause: int) -> None:
        """Name the cause of the reset that follows; 0 = the power is gone and so is what was kept."""
        if cause == 0:
            self._bytes = b""
        self._write(cause)

    def _write(self, cause):
        with open(self._path, "wb") as file:
            file.write(bytes([cause, self._note]) + self._bytes)


def open_keep(argv: list, cause: "int | None" = None) -> FileKeep:
    """Kept memory of the board with these arguments."""
    return FileKeep(argv[KEEP_FILE], CAUSES, cause)


def cause_of_start(keep: FileKeep) -> int:
    return keep.cause
