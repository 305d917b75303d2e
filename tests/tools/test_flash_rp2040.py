"""Flash an RP2040: the file goes onto the drive that it shows, and from there into the right places."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial

from tests.tools.flash_inputs import definition
from tools.__main__ import main
from tools.emulator.uf2_drive import Uf2Drive
from tools.image import files
from tools.image.make import _crc32_mpeg

pytestmark = pytest.mark.long

LOG_AT, FILES_AT, FLASH_BYTES = 0x60000, 0xA0000, 2 << 20


def interpreter() -> bytes:
    """A second stage with its right CRC-32, and a word of MicroPython."""
    stage = b"second stage".ljust(252, b"\0")
    return stage + _crc32_mpeg(stage).to_bytes(4, "little") + b"MicroPython-1.25.0-arm " * 400


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.console.STOP_TRIES", 1)  # The console below only speaks.
    monkeypatch.setattr("tools.console.STOP_LIMIT_S", 0)
    (tmp_path / "pico.bin").write_bytes(interpreter())
    (tmp_path / "board.json").write_bytes(definition("rp2040-rs485"))
    return tmp_path


class Console:
    """The board's USB console, which is there once the drive has gone. It says `words` to whoever opens it."""

    def __init__(self, drive, words):
        self._drive, self._words = drive, words
        self._master, slave = os.openpty()
        self.device = os.ttyname(slave)
        self.vid, self.serial_number = 0x2E8A, "E6614C311B7E8A2F"
        os.close(slave)

    def ports(self):
        return [self] if self._drive.started else []

    def opened(self, *words, **named):
        link = serial.Serial(*words, **named)
        os.write(self._master, self._words)
        return link


@pytest.fixture
def console(monkeypatch):
    """A call that gives `drive` a console."""

    def give(drive, words=b"ready {'boot': 1} heap 150000\r\n"):
        made = Console(drive, words)
        monkeypatch.setattr("tools.flash.rp2040_job.list_ports", SimpleNamespace(comports=made.ports))
        monkeypatch.setattr("tools.flash.rp2040_job.serial", SimpleNamespace(Serial=made.opened))

    return give


def flash(drive, folder, *more):
    files = ["--micropython", folder / "pico.bin", "--config", folder / "board.json", "--accept-unknown", "--yes"]
    return main(["flash", "rp2040-rs485", "--port", str(drive.folder), *[str(word) for word in [*files, *more]]])


def test_interpreter_and_files_arrive_and_the_log_stays(folder, console, capsys):
    with Uf2Drive(folder, FLASH_BYTES) as drive:
        drive.flash[:] = b"\x5a" * FLASH_BYTES
        console(drive)
        assert flash(drive, folder) == 0
        assert (drive.started, drive.faults) == (True, [])
        held = bytes(drive.flash)
    assert held.startswith(interpreter())
    assert held[LOG_AT:FILES_AT] == b"\x5a" * (FILES_AT - LOG_AT)
    found = files.unpack("rp2040", held[FILES_AT:])
    assert files.unpack_twin(found["board.0"]) == definition("rp2040-rs485")
    out = capsys.readouterr().out
    assert "serial e6614c311b7e8a2f" in out
    assert "rows stay on the board" in out
    assert "No self-test: No answer from the board's console" in out


def test_a_dry_run_and_a_drive_of_another_chip_get_nothing(folder, capsys):
    with Uf2Drive(folder, FLASH_BYTES) as drive:
        assert flash(drive, folder, "--dry-run") == 0
        assert [place.name for place in drive.folder.iterdir()] == ["INFO_UF2.TXT"]
    with Uf2Drive(folder, FLASH_BYTES, board_id="RP2350") as drive:
        assert flash(drive, folder) == 5
        assert [place.name for place in drive.folder.iterdir()] == ["INFO_UF2.TXT"]
    assert "Board-ID: RP2350" in capsys.readouterr().err


def test_without_a_drive_it_is_told_how_to_hold_bootsel(folder, capsys):
    gone = SimpleNamespace(folder=Path(folder / "nowhere"))
    assert flash(gone, folder) == 3
    assert "hold BOOTSEL" in capsys.readouterr().err


def test_a_board_whose_start_fails_is_not_right(folder, console, capsys):
    with Uf2Drive(folder, FLASH_BYTES) as drive:
        console(drive, b"Traceback (most recent call last):\r\nready ")
        assert flash(drive, folder) == 4
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "not read back" in err


@pytest.mark.parametrize("blocks", [1, 700, 2000])
def test_a_cable_that_is_pulled_is_told_and_the_same_command_repairs(folder, console, capsys, monkeypatch, blocks):
    monkeypatch.setattr("tools.flash.rp2040_job.CONSOLE_LIMIT_S", 0.3)
    with Uf2Drive(folder, FLASH_BYTES) as drive:
        console(drive)
        drive.pull_after = blocks
        assert flash(drive, folder) == 4  # The file was copied, or the drive went first; never "done".
        assert not drive.started
        capsys.readouterr()
        drive.plug()
        assert flash(drive, folder) == 0
        assert drive.started
        whole = bytes(drive.flash)
    assert whole.startswith(interpreter())
    assert files.unpack("rp2040", whole[FILES_AT:])["board.0"]
