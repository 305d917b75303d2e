"""A converter's table over the console of a board on the desk, without a gateway."""

import contextlib
import json

import pytest

from gateway.load import load
from tests.gateway.station_toml import GOOD
from tests.tools.flash_inputs import definition
from tests.tools.running_board import LEVEL_PIN, SMOKE_PIN, running_board
from tools.emulator.terminal import Terminal
from tools.failure import EXIT_REFUSED

pytestmark = pytest.mark.long

SERIAL = "0000a0b765123456"  # Of the emulated ESP32.
SMOKE = '[[bus.board]]\nname = "smoke"\naddress = 14\ntype = "esp32-rs485"\nfit = ["smoke"]\n\n[[bus.sensor]]'


@pytest.fixture
def board(tmp_path):
    text = GOOD.replace("[[bus.sensor]]", SMOKE).replace('serial = "0123456789abcdef"', f'serial = "{SERIAL}"')
    (tmp_path / "station.toml").write_text(text)
    with running_board(tmp_path / "board", definition()) as board:
        board.plug(boot_held=False)
        yield board


@contextlib.contextmanager
def asked(folder, board, name, adc):
    words = ["calibrate", "table", name, "--adc", adc, "--port", board.port, "--by", "07", "--readings", 20]
    terminal = Terminal(*words, "--station", folder / "station.toml", "--lang", "en")
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize(("name", "adc", "pin"), [("level", 0, LEVEL_PIN), ("smoke", 1, SMOKE_PIN)])
def test_known_voltages_make_the_table_of_any_port(tmp_path, board, name, adc, pin):
    pairs = [[351_000, 360_000], [1_098_000, 1_100_000], [2_095_000, 2_120_000]]
    with asked(tmp_path, board, name, adc) as terminal:
        for number, (shows_uv, there_uv) in enumerate(pairs, 1):
            terminal.expect("Voltage at the terminal", times=number)
            board.set_pins(uv={pin: shows_uv})
            terminal.type(f"{there_uv / 1_000} mV\r")
        terminal.expect("Enter: no more")
        terminal.type("\r")
        terminal.expect("[y/N]")
        terminal.type("y\r")
        assert terminal.finish() == 0, terminal.seen
    source = next(source for source in load(tmp_path / "station.toml").sources if source.name == name)
    found = [one["adc_points"] for one in json.loads(source.board_json)["sensors"] if one.get("adc") == adc]
    assert found == [pairs]
    assert board.program.bites == 0, "the board was never left until its watchdog woke"


def test_another_board_than_the_one_that_is_meant_is_refused(tmp_path, board):
    file = tmp_path / "station.toml"
    file.write_text(file.read_text().replace(SERIAL, "0123456789abcdef"))
    before = file.read_bytes()
    with asked(tmp_path, board, "level", 0) as terminal:
        terminal.expect("Voltage at the terminal")
        terminal.type("0.4\r")
        assert terminal.finish() == EXIT_REFUSED
    assert f"{SERIAL} / 0123456789abcdef" in terminal.seen
    assert file.read_bytes() == before
