"""Runs under MicroPython: a whole board for a week of its own time, as fast as the machine can; its memory is told.

    week_scenario.py ROOT FLASH_FILE KEEP_FILE PERIODS PERIOD_S [leak]

Rules of this file: nothing is waited for, time is a number; the board is the one of hal.posix with its flash in a file,
only line, broker and time are played here, in the same heap, and keep nothing that grows. At the end of each period it
prints `period N live L low M` (most bytes in use after a collection, least free heap as the board tells it) and
MicroPython's own account of the heap. `leak` plants a mistake that must be seen.
"""

import gc
import json
import sys

import board_json
import micropython  # pyright: ignore[reportMissingImports]
from hal import posix
from main import open_board
from slots import Slots

from wire import local
from wire.cbor import Encoder, decode
from wire.modbus import FRAME_MAX, seal
from wire.registers import NOW, STATUS, STATUS_BLOCK, find, now_count

UNIX_S = 1_790_000_000
CLOCK_EVERY_S = 600
STATUS_EVERY_S = 60
DRAIN_EVERY_S = 30
AWAY_SHARE = 18  # For the last of so many parts of a quarter of a period gateway and broker are away.
ANSWER_MS = 20
SILENCE_US = 4_010
READS_MAX = 60  # Log reads of one drain.
STATUS_REGISTERS = STATUS_BLOCK[-1][0] + STATUS_BLOCK[-1][1] - STATUS
LEAK_BYTES, LEAK_EVERY_S = 2, 8


def long_at(data, at):
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


class Time:
    """Microseconds since the start."""

    def __init__(self):
        self.us = 0

    def __call__(self):
        return self.us


class Line:
    """The RS-485 line and the gateway on it: asks once a scan, drains the log, acknowledges, sets the clock."""

    def __init__(self, time, address):
        self.answers = 0
        self.have = 0
        self.errors = 0
        self._time = time
        self._address = address
        self._epoch = 0
        self._asked = bytearray(FRAME_MAX)
        self._left = 0
        self._answer = bytearray(FRAME_MAX)
        self._size = 0

    # The board's side.

    def readinto(self, buffer):
        count = min(self._left, len(buffer))
        i = 0
        while i < count:
            buffer[i] = self._asked[i]
            i += 1
        self._left = 0
        return count

    def write(self, buffer, count):
        self._answer[:count] = buffer[:count]
        self._size = count
        self.answers += 1
        return count

    def await_silence(self, silence_us):
        self._time.us += SILENCE_US

    def silent_us(self):
        return 1_000_000

    # The gateway's side.

    def ask(self, board, *body):
        """Send a request and let the board answer; the answer's length, 0 for none."""
        asked = self._asked
        asked[0] = self._address
        for i in range(len(body)):
            asked[1 + i] = body[i]
        self._left = seal(asked, 1 + len(body))
        self._size = 0
        self._time.us += ANSWER_MS * 1000
        board.turn()
        if self._size < 4 or self._answer[1] & 0x80:
            self.errors += 1
            return 0
        return self._size

    def second(self, board, second):
        """What a gateway does within one second."""
        self.ask(board, 4, NOW >> 8, NOW & 0xFF, 0, now_count(8))
        if second % STATUS_EVERY_S == 7:
            self.ask(board, 3, STATUS >> 8, STATUS & 0xFF, 0, STATUS_REGISTERS)
        if second % CLOCK_EVERY_S == 3:
            unix_s = UNIX_S + self._time.us // 1_000_000
            register = find("clock_unix_s")[0]
            words = (unix_s >> 24 & 0xFF, unix_s >> 16 & 0xFF, unix_s >> 8 & 0xFF, unix_s & 0xFF, 0, 0)
            self.ask(board, 16, register >> 8, register & 0xFF, 0, 3, 6, *words)
        if second % DRAIN_EVERY_S == 11:
            self._drain(board)
        if second % 977 == 0:  # Bytes that are no frame, as after a lightning stroke.
            self._asked[:5] = b"\x0b\x03\xff\x00\x55"
            self._left = 5
            board.turn()

    def _drain(self, board):
        cursor = find("log_cursor")[0]
        for _ in range(READS_MAX):
            first = self.have + 1
            self.ask(
                board,
                16,
                cursor >> 8,
                cursor & 0xFF,
                0,
                2,
                4,
                first >> 24,
                first >> 16 & 0xFF,
                first >> 8 & 0xFF,
                first & 0xFF,
            )
            size = self.ask(board, 20, 7, 6, 0, 1, 0, 0, 0, 121)
            if not size:
                return
            self._epoch = long_at(self._answer, 5)
            at = 13
            while at < size - 2 and self._answer[at]:
                self.have = long_at(self._answer, at + 2)
                at += self._answer[at]
            if at == 13:
                break
        ack = find("ack_epoch")[0]
        words = bytearray(12)
        for i, number in enumerate((self._epoch, self.have, self.have)):
            for place in range(4):
                words[4 * i + place] = number >> (24 - 8 * place) & 0xFF
        self.ask(board, 16, ack >> 8, ack & 0xFF, 0, 6, 12, *words)


