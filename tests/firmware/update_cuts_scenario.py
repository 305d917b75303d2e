"""Runs under MicroPython: cuts the power at every program and erase of a whole update, the flash being LittleFS.

Arguments: KEY_HEX OLDER OLD NEW [BROKEN]; the three are packages. A board runs the application of OLD in slot a, and
has that of OLDER in slot b. It takes NEW piece by piece, is ordered to install it, starts it and confirms it. At each
flash operation the flash is copied, once for each way in which a cut may leave it, and the copy started: what the start
chooses must be whole, the old application or the new, and no slot may hold a main without all that belongs to it. Then
the update must come to its end, cut a second time on its way, with the new application running.

Prints a line "FAIL ..." for each broken promise (FAILURES_MAX at most), and at the end "cuts N operations N resumed N".
"""

import os
import sys
from hashlib import sha256

import modules
import slots
import vfs  # pyright: ignore[reportMissingImports]
from slots import Slots, choose
from update import Update
from update_files import Filling

from wire.package import taken_apart
from wire.registers import ORDER_DROP, ORDER_INSTALL, UPDATE_CHUNK, UPDATE_READY, UPDATE_REFUSED

BLOCK_BYTES = 4_096
BLOCKS = 48
PROGRAM_BYTES = 256
PARTS = (0, 500, 999)  # Thousandths of the operation that are done when the power fails; 0 = it never began.
FAILURES_MAX = 5
TURNS_MAX = 20_000
COUNT, SIZE, ERASE = 4, 5, 6


class PowerCut(Exception):
    """The power failed inside a flash operation."""


