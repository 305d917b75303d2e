"""A board whose memory is too full for an update says so, and goes on with its work."""

import pytest
import update_course

from tests.firmware.board_process import micropython
from tests.firmware.update_board import FILES, PACKAGE, Board
from wire.modbus import DEVICE_FAILURE, ILLEGAL_VALUE
from wire.package import ENTRY, NO_MEMORY
from wire.registers import ORDER_DROP, ORDER_INSTALL, UPDATE_CHUNK, UPDATE_IDLE, UPDATE_READY, UPDATE_REFUSED

HEAD_PLACE = """
import gc
import update_course  # So that its names are there: the table of names grows in one piece.
from modules import let_go
from update import Update
let_go("update_course", "wire.package_head")

class Hal:
    def ticks_ms(self):
        return 0
    def ticks_diff(self, later, earlier):
        return later - earlier

class Slots:
    running, spare = "a", "b"
    def path(self, name):
        return FOLDER + "/" + name

class Bank:
    def put(self, register, value):
        pass
    put_long = put

def filled(piece):
    kept = []
    try:
        while True:
            kept.append(bytearray(piece))
    except MemoryError:
        return kept

update = Update(Hal(), Slots(), Bank(), bytes(32), "posix", lambda: True)
if KEPT:
    update.keep_place()
kept = filled(1_024)
for i in range(0, len(kept), 2):  # Free is 1 KiB beside 1 KiB that is not.
    kept[i] = None
gc.collect()
print(gc.mem_free() > 30_000, update.take(0, b"RPU1\\x10\\x00" + bytes(122)), update.word)
"""


@pytest.mark.parametrize(("kept", "said"), [(True, "True 0 1"), (False, f"True {DEVICE_FAILURE} {NO_MEMORY << 8 | 4}")])
def test_the_head_of_the_longest_package_finds_its_place_in_a_memory_that_lies_in_small_pieces(tmp_path, kept, said):
    done = micropython("128k", "-c", f"FOLDER, KEPT = {str(tmp_path)!r}, {kept}\n{HEAD_PLACE}")
    assert done.stderr == ""
    assert done.stdout.strip().splitlines()[-1] == said


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