class Air:
    """The network and the broker on it, with a gateway that acknowledges."""

    def __init__(self, time):
        self.messages = 0
        self.have = 0
        self.errors = 0
        self.away = False
        self._time = time
        self._in = bytearray()  # From the board.
        self._out = bytearray()  # To the board.
        self._encoder = Encoder(256)
        self._open = False

    # The board's side, as hal.Net.

    def ticks_ms(self):
        return self._time.us // 1000 & (1 << 30) - 1

    def connect(self, host, port):
        if self.away:
            raise OSError("nobody there")
        self._in = bytearray()
        self._out = bytearray()
        self._open = True

    def connected(self):
        return True

    def readinto(self, view):
        if not self._open:
            raise OSError("closed")
        count = min(len(view), len(self._out))
        view[:count] = self._out[:count]
        self._out = self._out[count:]
        return count

    def write(self, view):
        if not self._open:
            raise OSError("closed")
        self._in += view
        while self._take():
            pass
        return len(view)

    def want_write(self, wanted):
        pass

    def close(self):
        self._open = False

    # The broker's side.

    def leave(self, away):
        self.away = away
        if away:
            self._open = False

    def _take(self):
        data = self._in
        length = at = 0
        while True:
            at += 1
            if at >= len(data):
                return False
            length |= (data[at] & 0x7F) << (7 * (at - 1))
            if not data[at] & 0x80:
                break
        at += 1
        if at + length > len(data):
            return False
        head, body = data[0], bytes(data[at : at + length])
        self._in = data[at + length :]
        kind = head & 0xF0
        if kind == 0x10:
            self._out += b"\x20\x02\x00\x00"
        elif kind == 0x80:
            topics = 0
            at = 2
            while at < len(body):
                at += 3 + (body[at] << 8 | body[at + 1])
                topics += 1
            self._out += bytes((0x90, 2 + topics)) + body[:2] + bytes(topics)
        elif kind == 0x30:
            self._published(body)
        elif kind == 0xC0:
            self._out += b"\xd0\x00"
        return True

    def _published(self, body):
        size = body[0] << 8 | body[1]
        topic = body[2 : 2 + size].decode()
        self._out += b"\x40\x02" + body[2 + size : 4 + size]
        self.messages += 1
        station, leaf = topic.split("/board/")[0], topic.split("/")[-1]
        if leaf != local.ROWS:
            return
        message = decode(body[4 + size :])
        rows = message.get(local.K_ROWS, b"")
        at = 0
        while at < len(rows):
            self.have = max(self.have, long_at(rows, at + 2))
            at += rows[at]
        answer = {
            local.K_MAJOR: local.MAJOR,
            local.K_EPOCH: message[local.K_EPOCH],
            local.K_GATEWAY_HAS: self.have,
            local.K_CENTER_HAS: self.have,
            local.K_UP_MS: message[local.K_UP_MS],
            local.K_UNIX_MS: UNIX_S * 1000 + self._time.us // 1000,
        }
        payload = bytes(self._encoder.encode(answer))
        topic = local.topic(station.split("/")[-1], topic.split("/")[-2], local.ACK).encode()
        body = bytes((len(topic) >> 8, len(topic) & 0xFF)) + topic + payload
        self._out += (
            bytes((0x30, len(body))) + body
            if len(body) < 128
            else bytes((0x30, len(body) & 0x7F | 0x80, len(body) >> 7)) + body
        )


