"""The hal of a board process under MicroPython's unix port: UART = inherited pty end, flash and kept memory = files,
sensors, faults and the clock's rate = JSON lines on a control socket, ways to end = exit codes.

Rules of this file: station time is scaled from the machine's monotonic clock (time.ticks_us), real time never shows;
nothing here blocks except `wait`, and the start, which waits for the clock.
"""

import gc
import json
import os
import select
import sys
import time

from hal import DEEP_SLEEP, POWER, RESET, WATCHDOG
from hal.posix_flash import SUPPLY, FileFlash, cause_of_start, open_keep
from hal.posix_net import Net
from hal.posix_pins import Adc, Counter, PinIn, PinOut, Spi, Uart
from hal.posix_watchdog import WATCHDOG as ALARM

TICKS_PERIOD = 1 << 30  # As on a 32-bit port.
WRAP_LEAD_MS = 5_000  # Ticks start so long before their wrap, so that every run crosses it.
WDT_MS = 8_000  # A Pico's watchdog reaches 8.3 s.
WDT_REAL_US = 400_000  # A machine that is busy for so long has hung nobody, however fast the station's clock runs.
START_LIMIT_MS = 10_000  # Real time.
WAIT_REAL_MS_MAX = 1_000
REPORT_LIMIT_MS = 2_000  # Real time for which the rig may leave its end unread.
CONTROL_LINE_MAX = 65_536
CONTROL_READ_BYTES = 512  # In one piece; the rest wakes the loop again.
HUNG_UP_WAIT_MS = 5
PAUSE_REAL_US = 8_000  # Processes on one machine hand bytes on in spurts; a real line knows no such gaps.
EXIT_ORDERLY, EXIT_RESET, EXIT_WATCHDOG, EXIT_SLEEP, EXIT_POWER_CUT = 0, 10, 11, 12, 13
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
    """One board process. `on_stats` is set by main: a call that gives the counters as a dict."""

    def __init__(self, root, bus_stream, control_stream, flash_path, keep, serial):
        self.root = root
        self.rate_milli = 1000
        self.on_stats = dict
        self.keep = keep
        self._serial = serial
        self._flash_path = flash_path
        self._flash = None
        SUPPLY.on_cut = self._power_cut
        self._control = control_stream
        self._line = b""
        self._parts = {}
        self._woke_ms = None
        self._hung = ""  # Where the program hangs when it comes there: "loop", "start", "link", "scan".
        self._base_ms = None
        self._real_us = 0
        self._bus = Bus(bus_stream, self)
        self._bus_stream = bus_stream
        self._poller = select.poll()
        self._net = Net(self._poller, monotonic_us)
        self._poller.register(control_stream, select.POLLIN)
        self._handlers = {
            "clock": self._on_clock,
            "net_rate": self._net.set_rate,
            "woke": self._on_woke,
            "adc": self._on_adc,
            "edges": self._on_edges,
            "edges_at": self._on_edges_at,
            "uart": self._on_uart,
            "spi": self._on_spi,
            "pin": self._on_pin,
            "cut": self._on_cut,
            "reset": self._on_reset,
            "hang": self._on_hang,
            "ask": self._on_ask,
        }
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
        self._flash = None

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
            if stream is self._control:
                self._pump()
            elif stream is self._bus_stream and event & ~select.POLLIN:
                hung_up = True
        self.hang_if("loop")
        if hung_up:
            time.sleep_ms(HUNG_UP_WAIT_MS)  # A line without its other end is always ready and never has a byte.

    # Parts

    def bus(self) -> Bus:
        return self._bus

    def net(self) -> Net:
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
        if self._flash is None:
            self._flash = FileFlash(self._flash_path, blocks)
        return self._flash

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
        return 0 if self._woke_ms is None else max(0, self._station_ms() - self._woke_ms)

    def wdt_feed(self) -> None:
        """What comes too late, by real time while the start goes on, has been bitten."""
        if monotonic_us() - self._fed_us >= WDT_MS * 1000:
            self._bite()
        self._fed_ms = self.ticks_ms()
        self._fed_us = monotonic_us()
        ALARM.feed()

    def hang_if(self, place: str) -> None:
        """Where the rig wants the program to hang: nothing happens until the watchdog bites."""
        if self._hung != place:
            return
        left_ms = WDT_MS - self.ticks_diff(self.ticks_ms(), self._fed_ms)
        if left_ms > 0:
            time.sleep_ms(left_ms * 1000 // self.rate_milli + 1)
        self._bite()

    def free_heap(self) -> int:
        return gc.mem_free()

    def report(self, message: dict) -> None:
        """Tell the rig, with the station's time; on a real board nobody listens. OSError if it is not read in
        REPORT_LIMIT_MS.
        """
        message["at"] = self._station_ms()
        line = json.dumps(message).encode() + b"\n"
        deadline_us = monotonic_us() + REPORT_LIMIT_MS * 1000
        while line:
            sent = self._control.write(line) or 0
            line = line[sent:]
            if line:
                if monotonic_us() > deadline_us:
                    raise OSError("the rig does not read")
                time.sleep_ms(1)

    # Control messages

    def _pump(self):
        try:
            chunk = self._control.read(CONTROL_READ_BYTES)
        except OSError:  # Reset by the other end.
            chunk = b""
        if chunk is None:
            return
        if not chunk:
            sys.exit(EXIT_ORDERLY)  # The rig is gone, and with it the world of this board.
        lines = (self._line + chunk).split(b"\n")
        self._line = lines[-1]
        if len(self._line) > CONTROL_LINE_MAX:
            self._line = b""
            self.report({"error": "control line longer than %d bytes" % CONTROL_LINE_MAX})
        for line in lines[:-1]:
            self._obey(line)

    def _obey(self, line):
        try:
            message = json.loads(line)
            for key in message:
                self._handlers[key](message[key])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self.report({"error": "%s: %r" % (line, error)})

    def _on_clock(self, clock):
        station_ms, real_us, rate_milli = clock
        if rate_milli <= 0:
            raise ValueError("rate must be above 0")
        if self._base_ms is None:
            self._offset_ms = TICKS_PERIOD - WRAP_LEAD_MS - station_ms
        self._base_ms = station_ms + self._offset_ms
        self._real_us = real_us
        self.rate_milli = rate_milli

    def _on_woke(self, station_ms):
        self._woke_ms = int(station_ms)

    def _on_adc(self, inputs):
        for number in inputs:
            self.adc(int(number)).uv = inputs[number]

    def _on_edges(self, counters):
        now = self.ticks_ms()
        for number in counters:
            for ms_before in counters[number]:
                self.counter(int(number)).feed((now - ms_before) & (TICKS_PERIOD - 1))

    def _on_edges_at(self, counters):
        """Edges by the station's clock: exact also where this process reads several messages late and together."""
        for number in counters:
            for station_ms in counters[number]:
                self.counter(int(number)).feed((station_ms + self._offset_ms) & (TICKS_PERIOD - 1))

    def _on_uart(self, ports):
        for number in ports:
            self.uart(int(number)).feed(bytes.fromhex(ports[number]))

    def _on_spi(self, buses):
        for number in buses:
            self.spi(int(number)).state.update(buses[number])

    def _on_pin(self, pins):
        for name in pins:
            self.pin_in(name).level = pins[name]

    def _on_cut(self, cut):
        SUPPLY.cut_after(cut["ops"], cut.get("part_permil", 0))

    def _on_reset(self, _):
        self.reset(RESET)

    def _on_hang(self, place):
        if place not in ("loop", "start", "link", "scan", "deaf"):
            raise ValueError("hangs in loop, start, link or scan, or is deaf")
        self._hung = place
        self._bus.deaf = place == "deaf"

    def _on_ask(self, what):
        if what != "stats":
            raise ValueError("can only be asked for stats")
        stats = self.on_stats()
        if self._flash is not None:
            stats["erases"] = self._flash.erases
            stats["programs"] = self._flash.programs
        stats["flash_ops"] = SUPPLY.ops  # Of log and files.
        stats["heap_free"] = self.free_heap()
        stats["bus_errors"] = self._bus.errors
        self.report({"stats": stats})

    # Start and end

    def _station_ms(self):
        return self._base_ms - self._offset_ms + (monotonic_us() - self._real_us) * self.rate_milli // 1_000_000

    def _wait_for_clock(self):
        deadline_us = monotonic_us() + START_LIMIT_MS * 1000
        while self._base_ms is None:
            if monotonic_us() > deadline_us:
                raise OSError("no clock from the rig")
            for _ in self._poller.ipoll(100):
                self._pump()

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
