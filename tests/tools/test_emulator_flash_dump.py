"""The reader of dumps against bytes that are put together here by hand; no code of the firmware is used."""

import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st

from tools.emulator.flash_dump import BLOCK_BYTES, read, rows

EPOCH = 0x01020304


def row(seq, epoch=EPOCH, body=b"\x00" * 8):
    length = 15 + len(body) + 4
    head = struct.pack(">BBIHBIH", length, 1, seq, 1, 2, 1_700_000_000, 0) + body
    return head + struct.pack(">I", zlib.crc32(head, epoch))


def block(content, counter=1, epoch=EPOCH, first=1):
    head = struct.pack(">4sIII", b"RPL2", epoch, first, counter)
    data = head + struct.pack(">I", zlib.crc32(head)) + content
    return data + b"\xff" * (BLOCK_BYTES - len(data))


def names(found):
    return [(one.epoch, one.seq) for one in found]


def test_every_row_of_every_block_is_found_once_and_in_order():
    dump = block(row(3) + row(4), 2, first=3) + block(row(1) + row(2), 1) + b"\xff" * BLOCK_BYTES
    assert names(rows(dump)) == [(EPOCH, seq) for seq in (1, 2, 3, 4)]
    assert rows(dump)[0].packed == row(1)
    assert rows(dump)[0].crc == int.from_bytes(row(1)[-4:], "big")


def test_a_torn_row_is_stepped_over_and_those_behind_it_are_found():
    dump = block(row(1) + row(2)[:11] + b"\xff" * 16 + row(3))
    assert names(rows(dump)) == [(EPOCH, 1), (EPOCH, 3)]


def test_rows_of_another_epoch_do_not_count_under_this_one():
    assert rows(block(row(1, epoch=7))) == []
    assert names(rows(block(row(1, epoch=7), epoch=7) + block(row(1)))) == [(7, 1), (EPOCH, 1)]


def test_a_block_without_a_whole_header_holds_nothing():
    broken = bytearray(block(row(1)))
    broken[17] ^= 1
    assert rows(bytes(broken)) == []


def test_a_file_that_is_not_there_yet_holds_nothing(tmp_path):
    assert read(tmp_path / "none.flash") == []
    (tmp_path / "log.flash").write_bytes(block(row(9)))
    assert names(read(tmp_path / "log.flash")) == [(EPOCH, 9)]


@given(st.binary(max_size=BLOCK_BYTES - 20))
def test_random_bytes_hold_no_row(content):
    assert rows(block(content)) == []
