"""What a board process has at its pins: plain objects whose state comes from the control socket.

Rules of this file: nothing blocks; every queue has a limit and counts what it dropped.
"""

UART_BYTES_MAX = 512  # The receive buffer that a board is given.
EDGES_MAX = 1024
SPI_AT_REST = {"x_mdeg": 0, "y_mdeg": 0, "z_mdeg": 0, "temp_cdeg": 2000, "fault": ""}


class Adc:
    """One input of the converter; `uv` None = the converter gives nothing."""

    def __init__(self, hang_if):
        self.uv = None
        self._hang_if = hang_if

    def read_uv(self):
        """Microvolt at the input, or None."""
        self._hang_if("scan")
        return self.uv


class Uart:
    """A serial port with a sensor behind it; what does not fit pushes the oldest bytes out, as in a full FIFO."""

    def __init__(self):
        self._bytes = bytearray()
        self.dropped = 0
        self.sent = 0

    def feed(self, data: bytes) -> None:
        self._bytes += data
        over = len(self._bytes) - UART_BYTES_MAX
        if over > 0:
            self.dropped += over
            self._bytes = self._bytes[over:]

    def any(self) -> int:
        return len(self._bytes)

    def readinto(self, buffer) -> int:
        """Move what is there into `buffer`, never waiting; return how many bytes."""
        count = min(len(buffer), len(self._bytes))
        if count:
            buffer[:count] = self._bytes[:count]
            self._bytes = self._bytes[count:]
        return count

    def write(self, data) -> int:
        self.sent += len(data)
        return len(data)


class Counter:
    """A pulse input: every raw edge with its time."""

    def __init__(self):
        self._edges = []
        self.dropped = 0

    def feed(self, ticks_ms: int) -> None:
        if len(self._edges) >= EDGES_MAX:
            self.dropped += 1
        else:
            self._edges.append(ticks_ms)

    def take(self) -> list:
        """ticks_ms of every edge since the last call, oldest first."""
        edges = self._edges
        if edges:
            self._edges = []
        return edges


class Spi:
    """A bus with an SCL3300 on it."""

    def __init__(self):
        self.state = dict(SPI_AT_REST)
        self._chip = None

    def transfer(self, data: bytes) -> bytes:
        if self._chip is None:
            from hal.posix_chips import Scl3300  # Only a board that has one pays for the model.

            self._chip = Scl3300(self.state)
        return self._chip.transfer(data)


class PinIn:
    def __init__(self):
        self.level = 0

    def value(self) -> int:
        return self.level


class PinOut:
    """An output; every change is reported."""

    def __init__(self, name: str, report):
        self._name = name
        self._report = report
        self.level = 0

    def set(self, level: int) -> None:
        if level != self.level:
            self.level = level
            self._report({"pin": {self._name: level}})
