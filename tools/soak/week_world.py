"""What a board lives in for a simulated week: time, sensors, and the gateway on its line or behind its broker.

Rules of this file: it runs beside the board's process and gives it orders, each answered when it is carried out, so
that time only goes on when both are done; it waits for nothing else, and the same week is the same again.
The board's side is tests/firmware/week_scenario.py.
"""

import json
import socket
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tools.emulator.rtu import READ_HOLDING, READ_INPUT, is_whole, sealed
from wire import local, registers
from wire.cbor import Encoder, decode
from wire.package import NO_MEMORY
from wire.registers import (
    LOG_FILE,
    NOW,
    ORDER_DROP,
    STATUS,
    STATUS_BLOCK,
    UPDATE_CHUNK,
    UPDATE_FILE,
    UPDATE_IDLE,
    UPDATE_READY,
    UPDATE_RECEIVING,
    UPDATE_REFUSED,
    now_count,
)
from wire.row import split

UNIX_S = 1_790_000_000
ORDER = ">BQiiHhBB"  # As tests/firmware/week_scenario.py has it.
ANSWER = ">BII"
TURN, SECOND, MEASURE, KEEP, END = range(5)
ANSWER_LIMIT_S = 30.0
STREAM_BYTES = 65_536
CHANNELS = 8
CLOCK_EVERY_S, STATUS_EVERY_S, DRAIN_EVERY_S, NOISE_EVERY_S = 600, 60, 30, 977
NOISE = b"\x0b\x03\xff\x00\x55"  # Bytes that are no frame, as after a lightning stroke.
ANSWER_MS = 20
READS_MAX = 60  # Log reads of one drain.
WRITE_MULTIPLE, READ_FILE, WRITE_FILE, FILE_REFERENCE, LOG_WORDS = 16, 20, 21, 6, 121
PIECES_MAX = 8  # Of a package, in a second.
SECOND_US, SECOND_DONE_US = (
    1_000_000,
    800_000,
)  # What the board does by itself in a second ends so far behind its begin.
SHOWER_EVERY_S, SHOWER_S = 1_800, 300


Sees = tuple[int, int, int, int, bool]  # Level and smoke in uV, gap_mm, tilt_mdeg, did a tip fall?


