"""A line for tests of `riverpost scan`, in time that costs nothing: devices that are functions, each with its setting.

What passes between two settings is worked out bit by bit by tools/emulator/uart_model.py; frames are sealed by
tools/emulator/rtu.py, not by ours. Two that answer at once destroy each other.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.emulator import rtu
from tools.emulator.line_end import MasterEnd
from tools.emulator.uart_model import Setting
from tools.scan.port import CannotSet, Errors, PortLost
from wire.modbus import READ_HOLDING
from wire.registers import STATUS, STATUS_BLOCK

TURN_S = 0.008
LONG_S = 600.0
STATUS_END = STATUS_BLOCK[-1][0] + STATUS_BLOCK[-1][1]


@dataclass
class Device:
    """`answer(request)` gives the bytes of its answer, b"" = none."""

    answer: Callable[[bytes], bytes]
    setting: Setting = Setting(9600, "8N1")
    turn_s: float = TURN_S


class Line:
    """A scan's port, and the line behind it. `faults` may be changed at any time."""

    def __init__(self, *devices: Device, seed: int = 1) -> None:
        self.devices = list(devices)
        self.echo = self.swapped = self.lost = False
        self.idle: Callable[[float], bytes] = lambda _: b""  # what comes by itself in so many seconds
        self.cannot: set[str] = set()  # framings that the port has not
        self.counted: Errors | None = None
        self.requests: list[tuple[Setting, bytes]] = []
        self._random = random.Random(seed)
        self._now_s = 100.0
        self._waiting: list[tuple[float, bytes]] = []
        self._setting = Setting(9600, "8N1")

    def float_idle(self, bytes_per_s: float) -> None:
        """So many bytes a second that nobody sent, at times by chance."""
        next_s = self._now_s

        def idle(seconds: float) -> bytes:
            nonlocal next_s
            if self._now_s + seconds < next_s:
                return b""
            self._now_s = max(self._now_s, next_s)
            next_s = self._now_s + self._random.expovariate(bytes_per_s)
            return self._random.randbytes(1)

        self.idle = idle

    def use(self, setting) -> None:
        if setting.framing in self.cannot:
            raise CannotSet(f"no {setting.framing}")
        self._setting = Setting(*setting)
        self._waiting.clear()

    def send(self, data: bytes) -> None:
        if self.lost:
            raise PortLost("pulled")
        self.requests.append((self._setting, data))
        sent_s = self._now_s + len(data) * self._setting.bits / self._setting.baud
        if self.echo:
            self._waiting.append((sent_s, data))
        answers = []
        for device in self.devices:
            end = MasterEnd(device.setting)
            end.setting, end.swapped = self._setting, self.swapped
            said = device.answer(end.said(data))
            if said:
                answers.append((sent_s + device.turn_s, end.hears(said)))
        if self.swapped:
            self._waiting.append((sent_s, b"\0"))
        if len(answers) > 1:
            answers = [(max(at_s for at_s, _ in answers), self._random.randbytes(max(len(a) for _, a in answers)))]
        self._waiting += answers

    def hear(self, until_s: float) -> bytes:
        if self.lost:
            raise PortLost("pulled")
        assert until_s < self._now_s + LONG_S
        due = sorted(self._waiting)[:1]
        came = self.idle(max(0.0, min(until_s, due[0][0] if due else until_s) - self._now_s))
        if came:
            self._now_s += len(came) * self._setting.bits / self._setting.baud
            return came
        if due and due[0][0] <= until_s:
            self._waiting.remove(due[0])
            self._now_s = max(self._now_s, due[0][0])
            return due[0][1]
        self._now_s = max(self._now_s, until_s)
        return b""

    def now_s(self) -> float:
        return self._now_s

    def errors(self) -> Errors | None:
        return self.counted

    def close(self) -> None:
        pass


@dataclass
class Board:
    """A board of ours, as far as a scan looks: identification and status block."""

    address: int
    serial: bytes = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    kind: str = "esp32-rs485"
    definition: str = "00112233445566aa"
    words: dict[str, int] = field(default_factory=lambda: {"slot": 1, "version_major_minor": 1})
    twins: int = 0  # by which the count of answers that it did not give rises at each look

    def answer(self, request: bytes) -> bytes:
        if not rtu.is_whole(request) or request[0] != self.address:
            return b""
        if request[1] == 43:
            return self._identify(request)
        register, count = struct.unpack(">HH", request[2:6])
        if request[1] != READ_HOLDING or not STATUS <= register <= register + count <= STATUS_END:
            return rtu.refusal(self.address, request[1], 2)
        words = self._status()[register - STATUS : register - STATUS + count]
        return rtu.sealed(struct.pack(f">BBB{count}H", self.address, 3, 2 * count, *words))

    def _identify(self, request: bytes) -> bytes:
        objects = {0: b"Riverpost", 1: self.kind.encode(), 2: b"0.1.0", 0x80: self.serial.hex().encode()}
        packed = b"".join(bytes((number, len(text))) + text for number, text in objects.items())
        return rtu.sealed(bytes((self.address, 43, 14, request[3], 0x83, 0, 0, len(objects))) + packed)

    def _status(self) -> list[int]:
        self.words["bus_twins"] = self.words.get("bus_twins", 0) + self.twins
        words: list[int] = []
        for _, count, name in STATUS_BLOCK:
            if name == "serial":
                data = self.serial
            elif name == "definition":
                data = bytes.fromhex(self.definition)
            else:
                data = self.words.get(name, 0).to_bytes(2 * count, "big")
            words += struct.unpack(f">{count}H", data)
        return words


class Sensor:
    """A bought sensor with `registers`; it knows function 3 only, and no identification."""

    def __init__(self, address: int, registers: dict[int, int], max_block: int = 125) -> None:
        self.address = address
        self.registers = registers
        self.max_block = max_block
        self._random = random.Random(address)

    def answer(self, request: bytes) -> bytes:
        if not rtu.is_whole(request) or request[0] != self.address:
            return b""
        if request[1] != READ_HOLDING:
            return b""  # As cheap ones do.
        register, count = struct.unpack(">HH", request[2:6])
        wanted = range(register, register + count)
        if count > self.max_block:
            words = [self._random.randrange(0x10000) for _ in wanted]
        elif any(number not in self.registers for number in wanted):
            return rtu.refusal(self.address, 3, 2)
        else:
            words = [self.registers[number] for number in wanted]
        return rtu.sealed(struct.pack(f">BBB{count}H", self.address, 3, 2 * count, *words))


RADAR = {0x0000: 605, 0x0001: 6_050, 0x0002: 595, 0x0003: 5_950, 0x0010: 0, 0x0011: 1_200, 0x0012: 100}
