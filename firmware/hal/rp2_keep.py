"""Memory of an RP2040 that survives a reset and not a power cut: a piece of RAM that nothing else uses.

Rules of this file: what was not kept whole is not there; whoever uses it adds a CRC (health.Kept).

The stack of the second core has a bank of its own (datasheet 2.6.2, SRAM4); no program of ours starts that core, and
neither the boot ROM nor the interpreter's start clears the bank. Layout: magic, cause, note, length (2 bytes), bytes.
A supply that only dips resets the chip and leaves the bank as it was: that is how a brown-out is told from a power cut.
"""

from uctypes import bytearray_at

PLACE = 0x2004_0000
KEEP_BYTES_MAX = 512
_MAGIC = b"RPKEEP2"
_CAUSE = len(_MAGIC)
_NOTE = _CAUSE + 1
_LENGTH = _NOTE + 1
_DATA = _LENGTH + 2


class Keep:
    """`cause`: what the reset before this start was named, 0 = nothing named it; `noted`: what was noted last then.

    `whole`: is this what the run before left? Not so after a power cut.
    """

    def __init__(self):
        self._memory = bytearray_at(PLACE, _DATA + KEEP_BYTES_MAX)
        memory = self._memory
        length = memory[_LENGTH] << 8 | memory[_LENGTH + 1]
        self.whole = memory[:_CAUSE] == _MAGIC and length <= KEEP_BYTES_MAX
        self.cause = memory[_CAUSE] if self.whole else 0
        self.noted = memory[_NOTE] if self.whole else 0
        self._bytes = bytes(memory[_DATA : _DATA + length]) if self.whole else b""
        self.put(self._bytes)

    def get(self) -> bytes:
        return self._bytes

    def put(self, data: bytes) -> None:
        """Keep `data`. ValueError beyond KEEP_BYTES_MAX."""
        length = len(data)
        if length > KEEP_BYTES_MAX:
            raise ValueError("kept memory holds %d bytes" % KEEP_BYTES_MAX)
        memory = self._memory
        memory[0] = 0  # A reset in the middle leaves nothing rather than a mixture.
        memory[_DATA : _DATA + length] = data
        memory[_LENGTH] = length >> 8
        memory[_LENGTH + 1] = length & 0xFF
        memory[_CAUSE] = 0
        memory[:_CAUSE] = _MAGIC
        self._bytes = bytes(data)

    def note(self, place: int) -> None:
        """Note where the program is. Allocates nothing."""
        self._memory[_NOTE] = place

    def end(self, cause: int) -> None:
        """Name the cause of the reset that follows."""
        self._memory[_CAUSE] = cause
