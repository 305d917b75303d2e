"""What the master on the line of a bare board sends, and what it makes of the answers.

Rules of this file: frames are written from the Modbus standard (tools.emulator.rtu), not with what the board uses.
"""

from typing import Any

import boards
from tools.bare_metal.board import Answer, Board
from tools.emulator.rtu import READ_HOLDING, is_whole, sealed
from wire.registers import LOG_FILE, LOG_HEADER_BYTES, NOW_SLOTS, SLOT_REGISTERS, find, slot
from wire.row import split

ADDRESS = 11
DE_PIN = 2
RAIN_PIN = 6
WRITE_MULTIPLE = 16
READ_FILE = 20
FILE_REFERENCE = 6
FILE_WORDS = 121
CURSOR = find("log_cursor")[0]


def definition(
    row_s: int = 0,
    log_blocks: int = 0,
    calibration: dict[str, Any] | None = None,
    baud: int = 9_600,
    sensors: tuple[dict[str, Any], ...] = (),
    update_key: str = "",
) -> dict[str, Any]:
    """board.json of an RP2040 board with a level probe and a rain gauge, behind a transceiver with a driver pin.

    `row_s`, `log_blocks`: 0 = as boards/rp2040-rs485.toml has it. `sensors`: further ones, behind its own.
    """
    made = boards.board_json(
        "rp2040-rs485", ADDRESS, baud, "8N1", calibration, fit=("level", "rain"), update_key=update_key
    )
    made["ports"]["bus 0"]["de"] = DE_PIN
    made["sensors"] += sensors
    made["row_s"] = row_s or made["row_s"]
    made["log_blocks"] = log_blocks or made["log_blocks"]
    return made


def ask(board: Board, *body: int, address: int = ADDRESS) -> Answer:
    """The answer to a request to the board; it must be a whole frame of it."""
    answer = board.ask(sealed(bytes((address, *body))))
    assert is_whole(answer.frame), f"{answer.frame.hex()} to {bytes(body).hex()}"
    assert answer.frame[0] == address
    return answer


def read(board: Board, first: int, count: int, address: int = ADDRESS) -> list[int]:
    """Holding registers."""
    frame = ask(board, READ_HOLDING, first >> 8, first & 0xFF, 0, count, address=address).frame
    assert frame[1:3] == bytes((READ_HOLDING, 2 * count)), frame.hex()
    return [frame[at] << 8 | frame[at + 1] for at in range(3, 3 + 2 * count, 2)]


def read_named(board: Board, name: str, now: bool = False, address: int = ADDRESS) -> int:
    """The number in the registers `name` of the status block, or of the head of the now-values (wire.registers)."""
    first, count = find(name, now)
    number = 0
    for word in read(board, first, count, address):
        number = number << 16 | word
    return number


def read_long(board: Board, first: int) -> int:
    high, low = read(board, first, 2)
    return high << 16 | low


def read_rain_um(board: Board) -> int | None:
    """The rain gauge's now-value, whatever its quality."""
    words = read(board, NOW_SLOTS, 2 * SLOT_REGISTERS)
    return slot(words, NOW_SLOTS, 1)[2]


def ask_log(board: Board) -> Answer:
    """The longest answer there is: rows from the cursor on, then zeros."""
    answer = ask(board, READ_FILE, 7, FILE_REFERENCE, *_two(LOG_FILE), *_two(0), *_two(FILE_WORDS))
    assert answer.frame[1] == READ_FILE, answer.frame.hex()
    return answer


def read_log(board: Board, from_seq: int) -> tuple[int, dict[int, bytes]]:
    """(epoch, packed rows by seq) of all rows from `from_seq` on that the board gives."""
    rows: dict[int, bytes] = {}
    epoch = 0
    while True:
        cursor = max(rows, default=from_seq - 1) + 1
        ask(board, WRITE_MULTIPLE, *_two(CURSOR), *_two(2), 4, *_two(cursor >> 16), *_two(cursor & 0xFFFF))
        data = ask_log(board).frame[5:-2]
        epoch, first = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
        found = split(data[LOG_HEADER_BYTES:])
        if not found:
            return epoch, rows
        rows.update({first + index: packed for index, packed in enumerate(found)})


def _two(number: int) -> tuple[int, int]:
    return number >> 8, number & 0xFF
