"""A board's console, through the real mpremote: what is done there, and everything that may be in the way."""

import contextlib
import os
import threading
import tty

import pytest
import serial

from tests.tools.flash_inputs import definition
from tests.tools.running_board import flashed, running_board
from tools.console import NAMES, RESET, Console
from tools.emulator.rom_board import RomBoard
from tools.failure import Failure
from tools.image.files import pack, unpack

pytestmark = pytest.mark.long

BY_ITSELF, SOFT, POWER_ON = 2, 5, 1
READY_S = 10.0


@pytest.fixture
def board(tmp_path):
    with running_board(tmp_path, definition()) as board:
        board.plug(boot_held=False)
        yield board


@pytest.fixture
def quick(monkeypatch):
    """Wait for nobody."""
    monkeypatch.setattr("tools.console.STOP_TRIES", 1)
    monkeypatch.setattr("tools.console.STOP_LIMIT_S", 0)


def refused(port, key_words):
    with pytest.raises(Failure) as raised, Console(str(port), "en") as console:
        console.stop()
    assert key_words in raised.value.text()
    return raised.value


@contextlib.contextmanager
def answering(words):
    """A port where something says `words` to whatever comes."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def answer():
        with contextlib.suppress(OSError):  # Closed.
            while os.read(master, 64):
                os.write(master, words)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield os.ttyname(slave)
    os.close(slave)
    thread.join()
    os.close(master)


def test_a_board_says_who_it_is_does_what_it_is_asked_and_runs_on(board):
    with Console(str(board.port), "en") as console:
        console.stop()
        assert (console.chip, console.serial, console.application) == ("esp32", "0000a0b765123456", "/a")
        console.send("look")
        found = console.ask(f"look({NAMES!r}, [], '', 64)")
        assert found["copies"][0]["definition"]["link"]["address"] == 11
        assert found["log"]["rows"] == 0
        assert console.restart()
        assert "ready" in console.said()
    assert board.program.starts == [POWER_ON, SOFT, BY_ITSELF]
    assert board.program.bites == 0


def test_nothing_of_what_is_sent_is_stored_on_the_board(board, tmp_path):
    with Console(str(board.port), "en") as console:
        console.stop()
        console.send("look")
        console.send("settings")
        console.send("self_test")
        assert console.restart()
    board.switch_off()
    held = (tmp_path / "flash").read_bytes()[0x200000:0x400000]
    before = unpack("esp32", flashed("esp32-rs485", definition())[0x200000:0x400000])
    assert unpack("esp32", held) == before


def test_a_board_that_was_left_is_restarted_and_says_that_it_was_meant(board):
    console = Console(str(board.port), "en")
    with console:
        console.stop()
    with serial.Serial(str(board.port), 115_200, timeout=READY_S) as port:
        assert b"ready" in port.read_until(b"heap")
    with console:
        console.stop()
        console.send("look")
        assert console.ask("HAL[0].reset_cause()") == RESET
        assert console.restart()
    assert board.program.bites == 0


def test_a_call_that_fails_says_why_and_a_secret_in_it_is_not_told(board):
    with Console(str(board.port), "en") as console:
        console.stop()
        with pytest.raises(Failure) as raised:
            console.ask("{}['absent'] + 'very secret'")
    assert "KeyError: absent" in raised.value.text()
    assert "secret" not in raised.value.text()


def test_ports_that_are_missing_taken_or_locked_are_named(board, tmp_path):
    refused(tmp_path / "none", "There is no port")
    with serial.Serial(str(board.port), exclusive=True):
        refused(board.port, "is in use")


def test_a_silent_board_and_one_that_waits_for_a_program_are_told_apart(tmp_path, quick):
    with RomBoard(tmp_path, silent=True) as board:
        failure = refused(board.port, "tap RESET, wait ten seconds")
    assert "nothing was written" in failure.text()
    with answering(b"waiting for download\r\n") as port:
        refused(port, "tap RESET without holding BOOT")


def test_another_program_at_the_port_is_no_board_of_ours(tmp_path, quick):
    with answering(b"login: ") as port:
        failure = refused(port, "it is not MicroPython")
    assert "login:" in failure.text()


def test_micropython_without_our_program_is_known(tmp_path):
    with running_board(tmp_path) as board:
        content = bytearray((tmp_path / "flash").read_bytes())
        content[0x200000:0x400000] = pack("esp32", {"main.py": b"print('somebody else')"}, 0x200000)
        (tmp_path / "flash").write_bytes(content)
        board.plug(boot_held=False)
        with Console(str(board.port), "en") as console:
            console.stop()
            assert (console.chip, console.application) == ("esp32", "")


def test_a_cable_that_is_pulled_is_told(board):
    with Console(str(board.port), "en") as console:
        console.stop()
        board.unplug()
        with pytest.raises(Failure) as raised:
            console.ask("1")
    assert raised.value.code == "RP-P05"
