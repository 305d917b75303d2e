"""The rig's hand on a board process: JSON lines that say what the sensors see, what fails, and how late it is.

Rules of this file: only a rig's boards load it; a line that is wrong is told to the rig, and changes nothing more.
"""

import json
import sys
import time

from stats import stats_of

from hal import RESET
from hal.posix_flash import SUPPLY

TICKS_PERIOD = 1 << 30
REPORT_LIMIT_MS = 2_000  # Real time for which the rig may leave its end unread.
LINE_MAX = 65_536
READ_BYTES = 512  # In one piece; the rest wakes the loop again.
EXIT_ORDERLY = 0


class Control:
    """Control of `hal` by what comes on `stream`."""

    def __init__(self, hal, stream):
        self.stream = stream
        self._hal = hal
        self._line = b""
        self._handlers = {
            "clock": self._on_clock,
            "net_rate": self._on_net_rate,
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

    def report(self, message: dict) -> None:
        """Send `message`. OSError if it is not read in REPORT_LIMIT_MS."""
        line = json.dumps(message).encode() + b"\n"
        deadline_ms = time.ticks_add(time.ticks_ms(), REPORT_LIMIT_MS)
        while line:
            sent = self.stream.write(line) or 0
            line = line[sent:]
            if line:
                if time.ticks_diff(time.ticks_ms(), deadline_ms) > 0:
                    raise OSError("the rig does not read")
                time.sleep_ms(1)

    def pump(self) -> None:
        """Read what there is and carry it out."""
        try:
            chunk = self.stream.read(READ_BYTES)
        except OSError:  # Reset by the other end.
            chunk = b""
        if chunk is None:
            return
        if not chunk:
            sys.exit(EXIT_ORDERLY)  # The rig is gone, and with it the world of this board.
        lines = (self._line + chunk).split(b"\n")
        self._line = lines[-1]
        if len(self._line) > LINE_MAX:
            self._line = b""
            self._hal.report({"error": "control line longer than %d bytes" % LINE_MAX})
        for line in lines[:-1]:
            self._obey(line)

    def _obey(self, line):
        try:
            message = json.loads(line)
            for key in message:
                self._handlers[key](message[key])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self._hal.report({"error": "%s: %r" % (line, error)})

    def _on_clock(self, clock):
        station_ms, real_us, rate_milli = clock
        self._hal.set_clock(station_ms, real_us, rate_milli)

    def _on_net_rate(self, rate_milli):
        self._hal.net().set_rate(rate_milli)

    def _on_woke(self, station_ms):
        self._hal.woke_ms = int(station_ms)

    def _on_adc(self, inputs):
        for number in inputs:
            self._hal.adc(int(number)).uv = inputs[number]

    def _on_edges(self, counters):
        now = self._hal.ticks_ms()
        for number in counters:
            for ms_before in counters[number]:
                self._hal.counter(int(number)).feed((now - ms_before) & (TICKS_PERIOD - 1))

    def _on_edges_at(self, counters):
        """Edges by the station's clock: exact also where this process reads several messages late and together."""
        for number in counters:
            for station_ms in counters[number]:
                self._hal.counter(int(number)).feed((station_ms + self._hal.offset_ms) & (TICKS_PERIOD - 1))

    def _on_uart(self, ports):
        for number in ports:
            self._hal.uart(int(number)).feed(bytes.fromhex(ports[number]))

    def _on_spi(self, buses):
        for number in buses:
            self._hal.spi(int(number)).state.update(buses[number])

    def _on_pin(self, pins):
        for name in pins:
            self._hal.pin_in(name).level = pins[name]

    def _on_cut(self, cut):
        SUPPLY.cut_after(cut["ops"], cut.get("part_permil", 0))

    def _on_reset(self, _):
        self._hal.reset(RESET)

    def _on_hang(self, place):
        if place not in ("loop", "start", "link", "scan", "deaf"):
            raise ValueError("hangs in loop, start, link or scan, or is deaf")
        self._hal.hung = place
        self._hal.bus().deaf = place == "deaf"

    def _on_ask(self, what):
        if what != "stats":
            raise ValueError("can only be asked for stats")
        hal = self._hal
        stats = {} if hal.board is None else stats_of(hal.board)
        if hal.flash is not None:
            stats["erases"] = hal.flash.erases
            stats["programs"] = hal.flash.programs
        stats["flash_ops"] = SUPPLY.ops  # Of log and files.
        stats["heap_free"] = hal.free_heap()
        stats["bus_errors"] = hal.bus().errors
        self._hal.report({"stats": stats})
