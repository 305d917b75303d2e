"""Frames and CRC against pymodbus, against a CRC made bit by bit, and against frames that vendors have published."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu import file_message as files
from pymodbus.pdu import mei_message as mei
from pymodbus.pdu import register_message as regs

from wire import modbus
from wire.modbus import IMPOSSIBLE, UNKNOWN, answer_length, crc16, request_length, seal, t35_us

PUBLISHED = Path(__file__).parents[2] / "tools" / "data" / "modbus" / "frames.csv"
PYMODBUS = FramerRTU(DecodePDU(False))
PYMODBUS_SERVER = FramerRTU(DecodePDU(True))

addresses = st.integers(1, modbus.ADDRESS_MAX)
u16 = st.integers(0, 0xFFFF)
words = st.lists(u16, min_size=1, max_size=123)


def oracle_crc16(data: bytes, crc: int = 0xFFFF) -> int:
    """CRC of V1.02, 6.2.2, bit by bit: start FFFF, shift right, A001 where a one falls out. `crc` continues one."""
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc


def with_crc(body: bytes) -> bytes:
    return body + oracle_crc16(body).to_bytes(2, "little")


def registers_read(kind):
    return st.builds(kind, address=st.integers(0, 0xFFFF - 125), count=st.integers(1, 125), dev_id=addresses)


def file_record(bytes_max: int):
    data = st.integers(1, bytes_max // 2).flatmap(lambda n: st.binary(min_size=2 * n, max_size=2 * n))
    return st.builds(files.FileRecord, file_number=u16, record_number=u16, record_data=data)


def one_record(kind, record):
    return st.builds(lambda r, d: kind(records=[r], dev_id=d), record, addresses)


asked_record = st.builds(
    files.FileRecord, file_number=u16, record_number=u16, record_length=st.integers(1, 121).map(lambda n: 2 * n)
)
REQUESTS = {
    "read holding": registers_read(regs.ReadHoldingRegistersRequest),
    "read input": registers_read(regs.ReadInputRegistersRequest),
    "write single": st.builds(
        regs.WriteSingleRegisterRequest, address=u16, registers=st.lists(u16, min_size=1, max_size=1), dev_id=addresses
    ),
    "write multiple": st.builds(
        lambda a, w, d: regs.WriteMultipleRegistersRequest(address=a, count=len(w), registers=w, dev_id=d),
        u16,
        words,
        addresses,
    ),
    "read file": one_record(files.ReadFileRecordRequest, asked_record),
    "write file": one_record(files.WriteFileRecordRequest, file_record(238)),
    "identification": st.builds(
        mei.ReadDeviceInformationRequest, read_code=st.integers(1, 4), object_id=st.integers(0, 255), dev_id=addresses
    ),
}
ANSWERS = {
    "read holding": st.builds(regs.ReadHoldingRegistersResponse, registers=words, dev_id=addresses),
    "read input": st.builds(regs.ReadInputRegistersResponse, registers=words, dev_id=addresses),
    "write single": st.builds(
        regs.WriteSingleRegisterResponse, address=u16, registers=st.lists(u16, min_size=1, max_size=1), dev_id=addresses
    ),
    "write multiple": st.builds(
        regs.WriteMultipleRegistersResponse, address=u16, count=st.integers(1, 123), dev_id=addresses
    ),
    "read file": one_record(files.ReadFileRecordResponse, file_record(242)),
    "write file": one_record(files.WriteFileRecordResponse, file_record(238)),
    "exception": st.builds(
        ExceptionResponse,
        function_code=st.sampled_from([3, 4, 6, 16, 20, 21, 43]),
        exception_code=st.integers(1, 11),
        device_id=addresses,
    ),
}


def published():
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return [(row["direction"], bytes.fromhex(row["frame_hex"]), row["meaning"]) for row in csv.DictReader(file)]


def test_all_published_frames_are_there():
    assert len(published()) == 22


@pytest.mark.parametrize(("direction", "frame", "meaning"), published())
def test_published_frame_ends_by_its_length_and_crc(direction, frame, meaning):
    length = answer_length if direction == "response" else request_length
    assert length(frame, 0, len(frame)) == len(frame), meaning
    assert crc16(frame, len(frame) - 2).to_bytes(2, "little") == frame[-2:]
    assert oracle_crc16(frame[:-2]).to_bytes(2, "little") == frame[-2:]


@given(st.binary(max_size=256), st.integers(0, 256))
def test_crc_is_that_of_pymodbus_and_of_the_bitwise_oracle(data, length):
    length = min(length, len(data))
    crc = crc16(data, length)
    assert crc == oracle_crc16(data[:length])
    assert crc.to_bytes(2, "little") == FramerRTU.compute_CRC(data[:length]).to_bytes(2, "big")


def test_crc_has_the_published_check_value():
    assert crc16(b"123456789", 9) == oracle_crc16(b"123456789") == 0x4B37  # The check value of CRC-16/MODBUS.


@given(st.binary(min_size=2, max_size=254))
def test_sealed_frame_is_whole_for_pymodbus(body):
    frame = bytearray(body + b"\xee\xee\xee")
    assert seal(frame, len(body)) == len(body) + 2
    assert frame[: len(body)] == body
    assert FramerRTU.check_CRC(bytes(body), frame[len(body)] << 8 | frame[len(body) + 1])
    assert frame[-1] == 0xEE


@pytest.mark.parametrize("kind", REQUESTS)
@given(data=st.data())
def test_request_of_pymodbus_has_the_length_that_we_see(kind, data):
    frame = PYMODBUS.buildFrame(data.draw(REQUESTS[kind]))
    assert request_length(frame, 0, len(frame)) == len(frame) <= modbus.FRAME_MAX
    assert request_length(b"\xaa" + frame + b"\xbb", 1, len(frame) + 2) == len(frame)
    for end in range(len(frame)):
        assert request_length(frame, 0, end) in (0, len(frame))


@pytest.mark.parametrize("kind", ANSWERS)
@given(data=st.data())
def test_answer_of_pymodbus_has_the_length_that_we_see(kind, data):
    frame = PYMODBUS_SERVER.buildFrame(data.draw(ANSWERS[kind]))
    assert answer_length(frame, 0, len(frame)) == len(frame) <= modbus.FRAME_MAX
    assert answer_length(b"\xaa" + frame + b"\xbb", 1, len(frame) + 2) == len(frame)
    for end in range(len(frame)):
        assert answer_length(frame, 0, end) in (0, len(frame))


@given(addresses, st.sampled_from([modbus.READ_HOLDING, modbus.READ_INPUT]), u16, st.integers(1, 125))
def test_pymodbus_reads_a_request_that_we_sealed(address, function, register, count):
    frame = bytearray([address, function, register >> 8, register & 0xFF, 0, count, 0, 0])
    seal(frame, 6)
    used, pdu = PYMODBUS_SERVER.handleFrame(bytes(frame), 0, 0)
    assert pdu is not None
    assert (used, pdu.dev_id, pdu.function_code, pdu.address, pdu.count) == (8, address, function, register, count)


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=8))
def test_a_length_is_possible_or_says_what_it_is_not(first, function, rest):
    frame = bytes([first, function]) + rest
    for length in (request_length(frame, 0, len(frame)), answer_length(frame, 0, len(frame))):
        assert length in (0, UNKNOWN, IMPOSSIBLE) or 4 <= length <= modbus.FRAME_MAX


@pytest.mark.parametrize("address", [248, 255])
def test_nobody_has_an_address_above_247(address):
    assert request_length(bytes([address, 3, 0]), 0, 3) == IMPOSSIBLE
    assert answer_length(bytes([address, 3, 2]), 0, 3) == IMPOSSIBLE


def test_broadcast_is_asked_and_never_answered():
    assert request_length(bytes([0, 6, 0, 1]), 0, 4) == 8
    assert answer_length(bytes([0, 6, 0, 1]), 0, 4) == IMPOSSIBLE


@pytest.mark.parametrize("function", [1, 2, 5, 8, 15, 17, 22, 23, 24, 100])
def test_functions_that_we_do_not_have_are_unknown(function):
    assert request_length(bytes([9, function, 0, 0]), 0, 4) == UNKNOWN
    assert answer_length(bytes([9, function, 0, 0]), 0, 4) == UNKNOWN


def test_function_43_is_ours_only_with_identification():
    assert request_length(bytes([9, 43, 14]), 0, 3) == 7
    assert request_length(bytes([9, 43, 13]), 0, 3) == UNKNOWN
    assert request_length(bytes([9, 43]), 0, 2) == 0


def test_wrong_byte_count_is_still_a_frame_so_that_it_gets_its_exception():
    # V1.1b3, 6.12 and 6.14: a server answers exception 3 to these, which needs the frame's end.
    assert request_length(bytes([9, 16, 0, 0, 0, 1, 5]), 0, 7) == 14
    assert request_length(bytes([9, 16, 0, 0, 0, 1, 247]), 0, 7) == 256
    assert request_length(bytes([9, 16, 0, 0, 0, 1, 248]), 0, 7) == IMPOSSIBLE
    assert request_length(bytes([9, 20, 0, 0, 0]), 0, 5) == 5
    assert request_length(bytes([9, 20, 251, 6, 0]), 0, 5) == 256
    assert request_length(bytes([9, 20, 252, 6, 0]), 0, 5) == IMPOSSIBLE


def test_answer_of_function_20_is_no_request():
    # Both end by the count in byte 2. Answer: count, own length (count - 1, odd), type 6. Request: count, type 6, file.
    assert request_length(bytes([9, 20, 12, 11, 6, 0]), 0, 6) == IMPOSSIBLE
    assert request_length(bytes([9, 20, 7, 6, 0, 1]), 0, 6) == 12
    assert request_length(bytes([9, 20, 7, 6, 6, 1]), 0, 6) == 12
    assert request_length(bytes([9, 20, 14, 6, 0, 1]), 0, 6) == 19


@pytest.mark.parametrize("count", [0, 1, 3, 251, 252, 255])
def test_no_answer_holds_half_a_register_or_more_than_125(count):
    assert answer_length(bytes([9, 3, count]), 0, 3) == IMPOSSIBLE
    assert answer_length(bytes([9, 4, count]), 0, 3) == IMPOSSIBLE


# V1.02, 2.5.1.1: 3.5 characters; fixed 1,750 us above 19,200 baud.
# 9600 8N1: 3.5 * 10 / 9600 = 3,645.83 us. 9600 8E1: 3.5 * 11 / 9600 = 4,010.42.
# 19200 8E1: 3.5 * 11 / 19200 = 2,005.21. 1200 8N1: 3.5 * 10 / 1200 = 29,166.67.
@pytest.mark.parametrize(
    ("baud", "char_bits", "silence_us"),
    [
        (9_600, 10, 3_646),
        (9_600, 11, 4_011),
        (19_200, 11, 2_006),
        (1_200, 10, 29_167),
        (38_400, 11, 1_750),
        (115_200, 10, 1_750),
    ],
)
def test_silence_between_frames(baud, char_bits, silence_us):
    assert t35_us(baud, char_bits) == silence_us
