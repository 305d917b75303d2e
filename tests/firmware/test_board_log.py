"""The board's log: what was acknowledged as written is there, whatever the power does."""

import pytest
from board_log import BoardLog
from hypothesis import given
from hypothesis import strategies as st
from log_blocks import ROWS_AT

from tests.firmware.nor_flash import BLOCK_BYTES, NorFlash, PowerCut
from tools.emulator import flash_dump
from wire.reading import MISSING, SYNCED
from wire.row import ANCHOR, LENGTH_MAX, TIPS_MAX, Reading, Row, split, unpack
from wire.short_rows import split_short

EPOCH = 0xA1B2C3D4
BLOCKS = 4


def row(t_s=1, tips=0, boot=1):
    return Row(0, boot, SYNCED, t_s, readings=[Reading(0, 1000 + t_s)], tips=[(i, 1) for i in range(tips)])


def read_all(log, cursor=0, room=LENGTH_MAX):
    """Every row that function 20 would give, chunk by chunk."""
    rows = []
    out = bytearray(room)
    while True:
        first, used = log.read(cursor, out, 0, room)
        if not used:
            return rows
        chunk = [unpack(packed, log.epoch) for packed in split(bytes(out[:used]))]
        assert chunk[0].seq == first
        rows += chunk
        cursor = chunk[-1].seq + 1


def filled(count, blocks=BLOCKS):
    flash = NorFlash(blocks)
    log = BoardLog(flash, EPOCH)
    for t_s in range(1, count + 1):
        log.append(row(t_s))
    return flash, log


def test_a_blank_flash_becomes_an_empty_log():
    log = BoardLog(NorFlash(BLOCKS), EPOCH)
    assert (log.epoch, log.tail, log.head) == (EPOCH, 0, 0)
    assert log.read(7, bytearray(100), 0, 100) == (7, 0)


def test_rows_come_back_in_order_and_survive_a_restart():
    flash, log = filled(20)
    again = BoardLog(flash.after_power_cut(), 1)
    for each in (log, again):
        rows = read_all(each)
        assert [r.seq for r in rows] == list(range(1, 21))
        assert [r.t_s for r in rows] == list(range(1, 21))
    assert (again.epoch, again.boot) == (EPOCH, 1)


def test_any_seq_can_be_read_and_a_cursor_below_the_tail_begins_at_the_tail():
    _, log = filled(200)
    assert log.tail > 1
    assert read_all(log, 1)[0].seq == log.tail
    for cursor in (log.tail, log.tail + 1, log.head - 1, log.head):
        assert [r.seq for r in read_all(log, cursor)] == list(range(cursor, log.head + 1))
    assert read_all(log, log.head + 1) == []


def test_rows_are_read_as_differences_from_any_seq_on_and_come_back_whole():
    _, log = filled(200)
    out = bytearray(236)
    for cursor in range(log.tail, log.head + 1, 7):
        first, used = log.read(cursor, out, 0, 236, True)
        rows = [unpack(packed, log.epoch).seq for packed in split_short(bytes(out[:used]))]
        assert first == cursor
        assert rows == list(range(cursor, cursor + len(rows)))
        assert len(rows) >= min(13, log.head - cursor + 1), "eight whole ones would fit"


def test_appending_programs_once_and_a_full_ring_erases_once_a_block():
    flash, log = filled(1)
    before = flash.ops
    log.append(row(2))
    assert flash.ops == before + 1
    flash, log = filled(500)
    blocks_used = log._counter
    assert flash.erases == blocks_used - BLOCKS


def test_a_full_ring_that_nobody_read_loses_the_oldest_and_says_how_many():
    _, log = filled(500)
    assert log.overwritten == log.tail - 1 > 0
    assert log.head == 500


def test_rows_that_the_gateway_has_are_overwritten_without_being_counted():
    log = BoardLog(NorFlash(BLOCKS), EPOCH)
    for t_s in range(1, 501):
        log.append(row(t_s))
        assert log.acknowledge(EPOCH, log.head, 0)
        log.tend()
    assert log.overwritten == 0
    assert log.tail > 1


def test_unread_rows_are_kept_until_there_is_no_room_else():
    flash = NorFlash(BLOCKS)
    log = BoardLog(flash, EPOCH)
    while log._counter < BLOCKS:
        log.append(row())
    assert not log.tend()
    assert log.tail == 1
    assert log.acknowledge(EPOCH, log.head, 0)
    assert log.tend()
    assert log.tail > 1
    assert not log.tend()


def test_watermarks_of_another_epoch_or_beyond_the_log_are_refused():
    _, log = filled(5)
    assert not log.acknowledge(EPOCH + 1, 5, 0)
    assert not log.acknowledge(EPOCH, 6, 0)
    assert not log.acknowledge(EPOCH, 5, 6)
    assert log.acknowledge(EPOCH, 5, 4)
    assert (log.gateway_has, log.center_has) == (5, 4)


