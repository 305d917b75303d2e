"""The flash of an RP2040 board between the interpreter and its file system, where only the log writes.

Rules of this file: nothing outside LOG_AT..FILES_AT is ever written; an image that divides its flash otherwise is
refused.

The stock image RPI_PICO takes 2 MiB for the whole flash, and its chip library stops the program when something is
written behind them; its start script gives all from FILES_AT on to the file system, whose blocks it numbers from 0.
What lies before has numbers below 0. Whoever puts an image on a board checks that it ends before LOG_AT.
"""

from rp2 import Flash as ChipFlash

BLOCK_BYTES = 4096
PAGE_BYTES = 256  # What is programmed at a time; bytes of a page that stay 0xFF keep what they are.
ERASED = 0xFF
LOG_AT = 0x6_0000
FILES_AT = 0xA_0000
FILES_BLOCKS = 352  # From FILES_AT to the end of 2 MiB.
LOG_BLOCKS_MAX = (FILES_AT - LOG_AT) // BLOCK_BYTES
_COUNT = 4  # ioctl numbers of MicroPython's block devices.
_ERASE = 6


class FlashError(OSError):
    """An operation outside the log's region, or a log that the flash has no room for."""


class Flash:
    """`blocks` blocks. `erases`, `programs`: done since the start."""

    def __init__(self, blocks: int):
        self.block = BLOCK_BYTES
        self.size = blocks * BLOCK_BYTES
        self.erases = 0
        self.programs = 0
        self._chip = ChipFlash()
        self._first = (LOG_AT - FILES_AT) // BLOCK_BYTES
        self._page = bytearray(PAGE_BYTES)
        self._blank = bytes([ERASED]) * PAGE_BYTES
        if blocks > LOG_BLOCKS_MAX:
            raise FlashError("log_blocks: %d, this board has room for %d" % (blocks, LOG_BLOCKS_MAX))
        if self._chip.ioctl(_COUNT, 0) != FILES_BLOCKS:
            raise FlashError("the file system has %d blocks, not %d" % (self._chip.ioctl(_COUNT, 0), FILES_BLOCKS))

    def read(self, offset: int, buffer) -> None:
        """Fill `buffer` from `offset` on. FlashError outside the region."""
        self._check(offset, len(buffer))
        self._chip.readblocks(self._first + offset // BLOCK_BYTES, buffer, offset % BLOCK_BYTES)

    def program(self, offset: int, data) -> None:
        """Clear the bits that are 0 in `data`. FlashError outside the region."""
        self._check(offset, len(data))
        done = 0
        page = self._page
        while done < len(data):
            at = offset + done
            in_page = at % PAGE_BYTES
            count = min(PAGE_BYTES - in_page, len(data) - done)
            page[:] = self._blank
            page[in_page : in_page + count] = data[done : done + count]
            start = at - in_page
            self._chip.writeblocks(self._first + start // BLOCK_BYTES, page, start % BLOCK_BYTES)
            done += count
        self.programs += 1

    def erase(self, block: int) -> None:
        """Set every byte of block number `block` to 0xFF."""
        self._check(block * BLOCK_BYTES, BLOCK_BYTES)
        self._chip.ioctl(_ERASE, self._first + block)
        self.erases += 1

    def _check(self, offset, length):
        if offset < 0 or offset + length > self.size:
            raise FlashError("outside the log: %d bytes at %d" % (length, offset))
