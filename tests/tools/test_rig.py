"""The emulated bench: blank boards that wait for a flash, a line, and words for what hands would do."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient

from tools.__main__ import main
from tools.emulator.blank_bench import BENCH, SENSOR, BlankBench
from tools.failure import EXIT_DONE, EXIT_NOTHING_FOUND, EXIT_REFUSED, EXIT_WRONG_CALL

TOP = Path(__file__).resolve().parents[2]
RADAR_GAP_REGISTER = 0


@pytest.fixture
def bench(tmp_path):
    with BlankBench(tmp_path) as made:
        yield made


@pytest.fixture
def process(tmp_path):
    """`riverpost rig`, as somebody types it, once it says that it runs."""
    command = [sys.executable, "-m", "tools", "rig", str(tmp_path), "--lang", "en"]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout is not None
        said = ""
        while "Runs until" not in said:
            line = made.stdout.readline()
            assert line, said
            said += line
        yield made
        made.kill()


def test_each_board_has_a_port_and_stands_in_its_loader(bench):
    for name in BENCH:
        assert bench.boards[name].port.exists()
        assert bench.boards[name].console == ""


def test_the_bought_sensor_answers_on_the_line_what_it_was_told(bench):
    bench.tell(f"{SENSOR[0]} gap_mm 4321")
    with ModbusSerialClient(str(bench.port), baudrate=9600, timeout=2) as client:
        values = {
            register: answer.registers[0]
            for register in range(4)
            for function in (client.read_holding_registers, client.read_input_registers)
            if not (answer := function(register, count=1, device_id=SENSOR[1])).isError()
        }
    assert 4321 in values.values() or 43210 in values.values(), values


def test_the_sensors_of_a_board_follow_what_is_told(bench):
    bench.tell("board1 head_mm 5000")
    shown = bench.boards["board1"].program.around.pins["uv"]["34"]
    bench.tell("board1 head_mm 1000")
    assert bench.boards["board1"].program.around.pins["uv"]["34"] < shown


def test_a_known_voltage_shows_as_the_chips_own_converter_bends_it(bench):
    bench.tell("board1 volts_uv 0 1100000")
    assert bench.boards["board1"].program.around.pins["uv"]["34"] == 1_112_000


@pytest.mark.parametrize(
    "words", ["", "board9 tip 5", "board1 tip", "board2 tip five", "board1 nothing 5", "radar gap_mm", "board2 tip 0"]
)
def test_words_that_mean_nothing_are_refused_with_what_is_possible(bench, words):
    with pytest.raises(ValueError, match="head_mm"):
        bench.tell(words)


def test_a_cable_can_be_pulled_and_plugged(bench):
    board = bench.boards["board1"]
    bench.tell("board1 unplug")
    assert not board.port.exists()
    bench.tell("board1 boot")
    assert board.port.exists()


def test_the_command_takes_words_from_another_terminal_and_ends_with_ctrl_c(process, tmp_path):
    assert main(["rig", str(tmp_path), "--tell", "radar gap_mm 5000"]) == EXIT_DONE
    assert main(["rig", str(tmp_path), "--tell", "nobody tip 5"]) == EXIT_WRONG_CALL
    assert main(["rig", str(tmp_path)]) == EXIT_REFUSED
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == EXIT_DONE
    assert main(["rig", str(tmp_path), "--tell", "radar gap_mm 5000"]) == EXIT_NOTHING_FOUND