class Hal(posix.Hal):
    """The posix board without a process around it: its time, line and network are those of this file."""

    def __init__(self, root, flash_path, keep_path, time, line, air):
        posix.monotonic_us = time
        nothing = open("/dev/null", "r+b", 0)  # noqa: SIM115 - open for life
        keep = posix.open_keep(["", root, "-", "", flash_path, keep_path], None)
        super().__init__(root, None, nothing, flash_path, keep, bytes(range(8)))
        self._time = time
        self._bus = line
        self._net = air
        self.rows = 0

    def _wait_for_clock(self):
        self._on_clock((0, 0, 1000))

    def wait(self, ms):
        if self.ticks_diff(self.ticks_ms(), self._fed_ms) >= posix.WDT_MS:
            raise OSError("the watchdog bit")

    def report(self, message):
        if "row" in message:
            self.rows += 1


class World:
    """What the sensors see: numbers that wander, frames, tips, a tilt."""

    def __init__(self, hal):
        self._hal = hal
        self._x = 2_463_534_242
        self._frame = bytearray(4)
        hal.adc(2).uv = 1_100_000

    def second(self, second):
        hal = self._hal
        hal.adc(0).uv = 1_200_000 + self._any(5_000)
        hal.adc(1).uv = 400_000 + self._any(5_000)
        gap = 2_000 + self._any(20)
        frame = self._frame
        frame[0], frame[1], frame[2] = 0xFF, gap >> 8, gap & 0xFF
        frame[3] = (frame[0] + frame[1] + frame[2]) & 0xFF
        hal.uart(1).feed(frame)
        hal.uart(1).feed(frame)
        if second % 1800 < 300 and self._any(4) == 0:  # A shower in every half hour.
            hal.counter(0).feed(hal.ticks_ms())
        hal.spi(0).state["x_mdeg"] = self._any(9)

    def _any(self, below):
        x = self._x
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._x = x
        return x % below


def main(root, flash_path, keep_path, periods, period_s, leak):
    definition = board_json.parse(board_json.copies(root)[0], False)
    time = Time()
    mqtt = definition["link"]["kind"] == "mqtt"
    line, air = Line(time, definition["link"].get("address", 0)), Air(time)
    hal = Hal(root, flash_path, keep_path, time, line, air)
    board = open_board(hal, Slots(root, "a"))
    world = World(hal)
    quarter_s = period_s // 4
    leaked = []
    live_max = 0
    for second in range(periods * period_s):
        away = second % quarter_s >= quarter_s - quarter_s // AWAY_SHARE
        time.us = second * 1_000_000
        world.second(second)
        if mqtt:
            if away != air.away:
                air.leave(away)
        elif not away:
            line.second(board, second)
        for _ in range(4):
            time.us += 200_000
            hal.wait(board.turn())
        if leak and second % LEAK_EVERY_S == 0:
            leaked.append(bytes(LEAK_BYTES))
        if second % 60 == 59:
            gc.collect()
            live_max = max(live_max, gc.mem_alloc())
        if (second + 1) % period_s == 0:
            print("period", (second + 1) // period_s, "live", live_max, "low", board.stats()["heap_low"])
            micropython.mem_info()
            live_max = 0
    stats = board.stats()
    stats["rows"] = hal.rows
    stats["have"] = air.have if mqtt else line.have
    stats["answers"] = air.messages if mqtt else line.answers
    stats["line_errors"] = air.errors if mqtt else line.errors
    print(json.dumps(stats))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:] == ["leak"])
