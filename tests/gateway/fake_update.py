"""The update side of a fake board: what firmware/update.py and firmware/slots.py do, written down by hand."""

import struct
from collections.abc import Callable
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wire.package import Manifest, PackageError, head_of, signed_message, taken_apart

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FOREIGN = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
IDLE, RECEIVING, VERIFYING, READY, REFUSED = range(5)
BROKEN = b"does not start"  # A package with this in it is rolled back.
VERIFY_S, START_S, CONFIRM_S, GIVE_UP_S = 4.0, 3.0, 20.0, 60.0


def package(
    counter: int = 8, size: int = 3_000, chip: str = "posix", broken: bool = False, key: Ed25519PrivateKey = KEY
) -> bytes:
    """A signed package; its file is `size` bytes long."""
    content = ((BROKEN if broken else b"starts ") + counter.to_bytes(4, "big")).ljust(size, b"*")
    head = head_of(Manifest(chip, counter, (0, 2, counter), [("main.mpy", size, sha256(content).digest())]))
    return head + key.sign(signed_message(head)) + content


class UpdateSide:
    """What a board holds of updates. `now_s` is its clock; a board that starts does not answer (`away`)."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.counter = 7
        self.version = (0, 1, 0)
        self.slot = 1
        self.trial = False
        self.boot = 1
        self.last_words = b""
        self.spare = bytearray()
        self.state = IDLE
        self.reason = 0
        self.installed: list[bytes] = []  # What was started, one behind the other.
        self.code = 0  # What is answered to chunks and orders instead of taking them.
        self.forgets = False  # Does a power cut cost what has come?
        self.chunks: list[int] = []  # Offsets that were written.
        self.drops = 0
        self._at_s = 0.0  # When what it does now is done.
        self._before = (7, (0, 1, 0))

    @property
    def away(self) -> bool:
        self._live()
        return self.now_s() < self._back_s

    _back_s = 0.0

    def words(self) -> bytes:
        """The status block from `slot` on."""
        self._live()
        return struct.pack(
            ">HIHHH16sIHH", self.slot | 0x100 * self.trial, self.counter, 0, 0, 0, self.last_words, len(self.spare),
            self.reason << 8 | self.state, 0,
        )  # fmt: skip

    def chunk(self, offset: int, data: bytes) -> int:
        """0, or the exception code of function 21."""
        self._live()
        if self.code:
            return self.code
        if self.trial:
            return 3
        if self.state == VERIFYING:
            return 6
        if offset > len(self.spare):
            return 3
        if offset == len(self.spare):
            if self.state in (READY, REFUSED):
                return 3
            self.spare += data[: self._missing()]
            self.chunks.append(offset)
            self.state = RECEIVING
            if not self._missing():
                self.state, self._at_s = VERIFYING, self.now_s() + VERIFY_S
        return 0

    def order(self, number: int) -> int:
        self._live()
        if self.code:
            return self.code
        if number == 1 and not self.trial:
            self.spare.clear()
            self.state = self.reason = IDLE
            self.drops += 1
            return 0
        if number == 2 and self.state == READY:
            self._before = (self.counter, self.version)
            manifest, *_ = taken_apart(bytes(self.spare))
            self.counter, self.version = manifest.counter, manifest.version
            self.installed.append(bytes(self.spare))
            broken = BROKEN in self.spare
            self.trial, self.slot = True, 3 - self.slot
            self._at_s = self.now_s() + START_S + (GIVE_UP_S if broken else CONFIRM_S)
            self.spare.clear()
            self.state = IDLE
            self._start()
            return 0
        return 3

    def power_cut(self) -> None:
        """It starts anew with what is in flash."""
        self._live()
        if self.trial and BROKEN in self.installed[-1]:
            self._roll_back()
        if self.forgets:
            self.spare.clear()
            self.state = IDLE
        self._start()

    def _start(self) -> None:
        self.boot += 1
        self._back_s = self.now_s() + START_S

    def _roll_back(self) -> None:
        self.counter, self.version = self._before
        self.trial, self.slot = False, 3 - self.slot
        self.last_words = b"not confirmed"
        self.spare, self.state = bytearray(self.installed[-1]), READY  # It is whole and right: a start finds it so.
        self._start()

    def _live(self) -> None:
        """Let come about what is due."""
        if self.now_s() < self._at_s:
            return
        if self.state == VERIFYING:
            self.state, self.reason = self._judge()
        elif self.trial and BROKEN in self.installed[-1]:
            self._roll_back()
        elif self.trial:
            self.trial = False

    def _missing(self) -> int:
        """Bytes until the package is whole; many while its head is not here."""
        if len(self.spare) < 6:
            return 1 << 20
        head = 6 + (self.spare[4] << 8 | self.spare[5])
        if len(self.spare) < head + 64:
            return 1 << 20
        return max(0, self.length - len(self.spare))

    length = 0  # Of the package that is sent: the test tells it, a real board reads the manifest.

    def _judge(self) -> tuple[int, int]:
        try:
            manifest, head, signature, _ = taken_apart(bytes(self.spare))
        except PackageError:
            return REFUSED, 8
        if KEY.sign(signed_message(head)) != signature:
            return REFUSED, 3
        return (READY, 0) if manifest.counter > self.counter else (REFUSED, 5)
