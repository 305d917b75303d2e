"""Modbus RTU frames: CRC, function codes, exceptions, and the receiver that finds requests in a byte stream.

Rules of this file: a frame ends by its length and its CRC; silence only helps. The receiver allocates nothing
after it is made (a tuple of names is built at each use on MicroPython: such tuples stand at the top), never grows, and
after any garbage finds the next good frame.

Source: MODBUS Application Protocol V1.1b3; MODBUS over Serial Line V1.02, sections 2.5.1.1 and 6.2.2.
"""

from array import array

READ_HOLDING = 3
READ_INPUT = 4
WRITE_SINGLE = 6
WRITE_MULTIPLE = 16
READ_FILE = 20
WRITE_FILE = 21
ENCAPSULATED = 43
MEI_IDENTIFICATION = 14

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4
BUSY = 6
EXCEPTION_NAMES = {
    ILLEGAL_FUNCTION: "function not known",
    ILLEGAL_ADDRESS: "register not there",
    ILLEGAL_VALUE: "count or value not allowed",
    DEVICE_FAILURE: "no valid value",
    BUSY: "at work on something longer",
}

_READS = (READ_HOLDING, READ_INPUT)
_WRITES = (WRITE_SINGLE, WRITE_MULTIPLE)
_FIXED_REQUESTS = (READ_HOLDING, READ_INPUT, WRITE_SINGLE)
_FILES = (READ_FILE, WRITE_FILE)

UNKNOWN = -1  # A length that is not one: a function code that we do not know.
IMPOSSIBLE = -2  # A length that is not one: no frame begins so.

BROADCAST = 0
ADDRESS_MAX = 247
FRAME_MAX = 256
READ_REGISTERS_MAX = 125  # V1.1b3, 6.3
WRITE_REGISTERS_MAX = 123  # V1.1b3, 6.12
FILE_REFERENCE = 6  # Reference type of functions 20 and 21; the only one there is.
FILE_REGISTERS_MAX = 121  # Answer of function 20: 245 bytes less length and reference type, in words.


def _crc_table():
    table = array("H")
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return table


_TABLE = _crc_table()


def crc16(data: bytes, length: int) -> int:
    """CRC of the first `length` bytes (polynomial A001 reflected, start FFFF). A frame carries it low byte first."""
    crc = 0xFFFF
    table = _TABLE
    for i in range(length):
        crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF]
    return crc


def seal(frame: bytearray, length: int) -> int:
    """Write the CRC behind the first `length` bytes of `frame`; return the length with it."""
    crc = crc16(frame, length)
    frame[length] = crc & 0xFF
    frame[length + 1] = crc >> 8
    return length + 2


def t35_us(baud: int, char_bits: int) -> int:
    """Silence between frames: 3.5 characters, 1,750 us above 19,200 baud (V1.02, 2.5.1.1)."""
    if baud > 19_200:
        return 1_750
    return (3_500_000 * char_bits + baud - 1) // baud


def request_length(buffer, start: int, end: int) -> int:
    """Length of the request that begins at `start`, CRC included.

    0 = needs more bytes to tell; UNKNOWN = its function is none of ours; IMPOSSIBLE = no request begins so.
    """
    have = end - start
    if have < 2:
        return 0
    function = buffer[start + 1]
    if buffer[start] > ADDRESS_MAX:
        return IMPOSSIBLE
    if function in _FIXED_REQUESTS:
        return 8
    if function == WRITE_MULTIPLE:
        if have < 7:
            return 0
        return _frame(9 + buffer[start + 6])
    if function in _FILES:
        if have < 5:
            return 0
        # The answer of function 20 has a request's length, but begins with its own odd length and the type 6 behind it.
        count = buffer[start + 2]
        inner = buffer[start + 3]
        if function == READ_FILE and inner & 1 and inner + 1 == count and buffer[start + 4] == FILE_REFERENCE:
            return IMPOSSIBLE
        return _frame(5 + count)
    if function == ENCAPSULATED:
        if have < 3:
            return 0
        return 7 if buffer[start + 2] == MEI_IDENTIFICATION else UNKNOWN
    return UNKNOWN