def test_counters_come_back_as_they_were_at_the_last_change_of_block():
    flash, log = filled(3)
    log.bites = 2
    log.acknowledge(EPOCH, 3, 1)
    block = log._block
    while log._block == block:
        log.append(row())
    again = BoardLog(flash, 1)
    assert (again.gateway_has, again.center_has, again.bites) == (3, 1, 2)


def test_the_newest_value_of_a_column_is_found_behind_anchors_and_rows_without_one():
    _, log = filled(40, 16)
    for _ in range(20):
        log.append(Row(0, 1, SYNCED, 9, readings=[Reading(0, None, MISSING)]))
    for _ in range(40):
        log.append(Row(0, 1, SYNCED, 9, kind=ANCHOR, anchor=(1_600_000_000, 0, SYNCED, 1, 0)))
    assert log.last_value(0) == 1040
    assert log.last_value(1) is None


def test_a_flash_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="3 blocks"):
        BoardLog(NorFlash(2), EPOCH)


def test_a_row_that_does_not_read_back_is_written_again_behind():
    flash = NorFlash(BLOCKS)
    log = BoardLog(flash, EPOCH)
    log.append(row(1))
    flash.bytes[ROWS_AT + 27 + 5] = 0x00  # A stuck byte where the seq of the second row will lie.
    program = flash.program
    flash.program = lambda offset, data: program(offset, bytes(d & flash.bytes[offset + i] for i, d in enumerate(data)))
    log.append(row(2))
    assert log.damaged == 1
    assert [r.t_s for r in read_all(log)] == [1, 2]
    assert [r.t_s for r in read_all(BoardLog(flash, 1))] == [1, 2]


def test_a_flash_that_takes_nothing_is_an_error_and_no_row():
    flash = NorFlash(BLOCKS)
    log = BoardLog(flash, EPOCH)
    flash.program = lambda offset, data: None
    with pytest.raises(OSError, match="read back"):
        log.append(row(1))
    assert log.head == 0


def test_a_damaged_row_is_stepped_over_and_its_neighbours_are_read():
    flash, log = filled(10)
    flash.bytes[ROWS_AT + len(log.append(row(11))) * 3 + 8] ^= 0x10
    assert [r.seq for r in read_all(BoardLog(flash, 1))] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]


def test_a_damaged_header_hides_no_rows_and_gives_no_seq_again():
    for back in (0, 1, 2):  # The newest block's, and two that lie between others.
        flash, log = filled(60, 12)
        block = log._block - back
        flash.bytes[block * BLOCK_BYTES + 9] ^= 0x40
        again = BoardLog(flash, 1)
        assert [r.seq for r in read_all(again)] == list(range(1, 61)), f"header {back} blocks back"
        for cursor in range(1, 61):
            assert read_all(again, cursor)[0].seq == cursor
        for t_s in range(61, 100):
            again.append(row(t_s))
        assert [r.t_s for r in read_all(BoardLog(flash, 1))] == list(range(1, 100))


def test_a_block_that_takes_no_header_is_stepped_over():
    flash = NorFlash(8)
    log = BoardLog(flash, EPOCH)
    log.append(row(1))
    flash.bytes[BLOCK_BYTES + 5] = 0x00  # A dead byte in the next block's header ...
    erase, program = flash.erase, flash.program

    def stuck(block):
        erase(block)
        flash.bytes[BLOCK_BYTES + 5] = 0x00

    flash.erase = stuck
    flash.program = lambda offset, data: program(offset, bytes(d & flash.bytes[offset + i] for i, d in enumerate(data)))
    for t_s in range(2, 60):
        log.append(row(t_s))
        log.tend()
    assert log.damaged == 1
    for each in (log, BoardLog(flash, 1)):
        assert [r.t_s for r in read_all(each)] == list(range(1, 60))


class Counted(NorFlash):
    """A flash that counts the bytes read."""

    read_bytes = 0

    def read(self, offset, buffer):
        self.read_bytes += len(buffer)
        super().read(offset, buffer)


