"""The log's partition of an ESP32 board: the piece "log" of the partition table, where only the log writes.

A stock image's `Partition.writeblocks` erases when it is called without an offset and programs when it has one; the
chip's library cuts what is programmed into pages by itself.
"""

from esp32 import Partition

from hal.chip_flash import COUNT, FlashError, Region

LABEL = "log"


class Flash(Region):
    """`blocks` blocks."""

    def __init__(self, blocks: int):
        found = Partition.find(Partition.TYPE_DATA, label=LABEL)
        if not found:
            raise FlashError("no partition %s: the board was not flashed with our table" % LABEL)
        super().__init__(found[0], 0, blocks, found[0].ioctl(COUNT, 0))
