"""The hal of a board with an RP2040: the only place where its chip is touched (stock MicroPython 1.25 or newer).

Rules of this file: nothing blocks except `wait`, `Bus.write` (until the frame has left) and the flash; interrupt
handlers allocate nothing; pins and the line's settings come from board.json ("ports", "link").

While the flash is written, interrupts are off: bytes that come then are lost, the gateway's repeat covers it.
Source: RP2040 datasheet 2.4 (memory map), 4.2 (UART), 4.7 (watchdog), 4.9 (converter).
"""

import gc
import json
import os
import select
import time

from machine import PWRON_RESET, UART, WDT, Pin
from machine import reset as machine_reset
from machine import reset_cause as machine_reset_cause
from machine import unique_id as machine_unique_id

from hal import BROWN_OUT, POWER, RESET, WATCHDOG
from hal.rp2_flash import Flash
from hal.rp2_keep import Keep
from hal.rp2_pins import Adc, Counter, PinIn, PinOut, Spi, port_number

WDT_MS = 8_000  # The chip's longest is 8,388.
BUFFER_BYTES = 512  # Of the UART, each way: the longest frame, and what comes while a flash page is written.
WAIT_MS_MAX = 1_000
SENSOR_BAUD = 9_600
RESTART_STEP_MS = 500
RESTART_AFTER_MS = 10_000  # A start that fails each time must not wear out the flash, and leaves time to read why.

# The stubs give ticks types of their own; everywhere else in the firmware they are integers.
ticks_ms: "Callable[[], int]" = time.ticks_ms  # noqa: F821  # pyright: ignore
ticks_diff: "Callable[[int, int], int]" = time.ticks_diff  # noqa: F821  # pyright: ignore
ticks_add: "Callable[[int, int], int]" = time.ticks_add  # noqa: F821  # pyright: ignore


def restart_later() -> None:
    """Restart the chip after a while, in which the watchdog does not bite; does not return."""
    wdt = WDT(timeout=WDT_MS)
    for _ in range(RESTART_AFTER_MS // RESTART_STEP_MS):
        wdt.feed()
        time.sleep_ms(RESTART_STEP_MS)
    machine_reset()


def _uart(number: int, pins: dict, baud: int, framing: str) -> UART:
    """UART `number` that never waits. `framing`: data bits, N/E/O, stop bits."""
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
    )


class Bus:
    """The RS-485 line. Reading and writing allocate nothing. Without a `de` pin the transceiver finds the direction."""

    def __init__(self, uart, de):
        self.uart = uart
        self.errors = 0
        self._de = de
        self._last_us = time.ticks_us()

    def readinto(self, buffer) -> int:
        """Bytes moved into `buffer`; 0 when there are none."""
        there = self.uart.any()
        if not there:
            return 0
        size = len(buffer)
        count = self.uart.readinto(buffer, there if there < size else size)
        if not count:
            return 0
        self._last_us = time.ticks_us()
        return count

    def write(self, buffer, count: int) -> int:
        """Send the first `count` bytes of `buffer` and return when the last has left; how many the line took.

        The transceiver drives the line from before the first start bit until right behind the last stop bit.
        """
        if self._de is not None:
            self._de.on()
        try:
            sent = self.uart.write(buffer, count) or 0
            self.uart.flush()
        except OSError:  # The UART did not come to an end: the line must be free all the same.
            sent = 0
        if self._de is not None:
            self._de.off()
        if sent != count:
            self.errors += 1
        return sent

    def await_silence(self, silence_us: int) -> None:
        """Return when at least `silence_us` have passed since the last byte came: t3.5, so a bounded wait."""
        left_us = silence_us - self.silent_us()
        if left_us > 0:
            time.sleep_us(left_us)

    def silent_us(self) -> int:
        """Microseconds since the last byte came. Ticks wrap at 18 minutes; more than half of that counts as long."""
        passed_us = time.ticks_diff(time.ticks_us(), self._last_us)
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


class Hal:
    """One board. `on_stats` is what a rig would ask; nobody does here."""

    def __init__(self, board_path: str):
        self.board_path = board_path
        self.on_stats = dict
        with open(board_path) as file:
            board = json.load(file)
        self._ports = board["ports"]
        self._link = board["link"]
        self._parts = {}
        self._wdt = WDT(timeout=WDT_MS)
        self._poller = select.poll()
        self.keep = Keep()
        if machine_reset_cause() != PWRON_RESET:
            self._cause = self.keep.cause or WATCHDOG
        else:
            self._cause = BROWN_OUT if self.keep.whole else POWER
        self._bus = self._open_bus()

    @classmethod
    def from_arguments(cls, argv: list) -> "Hal":
        """argv: name, BOARD_JSON. ValueError otherwise."""
        if len(argv) != 2:
            raise ValueError("BOARD_JSON, got %d words" % (len(argv) - 1))
        return cls(argv[1])

    # Time

    def ticks_ms(self) -> int:
        """Milliseconds since the start, 0..2^30 - 1."""
        return ticks_ms()

    def ticks_diff(self, later: int, earlier: int) -> int:
        return ticks_diff(later, earlier)

    def ticks_add(self, ticks: int, ms: int) -> int:
        return ticks_add(ticks, ms)

    def wait(self, ms: int) -> None:
        """Wait up to `ms` milliseconds; return early when bytes came on the line."""
        for _ in self._poller.ipoll(max(0, min(ms, WAIT_MS_MAX))):
            pass

    # Parts

    def bus(self) -> Bus:
        return self._bus

    def net(self):
        raise RuntimeError("this board has no network")

    def uart(self, number: int) -> Uart:
        return self._part("uart", number, self._make_uart)

    def adc(self, number: int) -> Adc:
        return self._part("adc", number, Adc)

    def counter(self, number: int) -> Counter:
        return self._part("counter", number, Counter)

    def spi(self, number: int) -> Spi:
        return self._part("spi", number, lambda pins: Spi(number, pins))

    def pin_in(self, name: str) -> PinIn:
        return self._part("input", name, PinIn)

    def pin_out(self, name: str) -> PinOut:
        return self._part("output", name, PinOut)

    def blocks(self, name: str, blocks: int) -> Flash:
        """The flash region `name`, of `blocks` blocks; KeyError if the board has none of that name."""
        if name != "log":
            raise KeyError(name)
        if "log" not in self._parts:
            self._parts["log"] = Flash(blocks)
        return self._parts["log"]

    # The board itself

    def unique_id(self) -> bytes:
        return machine_unique_id()

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
        pins = self._ports["bus %d" % number]
        de = Pin(pins["de"], Pin.OUT, value=0) if "de" in pins else None
        uart = _uart(number, pins, self._link.get("baud", 9_600), self._link.get("framing", "8N1"))
        self._poller.register(uart, select.POLLIN)
        return Bus(uart, de)

    def _make_uart(self, pins):
        number = next(int(key[5:]) for key in self._ports if self._ports[key] is pins)
        return Uart(_uart(number, pins, SENSOR_BAUD, "8N1"))

    def _part(self, kind, name, make):
        """The part at the port "kind name"; KeyError if board.json has none."""
        key = "%s %s" % (kind, name)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = make(self._ports[key])
        return part
