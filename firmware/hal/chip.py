"""What every board with a chip of its own has in common, whichever chip it is: the serial line, pulses, pins, the hal.

Rules of this file: nothing blocks except `wait`, `Bus.write` (until the frame has left) and the flash; interrupt
handlers allocate nothing; pins and the line's settings come from board.json ("ports", "link"). What differs from chip
to chip stands in rp2*.py and esp32*.py.
"""

import gc
import os
import select
import time
from array import array

from machine import UART, WDT, Pin
from machine import reset as machine_reset
from machine import unique_id as machine_unique_id

from hal import POWER, RESET

WDT_MS = 8_000  # An RP2040's longest is 8,388.
BUFFER_BYTES = 512  # Of the UART, each way: the longest frame, and what comes while a flash page is written.
WAIT_MS_MAX = 1_000
SENSOR_BAUD = 9_600
SPI_BAUD = 1_000_000
EDGES_MAX = 256  # A scan of one second: more than any rain, and any bounce that the 10 k, 100 nF let through.
UNIQUE_ID_BYTES = 8
RESTART_STEP_MS = 500
RESTART_AFTER_MS = 10_000  # A start that fails each time must not wear out the flash, and leaves time to read why.

# The stubs give ticks types of their own; everywhere else in the firmware they are integers.
ticks_ms: "Callable[[], int]" = time.ticks_ms  # noqa: F821  # pyright: ignore
ticks_us: "Callable[[], int]" = time.ticks_us  # noqa: F821  # pyright: ignore
ticks_diff: "Callable[[int, int], int]" = time.ticks_diff  # noqa: F821  # pyright: ignore
ticks_add: "Callable[[int, int], int]" = time.ticks_add  # noqa: F821  # pyright: ignore