class Play:
    """A board's process at work: orders go to it, and its line or network is `stream`. A context manager."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.us = 0
        self.rows = 0  # That the board has written.
        self.away = False
        self.connected = False  # In the last order.
        self._sees: Sees = (0, 0, 0, 0, False)
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.stream, stream = socket.socketpair()
        self._orders.settimeout(ANSWER_LIMIT_S)
        self.stream.setblocking(False)
        stream.setblocking(False)
        numbers = (orders.fileno(), stream.fileno())
        self._printed = (folder / "printed").open("w+")
        self._process = subprocess.Popen(
            [*command, *map(str, numbers)],
            pass_fds=numbers,
            env=environment,
            stdout=self._printed,
            stderr=self._printed,
        )
        orders.close()
        stream.close()

    def order(self, what: int) -> int:
        """Have it carried out; bytes in use, for MEASURE. RuntimeError, with what it printed, if the board ended."""
        try:
            self._orders.send(struct.pack(ORDER, what, self.us, *self._sees, self.away))
            connected, self.rows, live = struct.unpack(ANSWER, self._orders.recv(64))
        except (OSError, struct.error) as error:
            code = self._process.wait(ANSWER_LIMIT_S)
            raise RuntimeError(f"ended with {code}: {self.printed()[-800:]}") from error
        self.connected = bool(connected)
        return live

    def second(self, number: int, sees: "Sees") -> None:
        """What the board does by itself in a second, its sensors seeing this."""
        self.us = max(self.us, number * SECOND_US)
        self._sees = sees
        self.order(SECOND)
        self.us += SECOND_DONE_US

    def heard(self) -> bytes:
        """What the board has sent."""
        try:
            return self.stream.recv(STREAM_BYTES)
        except BlockingIOError:
            return b""

    def end(self) -> dict:
        """Its counters."""
        self.order(END)
        self._process.wait(ANSWER_LIMIT_S)
        return json.loads(self.printed().strip().splitlines()[-1])

    def printed(self) -> str:
        self._printed.seek(0)
        return self._printed.read()

    def __enter__(self) -> "Play":
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        for end in (self._orders, self.stream, self._printed):
            end.close()


class Sensors:
    """Numbers that wander, tips in a shower every half hour."""

    def __init__(self) -> None:
        self._x = 2_463_534_242

    def at(self, second: int) -> "Sees":
        level_uv, smoke_uv, gap_mm = 1_200_000 + self._any(5_000), 400_000 + self._any(5_000), 2_000 + self._any(20)
        tip = second % SHOWER_EVERY_S < SHOWER_S and self._any(4) == 0
        return level_uv, smoke_uv, gap_mm, self._any(9), tip

    def _any(self, below: int) -> int:
        x = self._x
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._x = x
        return x % below


class Gateway:
    """What both links' gateways count.

    `package`: what it sends next, until the board has all of it and is told to drop it; `packages`: how often that was.
    `refused`: the reasons for which it was refused; where its memory was too full it is sent once more.
    """

    def __init__(self, play: Play) -> None:
        self.package = b""
        self.packages = 0
        self.refused: list[int] = []
        self.answers = 0  # Frames, or messages, of the board.
        self.have = 0
        self.errors = 0
        self._play = play

    def _package_over(self, state: int, reason: int) -> None:
        """The board has all of the package, or has refused it."""
        self.packages += state == UPDATE_READY
        if state == UPDATE_REFUSED:
            self.refused.append(reason)
        if state == UPDATE_READY or reason != NO_MEMORY:
            self.package = b""


class Line(Gateway):
    """A gateway on the RS-485 line: asks once a second, drains the log, acknowledges, sets the clock."""

    def __init__(self, play: Play, address: int) -> None:
        super().__init__(play)
        self._address = address
        self._epoch = 0

    def second(self, second: int) -> None:
        """What it does within one second."""
        if self._play.away:
            return
        self._ask(READ_INPUT, struct.pack(">HH", NOW, now_count(CHANNELS)))
        if second % STATUS_EVERY_S == 7:
            last, width, _ = STATUS_BLOCK[-1]
            self._ask(READ_HOLDING, struct.pack(">HH", STATUS, last + width - STATUS))
        if second % CLOCK_EVERY_S == 3:
            unix_s = UNIX_S + self._play.us // 1_000_000
            self._write(registers.CLOCK_UNIX_S, struct.pack(">IH", unix_s, 0))
        if second % DRAIN_EVERY_S == 11:
            self._drain()
        if second % NOISE_EVERY_S == 0:
            self._play.stream.send(NOISE)
            self._play.order(TURN)
        if self.package:
            self._send_package()

    def _send_package(self) -> None:
        answer = self._ask(READ_INPUT, struct.pack(">HH", registers.UPDATE_OFFSET, 3))
        offset, reason, state = struct.unpack(">IBB", answer[3:9])
        if state in (UPDATE_READY, UPDATE_REFUSED):
            self._package_over(state, reason)
            self._write(registers.UPDATE_ORDER, struct.pack(">H", ORDER_DROP))
        for _ in range(PIECES_MAX if state in (UPDATE_IDLE, UPDATE_RECEIVING) else 0):
            piece = self.package[offset : offset + UPDATE_CHUNK]
            piece += bytes(len(piece) % 2)
            record = struct.pack(">BHHH", FILE_REFERENCE, UPDATE_FILE, offset // UPDATE_CHUNK, len(piece) // 2) + piece
            if not piece or not self._ask(WRITE_FILE, bytes((len(record),)) + record, busy=True):
                break
            offset += UPDATE_CHUNK

    def _drain(self) -> None:
        for _ in range(READS_MAX):
            self._write(registers.LOG_CURSOR, struct.pack(">I", self.have + 1))
            asked = struct.pack(">BBHHH", 7, FILE_REFERENCE, LOG_FILE, 0, LOG_WORDS)
            answer = self._ask(READ_FILE, asked)
            rows = split(answer[13:-2])
            if not answer or not rows:
                break
            self._epoch = int.from_bytes(answer[5:9], "big")
            self.have = max(int.from_bytes(row[2:6], "big") for row in rows)
        self._write(registers.ACK_EPOCH, struct.pack(">III", self._epoch, self.have, self.have))

    def _write(self, register: int, data: bytes) -> None:
        self._ask(WRITE_MULTIPLE, struct.pack(">HHB", register, len(data) // 2, len(data)) + data)

    def _ask(self, function: int, body: bytes, *, busy: bool = False) -> bytes:
        """The answer to a request; empty for an exception, or none. `busy`: it may be an exception, and is no error."""
        self._play.us += ANSWER_MS * 1_000
        self._play.stream.send(sealed(bytes((self._address, function)) + body))
        self._play.order(TURN)
        answer = self._play.heard()
        self.answers += bool(answer)
        if not is_whole(answer) or answer[1] & 0x80:
            self.errors += not (answer and busy)
            return b""
        return answer


class Air(Gateway):
    """The broker on the network, and a gateway behind it that acknowledges."""

    def __init__(self, play: Play) -> None:
        super().__init__(play)
        self._in = b""
        self._encoder = Encoder(1_024)
        self._topics = ""  # What those of this board begin with.
        self._at: dict = {}  # How far a package is, as the board told it last.

    def second(self, _second: int) -> None:
        """Answer what came since the last second."""
        if self._play.connected or self._play.away:
            self._in = b""
        self._in += self._play.heard()
        if self._play.away:
            return
        while self._take():
            pass
        if self.package and self._at:
            self._send_package()

    def _take(self) -> bool:
        """Take one packet from the front; False if none is whole."""
        length = at = 0
        while True:
            at += 1
            if at >= len(self._in):
                return False
            length |= (self._in[at] & 0x7F) << (7 * (at - 1))
            if not self._in[at] & 0x80:
                break
        at += 1
        if at + length > len(self._in):
            return False
        kind, body = self._in[0] & 0xF0, self._in[at : at + length]
        self._in = self._in[at + length :]
        if kind == 0x10:
            self._say(0x20, b"\0\0")
        elif kind == 0x80:
            self._say(0x90, body[:2] + bytes(_topics_in(body)))
        elif kind == 0x30:
            self._published(body)
        elif kind == 0xC0:
            self._say(0xD0, b"")
        return True

    def _published(self, body: bytes) -> None:
        size = body[0] << 8 | body[1]
        topic = body[2 : 2 + size].decode()
        self._say(0x40, body[2 + size : 4 + size])
        self.answers += 1
        message: Any = decode(body[4 + size :])
        if topic.endswith(local.UPDATE_AT):
            self._at = message
        if topic.split("/")[-1] != local.ROWS:
            return
        for row in split(message.get(local.K_ROWS, b"")):
            self.have = max(self.have, int.from_bytes(row[2:6], "big"))
        answer = {
            local.K_MAJOR: local.MAJOR,
            local.K_EPOCH: message[local.K_EPOCH],
            local.K_GATEWAY_HAS: self.have,
            local.K_CENTER_HAS: self.have,
            local.K_UP_MS: message[local.K_UP_MS],
            local.K_UNIX_MS: UNIX_S * 1_000 + self._play.us // 1_000,
        }
        self._topics = topic.removesuffix(local.ROWS)
        self._publish(local.ACK, answer)

    def _send_package(self) -> None:
        offset, word = self._at[local.K_UPDATE_OFFSET], self._at[local.K_UPDATE_STATE]
        reason, state = word >> 8, word & 0xFF
        message = {local.K_MAJOR: local.MAJOR}
        if state in (UPDATE_READY, UPDATE_REFUSED):
            self._package_over(state, reason)
            self._at = {}  # Until it tells what became of the order.
            self._publish(local.UPDATE, message | {local.K_UPDATE_ORDER: ORDER_DROP})
        elif state in (UPDATE_IDLE, UPDATE_RECEIVING) and offset < len(self.package):
            piece = self.package[offset : offset + local.UPDATE_BYTES_MAX]
            self._publish(local.UPDATE, message | {local.K_UPDATE_OFFSET: offset, local.K_UPDATE_BYTES: piece})

    def _publish(self, leaf: str, message: dict) -> None:
        topic = (self._topics + leaf).encode()
        self._say(0x30, len(topic).to_bytes(2, "big") + topic + bytes(self._encoder.encode(message)))

    def _say(self, head: int, body: bytes) -> None:
        length = bytes((len(body),)) if len(body) < 128 else bytes((len(body) & 0x7F | 0x80, len(body) >> 7))
        self._play.stream.send(bytes((head,)) + length + body)


def _topics_in(body: bytes) -> int:
    """How many topics a SUBSCRIBE names."""
    topics, at = 0, 2
    while at < len(body):
        at += 3 + (body[at] << 8 | body[at + 1])
        topics += 1
    return topics
