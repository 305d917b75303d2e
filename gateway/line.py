"""One RS-485 line: an exchange at a time through pymodbus's asynchronous client, with the wire's times kept.

Rules of this file: t3.5 of silence before every request, whatever came before it; an answer counts only if device,
function and length are those that were asked for and its CRC fits; what comes when nobody asked is counted, not used.
Times are microseconds of the station's clock: on a rig the line runs as fast as the clock.
"""

import asyncio
import ctypes
import logging
import sys
import termios
from collections import Counter
from typing import Any, NamedTuple

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from gateway.clock import Clock
from gateway.config import Bus
from gateway.wire_time import chars_us, exchange_us, silence_us
from wire.modbus import EXCEPTION_NAMES, FILE_REFERENCE, READ_FILE, answer_length, crc16

WAIT_REAL_S_MIN = 0.050  # Below this a busy machine, not the device, would be what is late.
LENGTH_MAX = 256
BUFFER_MAX = 4 * LENGTH_MAX
SPIN_S = 0.000_06  # The loop's timers come about so much late; the rest of a silence is waited out turn by turn.
AHEAD_S = 0.000_25  # So long before a silence ends its request is put together; the rest is waited out on the spot.
STARTS_MAX = 3  # So often a request is begun; bytes that come at the last moment put it off.
PR_SET_TIMERSLACK = 29  # linux/prctl.h: how late, in nanoseconds, the kernel may wake this thread
CONNECT_S = 3.0
SILENCE_MAX_US = 200_000  # A device that babbles must not keep us from asking the others.
_SETTINGS = {"8N1": (8, "N", 1), "8E1": (8, "E", 1), "8O1": (8, "O", 1), "8N2": (8, "N", 2)}

# pymodbus reports each silence of a device as an error; we count it and say it once.
logging.getLogger("pymodbus.logging").addHandler(logging.NullHandler())
logging.getLogger("pymodbus.logging").propagate = False


