"""The UF2 file of `riverpost image` on an RP2040: it starts, and mounts our file system without writing to it."""

import ast
from zlib import crc32

import pytest

import boards
from boards.definition import canonical
from tools.bare_metal.board import Board
from tools.emulator.uf2_drive import Uf2Drive
from tools.flash.drive import copy
from tools.image import files
from tools.image.make import make

BOARD = "rp2040-rs485"
FLASH_BYTES = 2 << 20
RUN_MS = 20_000
DONE = "all told"
# In the place of our start: whatever the interpreter reads, told once somebody listens.
LISTER = b"""
import os, time
from binascii import crc32

def told(folder):
    for name, kind, *_ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind == 0x4000:
            told(path)
        else:
            with open(path, "rb") as file:
                print((path, crc32(file.read())))

time.sleep(2)
told("")
print("all told")
"""


@pytest.fixture
def content():
    definition = canonical(boards.board_json(BOARD, 11, 9600, "8N1"))
    return {**files.content("rp2040", definition).files, "main.py": LISTER}


def test_micropython_starts_from_the_uf2_file_and_reads_every_file_of_it(kit, tmp_path, content):
    image = make(boards.load_board(BOARD), kit.image.read_bytes(), content)
    with Uf2Drive(tmp_path, FLASH_BYTES) as drive:
        copy(drive.folder, image.file, lambda done, total: None, "en")
        assert (drive.started, drive.faults) == (True, [])
        flash = tmp_path / "flash.bin"
        flash.write_bytes(drive.flash)
    board = Board(kit.emulator, flash, uart=0)
    try:
        board.power()
        console = board.run(RUN_MS, DONE)
        written = (board.erases, board.programs)
    finally:
        board.close()
    assert DONE in console, console
    lines = [ast.literal_eval(line) for line in console.splitlines() if line.startswith("(")]
    assert dict(lines) == {f"/{path}": crc32(data) for path, data in content.items()}
    assert written == (0, 0)
