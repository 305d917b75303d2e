"""The course of an update: takes a package in pieces, proves it, and puts it into the slot that is to spare.

Rules of this file: nothing is written before the signature is verified, and nothing while the supply is low. Whatever
a power cut leaves is gone on with at the next start, or counts as nothing. What takes long is done in steps: `work`
spends STEP_MS in a turn of the loop, and a step of it takes less. Of the code that it needs only as much is loaded as
the step that it is at: first the signature's, then the manifest's, then the files'.
"""

import os

from modules import let_go
from slots import is_there

from wire.modbus import BUSY, DEVICE_FAILURE, ILLEGAL_VALUE
from wire.package import (
    COMING,
    NO_KEY,
    NO_ROOM,
    NO_SLOT,
    NOT_A_PACKAGE,
    NOT_NEWER,
    OTHER_CHIP,
    READ_BACK,
    WRONG_FILE,
    WRONG_SIGNATURE,
)
from wire.package_head import HEADER_BYTES, SIGNATURE_BYTES, PackageError, head_bytes, signed_message
from wire.package_rules import HEAD_BYTES_MAX
from wire.registers import (
    ORDER_DROP,
    ORDER_INSTALL,
    UPDATE_CHUNK,
    UPDATE_IDLE,
    UPDATE_READY,
    UPDATE_RECEIVING,
    UPDATE_REFUSED,
    UPDATE_VERIFYING,
)

STEP_MS = 20
WAIT_MS = 1_000  # Until the supply is looked at again.


