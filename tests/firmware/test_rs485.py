"""A board on the line, asked by a foreign Modbus master: pymodbus knows nothing of our frames."""

import shutil
import struct
import subprocess

import pytest
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.file_message import FileRecord

from tests.firmware.board_process import ADDRESS, BOARD, DEFINITION, SERIAL, BoardProcess
from wire import registers
from wire.reading import GOOD, MISSING, NEVER, QUANTITY_CODES, SYNCED
from wire.registers import field, find, slot
from wire.row import ANCHOR, split, unpack
from wire.short_rows import split_short

NOON = 1_800_000_000  # A full minute.


@pytest.fixture
def board(tmp_path):
    with BoardProcess(tmp_path, rate=10) as board:
        board.wait_for_scans(1)
        yield board


def read(client, register, count, device=ADDRESS):
    answer = client.read_holding_registers(register, count=count, device_id=device)
    assert not answer.isError(), answer
    assert len(answer.registers) == count
    return answer.registers


def read_named(client, name):
    register, count = find(name)
    return field(read(client, register, count), register, name)


def write_long(client, name, *numbers):
    words = [word for number in numbers for word in (number >> 16, number & 0xFFFF)]
    return client.write_registers(find(name)[0], words, device_id=ADDRESS)


def set_clock(client, unix_s, ms=0, device=ADDRESS, no_response=False):
    words = [unix_s >> 16, unix_s & 0xFFFF, ms]
    return client.write_registers(0x0200, words, device_id=device, no_response_expected=no_response)


def read_log(client, cursor, registers_asked=121, record_number=0, file=1):
    if not record_number:
        assert not write_long(client, "log_cursor", cursor).isError()
    size = 2 * registers_asked  # pymodbus counts bytes.
    asked = FileRecord(file_number=file, record_number=record_number, record_length=size)
    answer = client.read_file_record([asked], device_id=ADDRESS)
    assert not answer.isError(), answer
    data = answer.records[0].record_data
    assert len(data) == 2 * registers_asked
    epoch, first = struct.unpack(">II", data[:8])
    return epoch, first, [unpack(packed, epoch) for packed in (split if file == 1 else split_short)(data[8:])]


def exception(answer):
    assert isinstance(answer, ExceptionResponse), answer
    return answer.exception_code


def test_rain_and_level_stand_where_sl_651_looks_for_them(board):
    board.send({"edges": {"0": [300, 200, 100]}})
    board.wait_for_scans(1)
    with board.client() as client:
        assert read(client, 0x0000, 2) == [0, 6]  # Three tips of 0.2 mm in units of 0.1 mm.
        assert read(client, 0x0002, 2) == [0, 5000]  # 12 mA is the middle of 10 m.
        assert read(client, 0x0000, 4) == [0, 6, 0, 5000]
        answer = client.read_input_registers(0x0002, count=2, device_id=ADDRESS)
        assert answer.registers == [0, 5000]


def test_a_dead_probe_gives_exception_4_and_missing_never_a_number(board):
    board.send({"adc": {"0": 0}})
    board.wait_for_scans(2)
    with board.client() as client:
        assert exception(client.read_holding_registers(0x0002, count=2, device_id=ADDRESS)) == 4
        assert exception(client.read_holding_registers(0x0000, count=4, device_id=ADDRESS)) == 4
        words = read(client, registers.NOW, registers.now_count(3))
        code, quality, value, _ = slot(words, registers.NOW, 0)
        assert (code, quality, value) == (QUANTITY_CODES["head_mm"], MISSING, None)


def test_a_quantity_that_the_board_has_not_gives_exception_2(tmp_path):
    sensors = [BOARD["sensors"][2]]
    with (
        BoardProcess(tmp_path, sensors=sensors, sl651={"rain": None, "level": None}) as board,
        board.client() as client,
    ):
        assert exception(client.read_holding_registers(0x0000, count=2, device_id=ADDRESS)) == 2
        assert exception(client.read_holding_registers(0x0002, count=2, device_id=ADDRESS)) == 2
        assert read(client, registers.NOW, 1) == [1]


def test_now_values_carry_quantity_quality_and_age(board):
    with board.client() as client:
        words = read(client, registers.NOW, registers.now_count(8))
    assert field(words, registers.NOW, "channels", True) == 3
    assert field(words, registers.NOW, "time_quality", True) == NEVER
    assert field(words, registers.NOW, "scans", True) >= 1
    code, quality, value, age_ms = slot(words, registers.NOW, 0)
    assert (code, quality, value) == (QUANTITY_CODES["head_mm"], GOOD, 5000)
    assert age_ms <= 3_000
    assert slot(words, registers.NOW, 2)[:3] == (QUANTITY_CODES["supply_mv"], GOOD, 12_100)
    assert slot(words, registers.NOW, 7) == (0, MISSING, None, registers.AGE_MAX_MS)


