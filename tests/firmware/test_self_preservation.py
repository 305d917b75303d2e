"""A board that keeps itself, as a process: no flash writes under a low supply, a watchdog that bites wherever it hangs,
and last words that say why."""

import pytest

from tests.firmware.board_process import ADDRESS, BOARD, BoardProcess
from tools.emulator import flash_dump
from wire.reading import QUANTITY_CODES
from wire.registers import NOW_SLOTS, find, slot
from wire.row import unpack

pytestmark = pytest.mark.long

RATE = 60
ROWS = {"row_s": 1, "log_blocks": 4}
GUARDED = {**ROWS, "supply_limit_mv": 10_000}
FULL, LOW, BACK = ({"adc": {"2": mv * 1000 // 11}} for mv in (12_000, 9_500, 10_700))
WATCHDOG, CRASH = 2, 5
EXIT_RESET = 10


def registers(client, name):
    first, count = find(name)
    return client.read_holding_registers(first, count=count, device_id=ADDRESS).registers


def words(client):
    return b"".join(word.to_bytes(2, "big") for word in registers(client, "last_words")).rstrip(b"\0").decode()


def number(client, name):
    value = 0
    for word in registers(client, name):
        value = value << 16 | word
    return value


def rows_of(board):
    return [unpack(row.packed, row.epoch) for row in flash_dump.read(board.folder / "flash")]


def test_under_a_low_supply_the_board_measures_answers_and_writes_nothing(tmp_path):
    with BoardProcess(tmp_path, RATE, **GUARDED) as board, board.client() as client:
        board.expect_rows(3)
        board.send(LOW)
        board.wait_for_scans(2)
        before = board.stats()
        board.send({"edges": {"0": [900, 700, 500]}})
        board.wait_for_scans(20)
        after = board.stats()
        assert (after["programs"], after["erases"]) == (before["programs"], before["erases"])
        withheld = after["rows_withheld"] - before["rows_withheld"]
        assert 15 <= withheld <= 25
        now = client.read_holding_registers(NOW_SLOTS, count=12, device_id=ADDRESS).registers
        code, _, rain_um, age_ms = slot(now, NOW_SLOTS, 1)
        assert (code, rain_um) == (QUANTITY_CODES["rain_um"], 600)
        assert age_ms < 5_000
        assert number(client, "rows_withheld") >= after["rows_withheld"]
        assert number(client, "supply_mv") == pytest.approx(9_500, abs=1)
        head = after["head"]
        board.send(BACK)
        board.expect_rows(len(board.rows) + 3)
        assert [row.seq for row in rows_of(board)][-1] > head
        assert rows_of(board)[-1].readings[1].value == 600
        assert board.stats()["row_errors"] == 0


def test_a_board_that_starts_on_a_low_supply_leaves_its_flash_alone_until_it_is_back(tmp_path):
    board = BoardProcess(tmp_path, RATE, **GUARDED)
    board.world = LOW
    with board:
        board.wait_for_scans(20)
        stats = board.stats()
        assert (stats["programs"], stats["erases"], stats["head"]) == (0, 0, 0)
        assert stats["rows_withheld"] > 0
        assert (tmp_path / "flash").read_bytes() == b""
        board.send(FULL)
        board.expect_rows(3)
        assert [row.seq for row in rows_of(board)][:3] == [1, 2, 3]
        assert {row[0] for row in board.rows} == {board.epoch}


@pytest.mark.parametrize(
    ("where", "said"),
    [("loop", "hang"), ("link", "hang link"), ("scan", "hang pressure_42"), ("start", "hang start")],
)
def test_whatever_hangs_is_bitten_and_the_next_start_says_what_it_was(tmp_path, where, said):
    with BoardProcess(tmp_path, RATE, **ROWS) as board:
        board.send({"edges": {"0": [300]}})
        board.expect_rows(3)
        if where == "start":
            board.send({"reset": 1})
            board.wait_exit()
            board.world = {"hang": "start", **board.world}
            with pytest.raises(TimeoutError):
                board.start()
            del board.world["hang"]
        else:
            board.send({"hang": where})
        assert board.wait_exit() == (11, "")
        board.start()
        with board.client() as client:
            assert words(client) == said
            assert number(client, "reset_cause") == WATCHDOG
            assert number(client, "watchdog_bites") == 1
        board.expect_rows(len(board.rows) + 2)
        assert rows_of(board)[-1].readings[1].value == 200
        assert len({row[0] for row in board.rows}) == 1


def test_an_error_that_ends_the_program_is_named_with_its_line_at_the_next_start(tmp_path):
    wrong = [{**BOARD["sensors"][0], "points": [[0, "x"], [9, "y"]]}]
    broken = BoardProcess(tmp_path, RATE, **ROWS, sensors=wrong, sl651={})
    broken.start()
    code, said = broken.wait_exit()
    assert code == 1
    assert "TypeError" in said
    broken.__exit__()
    with BoardProcess(tmp_path, RATE, **ROWS) as board, board.client() as client:
        module, line, kind = words(client).replace(":", " ").split()
        assert (module, kind) == ("integers", "TypeErro"[: len(kind)])
        assert int(line) > 1
        assert number(client, "reset_cause") == CRASH
        board.send({"reset": 1})
        board.wait_exit()
        board.start()
        assert words(client) == ""


def test_a_limit_that_nothing_can_measure_is_refused(tmp_path):
    for changes in ({"supply_limit_mv": 10_000, "sensors": []}, {"supply_limit_mv": -1}, {"supply_limit_mv": 60_001}):
        board = BoardProcess(tmp_path, RATE, **{**ROWS, **changes})
        with pytest.raises((TimeoutError, ConnectionError)):
            board.start()
        code, said = board.wait_exit()
        assert code == EXIT_RESET
        assert "board.json: supply_limit_mv:" in said
        board.__exit__()
