"""Runs under MicroPython: cuts the power at every flash operation of whatever keeps a start or a configuration.

LittleFS lies in a flash that refuses to set bits. After each cut, torn in three ways, it is mounted again, and what is
there must be the old or the new; then the same is done again and must come about. Prints "cuts N" per step; a broken
promise ends it with a traceback.
"""

import os

import slots
import twin
import vfs
from slots import Slots

BLOCKS, BLOCK_BYTES = 24, 4096
PARTS = (0, 50, 100)
ROOT = "/f"
A = ("a", 1, 0, False, 0)


class PowerCut(Exception):
    """The power failed inside a flash operation."""


class Nor:
    def __init__(self, content=None):
        self.bytes = bytearray(content or b"\xff" * (BLOCKS * BLOCK_BYTES))
        self.left = -1
        self.part = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK_BYTES + offset
        buffer[:] = memoryview(self.bytes)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK_BYTES + offset
        count = self._done(len(buffer))
        for i in range(count):
            if buffer[i] & ~self.bytes[at + i] & 0xFF:
                raise ValueError("sets a bit")
            self.bytes[at + i] = buffer[i]
        self._end()

    def ioctl(self, number, argument):
        if number == 4:
            return BLOCKS
        if number == 5:
            return BLOCK_BYTES
        if number == 6:
            count = self._done(BLOCK_BYTES)
            at = argument * BLOCK_BYTES
            self.bytes[at : at + count] = b"\xff" * count
            self._end()
        return 0

    def _done(self, length):
        if self.left == 0:
            raise PowerCut
        if self.left > 0:
            self.left -= 1
        return length * self.part // 100 if self.left == 0 else length

    def _end(self):
        if self.left == 0:
            raise PowerCut


def mount(nor):
    vfs.mount(vfs.VfsLfs2(nor, progsize=256), ROOT)


def unmount():
    try:
        vfs.umount(ROOT)
    except PowerCut:
        return  # It is gone all the same.


def state():
    return slots.unpack_state(twin.load(ROOT + slots.STATE))


def board(before):
    """Flash of a board with two applications and the state `before`, and a configuration that was changed once."""
    nor = Nor()
    vfs.VfsLfs2.mkfs(nor, progsize=256)
    mount(nor)
    for name in ("a", "b"):
        os.mkdir(f"{ROOT}/{name}")
        with open(f"{ROOT}/{name}/main.mpy", "wb") as file:
            file.write(b"M" * 600)
    for content in (b"older" * 90, b"old" * 90):
        twin.save(ROOT + "/board", content)
    for one in (A, before):
        twin.save(ROOT + slots.STATE, slots.pack_state(one))
    vfs.umount(ROOT)
    return bytes(nor.bytes)


def cut_everywhere(name, before, act, seen, allowed, wanted):
    """Do `act` with a cut at each operation; `seen()` afterwards is one of `allowed`, and `wanted` without a cut."""
    flash = board(before)
    cuts = 0
    for part in PARTS:
        ops = 0
        whole = False
        while not whole:
            ops += 1
            nor = Nor(flash)
            nor.left, nor.part = ops, part
            mount(nor)
            try:
                act()
                whole = True
            except PowerCut:
                cuts += 1
            nor.left = 0  # What closes its files meanwhile finds no power.
            unmount()
            again = Nor(bytes(nor.bytes))
            mount(again)
            found = seen()
            if found not in allowed or (whole and found != wanted):
                raise AssertionError(f"{name}, operation {ops} to {part} %: {found!r}")
            if not whole:
                act()
                if seen() != wanted:
                    raise AssertionError(f"{name} does not come about after operation {ops}")
            vfs.umount(ROOT)
    print(name, "cuts", cuts)


def main():
    tried = ("b", 1, 0, False, 0)
    trial = ("b", 1, 1, False, 0)
    steps = (
        ("switch", A, lambda: Slots(ROOT, "a").switch("b"), tried),
        ("count", tried, lambda: slots.choose(ROOT, False) if state() == tried else None, trial),
        ("confirm", trial, lambda: Slots(ROOT, "b").confirm(), ("b", 3, 0, False, 0)),
        ("give_up", trial, lambda: Slots(ROOT, "b").give_up() if state() == trial else None, A),
        ("healthy", ("a", 1, 2, False, 0), lambda: Slots(ROOT, "a").healthy(), A),
    )
    for name, before, act, after in steps:
        cut_everywhere(name, before, act, state, (before, after), after)
    old, new = b"old" * 90, b"new" * 90
    cut_everywhere(
        "board", A, lambda: twin.save(ROOT + "/board", new), lambda: twin.load(ROOT + "/board"), (old, new), new
    )

    def startable():
        return slots.after_start(state(), False, slots._held(ROOT))[1]

    cut_everywhere("clear", A, lambda: Slots(ROOT, "a").clear("b"), startable, ("a",), "a")


main()
