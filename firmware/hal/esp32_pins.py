"""What an ESP32 board has at its pins beside what all have. `pins`: the roles of one port of board.json.

Rules of this file: nothing blocks; interrupt handlers allocate nothing.
"""

from machine import ADC, SPI, Pin

from hal.chip import SPI_BAUD, Edges, Spi, ticks_add, ticks_diff, ticks_ms

FILTER_NS = 12_787  # The pulse counter's longest: 1,023 ticks of 80 MHz. It takes spikes off, no bounces.
SPI_UNITS = (2, 1)  # Our numbers 0 and 1: the chip's VSPI and HSPI; its SPI0 is the flash's.
PULSES_MAX = 256


class Adc:
    """One input of the converter, up to 2.45 V. What it shows is not linear: a board has a table for it."""

    def __init__(self, pins: dict):
        self._adc = ADC(Pin(pins["in"]), atten=ADC.ATTN_11DB)

    def read_uv(self) -> "int | None":
        """Microvolt by the chip's own correction, in steps of 1,000; None where the chip refuses."""
        try:
            return self._adc.read_uv()
        except OSError:
            return None


class Contact(Edges):
    """Every falling edge with the time at which the interpreter heard of it.

    This port has no handler inside the interrupt: it queues the call, with 8 places for all pins. The interpreter
    looks after each instruction, but not while it erases flash (up to 0.4 s): then edges wait there and get one time,
    which the driver's debounce takes as one tip. Two tips are never so close; a contact with the RC of the board
    bounces far less than 8 times. An edge that finds no place is lost.
    """

    def _listen(self):
        self._pin.irq(self._edge, Pin.IRQ_FALLING)


class Pulses:
    """A source of clean pulses, counted by the chip itself: none is lost, whatever the interpreter does.

    It knows how many, not when: they are spread evenly over the time since the last call.
    """

    def __init__(self, pins: dict):
        from machine import Counter  # Since 1.26: a board without such a port needs no newer image.

        self.dropped = 0
        pin = Pin(pins["in"], Pin.IN, Pin.PULL_UP)
        self._counter = Counter(0, pin, edge=Counter.FALLING, filter_ns=FILTER_NS)
        self._count = self._counter.value()
        self._since_ms = ticks_ms()

    def take(self) -> list:
        """ticks_ms of every pulse since the last call, oldest first."""
        now_ms = ticks_ms()
        count = self._counter.value()
        pulses = count - self._count
        self._count = count
        passed_ms = ticks_diff(now_ms, self._since_ms)
        self._since_ms = now_ms
        if pulses > PULSES_MAX:
            self.dropped += pulses - PULSES_MAX
            pulses = PULSES_MAX
        return [ticks_add(now_ms, (i - pulses + 1) * passed_ms // max(pulses, 1)) for i in range(pulses)]


def counter_of(pins: dict):
    """The pulse input at these pins; board.json says whether its source is clean."""
    return Pulses(pins) if "clean" in pins else Contact(pins)


def spi_of(number: int, pins: dict) -> Spi:
    """The bus of our SPI `number`. KeyError beyond the chip's two."""
    if not 0 <= number < len(SPI_UNITS):
        raise KeyError("spi %d" % number)
    sck, mosi, miso = Pin(pins["sck"]), Pin(pins["mosi"]), Pin(pins["miso"])
    return Spi(SPI(SPI_UNITS[number], baudrate=SPI_BAUD, sck=sck, mosi=mosi, miso=miso), pins)
