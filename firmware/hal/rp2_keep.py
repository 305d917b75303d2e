"""Memory of an RP2040 that survives a reset and not a power cut: a piece of RAM that nothing else uses.

Rules of this file: what was not kept whole is not there; whoever uses it adds a CRC (health.Kept).

The stack of the second core has a bank of its own (datasheet 2.6.2, SRAM4); no program of ours starts that core, and
neither the boot ROM nor the interpreter's start clears the bank. Layout: magic, cause, length (2 bytes), bytes.
"""

from uctypes import bytearray_at

PLACE = 0x2004_0000
KEEP_BYTES_MAX = 512
_MAGIC = b"RPKEEP1"
_CAUSE = len(_MAGIC)
_LENGTH = _CAUSE + 1
_DATA = _LENGTH + 2


class Keep:
    """`cause`: what the reset before this start was named, 0 = nothing named it. `survived`: was it no power cut?"""

    def __init__(self, survived: bool):
        self._memory = bytearray_at(PLACE, _DATA + KEEP_BYTES_MAX)
        memory = self._memory
        length = memory[_LENGTH] << 8 | memory[_LENGTH + 1]
        whole = survived and memory[:_CAUSE] == _MAGIC and length <= KEEP_BYTES_MAX
        self.cause = memory[_CAUSE] if whole else 0
        self._bytes = bytes(memory[_DATA : _DATA + length]) if whole else b""
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

    def end(self, cause: int) -> None:
        """Name the cause of the reset that follows."""
        self._memory[_CAUSE] = cause
