import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import modbus, registers, row
from wire.registers import AGE_MAX_MS, CONTROL_BLOCK, NOW_HEADER, NOW_SLOTS, SLOT_REGISTERS, SLOTS, STATUS_BLOCK

SOURCE = Path(registers.__file__)
BLOCKS = {"now": NOW_HEADER, "status": STATUS_BLOCK, "control": CONTROL_BLOCK}


def spans():
    """(first, behind the last, what) of everything that has a register."""
    yield 0x0000, 0x0002, "rain of SL 651"
    yield 0x0002, 0x0004, "level of SL 651"
    for block in BLOCKS.values():
        for register, count, name in block:
            yield register, register + count, name
    yield NOW_SLOTS, NOW_SLOTS + SLOTS * SLOT_REGISTERS, "slots"


def test_no_two_entries_share_a_register():
    ordered = sorted(spans())
    for (_, behind, name), (first, _, other) in zip(ordered, ordered[1:], strict=False):
        assert behind <= first, f"{name} runs into {other}"
    assert ordered[-1][1] <= 0x10000


def test_rain_and_level_stand_where_sl651_table_5_wants_them():
    assert (registers.SL651_RAIN, registers.SL651_LEVEL) == (0x0000, 0x0002)
    assert min(first for first, _, name in spans() if "SL 651" not in name) == registers.NOW == 0x0004


@pytest.mark.parametrize("block", BLOCKS)
def test_names_are_unique_in_a_block(block):
    names = [name for _, _, name in BLOCKS[block]]
    assert len(set(names)) == len(names)
    assert all(count in (1, 2, 4, 8) for _, count, _ in BLOCKS[block])


def test_every_entry_says_what_it_is_and_how_wide():
    text = SOURCE.read_text(encoding="utf-8")
    said = {}
    for name, register, wide, what in re.findall(
        r"^([A-Z_0-9]+) = (0x[0-9A-F]{4})  # (?:(\d) registers: )?(.*)$", text, re.M
    ):
        said[name] = int(register, 16), int(wide or 1), what
    for block, entries in BLOCKS.items():
        for register, count, name in entries:
            capitals = (
                name.upper() if block != "now" or name not in ("time_quality", "log_head") else f"NOW_{name.upper()}"
            )
            assert said[capitals][:2] == (register, count), name
            assert getattr(registers, capitals) == register
            assert re.search("[a-z]{3}", said[capitals][2]), name


def test_blocks_that_are_read_at_once_fit_one_answer():
    status = max(register + count for register, count, _ in STATUS_BLOCK) - registers.STATUS
    assert status <= modbus.READ_REGISTERS_MAX
    assert registers.now_count(SLOTS) <= modbus.READ_REGISTERS_MAX


def test_status_and_control_begin_where_their_constants_say():
    assert STATUS_BLOCK[0][0] == registers.STATUS
    assert CONTROL_BLOCK[0][0] == registers.CONTROL
    assert NOW_HEADER[0][0] == registers.NOW
    assert NOW_HEADER[-1][0] + NOW_HEADER[-1][1] == NOW_SLOTS


def test_registers_that_are_written_at_once_stand_side_by_side():
    # clock: 3 registers in one request; watermarks: 6 (wire/registers.py, "write all ... at once").
    at = {name: (register, count) for register, count, name in CONTROL_BLOCK}
    for names, total in ((["clock_unix_s", "clock_unix_ms"], 3), (["ack_epoch", "ack_gateway", "ack_center"], 6)):
        first = at[names[0]][0]
        assert [at[name][0] for name in names] == [first + sum(at[n][1] for n in names[:i]) for i in range(len(names))]
        assert sum(at[name][1] for name in names) == total
    clock = {name: (register, count) for register, count, name in STATUS_BLOCK}
    assert [clock[name] for name in ("unix_s", "unix_ms", "time_quality")] == [(0x0120, 2), (0x0122, 1), (0x0123, 1)]


def test_longest_row_fits_one_answer_of_function_20():
    assert registers.LOG_HEADER_BYTES + row.LENGTH_MAX <= 2 * modbus.FILE_REGISTERS_MAX
    # V1.1b3, 6.14: the answer's byte count is at most 245 (F5), two of them are length and reference type.
    assert 2 * modbus.FILE_REGISTERS_MAX + 2 <= 0xF5


def test_a_number_is_read_high_word_first():
    words = [0] * 0x2B
    words[0x0A], words[0x0B] = 0x0001, 0x86A0
    words[0x06:0x0A] = [0x0011, 0x2233, 0x4455, 0x6677]
    assert registers.field(words, 0x0100, "uptime_s") == 100_000
    assert registers.field(words, 0x0100, "definition") == 0x0011_2233_4455_6677
    assert registers.field([0, 7], 0x0008, "log_head", now=True) == 7
    assert registers.field([0, 9], 0x0116, "log_head") == 9


@pytest.mark.parametrize(("first", "count"), [(0x010B, 4), (0x0106, 5), (0x010C, 2), (0x0100, 0)])
def test_a_number_outside_what_was_read_is_refused(first, count):
    with pytest.raises(ValueError, match="uptime_s"):
        registers.field([0] * count, first, "uptime_s")


def test_unknown_name_is_refused():
    with pytest.raises(KeyError):
        registers.find("level")
    with pytest.raises(KeyError):
        registers.find("scans")  # Only in the now-header.


# Slot 1 of words read from 0x0004: header 6 registers, slot 0 four, then value -2 = FFFF FFFE, quality 3, code 2, age.
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0xFFFF, 0xFFFE, 0x0302, 250), (2, 3, -2, 250)),
        ((0x0000, 0x0759, 0x0101, 0), (1, 1, 1_881, 0)),
        ((0x8000, 0x0000, 0x0901, AGE_MAX_MS), (1, 9, None, 65_535)),
        ((0x8000, 0x0001, 0x0101, 0), (1, 1, -0x7FFFFFFF, 0)),
        ((0x7FFF, 0xFFFF, 0x0401, 0), (1, 4, 0x7FFFFFFF, 0)),
    ],
)
def test_slot_gives_code_quality_value_and_age(words, expected):
    read = [0] * 6 + [1, 2, 3, 4] + list(words)
    assert registers.slot(read, 0x0004, 1) == expected
    assert registers.slot(words, 0x000E, 1) == expected


@given(st.integers(-2, 12), st.integers(0, 20), st.integers(0, 40))
def test_slot_outside_what_was_read_is_refused(index, first, count):
    begins = 0x000A + 4 * index
    inside = index >= 0 and first <= begins and begins + 4 <= first + count
    if inside:
        assert registers.slot([0] * count, first, index) == (0, 0, 0, 0)
    else:
        with pytest.raises(ValueError, match="slot"):
            registers.slot([0] * count, first, index)


def test_the_header_is_no_slot_though_it_was_read():
    with pytest.raises(ValueError, match="slot -1"):
        registers.slot([0] * 40, 0x0004, -1)


def test_now_block_grows_by_four_registers_a_channel():
    assert [registers.now_count(channels) for channels in (0, 1, 8)] == [6, 10, 38]