class Nor:
    """NOR flash as a block device. `before(offset, data)` is called ahead of each operation, data None = erase."""

    before: "Callable | None"  # noqa: F821  # pyright: ignore

    def __init__(self, content=None):
        self.bytes = bytearray(content or b"\xff" * (BLOCKS * BLOCK_BYTES))
        self.before = None
        self.operations = 0
        self.dead = False  # A file that was open when the power failed is still written to when it is collected.

    def readblocks(self, block, buffer, offset=0):
        if self.dead:
            return -5
        start = block * BLOCK_BYTES + offset
        buffer[:] = memoryview(self.bytes)[start : start + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        if self.dead:
            return -5
        start = block * BLOCK_BYTES + offset
        self.operations += 1
        if self.before:
            self.before(start, buffer)
        self.bytes[start : start + len(buffer)] = buffer
        return 0

    def ioctl(self, number, argument):
        if number == COUNT:
            return BLOCKS
        if number == SIZE:
            return BLOCK_BYTES
        if number == ERASE and not self.dead:
            self.operations += 1
            if self.before:
                self.before(argument * BLOCK_BYTES, None)
            start = argument * BLOCK_BYTES
            self.bytes[start : start + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES
        return 0

    def tear(self, offset, data, part):
        """Do an operation to `part` thousandths."""
        data = b"\xff" * BLOCK_BYTES if data is None else data
        count = len(data) * part // 1000
        self.bytes[offset : offset + count] = data[:count]


class Hal:
    """Time that passes with each look at it."""

    def __init__(self):
        self.now = 0

    def ticks_ms(self):
        self.now += 1
        return self.now

    def ticks_diff(self, later, earlier):
        return later - earlier


class Bank:
    """Registers that nobody reads."""

    def put(self, register, value):
        pass

    put_long = put


class Board:
    """A board whose flash is mounted at `root`; made at its start."""

    def __init__(self, root, key):
        self.root = root
        self.running = choose(root, False)
        self.slots = Slots(root, self.running)
        self.update = Update(Hal(), self.slots, Bank(), key, "posix", lambda: True)

    def finish(self):
        for _ in range(TURNS_MAX):
            if self.update.work() < 0:
                return
        raise RuntimeError("it never ends")

    def take(self, package):
        """As a gateway does it, until the order to install was carried out."""
        update = self.update
        for _ in range(TURNS_MAX):
            self.finish()
            at = update.offset
            state, reason = update.word & 0xFF, update.word >> 8
            if state == UPDATE_READY:
                code = update.order(ORDER_INSTALL)
                if code:
                    raise RuntimeError(f"not installed: {code}")
                return
            if state == UPDATE_REFUSED:
                raise RuntimeError(f"refused for reason {reason}")
            code = update.take(at, package[at : at + UPDATE_CHUNK])
            if code == 3 and at == 0:
                update.order(ORDER_DROP)
            elif code:
                raise RuntimeError(f"piece at {at}: {code}")
        raise RuntimeError("it never ends")


def content(root, slot):
    """{path: SHA-256} of the application in a slot."""
    found = {}
    folders = [f"{root}/{slot}"]
    for folder in folders:
        for name in os.listdir(folder):
            place = folder + "/" + name
            if os.stat(place)[0] & 0x4000:
                folders.append(place)
            elif name.endswith(".mpy"):
                with open(place, "rb") as file:
                    found[place[len(folders[0]) + 1 :]] = sha256(file.read()).digest()
    return found


def mounted(flash, root):
    vfs.mount(vfs.VfsLfs2(flash, progsize=PROGRAM_BYTES, readsize=32, lookahead=32), root)


def put(package, path):
    """The application of `package`, as a slot holds it."""
    manifest, head, signature, contents = taken_apart(package)
    os.mkdir(path)
    made = {""}
    for index, (name, _, _) in enumerate(manifest.files):
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in made:
                os.mkdir(f"{path}/{folder}")
                made.add(folder)
        with open(f"{path}/{name}", "wb") as file:
            file.write(contents[index])
    with open(f"{path}/manifest", "wb") as file:
        file.write(head + signature)


def hashes(package):
    return {path: digest for path, _, digest in taken_apart(package)[0].files}


class Cuts:
    """Cuts at every operation of an update from `old` to `new`, while slot b holds `older`."""

    def __init__(self, older, old, new, key):
        self.new, self.key = new, key
        self.wholes = [hashes(package) for package in (older, old, new)]
        self.cuts = self.resumed = self.failures = 0
        self.seed = 1
        self.flash = Nor()
        vfs.VfsLfs2.mkfs(self.flash, progsize=PROGRAM_BYTES, readsize=32, lookahead=32)
        mounted(self.flash, "/flash")
        for slot, package in ((slots.SAFE, older), ("a", old), ("b", older)):
            put(package, "/flash/" + slot)

    def below(self, limit):
        self.seed = (self.seed * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.seed >> 8) % limit

    def run(self):
        """The update without a cut, looked at ahead of each of its operations; how many there were."""
        self.flash.operations = 0
        self.flash.before = self.at_operation
        board = Board("/flash", self.key)
        board.take(self.new)
        board = Board("/flash", self.key)
        if board.running != "b":
            raise RuntimeError(f"slot {board.running} runs")
        board.slots.confirm()
        self.flash.before = None
        vfs.umount("/flash")
        return self.flash.operations

    def at_operation(self, offset, data):
        for part in PARTS:
            if self.failures >= FAILURES_MAX:
                return
            flash = Nor(self.flash.bytes)
            flash.tear(offset, data, part)
            try:
                self.after_cut(flash)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                self.failures += 1
                what = "erase" if data is None else f"program of {len(data)}"
                print(f"FAIL operation {self.flash.operations} ({what}) done to {part}: {error!r}")
                flash.dead = True
                vfs.umount("/cut")

    def after_cut(self, flash):
        """Start, look at what runs, go on, be cut again, start again, go on to the end."""
        self.cuts += 1
        left = [1 + self.below(60)]

        def again(offset, data):
            left[0] -= 1
            if not left[0]:
                flash.tear(offset, data, PARTS[self.below(len(PARTS))])
                raise PowerCut

        flash.before = again
        try:
            self.finish(flash)
        except PowerCut:
            self.cuts += 1
            flash.dead = True
            vfs.umount("/cut")
            flash = Nor(flash.bytes)
            self.finish(flash)

    def finish(self, flash):
        mounted(flash, "/cut")
        for _ in range(3):
            board = Board("/cut", self.key)
            for slot in ("a", "b"):
                there = content("/cut", slot)
                if "main.mpy" in there and there not in self.wholes:
                    raise RuntimeError(f"slot {slot} holds half an application")
            there = {} if board.running == slots.SAFE else content("/cut", board.running)
            if there not in self.wholes[1:]:
                raise RuntimeError(f"{board.running} runs, neither the old nor the new")
            if there == self.wholes[2]:
                board.slots.confirm()
                vfs.umount("/cut")
                return
            board.finish()
            if board.update.offset:
                self.resumed += 1
            board.take(self.new)
        raise RuntimeError("the new application never runs")


def break_it(how):
    """Plant a mistake that the checks must find."""
    if how == "entry":
        begin = Filling.begin

        def begin_as_application(self, head):
            self._entry = "main.mpy"  # A half filled slot holds an application.
            begin(self, head)

        Filling.begin = begin_as_application
    elif how == "resume":
        find = Filling.find

        def trusting(self):
            yield from find(self)
            while not self.whole and self._filled:  # What is there is as long as it should be, so it is right.
                self.have += self._now[1] - self._filled
                self._step()

        Filling.find = trusting
    elif how == "settle":
        Filling.settle = lambda self: os.remove(f"{self._path}/main.mpy")
    elif how:
        raise ValueError("nothing to break: " + how)


def main(key, packages, how):
    modules.KEPT_ALIVE = True  # A second board starts while the first is at work, and both have the same modules.
    break_it(how)
    contents = []
    for package in packages:
        with open(package, "rb") as file:
            contents.append(file.read())
    older, old, new = contents
    cuts = Cuts(older, old, new, bytes.fromhex(key))
    operations = cuts.run()
    print(f"cuts {cuts.cuts} operations {operations} resumed {cuts.resumed}")


main(sys.argv[1], sys.argv[2:5], sys.argv[5] if len(sys.argv) > 5 else "")
