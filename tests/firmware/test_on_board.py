"""The contract tests of hil_tests/on_board on a board process: the same files that run on a chip."""

from pathlib import Path

import pytest

import boards
from tests.firmware.board_process import INTERPRETER
from tools.bench.lone_board import PRINTED, SMALL, Pty, lone_board
from tools.firmware_build import build, script

ON_POSIX = Path(__file__).resolve().parents[2] / "hil_tests" / "on_board" / "on_posix.py"
FIT = ("level", "gap", "rain", "smoke")  # Every kind of port but SPI.
HEAP = "256k"


@pytest.fixture(params=[INTERPRETER, SMALL], ids=["64 bits", "32 bits"])
def program(request):
    if not request.param.exists():
        pytest.skip(f"no {request.param}: ./riverpost test puts one there where the machine runs it")
    return request.param


def contracts():
    """The tests as they run beside a build."""
    return script(ON_POSIX, *ON_POSIX.parent.glob("*.py"))


def told_by(program, folder, main=None):
    """What the tests told the rig, and all that they printed."""
    build()
    line = Pty()
    definition = boards.board_json("esp32-rs485", 11, 9_600, "8N1", None, fit=FIT)
    try:
        with lone_board(folder, definition, line, HEAP, program=program, script=main or contracts()) as board:
            told = board.wait_for("contract")
        return told, (folder / PRINTED).read_text()
    finally:
        line.close()


def test_a_board_process_keeps_every_contract(program, tmp_path):
    told, printed = told_by(program, tmp_path)
    assert told["failed"] == [], printed
    assert told["skipped"] == [], printed
    assert told["ran"] == printed.count("\nok") + printed.startswith("ok")
    assert told["ran"] >= 30


def test_a_contract_that_is_broken_is_told_and_the_others_are_still_tried(program, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(
        f"import sys\nsys.path.append({str(contracts().parent)!r})\n"
        "import contract, links.rs485\nfrom hal.posix_flash import FileFlash\n"
        "FileFlash.erase = lambda self, block: None\n"
        "links.rs485.seal = lambda frame, length: len(bytes(frame[:length])) + 2\n"
        "contract.main(sys.argv, '.')\n"
    )
    told, printed = told_by(program, tmp_path / "board", broken)
    assert "test_bits_are_cleared_by_programming_and_set_by_erasing_alone" in told["failed"], printed
    assert "test_functions_3_and_4_take_no_memory" in told["failed"], printed
    assert "MemoryError" in printed
    assert told["ran"] >= 30
