"""Rows as differences: every row comes back, and what is torn is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.strategies import data_rows, epochs
from wire.reading import SYNCED
from wire.row import LENGTH_MAX, Reading, Row, RowError, pack
from wire.short_rows import DIFFERENCE, shorten, split_short


def told(packed_rows, room=4_096):
    """What a board would send: the first row whole, the others as differences where that is shorter."""
    out = bytearray(room)
    used = 0
    before = b""
    for packed in packed_rows:
        size = shorten(packed, before, out, used, room - used) if before else 0
        if not size:
            out[used : used + len(packed)] = packed
            size = len(packed)
        used += size
        before = packed
    return bytes(out)


def minute(seq, value):
    return pack(Row(seq, 1, SYNCED, 1_700_000_040 + 60 * seq, readings=[Reading(0, value), Reading(1, 12_000)]), 7)


@settings(max_examples=30)
@given(st.lists(data_rows(), min_size=1, max_size=4), epochs)
def test_every_row_comes_back_byte_for_byte(rows, epoch):
    packed = [pack(row, epoch) for row in rows]
    assert split_short(told(packed)) == packed


def test_a_row_like_the_one_before_is_told_by_what_differs():
    one, two = minute(1, 1_000), minute(2, 1_003)
    out = bytearray(64)
    used = shorten(two, one, out, 3, 60)
    differing = [i for i in range(len(one)) if one[i] != two[i]]
    assert used == 1 + -(-len(one) // 8) + len(differing) < len(one) // 2 + 4
    assert out[3] == DIFFERENCE
    mask = [i for i in range(len(one)) if out[4 + i // 8] & 0x80 >> i % 8]
    assert mask == differing


@pytest.mark.parametrize("room", [0, 1, 5, 12])
def test_what_has_no_room_is_not_begun(room):
    out = bytearray(64)
    assert shorten(minute(2, 5), minute(1, 70_000), out, 0, room) == 0
    assert bytes(out[room:]) == bytes(64 - room)


def test_rows_of_another_length_and_rows_that_differ_everywhere_stay_whole():
    out = bytearray(300)
    assert shorten(minute(1, 5), minute(1, 5)[:-1] + b"\0\0", out, 0, 300) > 0
    assert shorten(minute(1, 5), b"\x20" + bytes(31), out, 0, 300) == 0
    row = bytes((40, *range(1, 40)))
    assert shorten(row, bytes((40, *(b ^ 0xFF for b in range(1, 40)))), out, 0, 300) == 0


@given(st.binary(max_size=3 * LENGTH_MAX))
def test_arbitrary_bytes_raise_only_row_error(data):
    try:
        rows = split_short(data)
    except RowError:
        return
    assert all(19 <= len(row) <= LENGTH_MAX for row in rows)


def test_a_torn_difference_is_refused():
    data = told([minute(1, 1_000), minute(2, 1_003)])
    data = data[: len(data.rstrip(b"\0"))]
    for cut in range(len(minute(1, 1_000)) + 1, len(data)):
        with pytest.raises(RowError, match="cut"):
            split_short(data[:cut])
    with pytest.raises(RowError, match="without a row before"):
        split_short(b"\1\0\0\0")
