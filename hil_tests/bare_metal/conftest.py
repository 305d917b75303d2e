"""Tests of a board on bare metal. They run with `./riverpost test --bare-metal` alone: it sets RIVERPOST_BARE_METAL."""

import os

import pytest

from hil_tests.bare_metal.line import DE_PIN, definition
from tools.bare_metal.board import Board, flash_image
from tools.bare_metal.image import provide

if "RIVERPOST_BARE_METAL" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def kit():
    """The interpreter's image and the emulator, made where they are not in the cache."""
    return provide()


@pytest.fixture
def board_of(kit, tmp_path):
    """A call that gives a board, switched off, whose board.json is `definition(...)`; `changed`: files of it."""
    boards = []

    def make(changed=None, **settings):
        file = tmp_path / f"flash-{len(boards)}.bin"
        flash_image(kit.image, definition(**settings), file, changed)
        boards.append(Board(kit.emulator, file, uart=0, de=DE_PIN))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


@pytest.fixture
def board(board_of):
    """A board that was just switched on and is ready; free memory is told on the console."""
    made = board_of()
    made.power()
    made.start()
    return made
