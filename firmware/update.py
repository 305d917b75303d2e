"""An update of the application, as the board's other parts see it.

Rules of this file: what takes, proves and writes a package (update_course.py) is loaded when a piece of one comes, or
when something of one lies here since before the start, and its memory is given back when nothing is left of it. A
head needs the largest piece that a board ever asks for: its place is kept from the start on, while memory is whole.
"""

import gc
import sys

from modules import let_go
from slots import is_there

from wire import registers
from wire.modbus import BUSY, DEVICE_FAILURE, ILLEGAL_VALUE
from wire.package import (
    COMING,
    HEAD_BYTES_MAX,
    HEADER_BYTES,
    K_COUNTER,
    MAGIC,
    MANIFEST,
    NO_MEMORY,
    SIGNATURE_BYTES,
)
from wire.registers import ON_TRIAL, ORDER_DROP, RUNS, UPDATE_IDLE, UPDATE_REFUSED, UPDATE_VERIFYING

KEY_BYTES = 32
BEGIN_BYTES = 32  # Of a manifest: its counter stands within.
LOADED = ("update_course", "update_files", "wire.package_head", "wire.package_rules", "sha512", "ed25519")


class Update:
    """What is here of a package. `slots`: as slots.Slots; `key`: 32 bytes, or b"": then every package is refused;
    `chip`: of which family packages are taken.

    `may_write()`: is the supply good enough for the flash? `counter` is that of the running application, 0 where it
    came without a manifest. `restart_due`: an order to install was carried out.
    """

    def __init__(self, hal, slots, bank, key: bytes, chip: str, may_write):
        self._hal = hal
        self._slots = slots
        self._bank = bank
        self._key = key
        self._chip = chip
        self._may_write = may_write
        self._course: "Course" = None  # noqa: F821  # pyright: ignore
        self._refused = False  # For want of memory; other reasons are the course's to tell.
        self._place = None  # What will be a head's.
        self.restart_due = False
        self.counter = counter_in(slots.path(slots.running))
        spare = slots.spare
        self._left = spare is not None and is_there("%s/%s" % (slots.path(spare), COMING))  # Not looked at yet.
        bank.put_long(registers.VERSION_COUNTER, self.counter)
        self._tell()

    def keep_place(self) -> None:
        """Keep a head's place from now on, if there is one and packages are taken at all."""
        if self._place is None and self._key:
            try:
                self._place = bytearray(HEAD_BYTES_MAX + SIGNATURE_BYTES)
            except MemoryError:
                print("update: no place for the head of a package")

    @property
    def offset(self) -> int:
        """Where the package goes on: a whole number of chunks, or its end."""
        return self._course.offset if self._course else 0

    @property
    def word(self) -> int:
        """The register update_state."""
        if self._course is not None:
            return self._course.word
        if self._refused:
            return NO_MEMORY << 8 | UPDATE_REFUSED
        return UPDATE_VERIFYING if self._left else UPDATE_IDLE

    @property
    def slot_word(self) -> int:
        """The register slot."""
        return RUNS.index(self._slots.running) | (ON_TRIAL if self._slots.trial else 0)

    def take(self, offset: int, data: bytes) -> int:
        """Take `data`, which stands at `offset` of the package; 0, or the exception code of what is wrong with it."""
        if not self._may_write():
            return DEVICE_FAILURE
        if self._left:
            return BUSY
        if self._refused:
            return ILLEGAL_VALUE
        try:
            code = self._opened().take(offset, data)
        except MemoryError:
            code = self._give_up()
        self._look()
        return code

    def order(self, what: int) -> int:
        """Carry out ORDER_DROP or ORDER_INSTALL; 0, or the exception code of why not."""
        if self._course is not None:
            code = self._course.order(what)
            self._look()
            return code
        if what != ORDER_DROP:
            return ILLEGAL_VALUE
        if not self._may_write():
            return DEVICE_FAILURE
        if self._left:
            return BUSY  # Whether what is there would have to go is not known yet.
        self._refused = False
        self._tell()
        return 0

    def work(self) -> int:
        """Go on with what is under way, for a little; milliseconds until there is more to do, -1 = nothing is."""
        if self._course is None and not self._left:
            return -1
        wait_ms = -1
        try:
            course = self._opened()
            if self._left:
                self._left = False
                course.resume()
            wait_ms = course.work()
        except MemoryError:
            self._give_up()
        self._look()
        return wait_ms

    def _opened(self):
        if self._course is None:
            from update_course import Course

            parts = (self._hal, self._slots, self._key, self._chip, self._may_write)
            self._course = Course(*parts, self.counter)
            self._place = None
            gc.collect()
        return self._course

    def _look(self):
        """Tell how far the package is, and give the memory back where nothing is left of it."""
        if self._course is not None:
            self.restart_due = self._course.restart_due
            if self._course.idle and not self.restart_due:
                self._close()
        self._tell()

    def _give_up(self):
        """The memory is too full. A board that only refuses goes on with its work; what is in the slot stays there."""
        self._close()
        self._refused = True
        return DEVICE_FAILURE

    def _close(self):
        self._course = None  # pyright: ignore[reportAttributeAccessIssue]
        let_go(*LOADED)
        if "links.mqtt" not in sys.modules:
            let_go("wire.cbor")
        self.keep_place()

    def _tell(self):
        self._bank.put_long(registers.UPDATE_OFFSET, self.offset)
        self._bank.put(registers.UPDATE_STATE, self.word)


def key_of(text) -> bytes:
    """The key that board.json writes as 64 hex digits; b"" for none. ValueError for anything else."""
    if text is None:
        return b""
    key = bytes.fromhex(text) if isinstance(text, str) else b""
    if len(key) != KEY_BYTES:
        raise ValueError("64 hex digits")
    return key


def counter_in(path: str) -> int:
    """The counter of the application below `path`, out of its manifest, which was proved when it came; 0 without one.

    The manifest is a map whose first entry is the chip and whose second is the counter (wire.package): reading all of
    it would take 16 KB at each start.
    """
    for name in (MANIFEST, COMING):  # A power cut right behind the order to install leaves the second.
        try:
            with open("%s/%s" % (path, name), "rb") as file:
                begin = file.read(BEGIN_BYTES)
        except OSError:
            continue
        if len(begin) == BEGIN_BYTES and begin[:4] == MAGIC:
            at = HEADER_BYTES + 3 + (begin[HEADER_BYTES + 2] & 0x1F)  # Map, key, text of the chip.
            if at < BEGIN_BYTES - 5 and begin[at] == K_COUNTER:
                head = begin[at + 1]
                return head if head < 24 else int.from_bytes(begin[at + 2 : at + 2 + (1 << head - 24)], "big")
    return 0
