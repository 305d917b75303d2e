"""A board whose application or configuration is broken goes on answering on the line."""

import pytest
from pymodbus.client import ModbusSerialClient

from tools.emulator.board_files import FILES_BLOCKS
from tools.emulator.rig import BoardSpec, Rig
from tools.image import files
from wire.registers import field, find

ADDRESS = 11
FACTORY_ADDRESS = 247
FILES_BYTES = FILES_BLOCKS * files.BLOCK_BYTES


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path, boards=[BoardSpec("level", ("level",), ADDRESS)]) as made:
        yield made


def held(board) -> dict[str, bytes]:
    """Its files."""
    return files.unpack("posix", board.files_file.read_bytes().ljust(FILES_BYTES, b"\xff"))


def change(board, changes: dict[str, bytes]) -> None:
    """Put other files into its flash, while it has no power."""
    board.files_file.write_bytes(files.pack("posix", held(board) | changes, FILES_BYTES))


def status(rig, address: int, name: str) -> int:
    """A number of the status block, read on the line."""
    client = ModbusSerialClient(rig.port, baudrate=9600, timeout=1.0, retries=3)
    assert client.connect()
    try:
        register, count = find(name)
        answer = client.read_holding_registers(register, count=count, device_id=address)
        assert not answer.isError()
        return field(answer.registers, register, name)
    finally:
        client.close()


def test_a_slot_whose_program_is_broken_leaves_the_line_to_the_safe_application_and_then_the_other_slot(rig):
    board = rig.boards["level"]
    assert status(rig, ADDRESS, "slot") == 1
    board.stop_power()
    change(board, {"a/main.mpy": b"broken"})
    board.start()
    assert status(rig, ADDRESS, "slot") == 0
    assert status(rig, ADDRESS, "log_epoch") == board.boots[0][1]
    board.stop_power()
    change(board, {"b" + name[4:]: data for name, data in held(board).items() if name.startswith("safe/")})
    board.start()
    assert status(rig, ADDRESS, "slot") == 0x102  # On trial: this application never ran before.


def test_a_board_without_a_configuration_answers_where_it_disturbs_nobody(rig):
    board = rig.boards["level"]
    board.stop_power()
    change(board, {"board.0": b"", "board.1": b"torn"})
    board.start()
    assert status(rig, FACTORY_ADDRESS, "slot") == 0
    assert status(rig, FACTORY_ADDRESS, "reset_cause") == 6
