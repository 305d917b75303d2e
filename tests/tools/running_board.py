"""An emulated ESP32 that runs the application in its flash, for tests of what talks to its console."""

from functools import cache
from pathlib import Path
from typing import Any

import boards
from tests.tools.flash_inputs import tiny
from tools.emulator.rom_board import RomBoard
from tools.image.files import content
from tools.image.make import make

FLASH_BYTES = 8 << 20
IMAGE_AT = 0x1000
LEVEL_PIN, SMOKE_PIN, SUPPLY_PIN = "34", "35", "39"
AT_REST = {LEVEL_PIN: 1_200_000, SMOKE_PIN: 400_000, SUPPLY_PIN: 1_136_000}  # Microvolts: 12 mA, clear air, 12.5 V.


@cache
def flashed(board_type: str, definition: bytes | None) -> bytes:
    """The flash of a board that just got its image, with a tiny file in the place of the interpreter."""
    image = make(boards.load_board(board_type), tiny(), content("esp32", definition).files)
    return (b"\xff" * IMAGE_AT + image.file).ljust(FLASH_BYTES, b"\xff")


def running_board(
    folder: Path, definition: bytes | None = None, board_type: str = "esp32-rs485", **more: Any
) -> RomBoard:
    """The board, switched off, with its sensors at rest. `plug(boot_held=False)` starts it."""
    folder.mkdir(exist_ok=True)
    (folder / "flash").write_bytes(flashed(board_type, definition))
    board = RomBoard(folder, runs=True, **more)
    board.set_pins(uv=AT_REST)
    return board
