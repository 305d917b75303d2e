"""Bought Modbus sensors on the emulated line: like the real ones, with the traps that make profiles necessary.

Rules of this file: no clock; a sensor hears what stood between two silences and says what it answers, and when. The
registers are filled from what is physically there by arithmetic of this file alone.
"""

import random
import struct
from typing import Any

from tools.emulator import rtu

TURN_NS = 8_000_000  # From the end of a request to the answer's first bit; most such sensors take 5 to 20 ms.
READS = (rtu.READ_HOLDING, rtu.READ_INPUT)
FAULTS = ("", "stuck", "spike", "missing", "invalid", "status", "silent")
STATUS_BAD = 1
_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}
_NOTHING_CODES = {"int16": -0x8000, "uint16": 0xFFFF, "int32": -0x80000000, "uint32": 0xFFFFFFFF, "float32": -9999}

# Registers of the 60 GHz radar beside those that its profile reads (FIELD: XMSIYB page); they count cm and mm.
RADAR = "radar-60ghz"
RADAR_RANGE_MM = 12_000
RADAR_BLIND_MM = 100


class BoughtSensor:
    """One sensor of `profile` (a record of boards.load_profile) at `address`.

    Faults: stuck (the value stays), spike (one answer far off), missing (no echo: invalid code and bad status),
    invalid (invalid code, status good), status (status bad, value good), silent (no answer at all), "" (none).
    """

    def __init__(self, name: str, profile: Any, address: int, seed: int = 1, turn_ns: int = TURN_NS) -> None:
        if not 1 <= address <= 247:
            raise ValueError(f"{name}: a Modbus address is 1 to 247, not {address}")
        self.name = name
        self.profile = profile
        self.address = address
        self._turn_ns = turn_ns
        self._said = b""
        self._random = random.Random(f"{seed} {name}")
        self._values: dict[str, int | None] = {}
        self._shown: dict[str, int | None] = {}
        self._fault = ""
        self._ready_ns = 0  # of the station's time: it takes no request before
        for point in profile.points:
            self.set(point.quantity, (point.valid_low + point.valid_high) // 2)

    def set(self, quantity: str, value: int | None) -> None:
        """What is physically there, in the quantity's sub-unit; None = no echo. KeyError: it does not measure that."""
        if quantity not in {point.quantity for point in self.profile.points}:
            raise KeyError(f"{self.name} does not measure {quantity}")
        self._values[quantity] = value
        if self._fault != "stuck":
            self._shown[quantity] = value

    def fault(self, kind: str) -> None:
        """Switch to one of FAULTS. ValueError for another word."""
        if kind not in FAULTS:
            raise ValueError(f"a bought sensor has no fault {kind!r}; it has {', '.join(filter(None, FAULTS))}")
        self._fault = kind
        if kind != "stuck":
            self._shown.update(self._values)

    def answer(self, frame: bytes, end_ns: int) -> tuple[int, bytes] | None:
        """(when it begins, answer) to the `frame` that ended at `end_ns`; None = no answer. Station's nanoseconds."""
        if len(frame) < rtu.FRAME_MIN or frame[0] != self.address or not rtu.is_whole(frame):
            return None
        if self._fault == "silent" or end_ns < self._ready_ns or frame == self._said:  # It does not hear itself.
            return None
        answer = self._said = self._serve(frame)
        at_ns = end_ns + self._turn_ns
        self._ready_ns = at_ns + self.profile.min_interval_ms * 1_000_000
        return at_ns, answer

    def _serve(self, frame: bytes) -> bytes:
        function = frame[1]
        functions = {point.function for point in self.profile.points} or set(READS)
        if function not in functions or len(frame) != 8:
            return rtu.refusal(self.address, function, rtu.ILLEGAL_FUNCTION)
        register, count = struct.unpack(">HH", frame[2:6])
        if not 1 <= count <= rtu.REGISTERS_MAX:
            return rtu.refusal(self.address, function, rtu.ILLEGAL_VALUE)
        registers = self._registers()
        wanted = range(register, register + count)
        if count > self.profile.max_block:
            words = [
                self._random.randrange(0x10000) for _ in wanted
            ]  # What the maker's page warns of: wrong data, no error.
        elif any(number not in registers for number in wanted):
            return rtu.refusal(self.address, function, rtu.ILLEGAL_ADDRESS)
        else:
            words = [registers[number] for number in wanted]
        if self._fault == "spike":
            self._fault = ""
        return rtu.sealed(struct.pack(f">BBB{count}H", self.address, function, 2 * count, *words))

    def _registers(self) -> dict[int, int]:
        registers: dict[int, int] = {}
        if self.profile.name == RADAR:
            registers.update(self._radar())
        for point in self.profile.points:
            value = self._shown[point.quantity]
            lost = value is None or self._fault in ("missing", "invalid")
            if self._fault == "spike" and value is not None:
                value += (point.valid_high - point.valid_low) // 3 * (1 if value < point.valid_high // 2 else -1)
            raw = _nothing(point) if lost or value is None else round(value * point.scale_den / point.scale_num)
            registers.update(zip(range(point.register, point.register + point.count), _words(point, raw), strict=True))
            if point.status_register is not None:
                bad = self._fault in ("missing", "status") or value is None
                registers[point.status_register] = STATUS_BAD if bad else point.status_ok
        return registers

    def _radar(self) -> dict[int, int]:
        gap_mm = self._shown["gap_mm"]
        if gap_mm is None:
            gap_mm = RADAR_RANGE_MM
        level_mm = max(0, RADAR_RANGE_MM - gap_mm)
        mm = {0x0000: gap_mm // 10, 0x0002: level_mm // 10, 0x0003: level_mm}
        return {**mm, 0x0011: RADAR_RANGE_MM // 10, 0x0012: RADAR_BLIND_MM // 10}


def _nothing(point: Any) -> int:
    """The raw number that means "no value"."""
    return point.invalid_codes[-1] if point.invalid_codes else _NOTHING_CODES[point.type]


def _words(point: Any, raw: int) -> list[int]:
    """The 16-bit registers of `raw`, in the point's word order."""
    low, high = (-(1 << 31), (1 << 31) - 1) if point.type == "int32" else (0, (1 << 16 * point.count) - 1)
    if point.type == "int16":
        low, high = -0x8000, 0x7FFF
    if point.type != "float32":
        raw = min(high, max(low, raw))
    packed = struct.pack(_FORMATS[point.type], raw)
    words = [int.from_bytes(packed[i : i + 2], "big") for i in range(0, len(packed), 2)]
    return words if point.word_order == "big" else words[::-1]
