"""What an RP2040 board has at its pins. `pins`: the roles of one port of board.json.

Rules of this file: nothing blocks; interrupt handlers allocate nothing; every queue has a limit and counts what it
dropped.
"""

import time
from array import array

from machine import ADC, SPI, Pin

ADC_TOP_UV = 3_300_000  # The converter's reference is the board's 3.3 V supply.
ADC_STEPS = 4_096
EDGES_MAX = 256  # A scan of one second: more than any rain, and any bounce that the 10 k, 100 nF let through.
SPI_BAUD = 1_000_000
ticks_ms: "Callable[[], int]" = time.ticks_ms  # noqa: F821  # pyright: ignore


def port_number(ports: dict, kind: str) -> int:
    """Number of the one port of `kind` in board.json. KeyError if there is none."""
    for key in ports:
        if key.startswith(kind + " "):
            return int(key[len(kind) + 1 :])
    raise KeyError(kind)


class Adc:
    """One input of the converter."""

    def __init__(self, pins: dict):
        self._adc = ADC(Pin(pins["in"]))

    def read_uv(self) -> int:
        """Microvolt at the input; a step of the converter (12 bits) is 806 of them."""
        step = self._adc.read_u16() >> 4
        return step * ADC_TOP_UV // ADC_STEPS


class Counter:
    """A contact to ground: every falling edge with its time. Bounces are the driver's to tell."""

    def __init__(self, pins: dict):
        self._times = array("I", bytes(4 * EDGES_MAX))
        self._head = 0  # Written by the interrupt alone.
        self._tail = 0  # Written by take() alone.
        self.dropped = 0
        self._pin = Pin(pins["in"], Pin.IN, Pin.PULL_UP)
        self._pin.irq(self._edge, Pin.IRQ_FALLING, hard=True)

    def _edge(self, _pin):
        after = self._head + 1
        if after == EDGES_MAX:
            after = 0
        if after == self._tail:
            self.dropped += 1
            return
        self._times[self._head] = ticks_ms()
        self._head = after

    def take(self) -> list:
        """ticks_ms of every edge since the last call, oldest first."""
        head = self._head
        edges = []
        while self._tail != head:
            edges.append(self._times[self._tail])
            self._tail = (self._tail + 1) % EDGES_MAX
        return edges


class Spi:
    """A bus with one chip on it; mode 0."""

    def __init__(self, number: int, pins: dict):
        self._cs = Pin(pins["cs"], Pin.OUT, value=1)
        self._spi = SPI(number, baudrate=SPI_BAUD, sck=Pin(pins["sck"]), mosi=Pin(pins["mosi"]), miso=Pin(pins["miso"]))

    def transfer(self, data: bytes) -> bytes:
        """Send `data` with the chip selected; what came back meanwhile."""
        answer = bytearray(len(data))
        self._cs.off()
        self._spi.write_readinto(data, answer)
        self._cs.on()
        return bytes(answer)


class PinIn:
    """An input with a pull-up: a contact to ground reads 0."""

    def __init__(self, pins: dict):
        self._pin = Pin(pins["in"], Pin.IN, Pin.PULL_UP)

    def value(self) -> int:
        return self._pin.value()


class PinOut:
    def __init__(self, pins: dict):
        self._pin = Pin(pins["out"], Pin.OUT, value=0)
        self.level = 0

    def set(self, level: int) -> None:
        self.level = level
        self._pin.value(level)