class BusError(Exception):
    """No usable answer from `address`. `kind` is its counter: no_answer, crc, truncated, wrong_id, late,
    exception, port.
    """

    def __init__(self, address: int, kind: str, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.address = address
        self.kind = kind
        self.reason = reason
        self.code = code  # of an exception


class _Disturbed(Exception):
    """Bytes came while the request was put together: the silence is not over."""


class Answer(NamedTuple):
    """A good answer. `delay_us` is what the device took beyond the characters of request and answer."""

    pdu: ModbusPDU
    end_us: int
    delay_us: int


class Wanted(NamedTuple):
    """The answer that is waited for: nothing else is one."""

    device: int
    function: int
    length: int  # CRC included


class AnswerFramer(FramerRTU):
    """Finds the wanted answer among whatever the line brings; keeps the rest for the diagnosis."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(DecodePDU(False))
        self._clock = clock
        self.wanted: Wanted | None = None
        self.seen = b""  # Everything since the request.
        self.last_us = 0  # When the last bytes came: Line tells it.
        self.strays: list[tuple[int, int]] = []  # (device, when) of whole frames that nobody waited for.
        self._rest = b""  # What came since the answer.

    def want(self, wanted: Wanted | None) -> None:
        """From now on wait for `wanted`; None = the wait is over."""
        if wanted is not None:
            self.seen = self._rest = b""
        self.wanted = wanted

    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """What pymodbus asks for: (bytes used, device, 0, frame without address and CRC); all zero = wait for more."""
        wanted = self.wanted
        if wanted is None:
            self._listen(data)
            return len(data), 0, 0, b""
        self.seen = data
        found = find(data, wanted)
        if found < 0:
            return 0, 0, 0, b""
        end = found + (5 if data[found + 1] & 0x80 else wanted.length)
        self.wanted = None
        if found:
            self._listen(data[:found])
            self._rest = b""
        if end < len(data):
            self._listen(data[end:])
        return len(data), wanted.device, 0, data[found + 1 : end - 2]

    def _listen(self, data: bytes) -> None:
        """Note whole frames that nobody waited for; they may come in pieces."""
        self._rest = (self._rest + data)[-LENGTH_MAX:]
        found = frames(self._rest)
        if found:
            self.strays += [(device, self.last_us) for device, _, _ in found]
            self._rest = self._rest[found[-1][2] :]


def find(data: bytes, wanted: Wanted) -> int:
    """Where the wanted answer, or an exception instead of it, stands whole in `data`; -1 = not (yet)."""
    start = data.find(wanted.device)
    while start >= 0 and start + 5 <= len(data):
        function = data[start + 1]
        length = 5 if function == wanted.function | 0x80 else wanted.length if function == wanted.function else 0
        whole = length and start + length <= len(data) and fits(data, start, length)
        if whole and (length == 5 or _agrees(data, start, length)):
            return start
        start = data.find(wanted.device, start + 1)
    return -1


def _agrees(data: bytes, start: int, length: int) -> bool:
    """Do the lengths inside the frame say the same as `length`?"""
    if answer_length(data, start, len(data)) != length:
        return False
    return data[start + 1] != READ_FILE or (data[start + 3] == length - 6 and data[start + 4] == FILE_REFERENCE)


def fits(data: bytes, start: int, length: int) -> bool:
    """Does the CRC at the end of the frame fit?"""
    frame = data[start : start + length]
    return frame[-2] | frame[-1] << 8 == crc16(frame, length - 2)


def frames(data: bytes) -> list[tuple[int, int, int]]:
    """(device, start, end) of every whole answer in `data`."""
    found = []
    start = 0
    while start + 5 <= len(data):
        length = answer_length(data, start, len(data))
        if 5 <= length <= len(data) - start and fits(data, start, length):
            found.append((data[start], start, start + length))
            start += length
        else:
            start += 1
    return found


class Line:
    """The line of `bus`. `counters` are by kind; `wire_us` is the time on the wire of all exchanges."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self.bus = bus
        self.counters: Counter[str] = Counter()
        self.wire_us = 0
        self._clock = clock
        self._silence_us = silence_us(bus.baud, bus.char_bits)
        self._free_us = 0  # From then on the line may be used.
        self._sent_us = 0
        self._forced = False  # Send without another look at the line.
        self._client: AsyncModbusSerialClient | None = None
        self._framer = AnswerFramer(clock)

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Open the port. BusError where it cannot be had."""
        self.close()
        _wake_exactly()
        size, parity, stops = _SETTINGS[self.bus.framing]
        client = AsyncModbusSerialClient(
            self.bus.port,
            baudrate=self.bus.baud,
            bytesize=size,
            parity=parity,
            stopbits=stops,
            timeout=CONNECT_S,
            retries=0,
            reconnect_delay=0,  # The poller opens the port again, and tells what it waits for.
        )
        client.ctx.framer = self._framer
        client.ctx.max_buffer_size = BUFFER_MAX
        client.ctx.low_level_send = self._send
        try:
            opened = await client.connect()
        except (OSError, ValueError, termios.error) as error:  # The last: a port that has no such framing.
            raise BusError(0, "port", f"{self.bus.port} cannot be opened: {error}") from error
        if not opened:
            raise BusError(0, "port", f"{self.bus.port} cannot be opened")
        await asyncio.sleep(0)  # pymodbus registers the port with the loop in its next turn.
        self._client = client
        transport: Any = client.ctx.transport
        asyncio.get_running_loop().add_reader(transport.sync_serial.fileno(), self._read)
        self._free_us = self._clock.mono_us() + self._silence_us

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def strays(self) -> list[tuple[int, int]]:
        """(device, when) of whole answers that nobody waited for, since the last call."""
        strays, self._framer.strays = self._framer.strays, []
        return strays

    def chars_us(self, count: int) -> int:
        return chars_us(count, self.bus.baud, self.bus.char_bits)

    async def exchange(self, request: ModbusPDU, request_chars: int, answer_chars: int, patience_us: int) -> Answer:
        """Send `request`, wait for its answer of `answer_chars` characters; BusError for anything else.

        `patience_us` is how long the device may take beyond the characters on the wire: adapters hand an answer over
        in pieces or whole, so that its beginning says nothing.
        """
        framer = self._framer
        wait_us = self.chars_us(request_chars + answer_chars) + patience_us
        wait_s = max(wait_us / 1e6 / self._clock.rate(), WAIT_REAL_S_MIN)
        try:
            pdu = await self._execute(request, Wanted(request.dev_id, request.function_code, answer_chars), wait_s)
        except (ModbusIOException, ConnectionException) as error:
            raise self._diagnosis(request, answer_chars, str(error)) from error
        finally:
            framer.want(None)
            self._free_us = max(self._sent_us + self.chars_us(request_chars), framer.last_us) + self._silence_us
        wire_us = exchange_us(request_chars, answer_chars, self.bus.baud, self.bus.char_bits)
        if isinstance(pdu, ExceptionResponse):
            self.wire_us += wire_us - self.chars_us(answer_chars - 5)
            self.counters["exception"] += 1
            name = EXCEPTION_NAMES.get(pdu.exception_code, "of its own")
            reason = f"exception {pdu.exception_code} ({name})"
            raise BusError(request.dev_id, "exception", reason, pdu.exception_code)
        self.wire_us += wire_us
        self.counters["ok"] += 1
        took_us = framer.last_us - self._sent_us - self.chars_us(request_chars + answer_chars)
        return Answer(pdu, framer.last_us, max(0, took_us))

    async def broadcast(self, request: ModbusPDU, request_chars: int, settle_us: int) -> None:
        """Send `request` to everybody, and give them `settle_us` to act on it."""
        try:
            await self._execute(request, None, 0.0)
        except ConnectionException as error:
            raise BusError(0, "port", f"{self.bus.port} was lost: {error}") from error
        self._free_us = self._sent_us + self.chars_us(request_chars) + max(settle_us, self._silence_us)
        self.wire_us += self.chars_us(request_chars) + self._silence_us

    async def listen(self, duration_us: int) -> None:
        """Leave the line to whoever still talks."""
        await self._clock.sleep_ms(duration_us / 1_000)
        self._take_waiting()

    async def until_free(self) -> None:
        """Return when the line may be used at once: what is sent now leaves now."""
        await self._silence()

    async def _execute(self, request: ModbusPDU, wanted: Wanted | None, wait_s: float) -> Any:
        """Send after t3.5 and wait for the wanted answer; without one it is a broadcast."""
        client = self._ready(request.dev_id)
        client.ctx.comm_params.timeout_connect = wait_s
        for starts_left in reversed(range(STARTS_MAX)):
            await self._silence(AHEAD_S if starts_left else 0.0)
            self._forced |= not starts_left
            self._framer.want(wanted)
            try:
                return await client.execute(wanted is None, request)
            except _Disturbed:
                self._framer.want(None)
            finally:
                _heed_cancellation()
        raise AssertionError("the last start is forced")

    def _send(self, data: bytes, addr: tuple | None = None) -> None:
        """In place of pymodbus's own: wait out the last AHEAD_S of the silence, and write at once.

        The loop stands still so long: its timers are not exact enough. _Disturbed where bytes have come meanwhile.
        """
        ctx = self._ready(0).ctx
        transport: Any = ctx.transport
        ctx.send(data, addr)  # Only puts it down: pymodbus would write in the loop's next turn.
        while not self._forced and 0 < self._silence_left_s() <= 2 * AHEAD_S:
            pass
        if not self._forced and (self._silence_left_s() > 0 or self._is_waiting()):
            transport.flush()
            raise _Disturbed
        self._sent_us = self._clock.mono_us()
        transport.intern_write_ready()

    async def _silence(self, ahead_s: float = 0.0) -> None:
        """Return `ahead_s` before t3.5 has passed since the last byte of anybody; at the latest in SILENCE_MAX_US."""
        give_up_us = max(self._clock.mono_us(), self._free_us) + SILENCE_MAX_US
        while True:
            self._forced = self._clock.mono_us() >= give_up_us
            left_s = self._silence_left_s() - ahead_s
            if self._forced:
                return
            if left_s > 0:
                await asyncio.sleep(left_s - SPIN_S if left_s > 2 * SPIN_S else 0)
            elif not self._take_waiting():
                return

    def _silence_left_s(self) -> float:
        """Real seconds until t3.5 has passed since the last byte that was read; negative when it has."""
        free_us = max(self._free_us, self._framer.last_us + self._silence_us)
        return (free_us - self._clock.mono_us()) / 1e6 / self._clock.rate()

    def _take_waiting(self) -> bool:
        """Read what has come and was not read yet: after a request it would pass for an answer. False = nothing."""
        transport: Any = self._client.ctx.transport if self._client else None
        if transport is None or not self._is_waiting():
            return False
        self._read()
        return True

    def _read(self) -> None:
        """Bytes have come. pymodbus takes a while until it shows them, and a silence counts from here."""
        self._framer.last_us = self._clock.mono_us()
        transport: Any = self._client.ctx.transport if self._client else None
        if transport is not None:
            transport.intern_read_ready()

    def _is_waiting(self) -> bool:
        transport: Any = self._client.ctx.transport if self._client else None
        try:
            return bool(transport and transport.sync_serial and transport.sync_serial.in_waiting)
        except OSError:
            return False  # The port has just gone; writing to it will tell.

    def _ready(self, address: int) -> AsyncModbusSerialClient:
        if self._client is None or not self._client.connected:
            raise BusError(address, "port", f"{self.bus.port} is closed")
        return self._client

    def _diagnosis(self, request: ModbusPDU, answer_chars: int, reason: str) -> BusError:
        """Why there is no answer, by what came instead."""
        seen = self._framer.seen
        if not self.connected:
            kind, reason = "port", f"{self.bus.port} was lost: {reason}"
        elif not seen:
            kind, reason = "no_answer", "no answer"
        else:
            whole = frames(seen)
            own = [frame for frame in whole if frame[0] == request.dev_id]
            self._framer.strays += [
                (device, self._framer.last_us) for device, _, _ in whole if device != request.dev_id
            ]
            if own:
                kind, reason = "late", "the answer to another request"
            elif whole:
                kind, reason = "wrong_id", f"an answer of address {whole[0][0]} instead"
            elif seen[0] == request.dev_id and len(seen) < answer_chars:
                kind, reason = "truncated", f"{len(seen)} of {answer_chars} characters"
            else:
                kind, reason = "crc", f"{len(seen)} characters that are no answer"
        self.counters[kind] += 1
        return BusError(request.dev_id, kind, reason)


def _heed_cancellation() -> None:
    """pymodbus waits with asyncio.wait_for, which before Python 3.12 swallows a cancellation that comes together with
    the answer: the poller would go on for ever, and the gateway with it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _wake_exactly() -> None:
    """Ask for timers without the usual 50 us of slack: each silence would be so much longer than t3.5."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