def restart_later() -> None:
    """Restart the chip after a while, in which the watchdog does not bite; does not return."""
    wdt = WDT(timeout=WDT_MS)
    for _ in range(RESTART_AFTER_MS // RESTART_STEP_MS):
        wdt.feed()
        time.sleep_ms(RESTART_STEP_MS)
    machine_reset()


def arm() -> None:
    """Start the watchdog, before there is a hal."""
    WDT(timeout=WDT_MS)


def root_of(argv: list) -> str:
    """argv: name, ROOT. ValueError otherwise."""
    if len(argv) != 2:
        raise ValueError("ROOT, got %d words" % (len(argv) - 1))
    return argv[1]


def port_number(ports: dict, kind: str) -> "int | None":
    """Number of the one port of `kind` in board.json; None if there is none."""
    for key in ports:
        if key.startswith(kind + " "):
            return int(key[len(kind) + 1 :])
    return None


def open_uart(number: int, pins: dict, baud: int, framing: str) -> UART:
    """UART `number` that never waits. `framing`: data bits, N/E/O, stop bits.

    `timeout_char` of nothing also makes an ESP32 hand over each byte at once instead of after 120 or a pause.
    """
    parity = {"N": None, "E": 0, "O": 1}[framing[1]]
    return UART(
        number,
        baudrate=baud,
        bits=int(framing[0]),
        parity=parity,
        stop=int(framing[2]),
        tx=Pin(pins["tx"]),
        rx=Pin(pins["rx"]),
        rxbuf=BUFFER_BYTES,
        txbuf=BUFFER_BYTES,
        timeout=0,
        timeout_char=0,
    )


class Bus:
    """The RS-485 line. Reading and writing allocate nothing. Without a `de` pin the transceiver finds the direction.

    `open_port`: gives its UART, set up; the same object at each call.
    """

    def __init__(self, open_port, de):
        self.uart = open_port()
        self._open_port = open_port
        self.errors = 0
        self._de = de
        self._last_us = ticks_us()

    def readinto(self, buffer) -> int:
        """Bytes moved into `buffer`; 0 when there are none."""
        there = self.uart.any()
        if not there:
            return 0
        size = len(buffer)
        count = self.uart.readinto(buffer, there if there < size else size)
        if not count:
            return 0
        self._last_us = ticks_us()
        return count

    def write(self, buffer, count: int) -> int:
        """Send the first `count` bytes of `buffer` and return when the last has left; how many the line took.

        The transceiver drives the line from before the first start bit until right behind the last stop bit.
        """
        if self._de is not None:
            self._de.on()
        try:
            sent = self.uart.write(buffer, count) or 0
            self._await_sent(count)
        except OSError:  # The UART did not come to an end: the line must be free all the same.
            sent = 0
        if self._de is not None:
            self._de.off()
        if sent != count:
            self.errors += 1
        return sent

    def _await_sent(self, count):
        """Return when the last stop bit of `count` bytes has left. OSError if that never comes."""
        self.uart.flush()

    def await_silence(self, silence_us: int) -> None:
        """Return when at least `silence_us` have passed since the last byte came: t3.5, so a bounded wait."""
        left_us = silence_us - self.silent_us()
        if left_us > 0:
            time.sleep_us(left_us)

    def reopen(self) -> None:
        """Set the port up anew: a receiver that got stuck hears again."""
        self.uart.deinit()
        self.uart = self._open_port()
        self._last_us = ticks_us()

    def silent_us(self) -> int:
        """Microseconds since the last byte came. Ticks wrap at 18 minutes; more than half of that counts as long."""
        passed_us = ticks_diff(ticks_us(), self._last_us)
        return passed_us if passed_us >= 0 else 1 << 29


class Uart:
    """A serial port with a sensor behind it."""

    def __init__(self, uart):
        self._uart = uart

    def any(self) -> int:
        return self._uart.any()

    def readinto(self, buffer) -> int:
        """Move what is there into `buffer`, never waiting; return how many bytes."""
        there = self._uart.any()
        return self._uart.readinto(buffer, min(there, len(buffer))) or 0 if there else 0

    def write(self, data) -> int:
        return self._uart.write(data) or 0


class Edges:
    """A contact to ground: every falling edge with its time. Bounces are the driver's to tell."""

    def __init__(self, pins: dict):
        self._times = array("I", bytes(4 * EDGES_MAX))
        self._head = 0  # Written by the interrupt alone.
        self._tail = 0  # Written by take() alone.
        self.dropped = 0
        self._pin = Pin(pins["in"], Pin.IN, Pin.PULL_UP)
        self._listen()

    def _listen(self):
        """Let each falling edge call `_edge`."""
        raise NotImplementedError

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
    """A bus with one chip on it, mode 0. `spi`: the chip's own unit, at SPI_BAUD."""

    def __init__(self, spi, pins: dict):
        self._cs = Pin(pins["cs"], Pin.OUT, value=1)
        self._spi = spi

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


class ChipHal:
    """One board. `board`: what it works for; only a rig looks at it.

    rp2.Hal and esp32.Hal give what differs: kept memory, the `cause` of this start, and `parts`: what makes an "adc"
    and a "counter" of pins, an "spi" of number and pins, the "log"'s flash of its blocks.
    """

    def __init__(self, root: str, keep, cause: int, parts: dict):
        self.root = root
        self.keep = keep
        self.board = None
        self._cause = cause
        self._make = parts
        self._ports = {}
        self._link = {}
        self._parts = {}
        self._wdt = WDT(timeout=WDT_MS)
        self._poller = select.poll()
        self._bus = None

    def use(self, definition: dict) -> None:
        """Take ports and link of `definition` and open the line: until then nothing holds its driver off.

        KeyError, ValueError, TypeError for what the chip cannot do; it may be called again.
        """
        if self._bus is not None:
            self._poller.unregister(self._bus.uart)
            self._bus = None
        self._ports = definition["ports"]
        self._link = definition["link"]
        self._parts = {}
        self._bus = self._open_bus()

    # Time

    def ticks_ms(self) -> int:
        """Milliseconds since the start, 0..2^30 - 1."""
        return ticks_ms()

    def ticks_diff(self, later: int, earlier: int) -> int:
        return ticks_diff(later, earlier)

    def ticks_add(self, ticks: int, ms: int) -> int:
        return ticks_add(ticks, ms)

    def wait(self, ms: int) -> None:
        """Wait up to `ms` milliseconds; return early when bytes came."""
        for _ in self._poller.ipoll(max(0, min(ms, WAIT_MS_MAX))):
            pass

    # Parts

    def bus(self):
        """The RS-485 line. KeyError if the board has none."""
        if self._bus is None:
            raise KeyError("bus")
        return self._bus

    def uart(self, number: int) -> Uart:
        return self._part("uart", number, lambda pins: Uart(open_uart(number, pins, SENSOR_BAUD, "8N1")))

    def adc(self, number: int):
        return self._part("adc", number, self._make["adc"])

    def counter(self, number: int):
        return self._part("counter", number, self._make["counter"])

    def spi(self, number: int) -> Spi:
        return self._part("spi", number, lambda pins: self._make["spi"](number, pins))

    def pin_in(self, name: str) -> PinIn:
        return self._part("input", name, PinIn)

    def pin_out(self, name: str) -> PinOut:
        return self._part("output", name, PinOut)

    def blocks(self, name: str, blocks: int):
        """The flash region `name`, of `blocks` blocks; KeyError if the board has none of that name."""
        if name != "log":
            raise KeyError(name)
        if "log" not in self._parts:
            self._parts["log"] = self._make["log"](blocks)
        return self._parts["log"]

    # The board itself

    def unique_id(self) -> bytes:
        """8 bytes; a shorter number of the chip's has zeros before it, as the register map wants it."""
        own = machine_unique_id()
        return bytes(UNIQUE_ID_BYTES - len(own)) + own

    def random(self, count: int) -> bytes:
        return os.urandom(count)

    def reset_cause(self) -> int:
        return self._cause

    def reset(self, cause: int) -> None:
        """Restart; the next start sees `cause`."""
        self.keep.end(RESET if cause == POWER else cause)
        machine_reset()

    def wdt_feed(self) -> None:
        self._wdt.feed()

    def free_heap(self) -> int:
        return gc.mem_free()

    def report(self, message: dict) -> None:
        """Nobody listens but whoever watches the console, and only at the start."""
        if "ready" in message:
            gc.collect()
            print("ready", message["ready"], "heap", gc.mem_free())

    def _open_bus(self):
        number = port_number(self._ports, "bus")
        if number is None:
            return None
        pins = self._ports["bus %d" % number]
        de = Pin(pins["de"], Pin.OUT, value=0) if "de" in pins else None
        baud = self._link.get("baud", 9_600)
        framing = self._link.get("framing", "8N1")
        bus = self._make_bus(lambda: open_uart(number, pins, baud, framing), de, baud)
        self._poller.register(bus.uart, select.POLLIN)
        return bus

    def _make_bus(self, open_port, de, baud):
        return Bus(open_port, de)

    def _part(self, kind, name, make):
        """The part at the port "kind name"; KeyError if board.json has none."""
        key = "%s %s" % (kind, name)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = make(self._ports[key])
        return part
