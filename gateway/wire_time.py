"""What a Modbus RTU exchange costs on the wire: arithmetic only.

Rules of this file: integer microseconds of the station's clock, rounded up; no clock, no port.
`n` registers read by function 3 or 4 take T(n) = (13 + 2n) characters and two silences of 3.5 characters: request 8,
answer 5 + 2n. Source: MODBUS Application Protocol V1.1b3, 6.3, 6.12, 6.14; MODBUS over Serial Line V1.02, 2.5.1.1.
"""

from collections.abc import Iterable
from typing import NamedTuple

from wire.modbus import FILE_REGISTERS_MAX, t35_us
from wire.registers import LOG_HEADER_BYTES
from wire.row import LENGTH_MAX

READ_REQUEST = 8
FILE_REQUEST = 12
CURSOR_EXCHANGE = 13 + 8  # Function 16 of two registers, and its answer.
ORDER_EXCHANGE = 11 + 8  # The same of one register.
ROW_BYTES = 21  # Of a row without readings and tips.
READING_BYTES = 18  # A reading with its low, high and spread.
TIPS_BYTES = 3 * 32


class Load(NamedTuple):
    """What one source asks of its bus: registers of each read that a look at it takes, and those of its longest log
    row (0 = no log).
    """

    reads: tuple[int, ...]
    row_registers: int = 0


def chars_us(count: int, baud: int, char_bits: int) -> int:
    """Time that `count` characters take, in microseconds."""
    return -(-count * char_bits * 1_000_000 // baud)


def silence_us(baud: int, char_bits: int) -> int:
    """t3.5: the silence that parts two frames."""
    return t35_us(baud, char_bits)


def exchange_us(request_chars: int, answer_chars: int, baud: int, char_bits: int) -> int:
    """A request, its answer, and a silence before each of them."""
    return chars_us(request_chars + answer_chars, baud, char_bits) + 2 * silence_us(baud, char_bits)


def read_us(registers: int, baud: int, char_bits: int) -> int:
    """T(n): reading `registers` registers."""
    return exchange_us(READ_REQUEST, 5 + 2 * registers, baud, char_bits)


def file_answer_chars(registers: int) -> int:
    """Characters of function 20's answer with one record of `registers` registers."""
    return 7 + 2 * registers


def file_us(registers: int, baud: int, char_bits: int) -> int:
    """Reading `registers` registers of a log whose cursor stands."""
    return exchange_us(FILE_REQUEST, file_answer_chars(registers), baud, char_bits)


def chunk_chars(size: int) -> int:
    """Characters of function 21 with `size` bytes of a package; its answer is an echo."""
    return 12 + size + size % 2


def drain_us(registers: int, baud: int, char_bits: int) -> int:
    """Setting the log's cursor and reading `registers` registers of it."""
    return exchange_us(CURSOR_EXCHANGE - 8, 8, baud, char_bits) + file_us(registers, baud, char_bits)


def file_registers(gap_us: int, baud: int, char_bits: int) -> int:
    """The most registers of a log that one reading takes in `gap_us`, silences included; 0 if nothing fits."""
    empty_us = file_us(0, baud, char_bits)
    if gap_us <= empty_us:
        return 0
    registers = (gap_us - empty_us) * baud // (2 * char_bits * 1_000_000)
    return min(FILE_REGISTERS_MAX, registers) if registers * 2 > LOG_HEADER_BYTES else 0


def row_registers(channels: int, tips: bool) -> int:
    """Registers that the longest row of `channels` channels takes in an answer of function 20."""
    row = ROW_BYTES + READING_BYTES * channels + (TIPS_BYTES if tips else 0)
    return (LOG_HEADER_BYTES + min(row, LENGTH_MAX) + 1) // 2


def coalesce(points: Iterable[tuple[int, int, int]], block_max: int) -> list[tuple[int, int, int]]:
    """Reads that cover `points` (function, register, count): neighbours become one read of up to `block_max` registers.

    Registers that nobody asked for are never read between two points: a device may refuse them. A single point longer
    than `block_max` is still one read, since half a number means nothing.
    """
    reads: list[tuple[int, int, int]] = []
    for function, register, count in sorted(set(points)):
        if reads:
            last_function, first, length = reads[-1]
            end = max(first + length, register + count)
            if function == last_function and register <= first + length and end - first <= block_max:
                reads[-1] = (function, first, end - first)
                continue
        reads.append((function, register, count))
    return reads


def scan_us(loads: Iterable[Load], baud: int, char_bits: int) -> tuple[int, int]:
    """(one look at each source, one row of the longest log): what a scan must have room for."""
    loads = list(loads)
    looks_us = sum(read_us(count, baud, char_bits) for load in loads for count in load.reads)
    registers = max((load.row_registers for load in loads), default=0)
    return looks_us, drain_us(registers, baud, char_bits) if registers else 0
