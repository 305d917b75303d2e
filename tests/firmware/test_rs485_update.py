"""Updates over the line: function 21 as pymodbus builds and reads it, orders, and requests of the wrong shape."""

import pytest
from bank import Bank
from board_log import BoardLog
from clock import Clock
from hypothesis import given
from hypothesis import strategies as st
from links.rs485 import Rs485
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.file_message import FileRecord, WriteFileRecordRequest, WriteFileRecordResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from tests.firmware.nor_flash import NorFlash
from tests.firmware.test_rs485_bytes import ADDRESS, Line
from tests.firmware.update_board import COUNTER, FILES, HEAD_END, OLD, PACKAGE, Board, Hal
from wire.reading import QUANTITY_CODES
from wire.registers import (
    ORDER_DROP,
    ORDER_INSTALL,
    UPDATE_CHUNK,
    UPDATE_FILE,
    UPDATE_IDLE,
    UPDATE_READY,
    UPDATE_RECEIVING,
    UPDATE_VERIFYING,
    field,
    find,
)

ORDER = find("update_order")[0]


class Master:
    """A foreign master on the line of a board in this process."""

    def __init__(self, board: Board) -> None:
        self.board = board
        hal = Hal()
        clock = Clock(hal)
        log = BoardLog(NorFlash(4), 0x01020304)
        self.bank = board.bank = Bank([QUANTITY_CODES["head_mm"]], {}, 1000, clock, hal.ticks_diff)
        board.restart()
        self.line = Line()
        self.link = Rs485(self.line, {"address": ADDRESS}, self.bank, log, clock)
        self.link.serve_update(board.update)

    def ask(self, request: ModbusPDU) -> ModbusPDU:
        """The answer to `request`, as pymodbus reads it."""
        request.dev_id = ADDRESS
        frame = self.frame(FramerRTU(DecodePDU(is_server=False)).buildFrame(request))
        used, answer = FramerRTU(DecodePDU(is_server=False)).handleFrame(frame, 0, 0)
        assert used == len(frame)
        assert answer is not None
        return answer

    def frame(self, frame: bytes) -> bytes:
        self.line.pieces, self.line.answers, self.line.silent = [frame], [], True
        self.link.poll(0)
        (answer,) = self.line.answers
        return answer

    def write(self, record: int, data: bytes, file: int = UPDATE_FILE) -> ModbusPDU:
        piece = FileRecord(file_number=file, record_number=record, record_data=data)
        piece.record_length = len(data) // 2
        return self.ask(WriteFileRecordRequest([piece]))

    def chunk(self, record: int, package: bytes = PACKAGE) -> ModbusPDU:
        data = package[record * UPDATE_CHUNK : (record + 1) * UPDATE_CHUNK]
        return self.write(record, data + bytes(len(data) % 2))

    def order(self, value: int) -> ModbusPDU:
        return self.ask(WriteSingleRegisterRequest(address=ORDER, registers=[value]))

    def named(self, name: str) -> int:
        first, count = find(name)
        answer = self.ask(ReadHoldingRegistersRequest(address=first, count=count))
        return field(answer.registers, first, name)

    @property
    def state(self) -> tuple[int, int]:
        return self.named("update_state"), self.named("update_offset")


@pytest.fixture
def master(tmp_path):
    return Master(Board(tmp_path))


def code(answer: ModbusPDU) -> int:
    assert isinstance(answer, ExceptionResponse), answer
    return answer.exception_code


