"""Modbus RTU as a foreign device sees it: CRC and frames that end by silence.

Rules of this file: written from the standard and nothing else, so that a mistake in our own `wire` cannot hide here.

Source: MODBUS over Serial Line V1.02, sections 2.5.1 and 6.2.2; MODBUS Application Protocol V1.1b3, section 7.
"""

READ_HOLDING = 3
READ_INPUT = 4
WRITE_SINGLE = 6
ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4
REGISTERS_MAX = 125
FRAME_MIN = 4  # Address, function, CRC.
FAST_BAUD = 19_200  # Above it the silence between frames is fixed.
FAST_T35_NS = 1_750_000


def crc_bytes(body: bytes) -> bytes:
    """The two CRC bytes that follow `body` on the wire, low byte first."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def sealed(body: bytes) -> bytes:
    """`body` with its CRC."""
    return body + crc_bytes(body)


def is_whole(frame: bytes) -> bool:
    """Does `frame` end in the CRC of what stands before it?"""
    return len(frame) >= FRAME_MIN and crc_bytes(frame[:-2]) == frame[-2:]


def refusal(address: int, function: int, code: int) -> bytes:
    """The answer "exception `code`"."""
    return sealed(bytes((address, function | 0x80, code)))


def char_ns(baud: int, char_bits: int, rate: float) -> int:
    """How long one character takes on a line whose time runs `rate` times as fast as the world's."""
    return round(char_bits * 1_000_000_000 / (baud * rate))


def t35_ns(baud: int, char_bits: int, rate: float) -> int:
    """The silence that ends a frame: 3.5 characters, 1.75 ms above 19,200 baud; shortened by `rate` like everything."""
    real_ns = FAST_T35_NS if baud > FAST_BAUD else 3.5 * char_bits * 1_000_000_000 / baud
    return round(real_ns / rate)
