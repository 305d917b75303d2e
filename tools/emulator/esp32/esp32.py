"""The module `esp32`, as far as hal uses it: the partitions of the emulated flash, as the port gives them.

Rules of this file: without an offset a write erases first; with one, bits are cleared and nothing else.
"""

from chip import BLOCK_BYTES, CHIP

COUNT, SIZE, ERASE = 4, 5, 6
OUTSIDE = -258


class Partition:
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, label):
        self._offset, self._size = CHIP.parts[label]

    @staticmethod
    def find(type=0, subtype=0xFF, label=None):
        names = sorted(CHIP.parts) if type == Partition.TYPE_DATA else ()
        return [Partition(name) for name in names if label in (None, name)]

    def readblocks(self, block, buffer, offset=0):
        CHIP.flash.read(self._place(block, offset, len(buffer)), buffer)

    def writeblocks(self, block, data, offset=None):
        at = self._place(block, offset or 0, len(data))
        if offset is None:
            for start in range(at, at + len(data), BLOCK_BYTES):
                CHIP.flash.erase(start)
        CHIP.flash.program(at, data)

    def ioctl(self, what, argument):
        if what == COUNT:
            return self._size // BLOCK_BYTES
        if what == SIZE:
            return BLOCK_BYTES
        if what == ERASE:
            CHIP.flash.erase(self._place(argument, 0, BLOCK_BYTES))
            return 0
        return None

    def _place(self, block, offset, length):
        at = block * BLOCK_BYTES + offset
        if at < 0 or at + length > self._size:
            raise OSError(OUTSIDE)
        return self._offset + at