def test_neither_appending_nor_answering_takes_longer_in_a_longer_ring():
    costs = []
    for blocks in (8, 1_024):
        flash = Counted(blocks)
        log = BoardLog(flash, EPOCH)
        for t_s in range(1, 16 * blocks):
            log.append(row(t_s))
        out = bytearray(LENGTH_MAX)
        flash.read_bytes = 0
        for cursor in (log.tail, (log.tail + log.head) // 2, log.head):
            assert log.read(cursor, out, 0, LENGTH_MAX)[0] == cursor
            log.append(row())
            log.tend()
        costs.append(flash.read_bytes)
        flash.read_bytes = 0
        BoardLog(flash, 1)
        assert flash.read_bytes < 2 * 20 * blocks + 8 * BLOCK_BYTES, "the start reads the headers twice, and one block"
    assert costs[1] < 1.5 * costs[0]


def test_what_was_overwritten_stays_counted_where_both_places_for_notes_are_torn():
    flash, log = filled(200)
    while log._offset + 27 <= log._io.rows_end:
        log.append(row())
    lost = log.overwritten
    for at in (log._io.rows_end, BLOCK_BYTES - 20):
        flash.bytes[log._block * BLOCK_BYTES + at] = 0x00
    log.append(row())
    assert log.overwritten > lost
    assert BoardLog(flash, 1).overwritten == log.overwritten, "the next header says it"


def run_with_cut(cut_at, part, rows, acknowledging):
    """Append until the power fails; returns the flash and the (seq, t_s) that were acknowledged before."""
    flash = NorFlash(BLOCKS)
    flash.cut_at, flash.part = cut_at, part
    written = []
    try:
        log = BoardLog(flash, EPOCH)
        for t_s in range(1, rows + 1):
            each = row(t_s, tips=t_s % 5)
            log.append(each)
            written.append((each.seq, t_s))
            if acknowledging:
                log.acknowledge(EPOCH, log.head, 0)
            log.tend()
    except PowerCut:
        return flash, written, True
    return flash, written, False


@pytest.mark.parametrize("acknowledging", [True, False])
@pytest.mark.parametrize("part", [0.03, 0.99])  # More of them under MicroPython: test_flash_cuts.py.
def test_no_acknowledged_row_is_lost_by_a_power_cut_at_any_operation(part, acknowledging):
    cut_at = 0
    cut = True
    while cut:
        cut_at += 1
        flash, written, cut = run_with_cut(cut_at, part, 90, acknowledging)
        flash = flash.after_power_cut()
        log = BoardLog(flash, EPOCH + 1)
        found = [(r.seq, r.t_s) for r in read_all(log)]
        kept = [pair for pair in written if pair[0] >= log.tail]
        assert found[: len(kept)] == kept
        assert len(found) <= len(kept) + 1  # A row that was whole before anybody heard of it may be there.
        assert len(written) - len(kept) <= 70  # Only what the ring overwrote is gone.
        newest = found[-1][0] if found else 0
        for t_s in range(1000, 1030):  # The log goes on, over at least one more change of block.
            log.append(row(t_s))
        again = [(r.seq, r.t_s) for r in read_all(BoardLog(flash.after_power_cut(), 1))]
        seqs = [seq for seq, _ in again]
        assert seqs == list(range(again[0][0], newest + 31))
        assert again[-30:] == [(newest + 1 + i, 1000 + i) for i in range(30)]
    assert cut_at > 100


@given(st.lists(st.tuples(st.integers(1, 12), st.floats(0, 1), st.integers(0, TIPS_MAX)), min_size=1, max_size=12))
def test_many_power_cuts_one_after_another_lose_nothing(cuts):
    flash = NorFlash(BLOCKS + 8)
    written = {}
    for boot, (cut_at, part, tips) in enumerate(cuts, 1):
        flash.cut_at, flash.part = cut_at, part
        try:
            log = BoardLog(flash, EPOCH)
            for t_s in range(30):
                each = row(t_s, tips, boot)
                log.append(each)
                assert each.seq not in written or flash.cut_at == 0
                written[each.seq] = (t_s, boot)
                log.tend()
        except PowerCut:
            pass
        flash = flash.after_power_cut()
    log = BoardLog(flash, EPOCH)
    found = {r.seq: (r.t_s, r.boot) for r in read_all(log)}
    assert {seq: pair for seq, pair in written.items() if seq >= log.tail} == {
        seq: pair for seq, pair in found.items() if seq in written
    }


@given(st.binary(max_size=BLOCK_BYTES), st.integers(0, BLOCKS * BLOCK_BYTES - 1))
def test_garbage_in_the_flash_stops_neither_start_nor_reading_nor_appending(garbage, at):
    flash, _ = filled(60)
    garbage = garbage[: flash.size - at]
    flash.bytes[at : at + len(garbage)] = garbage
    log = BoardLog(flash, 1)
    before = [r.seq for r in read_all(log)]
    assert before == sorted(set(before))
    each = row(77)
    log.append(each)
    assert read_all(log)[-1].t_s == 77


def test_the_independent_reader_of_dumps_finds_the_same_rows():
    flash = NorFlash(4 * 8)  # The dump reader knows blocks of 4096 bytes only.
    flash.block = 4096
    log = BoardLog(flash, EPOCH)
    for t_s in range(1, 300):
        log.append(row(t_s))
    dumped = flash_dump.rows(bytes(flash.bytes))
    assert [(r.epoch, r.seq) for r in dumped] == [(EPOCH, seq) for seq in range(log.tail, log.head + 1)]