def answer_length(buffer, start: int, end: int) -> int:
    """Length of the answer that begins at `start`, CRC included; 0, UNKNOWN and IMPOSSIBLE as `request_length`."""
    have = end - start
    if have < 3:
        return 0
    function = buffer[start + 1]
    if buffer[start] == BROADCAST or buffer[start] > ADDRESS_MAX:
        return IMPOSSIBLE
    if function & 0x80:
        return 5
    if function in _READS:
        # An odd or empty answer would let the first bytes of a request pass for one, for a few register numbers.
        count = buffer[start + 2]
        return 5 + count if count and not count & 1 and count <= 2 * READ_REGISTERS_MAX else IMPOSSIBLE
    if function in _FILES:
        return _frame(5 + buffer[start + 2])
    if function in _WRITES:
        return 8
    return UNKNOWN


def _frame(length):
    return length if length <= FRAME_MAX else IMPOSSIBLE


class Receiver:
    """Finds the requests for one address among all bytes of a shared line.

    `put()` bytes as they come, then `take()` until it gives 0; `idle()` when the line fell silent. The frames of the
    others are stepped over whole, so that no part of an answer passes for a request. Counters: `crc_errors`
    (a whole request to this address whose CRC does not fit), `dropped` (bytes that belonged to no frame), `twins`
    (answers from this address that this board did not give: another device has the same address), `frames` (whole
    frames, anybody's; wraps at 2^16).
    """

    def __init__(self, address: int):
        self.address = address
        self.buffer = bytearray(2 * FRAME_MAX)
        self.start = 0
        self.end = 0
        self.crc_errors = 0
        self.dropped = 0
        self.twins = 0
        self.frames = 0
        self._silent = False

    def put(self, data: bytes, count: int) -> None:
        """Append the first `count` bytes of `data`; if they do not fit, the oldest bytes are dropped and counted."""
        if self.start:
            self._shift()
        self._silent = False
        i = 0
        if count > len(self.buffer):
            i = count - len(self.buffer)
            self.dropped += i
        over = self.end + count - i - len(self.buffer)
        if over > 0:
            self.dropped += over
            self.start = over
            self._shift()
        buffer = self.buffer
        end = self.end
        while i < count:
            buffer[end] = data[i]
            end += 1
            i += 1
        self.end = end

    def take(self) -> int:
        """Length of the good request at `buffer[start:]`, CRC included, or 0. Read it, then call `consume()`."""
        while self.start < self.end:
            address = self.buffer[self.start]
            mine = address == self.address or address == BROADCAST
            asked = request_length(self.buffer, self.start, self.end)
            if self._fits(asked):
                self.frames = (self.frames + 1) & 0xFFFF
                if mine:
                    return asked
                self.start += asked
                continue
            answered = answer_length(self.buffer, self.start, self.end)
            if self._fits(answered):
                self.frames = (self.frames + 1) & 0xFFFF
                if address == self.address:
                    self.twins += 1
                self.start += answered
                continue
            if self._may_grow(asked) or self._may_grow(answered):
                return 0
            if self._silent and mine and asked == UNKNOWN and self._fits(self.end - self.start):
                return self.end - self.start
            if address == self.address and 0 < asked <= self.end - self.start:
                self.crc_errors += 1
            self.start += 1
            self.dropped += 1
        return 0

    def idle(self) -> int:
        """As `take()`, once the line has been silent: what is not whole now will never be.

        A frame of an unknown function that fills the rest of the bytes is given too, to be answered with exception 1.
        """
        self._silent = True
        return self.take()

    def consume(self, length: int) -> None:
        """Forget the frame of `length` bytes that `take()` gave."""
        self.start += length

    def clear(self) -> None:
        """Forget all bytes (after own sending with echo, or at a change of the line's settings)."""
        self.start = self.end

    def _may_grow(self, length):
        if self._silent:
            return False
        return length == 0 or length == UNKNOWN or length > self.end - self.start

    def _fits(self, length):
        if length < 4 or length > FRAME_MAX or length > self.end - self.start:
            return False
        crc = 0xFFFF
        table = _TABLE
        buffer = self.buffer
        last = self.start + length - 2
        for i in range(self.start, last):
            crc = (crc >> 8) ^ table[(crc ^ buffer[i]) & 0xFF]
        return buffer[last] == crc & 0xFF and buffer[last + 1] == crc >> 8

    def _shift(self):
        count = self.end - self.start
        buffer = self.buffer
        i = 0
        while i < count:
            buffer[i] = buffer[self.start + i]
            i += 1
        self.start = 0
        self.end = count
