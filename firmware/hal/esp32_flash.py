"""The log's partition of an ESP32 board: the piece "log" of the partition table, where only the log writes.

Rules of this file: nothing is written without being asked for; programming clears bits and never erases.

A stock image's `Partition.writeblocks` erases when it is called without an offset and programs when it has one; the
chip's library cuts what is programmed into pages by itself.
"""

from esp32 import Partition

LABEL = "log"
BLOCK_BYTES = 4096
_COUNT = 4  # ioctl numbers of MicroPython's block devices.
_ERASE = 6


class FlashError(OSError):
    """An operation outside the log's partition, or a log that it has no room for."""


class Flash:
    """`blocks` blocks. `erases`, `programs`: done since the start."""

    def __init__(self, blocks: int):
        self.block = BLOCK_BYTES
        self.size = blocks * BLOCK_BYTES
        self.erases = 0
        self.programs = 0
        found = Partition.find(Partition.TYPE_DATA, label=LABEL)
        if not found:
            raise FlashError("no partition %s: the board was not flashed with our table" % LABEL)
        self._part = found[0]
        room = self._part.ioctl(_COUNT, 0)
        if blocks > room:
            raise FlashError("log_blocks: %d, this board has room for %d" % (blocks, room))

    def read(self, offset: int, buffer) -> None:
        """Fill `buffer` from `offset` on. FlashError outside the partition."""
        self._check(offset, len(buffer))
        self._part.readblocks(offset // BLOCK_BYTES, buffer, offset % BLOCK_BYTES)

    def program(self, offset: int, data) -> None:
        """Clear the bits that are 0 in `data`. FlashError outside the partition."""
        self._check(offset, len(data))
        self._part.writeblocks(offset // BLOCK_BYTES, data, offset % BLOCK_BYTES)
        self.programs += 1

    def erase(self, block: int) -> None:
        """Set every byte of block number `block` to 0xFF."""
        self._check(block * BLOCK_BYTES, BLOCK_BYTES)
        self._part.ioctl(_ERASE, block)
        self.erases += 1

    def _check(self, offset, length):
        if offset < 0 or offset + length > self.size:
            raise FlashError("outside the log: %d bytes at %d" % (length, offset))
