"""The module `esp32`, as far as hal uses it: partitions of NOR flash that behave as the port's do."""

from world import BLOCK_BYTES, ERASE_US, PROGRAM_US, WORLD


class Partition:
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, label):
        self._label = label

    @staticmethod
    def find(type=0, subtype=0xFF, label=None):
        names = WORLD.partitions if type == Partition.TYPE_DATA else ()
        return [Partition(name) for name in names if label in (None, name)]

    def readblocks(self, block, buffer, offset=0):
        at = self._place(block, offset, len(buffer))
        buffer[:] = WORLD.partitions[self._label][at : at + len(buffer)]

    def writeblocks(self, block, data, offset=None):
        """Without an offset the blocks are erased first; with one, bits are cleared and nothing else."""
        at = self._place(block, offset or 0, len(data))
        memory = WORLD.partitions[self._label]
        if offset is None:
            memory[at : at + len(data)] = b"\xff" * len(data)
            WORLD.flash.append("erased by writing")
        for place in range(len(data)):
            if data[place] & ~memory[at + place] & 0xFF:
                WORLD.flash.append("would need an erase")
            memory[at + place] &= data[place]
        WORLD.flash.append("program")
        WORLD.in_one_call(PROGRAM_US)

    def ioctl(self, what, argument):
        if what == 4:
            return len(WORLD.partitions[self._label]) // BLOCK_BYTES
        if what == 6:
            at = self._place(argument, 0, BLOCK_BYTES)
            WORLD.partitions[self._label][at : at + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES
            WORLD.flash.append("erase")
            WORLD.in_one_call(ERASE_US)
            return 0
        return None

    def _place(self, block, offset, length):
        at = block * BLOCK_BYTES + offset
        if at < 0 or at + length > len(WORLD.partitions[self._label]):
            raise OSError(-258)
        return at
