"""The self-test of a board over its console: right is ok, what a person should know is look, what fails is FAIL."""

import pytest

import boards
from boards.definition import canonical
from tests.tools.running_board import running_board
from tools.console import Console
from tools.emulator.rom_sensors import RomSensors
from tools.self_test import failed, lines, run

pytestmark = pytest.mark.long

TYPE = "esp32-rs485"
FIT = ("level", "rain", "tilt", "smoke")
STRAIGHT = [[0, 0], [2_450_000, 2_450_000]]
CONVERTERS = {"adc": {str(number): STRAIGHT for number in range(3)}}
LOG_AT, LOG_BYTES, BLOCK = 0x400000, 0x400000, 4096
CHIP = ["files", "log", "flash", "memory", "clock"]


def definition(calibration=None):
    return boards.board_json(TYPE, 11, 9_600, "8N1", calibration or CONVERTERS, fit=FIT)


@pytest.fixture
def board_of(tmp_path):
    """A call that gives a running board with all its sensors, and those."""
    made = []

    def give(settings):
        board = running_board(tmp_path, canonical(settings) if settings else None)
        made.append(board)
        board.plug(boot_held=False)
        return board, RomSensors(board, settings or definition())

    yield give
    for board in made:
        board.switch_off()
        board.chip.close()


def found_by(board):
    with Console(str(board.port), "en") as console:
        console.stop()
        return run(console, boards.load_board(TYPE, FIT))


def states(found):
    return {one.get("quantity", one.get("sensor", one["name"])): one["state"] for one in found}


def test_a_board_with_all_its_sensors_passes_and_keeps_nothing_of_it(board_of):
    board, _ = board_of(definition())
    found = found_by(board)
    sensors = ["head_mm", "rain_um", "tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg", "smoke_mdbm", "smoke_contact"]
    assert states(found) == dict.fromkeys([*CHIP, *sensors, "supply_mv"], "ok")
    told = lines(found, "en")
    assert any(line.split() == ["Supply", "ok", "12.5", "V", "good"] for line in told)
    assert len(told) == len(found)
    board.switch_off()
    assert board.chip.read(LOG_AT + LOG_BYTES - BLOCK, BLOCK) == b"\xff" * BLOCK


def test_what_is_not_connected_low_or_without_its_table_is_to_be_looked_at(board_of):
    board, sensors = board_of(definition({"adc": {"2": STRAIGHT}}))
    sensors.fault("missing", "tilt_x_mdeg")
    sensors.set("supply_mv", 6_500)
    found = found_by(board)
    assert failed(found) == []
    looked = [name for name, state in states(found).items() if state == "look"]
    assert looked == ["head_mm", "tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg", "smoke_mdbm", "supply_mv"]
    text = "\n".join(lines(found, "en"))
    for said in ("no calibration table", "no reading; is it connected?", "6.5 V  below the limit"):
        assert said in text
    assert "没有读数" in "\n".join(lines(found, "zh"))


def test_without_settings_no_sensor_is_tried_and_without_a_blank_block_none_is_written(board_of):
    board, _ = board_of(None)
    board.switch_off()
    for at in range(LOG_AT, LOG_AT + LOG_BYTES, BLOCK):
        assert board.chip.program(at + BLOCK - 4, b"full")
    before = board.chip.read(LOG_AT, LOG_BYTES)
    board.plug(boot_held=False)
    found = found_by(board)
    assert states(found) == {**dict.fromkeys(CHIP, "ok"), "flash": "skip", "sensors": "skip"}
    board.switch_off()
    assert board.chip.read(LOG_AT, LOG_BYTES) == before


def test_a_flash_that_no_longer_erases_and_a_driver_that_is_not_there_fail(board_of):
    board, _ = board_of(definition())
    with Console(str(board.port), "en") as console:
        console.stop()
        worn = "HAL[0].blocks('log', 1024).__class__.erase = lambda self, block: None"
        console.ask(f"exec({worn!r})")
        absent = "board_json.parse = lambda *_: dict(before(*_), sensors=[{'driver': 'absent'}])"
        console.ask(f"exec({'import board_json; before = board_json.parse; ' + absent!r}, globals())")
        found = run(console, boards.load_board(TYPE, FIT))
    assert states(failed(found)) == {"flash": "FAIL", "absent": "FAIL"}
    assert any("ImportError" in line for line in lines(failed(found), "en"))
