"""How far back the boards' logs reach, against rows that the firmware really writes."""

from itertools import combinations

import log_blocks
import pytest
from board_log import BoardLog

import boards
from boards import log_ring
from tests.boards.test_boards import BOARDS, FITS
from tests.firmware.nor_flash import NorFlash
from wire.reading import GOOD, QUANTITY_CODES, SYNCED, WITH_STATS
from wire.row import Reading, Row

APPLICATION_BLOCKS = 45  # The factory copy, and each of the two slots.


def fits(name):
    """Every choice of sensors that a row of this board can carry."""
    sensors = [fit for count in range(len(FITS) + 1) for fit in combinations(FITS, count)]
    return [boards.load_board(name, fit) for fit in sensors if set(fit) != set(FITS)]  # All five are 9 quantities.


@pytest.mark.parametrize("name", BOARDS)
def test_every_fit_of_every_board_reaches_back_thirty_days_and_the_longest_row_is_known(name):
    lengths = []
    for board in fits(name):
        blocks = board.log_bytes // log_ring.BLOCK_BYTES
        assert log_ring.reach(blocks, board.columns, board.row_s) >= log_ring.DAYS_MIN
        lengths.append(log_ring.row_bytes(board.columns))
    assert max(lengths) == 93
    assert boards.board_json(name, 11, 9600, "8N1")["log_blocks"] == (64 if name.startswith("rp2040") else 1_024)


def test_a_small_log_has_its_rows_further_apart_the_more_is_fitted():
    rows = {board.columns: board.row_s for board in fits("rp2040-rs485")}
    assert rows["head_mm", "supply_mv"] == rows["rain_um", "supply_mv"] == 600
    assert rows["head_mm", "rain_um", "supply_mv"] == 900
    assert max(rows.values()) == 1_800
    assert {board.row_s for board in fits("esp32-rs485")} == {60}
    for columns, row_s in rows.items():
        assert 3_600 % row_s == 0
        shorter = [step_s for step_s in log_ring.STEPS_S if 600 <= step_s < row_s]
        assert all(log_ring.reach(64, columns, step_s) < log_ring.DAYS_MIN for step_s in shorter)


def test_rows_are_not_stretched_beyond_what_a_definition_allows():
    columns = ("head_mm", "rain_um", "supply_mv")
    assert log_ring.stretched(64 * 4_096, columns, 600, 1_800) == 900
    assert log_ring.stretched(64 * 4_096, columns, 600, 0) == 600
    assert log_ring.stretched(64 * 4_096, columns, 600, 720) == 720
    assert "row_s = 780" in log_ring.too_short(64 * 4_096, columns, 720)


def test_a_block_holds_as_many_rows_as_the_firmware_puts_into_it():
    columns = ("head_mm", "supply_mv")
    assert 2 * log_blocks.ROWS_AT == log_ring.BLOCK_EDGES_BYTES
    flash = NorFlash(8 * 8)  # Eight blocks of 4,096.
    flash.block = log_ring.BLOCK_BYTES
    log = BoardLog(flash, 7)
    readings = [
        Reading(i, 5, GOOD, *((1, 9, 2) if QUANTITY_CODES[name] in WITH_STATS else ()))
        for i, name in enumerate(columns)
    ]
    while log._block == 0:
        log.append(Row(0, 1, SYNCED, 60, readings=readings))
    per_block = (log_ring.BLOCK_BYTES - log_ring.BLOCK_EDGES_BYTES) // log_ring.row_bytes(columns)
    assert log.head == per_block + 1
    assert log_ring.blocks_wanted(columns, 60) == -(-43_200 // per_block) + log_ring.BLOCKS_SPARE


def test_a_log_that_is_too_short_says_the_arithmetic_and_two_ways_out():
    said = log_ring.too_short(448 * 4_096, ("head_mm", "rain_um", "supply_mv"), 60)
    assert said == (
        "448 blocks of 78 rows (51 bytes, one every 60 s) reach back 23 days, 30 are wanted; "
        "make it 0x23d000 bytes, or write row_s = 120"
    )
    assert log_ring.too_short(0x23D000, ("head_mm", "rain_um", "supply_mv"), 60) == ""
    assert log_ring.too_short(448 * 4_096, ("head_mm", "rain_um", "supply_mv"), 120) == ""
    assert "row_s = 540" in log_ring.too_short(60 * 4_096, ("head_mm", "supply_mv"), 60)


@pytest.mark.parametrize("name", ["esp32-rs485", "esp32-wifi"])
def test_an_esp32_has_room_for_three_applications_beside_its_log(name):
    app, files, log = boards.load_board(name).partitions
    assert [piece.name for piece in (app, files, log)] == ["app", "slots", "log"]
    assert files.offset >= app.offset + app.size
    assert files.size >= 3 * APPLICATION_BLOCKS * log_ring.BLOCK_BYTES * 5 // 4  # LittleFS wants some air.
    assert log.offset == files.offset + files.size  # The file system is the image's, the log behind it ours alone.
    assert log.offset + log.size == 8 << 20
