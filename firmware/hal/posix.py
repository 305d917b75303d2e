"""The hal of a board process under MicroPython's unix port: UART = inherited pty end, flash and kept memory = files,
sensors, faults and the clock's rate = JSON lines on a control socket, ways to end = exit codes.

Rules of this file: station time is scaled from the machine's monotonic clock (time.ticks_us), real time never shows;
nothing here blocks except `wait`, and the start, which waits for the clock.
"""

import gc
import os
import select
import sys
import time

from hal import DEEP_SLEEP, POWER, WATCHDOG
from hal.posix_flash import SUPPLY, FileFlash, cause_of_start, open_keep
from hal.posix_pins import Adc, Counter, PinIn, PinOut, Spi, Uart
from hal.posix_watchdog import WATCHDOG as ALARM

TICKS_PERIOD = 1 << 30  # As on a 32-bit port.
WRAP_LEAD_MS = 5_000  # Ticks start so long before their wrap, so that every run crosses it.
WDT_MS = 8_000  # A Pico's watchdog reaches 8.3 s.
WDT_REAL_US = 400_000  # A machine that is busy for so long has hung nobody, however fast the station's clock runs.
START_LIMIT_MS = 10_000  # Real time.
WAIT_REAL_MS_MAX = 1_000
HUNG_UP_WAIT_MS = 5
PAUSE_REAL_US = 8_000  # Processes on one machine hand bytes on in spurts; a real line knows no such gaps.
EXIT_RESET, EXIT_WATCHDOG, EXIT_SLEEP, EXIT_POWER_CUT = 10, 11, 12, 13
__all__ = ["Hal", "arm", "cause_of_start", "open_keep", "restart_later"]

arm = ALARM.arm  # Starts the watchdog, before there is a hal.
monotonic_us: "Callable[[], int]" = time.ticks_us  # noqa: F821  # pyright: ignore


def restart_later() -> None:
    """End; the rig starts it again."""
    sys.exit(EXIT_RESET)