def test_the_status_block_says_who_the_board_is(board):
    first, count = registers.STATUS, registers.STATUS_BLOCK[-1][0] + 1 - registers.STATUS
    with board.client() as client:
        words = read(client, first, count)
    assert field(words, first, "serial") == int(SERIAL, 16)
    assert field(words, first, "definition") == int(DEFINITION[:16], 16)
    assert field(words, first, "boot") == board.boot == 1
    assert field(words, first, "log_epoch") == board.epoch
    assert field(words, first, "reset_cause") == 0
    assert field(words, first, "time_quality") == NEVER
    assert field(words, first, "unix_s") == 0
    assert field(words, first, "supply_mv") == 12_100
    assert 50_000 < field(words, first, "heap_low_bytes") < 512 * 1024


@pytest.mark.parametrize(
    ("register", "count", "code"),
    [
        (registers.NOW, 126, 3),
        (registers.NOW, 0, 3),
        (0x002A, 1, 2),
        (0x0029, 2, 2),
        (0x00FF, 2, 2),
        (0x013D, 1, 2),
        (0x0202, 2, 2),
        (0x0203, 1, 2),
        (0x0218, 2, 2),
        (0xFFFF, 1, 2),
    ],
)
def test_a_wrong_address_or_count_gets_the_exception_that_the_standard_names(board, register, count, code):
    with board.client() as client:
        assert exception(ask(client, 3, struct.pack(">HH", register, count))) == code


def ask(client, function, body, device=ADDRESS):
    """Send a request that pymodbus itself would refuse to build."""

    class Raw(ModbusPDU):
        function_code = function
        rtu_frame_size = 0

        def encode(self):
            return body

    request = Raw(dev_id=device)
    return client.execute(False, request)


def test_writes_that_are_not_allowed_are_refused_with_the_right_exception(board):
    with board.client() as client:
        assert exception(client.write_register(0x0004, 1, device_id=ADDRESS)) == 2
        assert exception(client.write_register(0x0200, 1, device_id=ADDRESS)) == 3
        assert exception(client.write_registers(0x0203, [1], device_id=ADDRESS)) == 2
        assert exception(client.write_registers(0x0200, [1, 2], device_id=ADDRESS)) == 3
        assert exception(set_clock(client, 1_000_000)) == 3
        assert exception(set_clock(client, NOON, 1000)) == 3
        assert exception(ask(client, 16, struct.pack(">HHB", 0x0210, 2, 3) + b"abc")) == 3
        assert exception(write_long(client, "ack_epoch", 1, 0, 0)) == 3
        board.wait_for_scans(1)  # Counters are put in at the scan.
        assert read_named(client, "bus_exceptions") == 8


def test_unknown_functions_get_exception_1(board):
    with board.client() as client:
        assert exception(client.read_coils(0, count=1, device_id=ADDRESS)) == 1
        assert exception(ask(client, 0x41, b"\x01\x02\x03")) == 1
        assert exception(ask(client, 22, b"\0\0\0\0\0\0")) == 1
        record = FileRecord(file_number=1, record_number=0, record_data=b"\0\0")
        assert exception(client.write_file_record([record], device_id=ADDRESS)) == 2  # A file that is only read.


def test_only_the_own_address_is_answered(board):
    with board.client(timeout_s=0.2) as client:
        with pytest.raises(Exception, match="No response"):
            client.read_holding_registers(registers.NOW, count=1, device_id=ADDRESS + 1)
        assert read(client, registers.NOW, 1) == [3]


def test_garbage_before_a_request_does_not_hide_it(board):
    with board.client() as client:
        for garbage in (b"\0", b"\x0b\x03", bytes(range(200)), b"\x0b\x10\x02\x00\x00\x7b\xf6"):
            client.socket.write(garbage)
            client.socket.flush()
            requests = board.stats()["requests"]
            while board.stats()["dropped"] == 0:
                pass
            assert read(client, registers.NOW, 1) == [3]
            assert board.stats()["requests"] == requests + 1


def test_the_board_identifies_itself(board):
    with board.client() as client:
        basic = client.read_device_information(read_code=1, object_id=0, device_id=ADDRESS)
        assert basic.information == {0: b"Riverpost", 1: b"esp32-rs485", 2: b"0.1.0"}
        everything = client.read_device_information(read_code=3, object_id=0, device_id=ADDRESS)
        assert everything.information[0x80] == SERIAL.encode()
        one = client.read_device_information(read_code=4, object_id=0x80, device_id=ADDRESS)
        assert one.information == {0x80: SERIAL.encode()}
        assert exception(client.read_device_information(read_code=4, object_id=5, device_id=ADDRESS)) == 2
        assert exception(client.read_device_information(read_code=7, object_id=0, device_id=ADDRESS)) == 3


