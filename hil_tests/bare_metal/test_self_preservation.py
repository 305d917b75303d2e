"""A bare board that hangs, crashes, or whose supply fails: what ends it, what it keeps, and what it says of it."""

from pathlib import Path

import pytest

from hil_tests.bare_metal.line import ADDRESS, RAIN_PIN, read, read_log, read_named, read_rain_um
from tools.bare_metal.board import Board
from tools.emulator.rtu import READ_HOLDING, sealed
from wire.registers import NOW_SLOTS, find

CONTACT_PIN = 7
DRIVER = Path(__file__).with_name("hangs.py")
BITE_MS_MIN, BITE_MS_MAX = 7_000, 9_500
RESTART_MS_MAX = 12_000
UP_MS = 3_000
WATCHDOG, BROWN_OUT, CRASH, POWER = 2, 4, 5, 0
TIPS, TIP_UM = 5, 200
FULL_STEPS, LOW_STEPS = 1_400, 700  # 12.4 V and 6.2 V at the divider; the limit is 7.0 V.


def words(board: Board) -> str:
    first, count = find("last_words")
    return b"".join(word.to_bytes(2, "big") for word in read(board, first, count)).rstrip(b"\0").decode()


def tip(board: Board) -> None:
    board.set_pin(RAIN_PIN, [(edge * 150_000, edge & 1) for edge in range(2 * TIPS)])
    board.run(TIPS * 300 + 1_500)
    assert read_rain_um(board) == TIPS * TIP_UM


def until_reset(board: Board, limit_ms: int) -> float:
    """Let time pass until the chip starts anew; milliseconds that took."""
    resets, passed_ms = board.resets, 0
    while board.resets == resets:
        assert passed_ms < limit_ms, board.console
        board.run(100)
        passed_ms += 100
    return passed_ms


def ready(board_of, where: str) -> Board:
    """A board with rain in it and a driver that will do harm at `where`; its first start may be the one."""
    sensor = {"driver": "hangs", "where": where, "channels": ["temp_cdeg"]}
    board = board_of(row_s=60, sensors=(sensor,), changed={"a/drivers/hangs.py": DRIVER.read_bytes()})
    board.set_pin_at_start(RAIN_PIN, 1)
    board.set_pin_at_start(CONTACT_PIN, 1)
    board.power()
    board.set_adc(c2=FULL_STEPS)
    board.start()
    board.run(2_000)
    tip(board)
    return board


@pytest.mark.parametrize(("where", "said"), [("scan", "hang hangs"), ("link", "hang link")])
def test_a_task_that_hangs_is_bitten_and_kept_memory_outlives_it(board_of, where, said):
    board = ready(board_of, where)
    boot = read_named(board, "boot")
    board.set_pin(CONTACT_PIN, [(0, 0)])
    passed_ms = until_reset(board, BITE_MS_MAX)
    assert passed_ms >= BITE_MS_MIN
    board.run(UP_MS)
    assert words(board) == said
    assert read_named(board, "reset_cause") == WATCHDOG
    assert read_named(board, "watchdog_bites") == 1
    assert read_named(board, "boot") == boot + 1
    assert read_rain_um(board) == TIPS * TIP_UM
    print(f"\n{where}: bitten after {passed_ms:.0f} ms, then {words(board)!r}")


def test_a_start_that_hangs_is_bitten_again_and_again(board_of):
    board = ready(board_of, "start")
    board.set_pin_at_start(CONTACT_PIN, 0)
    board.dip()
    for _ in range(2):
        assert until_reset(board, BITE_MS_MAX) >= BITE_MS_MIN
    assert not board.ask(sealed(bytes((ADDRESS, READ_HOLDING, 1, 0, 0, 1)))).frame
    board.set_pin_at_start(CONTACT_PIN, 1)
    until_reset(board, BITE_MS_MAX)
    board.run(UP_MS)
    assert words(board) == "hang start"
    assert read_named(board, "reset_cause") == WATCHDOG
    assert read_rain_um(board) == TIPS * TIP_UM


def test_an_error_restarts_the_board_in_order_and_is_named_with_its_line(board_of):
    board = ready(board_of, "error")
    board.set_pin(CONTACT_PIN, [(0, 0)])
    assert until_reset(board, RESTART_MS_MAX) >= 9_000
    board.run(UP_MS)
    line = next(number for number, text in enumerate(DRIVER.read_text().splitlines(), 1) if "OSError" in text)
    assert words(board) == f"hangs:{line} OSError"[:16]
    assert read_named(board, "reset_cause") == CRASH
    assert read_named(board, "watchdog_bites") == 0
    assert read_rain_um(board) == TIPS * TIP_UM


def test_a_supply_that_sinks_stops_all_flash_writes_and_one_that_dips_is_told_from_one_that_goes(board_of):
    board = board_of(row_s=1)
    board.set_pin_at_start(RAIN_PIN, 1)
    board.power()
    board.set_adc(c2=FULL_STEPS)
    board.start()
    board.run(5_000)
    assert read_named(board, "log_head") >= 3
    board.set_adc(c2=LOW_STEPS)
    board.run(1_500)
    operations, head = (board.erases, board.programs), read_named(board, "log_head")
    tip(board)
    board.run(20_000)
    assert (board.erases, board.programs) == operations
    assert read_named(board, "log_head") == head
    assert read_named(board, "rows_withheld") >= 20
    supply_mv = read_named(board, "supply_mv")
    board.dip()
    board.run(UP_MS)
    assert words(board) == f"supply {supply_mv} mV"
    assert read_named(board, "reset_cause") == BROWN_OUT
    assert read_rain_um(board) == TIPS * TIP_UM
    assert (board.erases, board.programs) == operations
    board.set_adc(c2=FULL_STEPS)
    board.run(3_500)
    _, rows = read_log(board, 1)
    assert sorted(rows) == list(range(1, len(rows) + 1))
    assert len(rows) >= head + 2
    assert read_named(board, "row_errors") == 0
    board.power()
    board.set_adc(c2=FULL_STEPS)
    board.run(UP_MS)
    assert (words(board), read_named(board, "reset_cause")) == ("", POWER)
    assert read_rain_um(board) == TIPS * TIP_UM
    assert read(board, NOW_SLOTS, 1)
