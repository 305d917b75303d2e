"""A model of NOR flash for tests: refuses to set bits, counts, and loses power at a chosen operation."""

BLOCK_BYTES = 512


class PowerCut(Exception):
    """The power failed inside a flash operation."""


class NorFlash:
    """`cut_at`: number of the operation (from 1) that is left half done, `part`: the share of its bytes done."""

    block = BLOCK_BYTES

    def __init__(self, blocks: int, content: bytes = b"") -> None:
        self.size = blocks * BLOCK_BYTES
        self.bytes = bytearray(content or b"\xff" * self.size)
        self.ops = 0
        self.erases = 0
        self.cut_at = 0
        self.part = 0.0

    def read(self, offset: int, buffer) -> None:
        assert 0 <= offset <= self.size - len(buffer)
        buffer[:] = self.bytes[offset : offset + len(buffer)]

    def program(self, offset: int, data: bytes) -> None:
        old = self.bytes[offset : offset + len(data)]
        assert len(old) == len(data), "outside the flash"
        assert all(new & ~was & 0xFF == 0 for new, was in zip(data, old, strict=True)), "a 0 cannot become 1"
        done = self._done(len(data))
        self.bytes[offset : offset + done] = data[:done]
        if done < len(data) or self.ops == self.cut_at:
            raise PowerCut

    def erase(self, block: int) -> None:
        self.erases += 1
        done = self._done(BLOCK_BYTES)
        at = block * BLOCK_BYTES
        self.bytes[at : at + done] = b"\xff" * done
        if self.ops == self.cut_at:
            raise PowerCut

    def after_power_cut(self) -> "NorFlash":
        return NorFlash(self.size // BLOCK_BYTES, bytes(self.bytes))

    def _done(self, length: int) -> int:
        self.ops += 1
        return int(length * self.part) if self.ops == self.cut_at else length
