"""A scripted line for tests: a pseudo-terminal, and devices that are functions of a request.

Frames are built here with pymodbus's CRC, not with ours.
"""

import asyncio
import os
import select
import struct
import time
import tty
from collections.abc import Callable

from pymodbus.framer import FramerRTU

from gateway.points import NowValue
from gateway.ranges import Ranges
from tests.gateway.fake_update import UpdateSide
from wire.reading import QUANTITY_CODES, SYNCED
from wire.row import Reading, Row, pack

LIMIT_S = 20.0
Device = Callable[[bytes], bytes | None]


def sealed(frame: bytes) -> bytes:
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def registers(address: int, words: list[int], function: int = 3) -> bytes:
    """The answer to a read."""
    return sealed(bytes((address, function, 2 * len(words))) + struct.pack(f">{len(words)}H", *words))


def exception(request: bytes, code: int) -> bytes:
    return sealed(bytes((request[0], request[1] | 0x80, code)))


class FakeBus:
    """`devices[address]` gets each whole request and gives the bytes to answer with. Used as a context manager."""

    def __init__(self) -> None:
        self.devices: dict[int, Device] = {}
        self.requests: list[tuple[float, bytes]] = []  # when it had come, request
        self.answered_s: list[float] = []
        self._buffer = b""

    def __enter__(self) -> "FakeBus":
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._master)
        for file in (self._master, self._slave):
            os.close(file)

    def say(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for."""
        os.write(self._master, data)

    def say_now(self, data: bytes) -> None:
        """The same; on return it lies in the port."""
        self.say(data)
        select.select([self._slave], [], [], LIMIT_S)

    def asked(self, address: int) -> list[bytes]:
        return [request for _, request in self.requests if request[0] == address]

    def _read(self) -> None:
        self._buffer += os.read(self._master, 4096)
        while len(self._buffer) >= 8:
            length = {16: 9 + self._buffer[6], 20: 5 + self._buffer[2], 21: 5 + self._buffer[2]}.get(self._buffer[1], 8)
            if len(self._buffer) < length:
                return
            request, self._buffer = self._buffer[:length], self._buffer[length:]
            self.requests.append((time.monotonic(), request))
            device = self.devices.get(request[0])
            answer = device(request) if device else None
            if answer:
                self.say(answer)
                self.answered_s.append(time.monotonic())


class FakeStation:
    """Keeps what the poller tells; `until` waits for it without a timer of its own."""

    def __init__(self) -> None:
        self.now: dict[str, list[list[NowValue]]] = {}
        self.told: list[tuple[str, ...]] = []
        self.uptimes: list[tuple[str, bytes, int, int]] = []
        self._news = asyncio.Event()

    def on_now(self, source: str, words: list[NowValue]) -> None:
        self.now.setdefault(source, []).append(words)
        self._news.set()

    def on_lost(self, source: str, why: str, mono_ms: int) -> None:
        self._tell("lost", source, why)

    def on_asleep(self, source: str) -> None:
        self.told.append(("asleep", source))

    def on_back(self, source: str, mono_ms: int) -> None:
        self._tell("back", source)

    def on_fault(self, kind: str, source: str, detail: str) -> None:
        self._tell(kind, source, detail)

    def identify(self, source: str, serial: bytes) -> None:
        self._tell("serial", source, serial.hex())

    def on_uptime(self, source: str, serial: bytes, boot: int, uptime_s: int, mono_ms: int) -> None:
        self.uptimes.append((source, serial, boot, uptime_s))

    def looks(self, source: str) -> int:
        return len(self.now.get(source, []))

    def has(self, *begin: str) -> bool:
        return any(told[: len(begin)] == begin for told in self.told)

    def nudge(self) -> None:
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Return when `condition` holds; TimeoutError if it never does."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def _tell(self, *words: str) -> None:
        self.told.append(words)
        self._news.set()


class FakeStore:
    """A store in memory; `gate` holds back every commit while it is not set."""

    def __init__(self, station: FakeStation) -> None:
        self.rows: dict[tuple[bytes, int], dict[int, bytes]] = {}
        self.made: dict[str, list] = {}
        self.lost: list[tuple[int, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._station = station

    def watermark(self, serial: bytes, epoch: int) -> int:
        rows = self.rows.get((serial, epoch), {})
        seq = max((last for _, last in self.lost), default=0)
        while seq + 1 in rows:
            seq += 1
        return seq

    def center_has(self, serial: bytes, epoch: int) -> int:
        return 0

    def wanted(self, serial: bytes, epoch: int, tail: int, head: int) -> tuple[int, int] | None:
        have = Ranges((seq, seq) for seq in self.rows.get((serial, epoch), {}))
        return next(iter(Ranges([(tail, head)] if head >= tail else []).minus(have, Ranges(self.lost))), None)

    def seen(self, source_name: str, serial: bytes, epoch: int, columns: tuple[str, ...], tail: int, head: int) -> None:
        self._station.told.append(("seen", source_name, serial.hex(), str(epoch)))

    async def gone(self, serial: bytes, epoch: int, first: int, last: int) -> None:
        self.lost.append((first, last))

    async def append_rows(self, serial: bytes, epoch: int, source_name: str, packed_rows: list[bytes]) -> None:
        await self.gate.wait()
        kept = self.rows.setdefault((serial, epoch), {})
        kept.update({int.from_bytes(packed[2:6], "big"): packed for packed in packed_rows})
        self._station.nudge()

    async def append_made(self, source_name: str, rows: list) -> None:
        await self.gate.wait()
        self.made.setdefault(source_name, []).extend(rows)
        self._station.nudge()


class FakeBoard:
    """The register map of one of our boards, written down from wire.registers by hand."""

    def __init__(self, address: int, columns: tuple[str, ...], definition: str) -> None:
        self.address = address
        self.serial = bytes((0, 0, 0, 0, 0, 0, 0, address))
        self.epoch = 0x1234_0000 + address
        self.values: list[tuple[int, int]] = [(1_000 + n, 1) for n in range(len(columns))]  # value, quality
        self.codes = [QUANTITY_CODES[column] for column in columns]
        self.definition = bytes.fromhex(definition)[:8]
        self.rows: list[bytes] = []
        self.tail = 1
        self.scans = 0
        self.twins = 0
        self.time_quality = SYNCED
        self.clock_s = 0
        self.cursor = 0
        self.cursors: list[int] = []
        self.acks: list[tuple[int, ...]] = []
        self.updates = UpdateSide(time.monotonic)

    def log(self, count: int) -> None:
        for _ in range(count):
            seq = self.tail + len(self.rows)
            row = Row(seq, 1, SYNCED, 1_717_200_000 + 60 * seq, readings=[Reading(0, seq)])
            self.rows.append(pack(row, self.epoch))

    @property
    def head(self) -> int:
        return self.tail + len(self.rows) - 1 if self.rows else 0

    def __call__(self, request: bytes) -> bytes | None:
        if request[1] == 3:
            register, count = struct.unpack(">HH", request[2:6])
            words = self._words()
            if not all(register + n in words for n in range(count)):
                return exception(request, 2)
            return registers(self.address, [words[register + n] for n in range(count)])
        if request[1] == 16:
            register, count = struct.unpack(">HH", request[2:6])
            numbers = struct.unpack(f">{count // 2}I", request[7 : 7 + 4 * (count // 2)])
            if register == 0x0210:
                self.cursor = numbers[0]
                self.cursors.append(self.cursor)
            elif register == 0x0218:
                code = self.updates.order(request[8])
                return exception(request, code) if code else sealed(request[:6])
            else:
                self.acks.append(numbers)
            return sealed(request[:6])
        if request[1] == 21:
            file, record, words = struct.unpack(">HHH", request[4:10])
            assert (file, request[3], len(request)) == (3, 6, 12 + 2 * words)
            code = self.updates.chunk(128 * record, request[10:-2])
            return exception(request, code) if code else request
        record, count = struct.unpack(">HH", request[6:10])
        return self._file(self.cursor + record, 2 * count)

    def _file(self, seq: int, size: int) -> bytes:
        first = max(seq, self.tail)
        data = struct.pack(">II", self.epoch, first)
        for packed in self.rows[first - self.tail :]:
            if len(data) + len(packed) > size:
                break
            data += packed
        return sealed(bytes((self.address, 20, size + 2, size + 1, 6)) + data.ljust(size, b"\0"))

    def _words(self) -> dict[int, int]:
        self.scans += 1
        raw = struct.pack(">HHII", len(self.codes), self.time_quality, self.scans, self.head)
        for code, (value, quality) in zip(self.codes, self.values, strict=True):
            raw += struct.pack(">iHH", value, quality << 8 | code, 200)
        status = self.serial + bytes((*self.updates.version, 0)[i] for i in (0, 1, 3, 2))
        status += self.definition + struct.pack(">IHHHH", 9, self.updates.boot, 0, 0, 5)
        status += struct.pack(">8I", 0, self.epoch, self.tail, self.head, 0, 0, 0, 50_000)
        status += struct.pack(">IHH", self.clock_s, 0, self.time_quality) + struct.pack(
            ">7H", 0, 0, 0, self.twins, 0, 0, 0
        )
        status += self.updates.words()
        words = {0x0004 + n: word for n, (word,) in enumerate(struct.iter_unpack(">H", raw))}
        words |= {0x0100 + n: word for n, (word,) in enumerate(struct.iter_unpack(">H", status))}
        return words
