"""A board process through its whole life: what it told outlives resets, a hang, power cuts and kill -9."""

import socket

import pytest

from tests.firmware.board_process import BoardProcess
from tools.emulator import flash_dump
from wire.row import unpack

EXIT_RESET = 10

RATE = 60
FAST_ROWS = {"row_s": 1, "log_blocks": 4}
HEAVY = {**FAST_ROWS, "scan_ms": 100}


def log_of(board):
    return {(row.epoch, row.seq, row.crc) for row in flash_dump.read(board.folder / "flash")}


def told(board):
    return {tuple(row) for row in board.rows}


def test_rows_survive_kill_9_and_no_seq_is_given_twice(tmp_path):
    with BoardProcess(tmp_path, RATE, **FAST_ROWS) as board:
        for boot in range(1, 5):
            board.expect_rows(len(board.rows) + 8)
            board.kill()
            assert told(board) <= log_of(board)
            board.start()
            assert board.boot == boot + 1
        seqs = [seq for _, seq, _ in board.rows]
        assert len(set(seqs)) == len(seqs)
        assert {epoch for epoch, _, _ in board.rows} == {board.epoch}


@pytest.mark.parametrize("part_permil", [0, 500, 1000])
def test_a_power_cut_inside_a_flash_operation_loses_no_row_that_was_told(tmp_path, part_permil):
    with BoardProcess(tmp_path, RATE, **FAST_ROWS) as board:
        for ops in (1, 2, 5):
            board.send({"cut": {"ops": ops, "part_permil": part_permil}})
            code, errors = board.wait_exit()
            assert (code, errors) == (13, "")
            assert told(board) <= log_of(board)
            board.start()
        board.expect_rows(len(board.rows) + 3)
        assert board.stats()["overwritten"] == 0


def test_a_reset_keeps_watermarks_and_is_told_as_the_cause(tmp_path):
    with BoardProcess(tmp_path, RATE, **FAST_ROWS) as board:
        board.send({"edges": {"0": [300, 200, 100]}})
        board.expect_rows(3)
        board.send({"reset": 1})
        assert board.wait_exit()[0] == 10
        board.start()
        assert (board.boot, board.stats()["bites"]) == (2, 0)
        assert (board.folder / "keep").read_bytes()[0] == 0


def test_a_hang_ends_by_the_watchdog_and_is_counted(tmp_path):
    with BoardProcess(tmp_path, RATE, **FAST_ROWS) as board:
        for bites in (1, 2):
            board.send({"hang": "loop"})
            code, errors = board.wait_exit()
            assert (code, errors) == (11, "")
            board.start()
            assert board.stats()["bites"] == bites


def test_unlogged_rain_survives_a_reset_and_logged_rain_a_power_cut(tmp_path):
    with BoardProcess(tmp_path, RATE, row_s=1) as board:
        board.send({"edges": {"0": [900, 700, 500]}})
        board.wait_for_scans(2)
        board.send({"reset": 1})
        board.wait_exit()
        board.start()
        board.expect_rows(len(board.rows) + 2)
        board.kill()
        (board.folder / "keep").unlink()
        board.start()
        board.send({"edges": {"0": [100]}})
        board.wait_for_scans(1)
        board.expect_rows(len(board.rows) + 2)
        rows = [unpack(row.packed, row.epoch) for row in flash_dump.read(board.folder / "flash")]
        rain_um = [row.readings[1].value for row in rows if row.readings[1].value is not None]
        assert rain_um[-1] == 800
        assert rain_um == sorted(rain_um)
        assert sum(count for row in rows for _, count in row.tips) >= 1


def test_a_stopped_rig_ends_the_process_in_order(tmp_path):
    with BoardProcess(tmp_path) as board:
        board._control.shutdown(socket.SHUT_WR)
        assert board.wait_exit() == (0, "")


@pytest.mark.parametrize(
    "line", [b"]\n", b'{"wind":1}\n', b'{"clock":[1]}\n', b'{"adc":3}\n', b'{"uart":{"1":"zz"}}\n']
)
def test_a_wrong_control_message_is_told_and_harms_nothing(tmp_path, line):
    with BoardProcess(tmp_path) as board:
        board._control.sendall(line)
        assert line.decode().strip() in board._message(10)["error"]
        assert board.stats()["boot"] == 1


def test_scans_go_on_across_the_wrap_of_the_ticks(tmp_path):
    with BoardProcess(tmp_path, RATE) as board:
        board.wait_for_scans(12)  # The wrap comes 5 s after the start.
        assert board.stats()["scans_skipped"] <= 2


def test_the_rate_of_time_may_change_while_the_board_runs(tmp_path):
    with BoardProcess(tmp_path, 1, **FAST_ROWS) as board:
        board.station_ms += 10
        board.set_rate(RATE)
        board.expect_rows(10)
        assert board.process is not None
        assert board.process.poll() is None


def test_the_ring_wraps_and_says_what_nobody_read(tmp_path):
    with BoardProcess(tmp_path, 600, **HEAVY) as board:
        board.expect_rows(400)
        stats = board.stats()
        assert stats["overwritten"] == stats["tail"] - 1 > 0
        assert stats["erases"] > 0
        kept = {(board.epoch, seq) for seq in range(stats["tail"], stats["head"] + 1)}
        assert kept <= {row[:2] for row in log_of(board)}


def test_a_wrong_definition_stops_the_start_and_names_its_key(tmp_path):
    for key, value, named in (
        ("scan_ms", 5, "scan_ms"),
        ("sensors", [{"driver": "barometer"}], "sensors.driver"),
        ("link", {"kind": "rs485", "address": 0}, "link.address"),
    ):
        board = BoardProcess(tmp_path, 1.0, 1.0, **{key: value})
        with pytest.raises((TimeoutError, ConnectionError)):
            board.start()
        code, said = board.wait_exit()
        assert code == EXIT_RESET  # Into the safe application, where the start script is.
        assert f"board.json: {named}:" in said
        board.__exit__()


def test_memory_does_not_grow_over_thousands_of_scans_and_answers(tmp_path):
    with BoardProcess(tmp_path, RATE, **HEAVY) as board, board.client() as client:
        board.expect_rows(30)
        before = board.stats()["heap_low"]
        for _ in range(300):
            assert not client.read_holding_registers(4, count=38, device_id=11).isError()
        board.expect_rows(len(board.rows) + 30)
        assert board.stats()["heap_low"] > before - 4_096
