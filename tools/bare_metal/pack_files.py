"""Run by MicroPython's unix port: make the file system that the stock RP2040 image mounts at its start.

micropython pack_files.py OUT BLOCKS FOLDER FILE...    FILE relative to FOLDER, with / between folders

Rules of this file: MicroPython's own LittleFS writes it, with the settings of ports/rp2/modules/_boot.py; what is not
used stays blank.
"""

import sys

import vfs

BLOCK_BYTES = 4096
PROGRAM_BYTES = 256
COUNT, SIZE, ERASE = 4, 5, 6


class Memory:
    """A block device in memory that is written out at the end."""

    def __init__(self, blocks):
        self.data = bytearray(b"\xff" * (blocks * BLOCK_BYTES))

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK_BYTES + offset
        buffer[:] = memoryview(self.data)[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK_BYTES + offset
        self.data[start : start + len(buffer)] = buffer

    def ioctl(self, number, argument):
        if number == COUNT:
            return len(self.data) // BLOCK_BYTES
        if number == SIZE:
            return BLOCK_BYTES
        if number == ERASE:
            start = argument * BLOCK_BYTES
            self.data[start : start + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES
        return 0


def main(out, blocks, folder, files):
    device = Memory(int(blocks))
    vfs.VfsLfs2.mkfs(device, progsize=PROGRAM_BYTES)
    system = vfs.VfsLfs2(device, progsize=PROGRAM_BYTES)
    made = set()
    for name in files:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            path = "/".join(parts[:depth])
            if path not in made:
                system.mkdir(path)
                made.add(path)
        with open(folder + "/" + name, "rb") as source, system.open(name, "wb") as target:
            target.write(source.read())
    system.umount()
    with open(out, "wb") as file:
        file.write(device.data)


main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
