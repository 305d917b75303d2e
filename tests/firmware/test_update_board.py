"""A whole board under MicroPython takes an update from a foreign master, and answers and measures meanwhile."""

from pathlib import Path

import pytest
from pymodbus.pdu.file_message import FileRecord

from tests.firmware.board_process import ADDRESS, BoardProcess
from tests.firmware.test_rs485 import exception, read, read_named
from tests.firmware.update_board import FILES, SECRET, package_of
from tools.release import public_of
from wire.package import NO_KEY
from wire.registers import (
    NOW,
    ORDER_INSTALL,
    UPDATE_CHUNK,
    UPDATE_FILE,
    UPDATE_READY,
    UPDATE_REFUSED,
    UPDATE_VERIFYING,
    find,
)

EXIT_RESET = 10
PACKAGE = package_of(chip="posix")
ORDER = find("update_order")[0]
ASKS_MAX = 3_000


def write(client, record: int):
    data = PACKAGE[record * UPDATE_CHUNK : (record + 1) * UPDATE_CHUNK]
    piece = FileRecord(file_number=UPDATE_FILE, record_number=record, record_data=data + bytes(len(data) % 2))
    return client.write_file_record([piece], device_id=ADDRESS)


def settled(client) -> tuple[int, int]:
    for _ in range(ASKS_MAX):
        read(client, NOW, 4)  # It answers whatever it verifies.
        state = read_named(client, "update_state")
        if state != UPDATE_VERIFYING:
            return state, read_named(client, "update_offset")
    raise AssertionError("it never ends")


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.mpy")}


def test_a_package_goes_into_the_spare_slot_and_the_order_restarts_the_board(tmp_path):
    with BoardProcess(tmp_path, rate=10, update_key=public_of(SECRET).hex()) as board, board.client(5.0) as client:
        board.wait_for_scans(2)
        state, offset = settled(client)
        while state != UPDATE_READY:
            for record in range(offset // UPDATE_CHUNK, len(PACKAGE) // UPDATE_CHUNK + 1):
                answer = write(client, record)
                if answer.isError():
                    assert exception(answer) in (3, 6)
                    break
            state, offset = settled(client)
        assert offset == len(PACKAGE)
        scans = board.stats()["scans"]
        board.wait_for_scans(1)
        assert board.stats()["scans"] > scans
        assert not client.write_register(ORDER, ORDER_INSTALL, device_id=ADDRESS).isError()
        code, _ = board.wait_exit()
    assert code == EXIT_RESET
    assert below(tmp_path / "b") == FILES


def test_a_board_without_a_key_says_so(tmp_path):
    with BoardProcess(tmp_path, rate=10) as board, board.client(5.0) as client:
        board.wait_for_scans(2)
        assert exception(write(client, 0)) == 3
        assert settled(client) == (NO_KEY << 8 | UPDATE_REFUSED, 0)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("key", ["0f", "zz" * 32])
def test_a_key_that_cannot_be_stops_the_start_by_name(tmp_path, key):
    board = BoardProcess(tmp_path, update_key=key)
    with pytest.raises((AssertionError, TimeoutError), match="update_key"), board:
        pass