class Bus:
    """The RS-485 line. Reading and writing allocate nothing."""

    def __init__(self, stream, hal):
        self._stream = stream
        self._hal = hal
        self._last_us = monotonic_us()
        self.errors = 0
        self.deaf = False  # As a receiver that got stuck.

    def readinto(self, buffer) -> int:
        """Bytes moved into `buffer`; 0 when there are none."""
        self._hal.hang_if("link")
        try:
            count = self._stream.readinto(buffer)
        except OSError:  # The other end is closed; to a board that is a silent line.
            self.errors += 1
            return 0
        if not count or self.deaf:
            return 0
        self._last_us = monotonic_us()
        return count

    def write(self, buffer, count: int) -> int:
        """Send the first `count` bytes of `buffer`; return how many the line took."""
        try:
            sent = self._stream.write(buffer, count)
        except OSError:
            sent = 0
        if sent != count:
            self.errors += 1
        return sent or 0

    def await_silence(self, silence_us: int) -> None:
        """Return when at least `silence_us` (station) have passed since the last byte came: t3.5, so a bounded wait."""
        left_us = silence_us - (monotonic_us() - self._last_us) * self._hal.rate_milli // 1000
        if left_us > 0:
            time.sleep_us(left_us * 1000 // self._hal.rate_milli + 1)

    def reopen(self) -> None:
        """Set the port up anew: a receiver that got stuck hears again."""
        self.deaf = False

    def silent_us(self) -> int:
        """Station microseconds since the last byte came; 0 while that is so short that the machine may have paused."""
        real_us = monotonic_us() - self._last_us
        return 0 if real_us < PAUSE_REAL_US else real_us * self._hal.rate_milli // 1000


class Hal:
    """One board process. `board`: what it works for, as soon as there is one."""

    garbage_bytes = 4_096  # As an ESP32.

    def __init__(self, root, bus_stream, control_stream, flash_path, keep, serial):
        self.root = root
        self.rate_milli = 1000
        self.board = None
        self.keep = keep
        self._serial = serial
        self._flash_path = flash_path
        self.flash = None
        SUPPLY.on_cut = self._power_cut
        self._parts = {}
        self.woke_ms = None
        self.hung = ""  # Where the program hangs when it comes there: "loop", "start", "link", "scan".
        self._control: "Control" = None  # pyright: ignore
        self._base_ms: int = None  # pyright: ignore[reportAttributeAccessIssue] - until the rig has told it.
        self._real_us = 0
        self._bus = Bus(bus_stream, self)
        self._bus_stream = bus_stream
        self._poller = select.poll()
        self._net = None
        if control_stream is not None:
            from hal.posix_control import Control

            self._control = Control(self, control_stream)
            self._poller.register(control_stream, select.POLLIN)
        self._wait_for_clock()
        self._fed_ms = self.ticks_ms()
        self._fed_us = monotonic_us()
        if bus_stream is not None:
            self._poller.register(bus_stream, select.POLLIN)

    @classmethod
    def from_arguments(cls, argv: list, cause: "int | None") -> "Hal":
        """argv: name, ROOT, UART_FD ("-": no RS-485), CONTROL_FD, FLASH_FILE, KEEP_FILE, SERIAL_HEX. ValueError."""
        if len(argv) != 7:
            raise ValueError("ROOT UART_FD CONTROL_FD FLASH_FILE KEEP_FILE SERIAL_HEX, got %d words" % (len(argv) - 1))
        serial = bytes.fromhex(argv[6])
        if len(serial) != 8:
            raise ValueError("a serial has 8 bytes")
        numbers = [None if number == "-" else int(number) for number in argv[2:4]]
        bus, control = [None if number is None else open(number, "r+b", 0) for number in numbers]  # noqa: SIM115 - open for life
        return cls(argv[1], bus, control, argv[4], open_keep(argv, cause), serial)

    def use(self, definition: dict) -> None:
        """Ports and line are what the rig gave; the log may get another size."""
        self.flash = None

    # Time

    def ticks_ms(self) -> int:
        """Station milliseconds, 0..2^30 - 1."""
        elapsed = (monotonic_us() - self._real_us) * self.rate_milli // 1_000_000
        return (self._base_ms + elapsed) & (TICKS_PERIOD - 1)

    def ticks_diff(self, later: int, earlier: int) -> int:
        half = TICKS_PERIOD >> 1
        return ((later - earlier + half) & (TICKS_PERIOD - 1)) - half

    def ticks_add(self, ticks: int, ms: int) -> int:
        return (ticks + ms) & (TICKS_PERIOD - 1)

    def wait(self, ms: int) -> None:
        """Wait up to `ms` station milliseconds; return early when bytes or control messages came."""
        hungry = self.ticks_diff(self.ticks_ms(), self._fed_ms) >= WDT_MS
        if hungry and monotonic_us() - self._fed_us >= WDT_REAL_US:
            self._bite()
        real_ms = 0
        if ms > 0:
            real_ms = min((ms * 1000 + self.rate_milli - 1) // self.rate_milli, WAIT_REAL_MS_MAX)
        hung_up = False
        for stream, event in self._poller.ipoll(real_ms):
            if self._control is not None and stream is self._control.stream:
                self._control.pump()
            elif stream is self._bus_stream and event & ~select.POLLIN:
                hung_up = True
        self.hang_if("loop")
        if hung_up:
            time.sleep_ms(HUNG_UP_WAIT_MS)  # A line without its other end is always ready and never has a byte.

    # Parts

    def bus(self) -> Bus:
        return self._bus

    def net(self):
        if self._net is None:
            from hal.posix_net import Net  # A board on RS-485 does not pay for it.

            self._net = Net(self._poller, monotonic_us)
        return self._net

    def uart(self, number: int) -> Uart:
        return self._part("uart", number, Uart)

    def adc(self, number: int) -> Adc:
        return self._part("adc", number, lambda: Adc(self.hang_if))

    def counter(self, number: int) -> Counter:
        return self._part("counter", number, Counter)

    def spi(self, number: int) -> Spi:
        return self._part("spi", number, Spi)

    def pin_in(self, name: str) -> PinIn:
        return self._part("pin", name, PinIn)

    def pin_out(self, name: str) -> PinOut:
        return self._part("out", name, lambda: PinOut(name, self.report))

    def blocks(self, name: str, blocks: int) -> FileFlash:
        """The flash region `name`, of `blocks` blocks; KeyError if the board has none of that name."""
        if name != "log":
            raise KeyError(name)
        self.hang_if("start")
        if self.flash is None:
            self.flash = FileFlash(self._flash_path, blocks)
        return self.flash

    # The board itself

    def unique_id(self) -> bytes:
        return self._serial

    def random(self, count: int) -> bytes:
        return os.urandom(count)

    def reset_cause(self) -> int:
        return self.keep.cause

    def reset(self, cause: int) -> None:
        """Restart; the next start sees `cause`."""
        self.keep.end(cause)
        sys.exit(EXIT_WATCHDOG if cause == WATCHDOG else EXIT_RESET)

    def sleep(self, ms: int) -> None:
        """Sleep for `ms`: the process ends, and the rig starts it again when the station's clock is so far."""
        self.keep.end(DEEP_SLEEP)
        self.report({"sleep": ms})
        sys.exit(EXIT_SLEEP)

    def awake_ms(self) -> int:
        """Milliseconds since the wake that led to this start; 0 where it was another cause."""
        return 0 if self.woke_ms is None else max(0, self.station_ms() - self.woke_ms)

    def wdt_feed(self) -> None:
        """What comes too late, by real time while the start goes on, has been bitten."""
        if monotonic_us() - self._fed_us >= WDT_MS * 1000:
            self._bite()
        self._fed_ms = self.ticks_ms()
        self._fed_us = monotonic_us()
        ALARM.feed()

    def hang_if(self, place: str) -> None:
        """Where the rig wants the program to hang: nothing happens until the watchdog bites."""
        if self.hung != place:
            return
        left_ms = WDT_MS - self.ticks_diff(self.ticks_ms(), self._fed_ms)
        if left_ms > 0:
            time.sleep_ms(left_ms * 1000 // self.rate_milli + 1)
        self._bite()

    def free_heap(self) -> int:
        return gc.mem_free()

    def report(self, message: dict) -> None:
        """Tell the rig, with the station's time; on a real board nobody listens. OSError if it is not read."""
        if self._control is not None:
            message["at"] = self.station_ms()
            self._control.report(message)

    def set_clock(self, station_ms: int, real_us: int, rate_milli: int) -> None:
        """The station's clock shows `station_ms` at `real_us` of the machine's, and goes so much faster. ValueError."""
        if rate_milli <= 0:
            raise ValueError("rate must be above 0")
        if self._base_ms is None:
            self.offset_ms = TICKS_PERIOD - WRAP_LEAD_MS - station_ms
        self._base_ms = station_ms + self.offset_ms
        self._real_us = real_us
        self.rate_milli = rate_milli

    def station_ms(self) -> int:
        """What the station's clock shows."""
        return self._base_ms - self.offset_ms + (monotonic_us() - self._real_us) * self.rate_milli // 1_000_000

    # Start and end

    def _wait_for_clock(self):
        deadline_us = monotonic_us() + START_LIMIT_MS * 1000
        while self._base_ms is None:
            if monotonic_us() > deadline_us:
                raise OSError("no clock from the rig")
            for _ in self._poller.ipoll(100):
                self._control.pump()

    def _part(self, kind, number, make):
        key = (kind, number)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = make()
        return part

    def _bite(self):
        self.keep.end(WATCHDOG)
        sys.exit(EXIT_WATCHDOG)

    def _power_cut(self):
        self.keep.end(POWER)
        sys.exit(EXIT_POWER_CUT)
