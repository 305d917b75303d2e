"""Rows on a board, counted from its flash alone: as many as the firmware's own log says, and never fewer unsent."""

import hashlib

from board_log import BoardLog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.flash_inputs import ROWS
from tools.flash.rows import Held, held
from tools.image.esp32 import TABLE_AT
from tools.image.partitions import DATA, Row, pack
from wire.reading import SYNCED
from wire.row import Reading
from wire.row import Row as LogRow

LOG_AT, BLOCKS = 0x300000, 4
TABLE = pack([*ROWS[:3], Row("log", DATA, 6, LOG_AT, BLOCKS * 4096)])


class Flash:
    """The log's region, as the firmware's log takes it."""

    block = 4096
    size = BLOCKS * 4096

    def __init__(self, content: bytes = b"\xff" * (BLOCKS * 4096)) -> None:
        self.bytes = bytearray(content)

    def read(self, offset, buffer):
        buffer[:] = self.bytes[offset : offset + len(buffer)]

    def program(self, offset, data):
        self.bytes[offset : offset + len(data)] = data

    def erase(self, block):
        self.bytes[block * 4096 : (block + 1) * 4096] = b"\xff" * 4096


def asked(log: bytes, table: bytes = TABLE) -> Held:
    whole = {TABLE_AT: table.ljust(4096, b"\xff"), LOG_AT: log}

    def read(offset: int, length: int) -> bytes:
        start = LOG_AT if offset >= LOG_AT else TABLE_AT
        return whole[start][offset - start : offset - start + length]

    return held(read, lambda offset, length: hashlib.md5(read(offset, length)).hexdigest(), lambda done, total: None)


def test_a_board_without_our_table_a_blank_log_and_rubbish_hold_nothing():
    blank = b"\xff" * (BLOCKS * 4096)
    assert asked(blank, b"\xff" * 3072) == Held(False)
    assert asked(blank, pack(ROWS)) == Held(False)
    assert asked(blank) == Held(True, 0, 0)
    assert asked(bytes(range(256)) * 64) == Held(False)


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.lists(st.integers(0, 100), min_size=8, max_size=8))
def test_it_counts_what_the_firmware_counts_after_a_restart(batches, shares):
    flash = Flash()
    log = BoardLog(flash, 0xA1B2C3D4)
    t_s = 0
    for count, share in zip(batches, shares, strict=False):
        for _ in range(count):
            t_s += 1
            log.append(LogRow(0, 1, SYNCED, t_s, readings=[Reading(0, t_s)], tips=[(i, 1) for i in range(8)]))
        log.acknowledge(log.epoch, max(log.gateway_has, log.head * share // 100), 0)
        log.tend()
    found = asked(bytes(flash.bytes))
    again = BoardLog(Flash(bytes(flash.bytes)), 1)
    rows = again.head - again.tail + 1 if again.head else 0
    assert found == Held(True, rows, min(rows, again.head - again.gateway_has) if rows else 0)
    really = log.head - max(log.gateway_has, log.tail - 1) if log.head else 0
    assert found.unsent >= really


@settings(deadline=None)
@given(st.data())
def test_a_damaged_log_never_breaks_the_count(data):
    flash = Flash()
    log = BoardLog(flash, 7)
    for t_s in range(1, 300):
        log.append(LogRow(0, 1, SYNCED, t_s, readings=[Reading(0, t_s)]))
    for _ in range(data.draw(st.integers(1, 20))):
        flash.bytes[data.draw(st.integers(0, len(flash.bytes) - 1))] = data.draw(st.integers(0, 255))
    found = asked(bytes(flash.bytes))
    assert 0 <= found.unsent <= found.rows