class Course:
    """What is here of a package; see update.Update, which tells and asks. A package must have a greater `counter`.

    `restart_due`: an order to install was carried out.
    """

    def __init__(self, hal, slots, key: bytes, chip: str, may_write, counter: int):
        self._hal = hal
        self._slots = slots
        self._key = key
        self._chip = chip
        self._may_write = may_write
        self.restart_due = False
        self._counter = counter
        self._nothing()

    @property
    def offset(self) -> int:
        """Where the package goes on: a whole number of chunks, or its end."""
        have = self._have
        return have if self._filling is not None and self._filling.whole else have - have % UPDATE_CHUNK

    @property
    def word(self) -> int:
        """The register update_state."""
        return self.reason << 8 | self.state

    @property
    def idle(self) -> bool:
        """There is nothing of a package, and nobody has to be told why."""
        return self.state == UPDATE_IDLE and self._job is None

    def resume(self) -> None:
        """Go on with what lies in the spare slot, if there is anything."""
        place = "%s/%s" % (self._slots.path(self._slots.spare), COMING)
        if is_there(place):
            self._head_size = min(os.stat(place)[6], HEAD_BYTES_MAX + SIGNATURE_BYTES + 1)  # A longer one is none.
            self._head = bytearray(self._head_size)
            with open(place, "rb") as file:
                file.readinto(self._head)
            self._begin(self._resumed())

    def take(self, offset: int, data: bytes) -> int:
        """Take `data`, which stands at `offset` of the package; 0, or the exception code of what is wrong with it."""
        if self._job is not None:
            return BUSY
        if self.state == UPDATE_REFUSED or offset > self._have:
            return ILLEGAL_VALUE
        view = memoryview(data)  # Pieces of it are no copies.
        known = min(len(view), self._head_size - offset, self._have - offset)
        if known > 0 and view[:known] != self._known(offset, known):
            return ILLEGAL_VALUE  # Another package than the one that is here.
        fresh = view[self._have - offset :]
        if not fresh or self.state == UPDATE_READY:
            return 0
        if not self._key:
            self._refuse(NO_KEY)
            return ILLEGAL_VALUE
        try:
            self._take(fresh)
        except OSError:
            self._refuse(NO_ROOM)
            return DEVICE_FAILURE
        return ILLEGAL_VALUE if self.state == UPDATE_REFUSED else 0

    def order(self, what: int) -> int:
        """Carry out ORDER_DROP or ORDER_INSTALL; 0, or the exception code of why not."""
        install = what == ORDER_INSTALL and self.state == UPDATE_READY
        if what != ORDER_DROP and not install:
            return ILLEGAL_VALUE
        if not self._may_write():
            return DEVICE_FAILURE
        filling = self._filling
        if self._job is not None and filling is None:
            return BUSY  # Whether there is anything in the slot that would have to go is not known yet.
        try:
            if install:
                filling.complete()
                self._slots.switch(self._slots.spare)
                self.restart_due = True
                filling.settle()
            else:
                self._nothing()
                if filling is not None:
                    filling.forget()
        except OSError:
            self._refuse(NO_ROOM)
            return DEVICE_FAILURE
        return 0

    def work(self) -> int:
        """Go on with what is under way, for STEP_MS; milliseconds until there is more to do, -1 = nothing is."""
        hal, job = self._hal, self._job
        if job is None:
            return -1
        begin = hal.ticks_ms()
        wait_ms = 0
        try:
            while not wait_ms and hal.ticks_diff(hal.ticks_ms(), begin) < STEP_MS:
                wait_ms = next(job) or 0
        except StopIteration:
            if self._job is job:
                self._job = None
        except OSError:
            self._refuse(NO_ROOM)
        return wait_ms if self._job is not None else -1

    # What comes

    def _take(self, data):
        if self._filling is not None:
            self._write(data)
            return
        self.state = UPDATE_RECEIVING
        try:
            for end_of in (_header_end, _head_end):
                end = end_of(self._head)
                if len(self._head) < end:  # In one piece at once: one that grows would need two.
                    head = bytearray(end)
                    head[: self._have] = self._head[: self._have]
                    self._head = head
                    self._head_size = end
                count = max(0, min(end - self._have, len(data)))
                self._head[self._have : self._have + count] = data[:count]
                self._have += count
                data = data[count:]
                if self._have < end:
                    break
            else:
                self._begin(self._admitted(bytes(data)))  # Its place is used again.
        except PackageError:
            self._refuse(NOT_A_PACKAGE)

    def _known(self, at, count):
        """`count` bytes of the head that is here, from `at` on."""
        return memoryview(self._head)[at : at + count] if self._head else self._filling.head(at, count)

    def _write(self, data):
        filling = self._filling
        if not filling.write(data):
            self._refuse(WRONG_FILE)
            return
        self._have = self._head_size + filling.have
        if filling.whole:
            self._begin(self._read_back())

    # Jobs: generators that give None, or the milliseconds for which there is nothing to do.

    def _begin(self, job):
        self.state = UPDATE_VERIFYING
        self._job = job

    def _admitted(self, rest):
        """The head is here: prove it, make room, and go on with `rest` of the bytes that came with it."""
        reason = yield from self._proved()
        if reason:
            self._refuse(reason)
            return
        for _ in self._filling.empty():
            yield from self._supply()
        yield from self._supply()
        self._slots.clear(self._slots.spare)
        self._filling.begin(self._head)
        self._head = bytearray()  # It lies in the slot now.
        self.state = UPDATE_RECEIVING
        self._write(rest)

    def _supply(self):
        yield
        while not self._may_write():
            yield WAIT_MS

    def _proved(self):
        """Returns 0 if the head is one that this board may take, and then has a filling; else the reason."""
        signature = bytes(self._head[-SIGNATURE_BYTES:])
        digest = yield from self._digest(signature)
        yield from _gone("sha512")
        right = yield from self._signed(signature, digest)
        yield from _gone("ed25519")
        if not right:
            return WRONG_SIGNATURE
        try:
            chip, counter, _, first, count, size = self._summary()
        except PackageError:
            return NOT_A_PACKAGE
        yield from _gone("wire.package_rules")
        if chip != self._chip:
            return OTHER_CHIP
        if counter <= self._counter:
            return NOT_NEWER
        if not self._slots.spare:
            return NO_SLOT
        from update_files import Filling

        self._filling = Filling(self._slots.path(self._slots.spare), first, count, size)
        return 0

    # Each of these loads what it needs, and nothing of that is left when it is done.

    def _digest(self, signature):
        from sha512 import sha512

        yield
        message = signed_message(memoryview(self._head)[:-SIGNATURE_BYTES])
        digest = yield from sha512(signature[:32] + self._key + message)
        return digest

    def _signed(self, signature, digest):
        from ed25519 import verify

        yield
        right = yield from verify(self._key, digest, signature)
        return right

    def _summary(self):
        from wire.package_rules import summary_of

        return summary_of(memoryview(self._head)[:-SIGNATURE_BYTES])

    def _resumed(self):
        """Go on with what lies in the spare slot since before the start, if it is one that this board may take."""
        reason = NO_KEY
        try:
            if self._key and len(self._head) > HEADER_BYTES and _head_end(self._head) == len(self._head):
                reason = yield from self._proved()
        except PackageError:
            reason = NOT_A_PACKAGE
        if reason:
            self._nothing()  # It stays where it is, as whatever else a spare slot may hold.
            return
        filling = self._filling
        self._head = bytearray()
        yield from filling.find()
        self._have = self._head_size + filling.have
        self.state = UPDATE_READY if filling.whole else UPDATE_RECEIVING

    def _read_back(self):
        """All is written: is it what the flash gives?"""
        right = yield from self._filling.read_back()
        if right:
            self.state = UPDATE_READY
        else:
            self._refuse(READ_BACK)

    # Ends

    def _refuse(self, reason):
        """It is not taken; until somebody orders it to be dropped, nothing is."""
        filling = self._filling
        self._nothing()
        self.state = UPDATE_REFUSED
        self.reason = reason
        if filling is not None:
            try:
                filling.forget()
            except OSError as error:  # The next start finds what is left, and proves it again.
                print("update:", error)

    def _nothing(self):
        self.state = UPDATE_IDLE
        self.reason = 0
        self._job = None
        self._head = bytearray()  # Until it is proved and lies in the slot.
        self._head_size = 0
        # From the moment on when the head is proved.
        self._filling: "Filling" = None  # noqa: F821  # pyright: ignore
        self._have = 0  # Bytes of the package that are here.


def _gone(module):
    """A generator that lets `module` go: on an RP2040 this, or loading the next, takes as long as a step may."""
    yield
    let_go(module)
    yield


def _header_end(_head):
    return HEADER_BYTES


def _head_end(head):
    return head_bytes(head) + SIGNATURE_BYTES
