"""The flash of an RP2040 board between the interpreter and its file system, where only the log writes.

Rules of this file: nothing outside LOG_AT..FILES_AT is ever written; an image that divides its flash otherwise is
refused.

The stock image RPI_PICO takes 2 MiB for the whole flash, and its chip library stops the program when something is
written behind them; its start script gives all from FILES_AT on to the file system, whose blocks it numbers from 0.
What lies before has numbers below 0. Whoever puts an image on a board checks that it ends before LOG_AT.
"""

from rp2 import Flash as ChipFlash

from hal.chip_flash import BLOCK_BYTES, COUNT, FlashError, Region

PAGE_BYTES = 256  # What is programmed at a time; bytes of a page that stay 0xFF keep what they are.
ERASED = 0xFF
LOG_AT = 0x6_0000
FILES_AT = 0xA_0000
FILES_BLOCKS = 352  # From FILES_AT to the end of 2 MiB.
LOG_BLOCKS_MAX = (FILES_AT - LOG_AT) // BLOCK_BYTES


class Flash(Region):
    """`blocks` blocks."""

    def __init__(self, blocks: int):
        chip = ChipFlash()
        super().__init__(chip, (LOG_AT - FILES_AT) // BLOCK_BYTES, blocks, LOG_BLOCKS_MAX)
        self._page = bytearray(PAGE_BYTES)
        self._blank = bytes([ERASED]) * PAGE_BYTES
        if chip.ioctl(COUNT, 0) != FILES_BLOCKS:
            raise FlashError("the file system has %d blocks, not %d" % (chip.ioctl(COUNT, 0), FILES_BLOCKS))

    def _program(self, offset, data):
        done = 0
        page = self._page
        while done < len(data):
            at = offset + done
            in_page = at % PAGE_BYTES
            count = min(PAGE_BYTES - in_page, len(data) - done)
            page[:] = self._blank
            page[in_page : in_page + count] = data[done : done + count]
            super()._program(at - in_page, page)
            done += count
