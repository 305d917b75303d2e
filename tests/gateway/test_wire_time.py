"""What exchanges cost on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import wire_time
from wire.modbus import FILE_REGISTERS_MAX

bauds = st.sampled_from([1_200, 9_600, 19_200, 115_200])
bits = st.sampled_from([10, 11])


@pytest.mark.parametrize(
    ("registers", "baud", "char_bits", "expected_us"),
    [
        # (13 + 2n) characters and two silences, by hand: 33 * 10 / 9600 s = 34,375 us; 3.5 * 10 / 9600 = 3,645.8 us.
        (10, 9_600, 10, 34_375 + 2 * 3_646),
        (10, 9_600, 11, 37_813 + 2 * 4_011),
        (18, 115_200, 10, 4_254 + 2 * 1_750),  # Above 19,200 baud a silence is 1.75 ms whatever the baud rate.
        (1, 19_200, 10, 7_813 + 2 * 1_823),
    ],
)
def test_a_read_takes_its_characters_and_two_silences(registers, baud, char_bits, expected_us):
    assert wire_time.read_us(registers, baud, char_bits) == expected_us


@given(st.integers(0, 3_000_000), bauds, bits)
def test_a_log_read_fills_the_gap_and_never_more(gap_us, baud, char_bits):
    registers = wire_time.file_registers(gap_us, baud, char_bits)
    assert 0 <= registers <= FILE_REGISTERS_MAX
    if registers:
        assert wire_time.file_us(registers, baud, char_bits) <= gap_us + 1
    if 4 < registers < FILE_REGISTERS_MAX:
        assert wire_time.file_us(registers + 1, baud, char_bits) >= gap_us  # Each time is rounded up by itself.


def test_setting_the_cursor_costs_one_exchange_of_21_characters_more():
    for baud, char_bits in ((9_600, 10), (9_600, 11), (115_200, 10)):
        more_us = wire_time.drain_us(50, baud, char_bits) - wire_time.file_us(50, baud, char_bits)
        assert more_us == wire_time.exchange_us(13, 8, baud, char_bits)


def test_the_longest_row_has_room_in_one_answer():
    assert wire_time.row_registers(8, tips=True) == (8 + 234) // 2
    assert wire_time.row_registers(2, tips=False) == (8 + 21 + 36 + 1) // 2


points = st.lists(st.tuples(st.sampled_from([3, 4]), st.integers(0, 40), st.integers(1, 2)), max_size=12)


@given(points, st.integers(1, 10))
def test_coalesced_reads_cover_every_point_and_nothing_else(wanted, block_max):
    reads = wire_time.coalesce(wanted, block_max)
    asked = {(function, register + n) for function, register, count in wanted for n in range(count)}
    covered = [(function, first + n) for function, first, count in reads for n in range(count)]
    assert set(covered) == asked
    for function, register, count in wanted:
        assert any(f == function and first <= register and register + count <= first + n for f, first, n in reads)
    assert all(count <= max(block_max, 2) for _, _, count in reads)


def test_neighbours_are_read_together_up_to_the_devices_limit():
    assert wire_time.coalesce([(3, 0, 2), (3, 2, 2), (3, 5, 1)], 8) == [(3, 0, 4), (3, 5, 1)]
    assert wire_time.coalesce([(3, 0, 1), (3, 1, 1), (3, 2, 1)], 1) == [(3, 0, 1), (3, 1, 1), (3, 2, 1)]
    assert wire_time.coalesce([(3, 1, 1), (4, 2, 1)], 8) == [(3, 1, 1), (4, 2, 1)]
