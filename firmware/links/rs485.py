"""The board on the RS-485 line: a Modbus RTU server.

Rules of this file: only the own address is answered, a broadcast never; every whole request of ours gets an answer,
if need be an exception. Functions 3 and 4 allocate nothing. Requests end by length and CRC, so the answer is ready
before the silence behind them has passed; it leaves when 3.5 characters have (V1.02, 2.5.1.1), not earlier.
A port that heard bytes and for DEAF_S no whole frame, or nothing at all for MUTE_S, is set up anew.

Source: MODBUS Application Protocol V1.1b3; MODBUS over Serial Line V1.02.
"""

from bank import CLOCK_END, CONTROL_END, VERSION

from wire import registers
from wire.modbus import (
    BROADCAST,
    ENCAPSULATED,
    FILE_REFERENCE,
    FILE_REGISTERS_MAX,
    FRAME_MAX,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    MEI_IDENTIFICATION,
    READ_FILE,
    READ_HOLDING,
    READ_INPUT,
    READ_REGISTERS_MAX,
    WRITE_FILE,
    WRITE_MULTIPLE,
    WRITE_SINGLE,
    Receiver,
    seal,
    t35_us,
)
from wire.registers import (
    ACK_EPOCH,
    CLOCK_UNIX_S,
    ID_PRODUCT,
    ID_REVISION,
    ID_SERIAL,
    ID_VENDOR,
    LOG_CURSOR,
    LOG_FILE,
    LOG_FILE_SHORT,
    LOG_HEADER_BYTES,
    LOG_RECORD_MAX,
    UPDATE_CHUNK,
    UPDATE_FILE,
    UPDATE_ORDER,
)

VENDOR = "Riverpost"
READS_MAX = 4  # Buffers taken from the line in one turn; the rest waits for the next.
RX_BYTES = 128
DEAF_S = 300  # A gateway asks every second; what comes all this time and is no frame may be the port's own fault.
MUTE_S = 3_600
CLOCK_REGISTERS = 3
ACK_REGISTERS = 6
CURSOR_REGISTERS = 2
RECORD_MAX = 9_999  # V1.1b3, 6.15: 0x270F.
BASIC, REGULAR, EXTENDED, INDIVIDUAL = 1, 2, 3, 4  # Read device id codes, V1.1b3 6.21.
CONFORMITY = 0x83  # Extended identification, as stream and as single objects.


