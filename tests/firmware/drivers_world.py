"""What drivers are connected to in tests: voltages, bytes, edges, contacts. Nothing of the code under test."""

TICKS_WRAP = 1 << 30


def ticks_diff(a: int, b: int) -> int:
    """a - b on a clock that wraps at 2**30, between -2**29 and 2**29 - 1."""
    difference = (a - b) % TICKS_WRAP
    return difference - TICKS_WRAP if difference >= TICKS_WRAP // 2 else difference


class Voltage:
    """A converter channel that shows one voltage, or a list of voltages one after another."""

    def __init__(self, uv=None):
        self.uv = uv
        self.reads = 0

    def read_uv(self):
        self.reads += 1
        return self.uv.pop(0) if isinstance(self.uv, list) else self.uv


class Wire:
    """A receiver: bytes that came, taken out piece by piece. `piece` = the most that one call gives."""

    def __init__(self, data: bytes = b"", piece: int = 1_000):
        self.data = data
        self.piece = piece

    def readinto(self, buffer):
        count = min(len(buffer), self.piece, len(self.data))
        buffer[:count] = self.data[:count]
        self.data = self.data[count:]
        return count or None  # As real ports do.


class Edges:
    def __init__(self):
        self.ticks = []

    def take(self):
        taken, self.ticks = self.ticks, []
        return taken


class Contact:
    def __init__(self, level: "int | None" = 0):
        self.level = level

    def value(self):
        return self.level
