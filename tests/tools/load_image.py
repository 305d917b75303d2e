"""Run by MicroPython's unix port: mount a board's file system from a file and load every .mpy in it.

micropython load_image.py FILE PROGRAM_BYTES CHIP_MODULE...    prints a line a file: size, and "loaded" for a .mpy

What only a chip has (CHIP_MODULE) is stood in for by modules that have every name: the question is whether the code
loads, not what it does.
"""

import sys

import vfs

BLOCK_BYTES = 4096


class Flash:
    """The file system's blocks, which nobody may write."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._data = file.read()

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK_BYTES + offset
        buffer[:] = memoryview(self._data)[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        raise OSError("a mere look writes")

    def ioctl(self, number, argument):
        return {4: len(self._data) // BLOCK_BYTES, 5: BLOCK_BYTES}.get(number, 0)


class Anything:
    """Whatever a driver's module asks of a chip."""

    def __getattr__(self, name):
        return Anything()

    def __call__(self, *_):
        return Anything()


def files(system, folder):
    for entry in sorted(system.ilistdir(folder)):
        path = folder.rstrip("/") + "/" + entry[0]
        if entry[1] == 0x4000:
            yield from files(system, path)
        else:
            yield path


def load(root):
    """Import every module below `root`, as a board does whose sys.path begins there."""
    before = set(sys.modules)
    sys.path[:] = [root, root + "/lib"]
    for path in sorted(files(vfs_system, root[len("/image") :])):
        if not path.endswith(".mpy"):
            continue
        name = path[len(root) - len("/image") + 1 :]
        if name.startswith("lib/"):
            name = name[4:]
        module = name[:-4].replace("/", ".")
        if module.endswith("__init__"):
            module = module[:-9]
        __import__(module)
        print("loaded", path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


vfs_system = vfs.VfsLfs2(Flash(sys.argv[1]), progsize=int(sys.argv[2]), readsize=32, lookahead=32)
vfs.mount(vfs_system, "/image", readonly=True)
for name in sys.argv[3:]:
    sys.modules[name] = Anything()
for path in files(vfs_system, "/"):
    with open("/image" + path, "rb") as file:
        print("file", path, len(file.read()))
for slot in ("/safe", "/a"):
    load("/image" + slot)