class Rs485:
    """Serves `bank`, `log` and `clock` on `bus`. `link` = {"address", "baud", "framing"} of board.json.

    A handler gives the length of the answer without CRC, or minus the exception code.
    """

    def __init__(self, bus, link: dict, bank, log, clock):
        self.receiver = Receiver(link["address"])
        self.requests = 0
        self.exceptions = 0
        self._heard = False
        self._bus = bus
        self._bank = bank
        self._log = log
        self._clock = clock
        self.on_acknowledge = _nobody
        self._now = 0
        self._rx = bytearray(RX_BYTES)
        self._tx = bytearray(FRAME_MAX)
        char_bits = 10 if link.get("framing", "8N1") == "8N1" else 11
        self._silence_us = t35_us(link.get("baud", 9600), char_bits)
        self._waiting = False  # Bytes that may never become a frame.
        self._frames = 0  # Those of the receiver when it last heard one,
        self._dropped = 0  # and how many bytes were none by then,
        self._heard_s = clock.up_s  # and when that was.
        self.reopened = 0
        self._objects = []
        self._update: "Update" = None  # noqa: F821  # pyright: ignore
        self._handlers = {
            WRITE_SINGLE: self._write_single,
            WRITE_MULTIPLE: self._write_multiple,
            READ_FILE: self._read_file,
            ENCAPSULATED: self._identify,
        }

    def serve_update(self, update) -> None:
        """Take packages and orders for `update` (update.Update)."""
        self._update = update
        self._handlers[WRITE_FILE] = self._write_file

    def identify_as(self, product: str, serial: bytes) -> None:
        """What function 43/14 tells; ASCII."""
        self._objects = [
            (ID_VENDOR, VENDOR.encode()),
            (ID_PRODUCT, product.encode()),
            (ID_REVISION, ("%d.%d.%d" % VERSION).encode()),
            (ID_SERIAL, serial.hex().encode()),
        ]

    def heard(self) -> bool:
        """Has anybody asked this board for something since its start?"""
        return self._heard

    def scanned(self) -> None:
        """Now-values are only told when they are asked for."""

    def fill(self, bank) -> None:
        """Put the counters of this link into `bank`."""
        receiver = self.receiver
        bank.put(registers.BUS_CRC_ERRORS, receiver.crc_errors)
        bank.put(registers.BUS_DROPPED, receiver.dropped)
        bank.put(registers.BUS_TWINS, receiver.twins)
        bank.put(registers.BUS_EXCEPTIONS, self.exceptions)
        bank.put(registers.BUS_REQUESTS, self.requests)
        bank.put(registers.BUS_REOPENED, self.reopened)

    def poll(self, now: int) -> None:
        """Take what came on the line by ticks `now`, and answer."""
        self._now = now
        receiver = self.receiver
        for _ in range(READS_MAX):
            count = self._bus.readinto(self._rx)
            if not count:
                break
            receiver.put(self._rx, count)
            self._serve(receiver.take())
            self._waiting = receiver.start < receiver.end
        if self._waiting and self._bus.silent_us() >= self._silence_us:
            self._serve(receiver.idle())
            self._waiting = False
        self._look_after_port()

    def _look_after_port(self):
        receiver = self.receiver
        now_s = self._clock.up_s
        if receiver.frames != self._frames:
            self._frames = receiver.frames
            self._dropped = receiver.dropped
            self._heard_s = now_s
        elif now_s - self._heard_s >= (MUTE_S if receiver.dropped == self._dropped else DEAF_S):
            self._bus.reopen()
            receiver.clear()
            self._waiting = False
            self._dropped = receiver.dropped
            self._heard_s = now_s
            self.reopened = (self.reopened + 1) & 0xFFFF

    def wait_ms(self) -> int:
        """Milliseconds after which `poll` must be called even if no byte comes; -1 = never."""
        return self._silence_us // 1000 + 1 if self._waiting else -1

    def _serve(self, length):
        """Answer the request of `length` bytes that the receiver found, and all further ones; 0 = none."""
        receiver = self.receiver
        while length:
            start = receiver.start
            broadcast = receiver.buffer[start] == BROADCAST
            if broadcast:
                self._broadcast(receiver.buffer, start, length)
            else:
                self._answer(receiver.buffer, start, length)
            receiver.consume(length)
            length = receiver.take()

    def _answer(self, request, start, length):
        function = request[start + 1]
        tx = self._tx
        tx[0] = request[start]
        tx[1] = function
        if function == READ_HOLDING or function == READ_INPUT:  # noqa: SIM109 - `in` would make a tuple each time
            size = self._read_registers(request, start)
        else:
            handler = self._handlers.get(function)
            size = handler(request, start, length) if handler else -ILLEGAL_FUNCTION
        if size < 0:
            tx[1] = function | 0x80
            tx[2] = -size
            size = 3
            self.exceptions = (self.exceptions + 1) & 0xFFFF
        self.requests = (self.requests + 1) & 0xFFFF
        self._heard = True
        count = seal(tx, size)
        self._bus.await_silence(self._silence_us)
        self._bus.write(tx, count)

    def _broadcast(self, request, start, length):
        """The clock is all that may be set for every board at once."""
        if request[start + 1] != WRITE_MULTIPLE or _word(request, start + 2) != CLOCK_UNIX_S:
            return
        self.requests = (self.requests + 1) & 0xFFFF
        self._write_multiple(request, start, length)

    def _read_registers(self, request, start):
        count = request[start + 4] << 8 | request[start + 5]
        if not 1 <= count <= READ_REGISTERS_MAX:
            return -ILLEGAL_VALUE
        code = self._bank.read(request[start + 2] << 8 | request[start + 3], count, self._tx, 3, self._now)
        if code:
            return -code
        self._tx[2] = 2 * count
        return 3 + 2 * count

    def _write_single(self, request, start, _length):
        """Function 6: an order, or a half of the cursor; the other entries are only written whole."""
        register = _word(request, start + 2)
        value = _word(request, start + 4)
        if register == LOG_CURSOR:
            self._bank.set_cursor(value << 16 | self._bank.cursor & 0xFFFF)
        elif register == LOG_CURSOR + 1:
            self._bank.set_cursor(self._bank.cursor & 0xFFFF0000 | value)
        elif register == UPDATE_ORDER:
            code = self._order(value)
            return -code if code else self._echo(request, start, 6)
        else:
            return -(ILLEGAL_VALUE if _is_control(register, 1) else ILLEGAL_ADDRESS)
        return self._echo(request, start, 6)

    def _write_multiple(self, request, start, _length):
        register = _word(request, start + 2)
        count = _word(request, start + 4)
        if count == 0 or request[start + 6] != 2 * count:
            return -ILLEGAL_VALUE
        if not _is_control(register, count):
            return -ILLEGAL_ADDRESS
        at = start + 7
        if (register, count) == (CLOCK_UNIX_S, CLOCK_REGISTERS):
            done = self._clock.set(_long(request, at), _word(request, at + 4))
        elif (register, count) == (LOG_CURSOR, CURSOR_REGISTERS):
            self._bank.set_cursor(_long(request, at))
            done = True
        elif (register, count) == (ACK_EPOCH, ACK_REGISTERS):
            done = self._log.acknowledge(_long(request, at), _long(request, at + 4), _long(request, at + 8))
            if done:
                self.on_acknowledge()
        elif (register, count) == (UPDATE_ORDER, 1):
            code = self._order(_word(request, at))
            return -code if code else self._echo(request, start, 6)
        else:
            done = False
        return self._echo(request, start, 6) if done else -ILLEGAL_VALUE

    def _read_file(self, request, start, _length):
        """Function 20: rows from the cursor plus the record's number on (wire.registers, LOG_FILE)."""
        if request[start + 2] != 7:
            return -ILLEGAL_VALUE
        count = _word(request, start + 8)
        if not LOG_HEADER_BYTES // 2 <= count <= FILE_REGISTERS_MAX:
            return -ILLEGAL_VALUE
        file, record = _word(request, start + 4), _word(request, start + 6)
        if request[start + 3] != FILE_REFERENCE or file not in (LOG_FILE, LOG_FILE_SHORT) or record > LOG_RECORD_MAX:
            return -ILLEGAL_ADDRESS
        tx = self._tx
        rows_at = 5 + LOG_HEADER_BYTES
        end = 5 + 2 * count
        first, used = self._log.read(self._bank.cursor + record, tx, rows_at, end - rows_at, file == LOG_FILE_SHORT)
        tx[2] = 2 + 2 * count
        tx[3] = 1 + 2 * count
        tx[4] = FILE_REFERENCE
        _put_long(tx, 5, self._log.epoch)
        _put_long(tx, 9, first)
        for i in range(rows_at + used, end):
            tx[i] = 0
        return end

    def _order(self, value):
        """0 or an exception code."""
        return ILLEGAL_VALUE if self._update is None else self._update.order(value)

    def _write_file(self, request, start, _length):
        """Function 21, V1.1b3 6.15: one piece of a package (wire.registers, UPDATE_FILE), written before the answer."""
        count = request[start + 2]
        if count < 9 or count != 7 + 2 * _word(request, start + 8) or count > 7 + UPDATE_CHUNK:
            return -ILLEGAL_VALUE
        file, record = _word(request, start + 4), _word(request, start + 6)
        if request[start + 3] != FILE_REFERENCE or file != UPDATE_FILE or record > RECORD_MAX:
            return -ILLEGAL_ADDRESS
        code = self._update.take(record * UPDATE_CHUNK, memoryview(request)[start + 10 : start + 3 + count])
        return -code if code else self._echo(request, start, 3 + count)

    def _identify(self, request, start, _length):
        """Function 43/14, V1.1b3 6.21: a stream that begins at the object asked for, or one object."""
        if request[start + 2] != MEI_IDENTIFICATION:
            return -ILLEGAL_FUNCTION
        code = request[start + 3]
        wanted = request[start + 4]
        if not BASIC <= code <= INDIVIDUAL:
            return -ILLEGAL_VALUE
        known = [number for number, _ in self._objects]
        if code == INDIVIDUAL:
            if wanted not in known:
                return -ILLEGAL_ADDRESS
            chosen = [pair for pair in self._objects if pair[0] == wanted]
        else:
            if wanted not in known:
                wanted = 0  # The standard's own rule: begin at the first.
            chosen = [pair for pair in self._objects if pair[0] >= wanted and (code == EXTENDED or pair[0] < ID_SERIAL)]
            if not chosen:
                chosen = [pair for pair in self._objects if pair[0] < ID_SERIAL]
        tx = self._tx
        tx[2] = MEI_IDENTIFICATION
        tx[3] = code
        tx[4] = CONFORMITY
        tx[5] = 0  # Nothing follows: all fits.
        tx[6] = 0
        tx[7] = len(chosen)
        at = 8
        for number, value in chosen:
            tx[at] = number
            tx[at + 1] = len(value)
            tx[at + 2 : at + 2 + len(value)] = value
            at += 2 + len(value)
        return at

    def _echo(self, request, start, count):
        self._tx[:count] = request[start : start + count]
        return count


def _nobody():
    """Nobody wants to hear of acknowledgements."""


def _is_control(register, count):
    """Do all of these registers lie in one run of those that can be written?"""
    end = register + count
    return register >= CLOCK_UNIX_S and end <= CLOCK_END or register >= LOG_CURSOR and end <= CONTROL_END


def _word(data, at):
    return data[at] << 8 | data[at + 1]


def _long(data, at):
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def _put_long(data, at, value):
    data[at] = value >> 24 & 0xFF
    data[at + 1] = value >> 16 & 0xFF
    data[at + 2] = value >> 8 & 0xFF
    data[at + 3] = value & 0xFF
