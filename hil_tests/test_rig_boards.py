"""What the rig does to its boards: power, resets, watchdog, time; and that nothing of it is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESET, WATCHDOG, CUT, KILLED = 10, 11, 13, -9
ROWS = 3


def make_rows(rig, name, count=ROWS):
    """Wait until board `name` has made so many more rows."""
    board = rig.boards[name]
    rig.hurry()
    wanted = len(board.ledger) + count
    rig.wait_for(lambda: len(board.ledger) >= wanted, rig.real_s(60 * (count + 1), 10), f"{count} rows of {name}")
    return board


def test_what_a_board_said_is_durable_stands_in_its_flash(rig):
    rig.need("flash-dump")
    for name, board in rig.boards.items():
        make_rows(rig, name, 1)
        said = board.ledger
        assert said <= board.log_rows()


def test_rows_outlast_the_power(rig):
    rig.need("power", "flash-dump")
    board = make_rows(rig, "level")
    board.stop_power()
    assert board.exit_codes[-1] == KILLED
    before = board.ledger
    board.restore()
    make_rows(rig, "level", 1)
    assert before < board.ledger
    assert board.ledger <= board.log_rows()
    assert len({epoch for epoch, _, _ in board.ledger}) == 1
    seqs = [seq for _, seq, _ in board.ledger]
    assert len(set(seqs)) == len(seqs)


def test_a_power_cut_in_the_middle_of_a_flash_operation_loses_no_row_that_was_durable(rig):
    rig.need("power-cut", "flash-dump")
    board = make_rows(rig, "rain", 1)
    for part_permil in (0, 300, 999):
        board.power_cut(1, part_permil)
        assert board.wait_down(rig.real_s(120, 10)) == CUT
        said = board.ledger
        assert said <= board.log_rows()
        board.start()
        make_rows(rig, "rain", 1)
        assert said < board.ledger
        assert board.ledger <= board.log_rows()


def test_a_reset_button_brings_the_board_back_by_itself(rig):
    board = make_rows(rig, "tilt", 1)
    board.reset()
    board.wait_ready()
    assert board.exit_codes == [RESET]
    assert [boot for boot, _ in board.boots] == [1, 2]


def test_a_hung_program_is_ended_by_the_watchdog_and_comes_back(rig):
    rig.need("hang")
    board = make_rows(rig, "smoke", 1)
    board.hang()
    board.wait_ready(rig.real_s(10, 10))
    assert board.exit_codes == [WATCHDOG]
    assert board.stats()["bites"] == 1


def test_boards_follow_a_change_of_the_rate_of_time(rig):
    rig.need("rate")
    board = rig.boards["level"]
    rig.set_rate(60.0)
    scans = board.stats()["scans"]
    begin_ms = rig.now_ms()
    rig.wait_for(lambda: rig.now_ms() - begin_ms >= 60_000, 10, "a minute of the station's time")
    elapsed_s = (rig.now_ms() - begin_ms) / 1000
    stats = board.stats()
    done = stats["scans"] + stats["scans_skipped"] - scans
    assert abs(done - elapsed_s) <= 3 + 0.1 * elapsed_s


def test_nothing_is_left_when_the_rigs_own_process_is_killed(rig, tmp_path):
    script = (
        "import sys, signal, os; from pathlib import Path\n"
        "from hil_tests.bench import Bench, read_rig_file\n"
        "bench = Bench(read_rig_file('rigs/emulated.toml'), Path(sys.argv[1])); bench.start()\n"
        "print(bench.line.pid, *(board.pid for board in bench.boards.values()), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "other")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    pids = [int(word) for word in ended.stdout.split()]
    assert len(pids) == 1 + len(rig.boards)
    rig.wait_for(lambda: not any(alive(pid) for pid in pids), 5, "the end of all its processes")


def alive(pid: int) -> bool:
    """Is there such a process that has not ended (a zombie has)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_rig_ends_all_it_started(rig):
    pids = [rig.line.pid, *(board.pid for board in rig.boards.values())]
    rig.close()
    assert not any(alive(pid) for pid in pids)
    assert os.path.exists(rig.boards["level"].flash_file)
