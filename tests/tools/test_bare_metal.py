"""What a bare board's flash is made of, and how it is divided."""

import ast

import pytest

import boards
from tools.bare_metal import board as bare_board
from tools.failure import Failure
from tools.firmware_build import FIRMWARE


def constants(path):
    """{name: number} of the plain constants of a file that only a chip can import."""
    found = {}
    for line in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
            found[ast.unparse(line.targets[0])] = line.value.value
    return found


def test_the_definition_divides_the_flash_as_the_firmware_does():
    chip = constants(FIRMWARE / "hal" / "chip_flash.py") | constants(FIRMWARE / "hal" / "rp2_flash.py")
    assert (chip["LOG_AT"], chip["FILES_AT"]) == (bare_board.LOG_AT, bare_board.FILES_AT)
    assert chip["FILES_BLOCKS"] == bare_board.FILES_BLOCKS
    pieces = {piece.name: (piece.offset, piece.size) for piece in boards.load_board("rp2040-rs485").partitions}
    assert pieces["app"] == (0, chip["LOG_AT"])
    assert pieces["log"] == (chip["LOG_AT"], chip["FILES_AT"] - chip["LOG_AT"])
    assert pieces["slots"] == (chip["FILES_AT"], chip["FILES_BLOCKS"] * chip["BLOCK_BYTES"])


def test_an_interpreter_that_reaches_into_the_log_is_refused(tmp_path):
    image = tmp_path / "firmware.bin"
    image.write_bytes(bytes(bare_board.LOG_AT + 1))
    with pytest.raises(Failure) as caught:
        bare_board.flash_image(image, {}, tmp_path / "out.bin")
    assert "ends at 0x60001, the log begins at 0x60000" in caught.value.text()
    assert not (tmp_path / "out.bin").exists()


def test_an_interpreter_that_ends_at_the_log_is_put_on_a_board_with_its_files(tmp_path):
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"\x01" * bare_board.LOG_AT)
    bare_board.flash_image(image, {}, tmp_path / "out.bin")
    flash = (tmp_path / "out.bin").read_bytes()
    assert len(flash) == 0x20_0000
    assert set(flash[bare_board.LOG_AT : bare_board.FILES_AT]) == {0xFF}
    assert b"littlefs" in flash[bare_board.FILES_AT :][:4096]
