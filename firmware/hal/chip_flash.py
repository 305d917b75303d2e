"""The log's region in a chip's flash, behind MicroPython's block protocol: what ESP32 and RP2040 have in common.

Rules of this file: nothing outside the region is ever touched; programming clears bits and never erases.
"""

BLOCK_BYTES = 4096
COUNT = 4  # ioctl numbers of MicroPython's block devices.
ERASE = 6


class FlashError(OSError):
    """An operation outside the log's region, or a log that the flash has no room for."""


class Region:
    """`blocks` blocks of `device`, which numbers the first of them `first`. `erases`, `programs`: since the start."""

    def __init__(self, device, first: int, blocks: int, room: int):
        self.block = BLOCK_BYTES
        self.size = blocks * BLOCK_BYTES
        self.erases = 0
        self.programs = 0
        self._device = device
        self._first = first
        if blocks > room:
            raise FlashError("log_blocks: %d, this board has room for %d" % (blocks, room))

    def read(self, offset: int, buffer) -> None:
        """Fill `buffer` from `offset` on. FlashError outside the region."""
        self._check(offset, len(buffer))
        self._device.readblocks(self._first + offset // BLOCK_BYTES, buffer, offset % BLOCK_BYTES)

    def program(self, offset: int, data) -> None:
        """Clear the bits that are 0 in `data`. FlashError outside the region."""
        self._check(offset, len(data))
        self._program(offset, data)
        self.programs += 1

    def erase(self, block: int) -> None:
        """Set every byte of block number `block` to 0xFF."""
        self._check(block * BLOCK_BYTES, BLOCK_BYTES)
        self._device.ioctl(ERASE, self._first + block)
        self.erases += 1

    def _program(self, offset, data):
        """What may go over the ends of blocks and pages; a device that cannot do that has its own."""
        self._device.writeblocks(self._first + offset // BLOCK_BYTES, data, offset % BLOCK_BYTES)

    def _check(self, offset, length):
        if offset < 0 or offset + length > self.size:
            raise FlashError("outside the log: %d bytes at %d" % (length, offset))