def test_a_broadcast_sets_the_clock_and_is_not_answered(board):
    with board.client() as client:
        set_clock(client, NOON, 250, device=0, no_response=True)
        while board.stats()["clock_steps"] == 0:
            pass
        words = read(client, find("unix_s")[0], 4)
        unix_ms = (words[0] << 16 | words[1]) * 1000 + words[2]
        assert NOON * 1000 + 250 <= unix_ms < NOON * 1000 + 60_000
        assert words[3] == SYNCED
        board.expect_rows(1)
        _, _, rows = read_log(client, 0)
    assert rows[0].kind == ANCHOR
    assert rows[0].anchor is not None
    assert rows[0].anchor[:3] == (NOON, 250, SYNCED)


def test_the_log_is_read_from_any_seq_in_chunks_of_any_size(tmp_path):
    with BoardProcess(tmp_path, rate=60, row_s=1) as board, board.client() as client:
        board.expect_rows(25)
        board.set_rate(1)
        epoch, first, rows = read_log(client, 0)
        assert (epoch, first) == (board.epoch, 1)
        assert len(rows) > 2
        told = {seq: crc for _, seq, crc in board.rows}
        for cursor in (1, 2, 7, 20):
            for size in (121, 60, 40):
                _, first, rows = read_log(client, cursor, size)
                assert first == cursor
                assert [row.seq for row in rows] == list(range(cursor, cursor + len(rows)))
                assert rows
        read_log(client, 3)
        for record in (1, 4, 18):
            assert read_log(client, 3, record_number=record)[1] == 3 + record
            whole, short = (read_log(client, 3, record_number=record, file=file)[2] for file in (1, 2))
            assert short[: len(whole)] == whole
            assert len(short) > len(whole) or short[-1].seq == read_named(client, "log_head")
        head = read_named(client, "log_head")
        assert set(range(1, head + 1)) >= set(told)
        assert read_log(client, head + 1000)[1:] == (head + 1000, [])


def test_wrong_requests_for_the_log_get_the_right_exceptions(board):
    with board.client() as client:
        for record, code in (
            (FileRecord(file_number=3, record_number=0, record_length=80), 2),
            (FileRecord(file_number=1, record_number=10_000, record_length=80), 2),
            (FileRecord(file_number=1, record_number=0, record_length=244), 3),
            (FileRecord(file_number=1, record_number=0, record_length=6), 3),
        ):
            assert exception(client.read_file_record([record], device_id=ADDRESS)) == code
        assert exception(ask(client, 20, b"\x0e" + 2 * b"\x06\0\1\0\0\0\x10")) == 3
        assert exception(ask(client, 20, b"\x07\x05\0\1\0\0\0\x10")) == 2


def test_watermarks_are_taken_and_can_be_read_back(tmp_path):
    with BoardProcess(tmp_path, rate=60, row_s=1) as board, board.client() as client:
        board.expect_rows(5)
        assert not write_long(client, "ack_epoch", board.epoch, 4, 2).isError()
        assert exception(write_long(client, "ack_epoch", board.epoch, 0xFFFFFF, 2)) == 3
        board.expect_rows(len(board.rows) + 1)
        assert read_named(client, "log_gateway_has") == 4
        assert read_named(client, "log_center_has") == 2


def test_a_cursor_can_also_be_written_by_halves(board):
    with board.client() as client:
        for register, value in ((0x0210, 1), (0x0211, 2)):
            assert not client.write_register(register, value, device_id=ADDRESS).isError()
        assert read(client, 0x0210, 2) == [1, 2]


@pytest.mark.parametrize(("first", "kind", "shown"), [(0, "4:hex", "0x0000"), (2, "4:int", "5000")])
def test_mbpoll_reads_rain_and_level(board, first, kind, shown):
    mbpoll = shutil.which("mbpoll")
    if not mbpoll:
        pytest.skip("no mbpoll on this machine (Debian package mbpoll)")
    line = ["-m", "rtu", "-a", str(ADDRESS), "-b", "9600", "-P", "none", "-1", "-0", "-B"]
    command = [mbpoll, *line, "-t", kind, "-r", str(first), "-c", "2" if first == 0 else "1", board.port]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert answer.returncode == 0, answer.stderr
    assert f"[{first}]: \t{shown}" in answer.stdout
