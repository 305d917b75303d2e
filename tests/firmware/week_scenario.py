"""Runs under MicroPython: the board's side of a simulated week, a whole board that lives by another process's orders.

    week_scenario ROOT FLASH_FILE KEEP_FILE ORDERS_FD STREAM_FD

Rules of this file: nothing is waited for, time is a number; the board is the one of hal.posix with its flash in a file.
Line, broker, sensors and time are played by tools/soak/week_world.py; what stands here is all of the play that lies in
the board's own heap. Each order is ORDER and is answered by ANSWER when it is carried out.
"""

import gc
import json
import struct
import sys

import micropython  # pyright: ignore[reportMissingImports]
from hal import posix
from main import open_board
from slots import Slots

# What to do, microseconds since the start, converters 0 and 1 in uV, gap in mm, tilt in mdeg, a tip fell, nobody there.
ORDER = ">BQiiHhBB"
ANSWER = ">BII"  # Has the board begun to connect since? Rows so far, bytes in use (MEASURE).
TURN, SECOND, MEASURE, KEEP, END = range(5)
STREAM_BYTES = 512
SILENCE_US = 4_010
ADC_2_UV = 1_100_000
LEAK_BYTES = 2


class Time:
    """Microseconds since the start."""

    def __init__(self):
        self.us = 0

    def __call__(self):
        return self.us


class Line(posix.Bus):
    """The line of a board process; silence on it only takes time."""

    def __init__(self, stream, hal, time):
        super().__init__(stream, hal)
        self._time = time

    def await_silence(self, silence_us):
        self._time.us += SILENCE_US

    def silent_us(self):
        return 1_000_000


class Air:
    """One connection, as hal.Net: a stream that is open for ever, and nobody at its end while `hal` is away."""

    def __init__(self, stream, hal, time):
        self._stream = stream
        self._hal = hal
        self._time = time
        self._open = False

    def ticks_ms(self):
        return self._time.us // 1000 & (1 << 30) - 1

    def connect(self, host, port):
        if self._hal.away:
            raise OSError("nobody there")
        while self._stream.read(STREAM_BYTES):  # What was under way to the connection before.
            pass
        self._hal.connects += 1
        self._open = True

    def connected(self):
        return True

    def readinto(self, view):
        return self._there().readinto(view) or 0

    def write(self, view):
        return self._there().write(view) or 0

    def want_write(self, wanted):
        pass

    def close(self):
        self._open = False

    def _there(self):
        if self._hal.away or not self._open:
            self._open = False
            raise OSError("closed")
        return self._stream


class Hal(posix.Hal):
    """The posix board without a rig: time, line and network are those of this file; `stream` is one of the two."""

    def __init__(self, root, flash_path, keep_path, stream, time):
        posix.monotonic_us = time
        keep = posix.open_keep(["", root, "-", "", flash_path, keep_path], None)
        super().__init__(root, None, None, flash_path, keep, bytes(range(8)))
        self.away = False
        self.connects = 0
        self.rows = 0
        self._stream = stream
        self._time = time

    def bus(self):
        del globals()["Air"]  # A board has one of the two, and pays for no more.
        return Line(self._stream, self, self._time)

    def net(self):
        del globals()["Line"]
        return Air(self._stream, self, self._time)

    def _wait_for_clock(self):
        self.set_clock(0, 0, 1000)

    def wait(self, ms):
        if self.ticks_diff(self.ticks_ms(), self._fed_ms) >= posix.WDT_MS:
            raise OSError("the watchdog bit")

    def report(self, message):
        if "row" in message:
            self.rows += 1


def main(root, flash_path, keep_path, orders_fd, stream_fd):
    orders = open(orders_fd, "r+b", 0)  # noqa: SIM115 - open for life
    time = Time()
    hal = Hal(root, flash_path, keep_path, open(stream_fd, "r+b", 0), time)  # noqa: SIM115 - open for life
    board = open_board(hal, Slots(root, "a"))
    order = bytearray(struct.calcsize(ORDER))
    frame = bytearray(4)
    kept = []
    what = TURN
    while what != END:
        live = connects = 0
        if orders.readinto(order) != len(order):
            raise OSError("nobody orders any more")
        what, time.us, level_uv, smoke_uv, gap_mm, tilt_mdeg, tip, hal.away = struct.unpack(ORDER, order)
        connects = hal.connects
        if what == SECOND:
            hal.adc(0).uv = level_uv
            hal.adc(1).uv = smoke_uv
            hal.adc(2).uv = ADC_2_UV
            hal.spi(0).state["x_mdeg"] = tilt_mdeg
            frame[0], frame[1], frame[2] = 0xFF, gap_mm >> 8, gap_mm & 0xFF
            frame[3] = (frame[0] + frame[1] + frame[2]) & 0xFF
            hal.uart(1).feed(frame)
            hal.uart(1).feed(frame)
            if tip:
                hal.counter(0).feed(hal.ticks_ms())
            for _ in range(4):
                time.us += 200_000
                hal.wait(board.turn())
        elif what == TURN:
            board.turn()
        elif what == MEASURE:
            gc.collect()
            live = gc.mem_alloc()
        elif what == KEEP:  # A mistake that must be seen.
            kept.append(bytes(LEAK_BYTES))
        orders.write(struct.pack(ANSWER, hal.connects != connects, hal.rows, live))
    micropython.qstr_info()
    micropython.mem_info()
    from stats import stats_of  # No real board has it.

    print(json.dumps(stats_of(board)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
