"""A board whose memory is too full for an update says so, and goes on with its work."""

import pytest
import update_course

from tests.firmware.update_board import FILES, PACKAGE, Board
from wire.modbus import DEVICE_FAILURE, ILLEGAL_VALUE
from wire.package import ENTRY, NO_MEMORY
from wire.registers import ORDER_DROP, ORDER_INSTALL, UPDATE_CHUNK, UPDATE_IDLE, UPDATE_READY, UPDATE_REFUSED


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


@pytest.mark.parametrize("at", ["a piece comes", "it is proved", "it is gone on with"])
def test_a_board_whose_memory_is_too_full_refuses_and_takes_it_later(board, monkeypatch, at):
    def too_full(*_):
        raise MemoryError

    begun = 2 * UPDATE_CHUNK
    if at == "it is gone on with":
        board.send(PACKAGE[:-1])
        board.restart()
        monkeypatch.setattr(update_course.Course, "resume", too_full)
        board.finish()
    elif at == "it is proved":
        monkeypatch.setattr(update_course.Course, "_proved", too_full)
        board.send(PACKAGE)
    else:
        board.send(PACKAGE[:begun])
        monkeypatch.setattr(update_course.Course, "take", too_full)
        assert board.update.take(begun, PACKAGE[begun : begun + UPDATE_CHUNK]) == DEVICE_FAILURE
    assert board.state == (UPDATE_REFUSED, NO_MEMORY)
    assert board.update.take(0, PACKAGE[:UPDATE_CHUNK]) == ILLEGAL_VALUE
    assert board.update.work() == -1
    monkeypatch.undo()
    assert board.update.order(ORDER_DROP) == 0
    assert board.state == (UPDATE_IDLE, 0)
    board.send(PACKAGE)
    assert board.state == (UPDATE_READY, 0)
    assert board.update.order(ORDER_INSTALL) == 0
    assert board.spare()[ENTRY] == FILES[ENTRY]
