"""A small NOR flash, and the account of what a log wrote into it: for flash_cuts_scenario.py, under MicroPython."""

from log_blocks import ROWS_AT

BLOCK_BYTES = 512


class Broken(Exception):
    """The log has broken a promise."""


class Random:
    """xorshift32: the same numbers under every interpreter."""

    def __init__(self, seed):
        self._state = (seed * 2654435761 + 1) & 0xFFFFFFFF or 1

    def below(self, limit):
        x = self._state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self._state = x
        return (x >> 3) % limit


class Nor:
    """NOR flash in memory: programming only clears bits. `before(block, at, data)` is called before each operation."""

    block = BLOCK_BYTES

    def __init__(self, content):
        self.bytes = bytearray(content)
        self.size = len(content)
        self.before = None

    def read(self, at, buffer):
        if at < 0 or at + len(buffer) > self.size:
            raise Broken("reads outside the flash")
        buffer[:] = self.bytes[at : at + len(buffer)]

    def program(self, at, data):
        if at < 0 or at + len(data) > self.size:
            raise Broken("programs outside the flash")
        if self.before:
            self.before(-1, at, data)
        for i in range(len(data)):
            if data[i] & ~self.bytes[at + i] & 0xFF:
                raise Broken(f"sets a bit at {at + i} without an erase")
        self.bytes[at : at + len(data)] = data

    def erase(self, block):
        if self.before:
            self.before(block, 0, None)
        self.bytes[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES] = b"\xff" * BLOCK_BYTES

    def tear(self, block, at, data, part, random):
        """Leave an operation half done."""
        length = len(data) if data else BLOCK_BYTES
        at = at if data else block * BLOCK_BYTES
        done = length * part // 100 if part >= 0 else length
        for i in range(done):
            noise = 0 if part >= 0 else random.below(256) | random.below(256)
            if data:
                self.bytes[at + i] &= data[i] | noise
            else:
                self.bytes[at + i] |= 0xFF & ~noise


class Truth:
    """What was written, and where: `rows` {seq: (bytes, block)}; `unseen`: rows let go before the gateway had them."""

    def __init__(self):
        self.rows = {}
        self.epoch = None
        self.newest = 0
        self.unseen = 0
        self.pending = None  # Bytes of the row that is being appended.
        self.leaving = ()  # Seqs that an operation under way may take away.
        self.leaving_unseen = 0
        self.place = 0  # Block of the last row programmed.
        self.appending = False

    def copy(self):
        other = Truth()
        for name in ("epoch", "newest", "unseen", "pending", "leaving", "leaving_unseen", "place", "appending"):
            setattr(other, name, getattr(self, name))
        other.rows = dict(self.rows)
        return other

    def operation(self, log, block, at, data, blocks):
        """A flash operation is about to begin: which rows may it take away? Broken where it must not."""
        self.leaving = ()
        self.leaving_unseen = 0
        if data is not None:
            place, offset = at // BLOCK_BYTES, at % BLOCK_BYTES
            if ROWS_AT <= offset < BLOCK_BYTES - ROWS_AT:
                self.place = place
                self.pending = bytes(data)
            if offset < BLOCK_BYTES - ROWS_AT:
                return
            block = (place + 1) % blocks  # A note: the block behind is about to be erased.
        self.leaving = [seq for seq in self.rows if self.rows[seq][1] == block]
        if not self.leaving or log is None:
            return
        if min(self.leaving) != min(self.rows):
            raise Broken("erases rows that are not the oldest")
        self.leaving_unseen = len([seq for seq in self.leaving if seq > log.gateway_has])
        if self.leaving_unseen and not self.appending:
            raise Broken("erases ahead what the gateway has not")

    def erased(self):
        """The erase has come to its end."""
        for seq in self.leaving:
            del self.rows[seq]
        self.unseen += self.leaving_unseen
        self.leaving = ()
        self.leaving_unseen = 0
