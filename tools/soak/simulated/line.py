"""The line of a bus, at the level of a request and its answer: what the wire takes, and what becomes of it there.

Rules of this file: an exchange takes the wire's time and is answered, silent or spoiled; a device that heard a request
has done it, also where its answer is lost. Bytes, silences and frames are proven on the emulated line, not here.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.file_message import FileRecord, ReadFileRecordRequest, ReadFileRecordResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
)

from gateway.clock import Clock
from gateway.config import Bus
from gateway.line import Answer, BusError
from gateway.wire_time import chars_us, exchange_us
from tools.soak.simulated.boards import Refused, SimBoard, SimRadar
from wire.registers import LOG_FILE_SHORT

ANSWER_US = 5_000
Device = SimBoard | SimRadar


class Wire:
    """The cable and what hangs on it, by address. Faults: `cut`, `port_gone`, `noise_permil` of answers spoiled."""

    def __init__(self, devices: Mapping[int, Device], chance: random.Random) -> None:
        self.devices = devices
        self.chance = chance
        self.cut = False
        self.port_gone = False
        self.noise_permil = 0


class SimLine:
    """In place of gateway.line.Line; `heard(address, words)` is told the answers to reads."""

    def __init__(self, wire: Wire, heard, bus: Bus, clock: Clock) -> None:
        self.bus = bus
        self.counters: Counter[str] = Counter()
        self.wire_us = 0
        self._wire = wire
        self._heard = heard
        self._clock = clock
        self.connected = False

    async def open(self) -> None:
        if self._wire.port_gone:
            raise BusError(0, "port", f"{self.bus.port} cannot be opened")
        self.connected = True

    def close(self) -> None:
        self.connected = False

    def strays(self) -> list[tuple[int, int]]:
        return []

    def chars_us(self, count: int) -> int:
        return chars_us(count, self.bus.baud, self.bus.char_bits)

    async def exchange(self, request: ModbusPDU, request_chars: int, answer_chars: int, patience_us: int) -> Answer:
        wire = self._wire
        took_us = exchange_us(request_chars, answer_chars, self.bus.baud, self.bus.char_bits)
        device = wire.devices.get(request.dev_id)
        await asyncio.sleep((took_us + ANSWER_US) / 1e6)
        if wire.port_gone:
            raise BusError(request.dev_id, "port", f"{self.bus.port} was lost")
        if wire.cut or device is None or device.silent:
            await asyncio.sleep(patience_us / 1e6)
            raise self._error(request, "no_answer", "no answer")
        try:
            pdu = _answer(device, request)
        except Refused as refused:
            raise self._error(request, "exception", f"exception {refused.code}", refused.code) from None
        if wire.noise_permil and wire.chance.randrange(1_000) < wire.noise_permil:
            raise self._error(request, "crc", "characters that are no answer")
        self.wire_us += took_us
        self.counters["ok"] += 1
        if isinstance(pdu, ReadHoldingRegistersResponse):
            self._heard(request.dev_id, request.address, pdu.registers)
        return Answer(pdu, self._clock.mono_us(), ANSWER_US)

    async def broadcast(self, request: WriteMultipleRegistersRequest, request_chars: int, settle_us: int) -> None:
        await asyncio.sleep((self.chars_us(request_chars) + settle_us) / 1e6)
        if self._wire.port_gone:
            raise BusError(0, "port", f"{self.bus.port} was lost")
        for device in self._wire.devices.values():
            if isinstance(device, SimBoard) and not device.silent and not self._wire.cut:
                device.write(request.address, list(request.registers))

    async def until_free(self) -> None:
        """It always is: one request at a time."""

    async def listen(self, duration_us: int) -> None:
        await asyncio.sleep(duration_us / 1e6)

    def _error(self, request: ModbusPDU, kind: str, reason: str, code: int = 0) -> BusError:
        self.counters[kind] += 1
        return BusError(request.dev_id, kind, reason, code)


def _answer(device: Device, request: ModbusPDU) -> ModbusPDU:
    """What the device answers, having done what was asked. Refused."""
    if isinstance(request, ReadFileRecordRequest) and isinstance(device, SimBoard):
        (record,) = request.records
        short = record.file_number == LOG_FILE_SHORT
        data = device.read_log(record.record_number, record.record_length, short)
        return ReadFileRecordResponse([FileRecord(record_data=data)], dev_id=request.dev_id)
    if isinstance(request, WriteMultipleRegistersRequest) and isinstance(device, SimBoard):
        device.write(request.address, list(request.registers))
        return WriteMultipleRegistersResponse(
            address=request.address, count=len(request.registers), dev_id=request.dev_id
        )
    words = device.read(request.address, request.count)
    return ReadHoldingRegistersResponse(registers=words, dev_id=request.dev_id)