def test_a_whole_package_goes_over_the_line_and_is_installed_by_an_order(master):
    assert master.state == (UPDATE_IDLE, 0)
    for record in range(len(PACKAGE) // UPDATE_CHUNK + 1):
        if master.state[0] == UPDATE_VERIFYING:
            assert code(master.chunk(record)) == 6
            master.board.finish()
            assert master.state == (UPDATE_RECEIVING, record * UPDATE_CHUNK)
        answer = master.chunk(record)
        assert isinstance(answer, WriteFileRecordResponse), (record, answer)
        assert (answer.records[0].file_number, answer.records[0].record_number) == (UPDATE_FILE, record)
        assert answer.records[0].record_data.startswith(PACKAGE[record * 128 : record * 128 + 128])
    assert code(master.order(ORDER_INSTALL)) == 3
    master.board.finish()
    assert master.state == (UPDATE_READY, len(PACKAGE))
    assert not master.order(ORDER_INSTALL).isError()
    assert master.board.update.restart_due
    assert {path: content for path, content in master.board.spare().items() if path != "manifest"} == FILES
    master.board.restart("b")
    assert master.named("version_counter") == COUNTER


def test_a_record_that_is_here_is_echoed_and_one_beyond_is_refused(master):
    for record in (0, 1, 0, 1):
        assert not master.chunk(record).isError()
    assert master.state == (UPDATE_RECEIVING, 2 * UPDATE_CHUNK)
    assert code(master.chunk(3)) == 3
    assert code(master.write(0, b"RPU1" + bytes(124))) == 3  # Another package.
    assert master.state == (UPDATE_RECEIVING, 2 * UPDATE_CHUNK)
    assert not master.order(ORDER_DROP).isError()
    assert master.state == (UPDATE_IDLE, 0)


def test_an_order_by_function_16_is_as_good(master):
    master.chunk(0)
    assert not master.ask(WriteMultipleRegistersRequest(address=ORDER, registers=[ORDER_DROP])).isError()
    assert master.state == (UPDATE_IDLE, 0)
    for value in (0, 3, ORDER_INSTALL, 0xFFFF):
        assert code(master.ask(WriteMultipleRegistersRequest(address=ORDER, registers=[value]))) == 3
        assert code(master.order(value)) == 3


def test_a_low_supply_is_exception_4(master):
    master.board.supply_good = False
    assert code(master.chunk(0)) == 4
    assert code(master.order(ORDER_DROP)) == 4
    assert master.board.spare() == OLD


def test_another_file_or_record_beyond_the_last_is_exception_2(master):
    for file in (0, 1, 2, 4, 0xFFFF):
        assert code(master.write(0, bytes(128), file)) == 2
    assert code(master.write(10_000, bytes(128))) == 2
    assert code(master.write(9_999, bytes(128))) == 3


# Data length, type, file, record, registers, bytes of data.
SHAPES = {
    "another type": (11, 7, 3, 0, 2, 4, 2),
    "no registers": (7, 6, 3, 0, 0, 0, 3),
    "shorter than one register": (8, 6, 3, 0, 1, 1, 3),
    "more registers than bytes": (11, 6, 3, 0, 3, 4, 3),
    "fewer registers than bytes": (11, 6, 3, 0, 1, 4, 3),
    "half a register": (12, 6, 3, 0, 2, 5, 3),
    "more than a chunk": (7 + 130, 6, 3, 0, 65, 130, 3),
    "the longest there is": (0xFB, 6, 3, 0, 122, 244, 3),
    "two groups": (2 * 9, 6, 3, 0, 1, 11, 3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_request_of_another_shape_gets_its_exception(master, name):
    length, kind, file, record, registers, count, expected = SHAPES[name]
    body = bytes((ADDRESS, 21, length, kind, 0, file, 0, record, 0, registers)) + bytes(count)
    answer = master.frame(body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))
    assert answer[:3] == bytes((ADDRESS, 21 | 0x80, expected))
    assert master.state == (UPDATE_IDLE, 0)


@given(st.binary(max_size=250))
def test_whatever_follows_function_21_gets_an_answer_and_writes_nothing(tmp_path_factory, data):
    master = Master(Board(tmp_path_factory.mktemp("board")))
    body = bytes((ADDRESS, 21, len(data))) + data
    answer = master.frame(body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))
    assert answer[:2] in (bytes((ADDRESS, 21)), bytes((ADDRESS, 21 | 0x80)))
    assert master.board.spare() == OLD


def test_a_link_without_an_update_knows_no_function_21(master):
    link = Rs485(master.line, {"address": ADDRESS}, master.bank, None, Clock(Hal()))
    master.link = link
    assert code(master.chunk(0)) == 1
    assert code(master.order(ORDER_DROP)) == 3


def test_only_the_last_register_of_the_control_block_takes_orders():
    assert find("update_order") == (ORDER, 1)
    assert find("update_state") == (0x013B, 1)
    assert HEAD_END > 2 * UPDATE_CHUNK
