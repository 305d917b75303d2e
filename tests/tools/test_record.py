"""A recording of a bus: no byte lost, frames told from garbage in whatever pieces they come, files that can be read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.file_message import FileRecord, ReadFileRecordRequest, ReadFileRecordResponse
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterRequest,
)

from tools.emulator import rtu
from tools.record import file as files
from tools.record.splitter import ANSWER, GARBAGE, REQUEST, Piece, Splitter
from tools.record.tally import Tally
from tools.scan.settings import Setting

SETTING = Setting(9_600, "8N1")
FRAMER = FramerRTU(DecodePDU(True))


def built(pdu):
    return FRAMER.buildFrame(pdu)


# What pymodbus says, in pairs: a request and its answer.
READ = built(ReadHoldingRegistersRequest(address=4, count=8, dev_id=11))
WORDS = built(ReadHoldingRegistersResponse(registers=[1, 2, 3, 4, 5, 6, 7, 8], dev_id=11))
PAIRS = [
    (READ, WORDS),
    (READ, built(ExceptionResponse(3, 2, device_id=11))),
    (
        built(WriteMultipleRegistersRequest(address=0x210, registers=[0, 7], dev_id=12)),
        built(WriteMultipleRegistersResponse(address=0x210, count=2, dev_id=12)),
    ),
    (built(WriteSingleRegisterRequest(address=0x218, registers=[1], dev_id=12)),) * 2,
    (
        built(ReadFileRecordRequest([FileRecord(file_number=1, record_number=0, record_length=6)], dev_id=13)),
        built(ReadFileRecordResponse([FileRecord(file_number=1, record_data=b"twelve bytes")], dev_id=13)),
    ),
    (
        built(ReadDeviceInformationRequest(read_code=1, object_id=0, dev_id=14)),
        built(ReadDeviceInformationResponse(read_code=1, information={0: b"Riverpost", 1: b"board"}, dev_id=14)),
    ),
]
CLOCK = built(WriteMultipleRegistersRequest(address=0x200, registers=[1, 2, 3], dev_id=0))


def split(*chunks, end=True):
    """Pieces of `chunks`, which come a millisecond apart and end in silence."""
    splitter = Splitter()
    pieces = [piece for at, chunk in enumerate(chunks) for piece in splitter.feed(chunk, at * 1_000)]
    return pieces + (splitter.silent() if end else [])


def kinds(pieces):
    return [(piece.kind, piece.data) for piece in pieces]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_request_and_its_answer_are_told_apart_as_soon_as_each_is_whole(pair):
    request, answer = pair
    assert kinds(split(request, answer, end=False)) == [(REQUEST, request), (ANSWER, answer)]


def test_what_is_broadcast_waits_for_no_answer():
    assert kinds(split(CLOCK, READ, WORDS)) == [(REQUEST, CLOCK), (REQUEST, READ), (ANSWER, WORDS)]
    tally = Tally(SETTING)
    for piece in split(CLOCK, READ, WORDS):
        tally.take(piece)
    tally.end()
    assert dict(tally.counts) == {"requests": 2, "answers": 1}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=8), st.data())
def test_it_does_not_matter_in_which_pieces_frames_come(pairs, data):
    sent = [frame for pair in pairs for frame in pair]
    stream = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    bounds = [0, *cuts, len(stream)]
    chunks = [stream[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]
    assert kinds(split(*chunks)) == [
        (side, frame) for pair in pairs for side, frame in zip((REQUEST, ANSWER), pair, strict=True)
    ]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8))
def test_no_byte_is_lost_whatever_comes(chunks):
    pieces = split(*chunks)
    assert b"".join(piece.data for piece in pieces) == b"".join(chunks)
    assert [piece.us for piece in pieces] == sorted(piece.us for piece in pieces)
    assert all(rtu.is_whole(piece.data) for piece in pieces if piece.kind != GARBAGE)


@given(st.binary(min_size=1, max_size=40).filter(lambda junk: not rtu.is_whole(junk)))
def test_garbage_before_and_behind_a_frame_stays_garbage(junk):
    pieces = split(junk + READ, WORDS + junk)
    assert (REQUEST, READ) in kinds(pieces)
    assert (ANSWER, WORDS) in kinds(pieces)
    assert b"".join(piece.data for piece in pieces) == junk + READ + WORDS + junk


def test_a_frame_has_the_time_of_its_last_byte():
    pieces = split(READ[:3], READ[3:], WORDS[:9], WORDS[9:20], WORDS[20:])
    assert [piece.us for piece in pieces] == [1_000, 4_000]


def test_a_frame_of_a_function_that_nobody_knows_ends_with_the_silence():
    foreign = rtu.sealed(bytes((9, 0x41, 1, 2, 3)))
    splitter = Splitter()
    assert splitter.feed(foreign, 0) == []
    assert splitter.silent() == [Piece(0, REQUEST, foreign)]
    answer = rtu.sealed(bytes((9, 0x41, 7)))
    assert kinds(split(foreign + answer)) == [(REQUEST, foreign), (ANSWER, answer)]


def test_an_answer_cut_short_is_garbage_when_the_line_falls_silent():
    assert kinds(split(READ, WORDS[:12])) == [(REQUEST, READ), (GARBAGE, WORDS[:12])]


def test_a_line_that_never_falls_silent_is_told_all_the_same():
    splitter = Splitter()
    pieces = [piece for at in range(100) for piece in splitter.feed(b"\x00" * 40, at)]
    assert sum(len(piece.data) for piece in pieces) > 3_000
    assert READ in [piece.data for piece in splitter.feed(b"\x00" * 600 + READ + WORDS, 200) + splitter.silent()]


def test_the_tally_counts_what_went_wrong_by_kind():
    tally = Tally(SETTING)
    other = built(ReadHoldingRegistersRequest(address=0, count=1, dev_id=12))
    chunks = [READ, other, built(ExceptionResponse(3, 2, device_id=12)), WORDS, b"\x01\x02", READ]
    for at, chunk in enumerate(chunks):
        for piece in split(chunk):
            tally.take(piece._replace(us=at * 100_000))
    tally.end()
    assert dict(tally.counts) == {
        "requests": 3, "no_answer": 2, "answers": 1, "exceptions": 1, "unasked": 1, "garbage": 1,
    }  # fmt: skip
    assert dict(tally.by_address[11]) == {"requests": 2, "no_answer": 2, "unasked": 1}
    assert tally.use_permil() == round(sum(map(len, chunks)) * 10 / 9_600 / 0.5 * 1_000)


PIECES = st.builds(
    Piece,
    st.just(0),
    st.sampled_from([REQUEST, ANSWER, GARBAGE]),
    st.binary(min_size=4, max_size=20),
)


@given(st.lists(PIECES, max_size=20), st.sampled_from([*(Setting(baud, "8E1") for baud in (2_400, 115_200)), SETTING]))
def test_what_is_written_is_read_again(tmp_path_factory, pieces, setting):
    path = tmp_path_factory.mktemp("file") / "bus.jsonl"
    with path.open("w") as file:
        writer = files.Writer(file, "/dev/ttyUSB0", setting)
        for at, piece in enumerate(pieces):
            writer.put(piece._replace(us=at * 7))
    found = files.read(path)
    assert found.pieces == [piece._replace(us=at * 7) for at, piece in enumerate(pieces)]
    assert (found.head.port, found.head.setting, found.cut) == ("/dev/ttyUSB0", setting, False)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "bus.jsonl"
    with path.open("w") as file:
        writer = files.Writer(file, "/dev/ttyUSB0", SETTING)
        for at, frame in enumerate((READ, WORDS)):
            writer.put(Piece(at * 20_000, (REQUEST, ANSWER)[at], frame))
    return path.read_bytes()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_last_line_that_was_cut_off_is_told_and_left_out(good, cut):
    found = files.parse(good[:-cut])
    assert found.cut
    assert [piece.kind for piece in found.pieces] == [REQUEST]


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (lambda text: text.replace('"riverpost_bus": 1', '"riverpost_bus": 2'), 1, "riverpost_bus is not 1"),
        (lambda text: text.replace("8N1", "9X9"), 1, "framing 9X9"),
        (lambda text: text.replace('"us": 20000', '"us": -1'), 3, "us is no number"),
        (lambda text: text.replace('"us": 0', '"us": 90000'), 3, "its time goes back"),
        (lambda text: text.replace('"kind": "answer"', '"kind": "joke"'), 3, "kind 'joke'"),
        (lambda text: text.replace(WORDS.hex(), "0g"), 3, "bytes are no hex"),
        (lambda text: text.replace(WORDS.hex(), "0b03"), 3, "too few bytes"),
        (lambda text: text.replace('{"us": 20000', "[20000"), 3, "no JSON"),
        (lambda text: "", 0, "its first line is not whole"),
        (lambda text: "[]\n", 1, "no JSON object"),
    ],
)
def test_a_file_that_is_wrong_says_where_and_why(good, change, line, said):
    with pytest.raises(files.BadRecording, match=said) as wrong:
        files.parse(change(good.decode()).encode())
    assert wrong.value.line == line


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(noise):
    head = json.dumps({"riverpost_bus": 1, "port": "p", "baud": 9600, "framing": "8N1", "began_unix_ms": 0}).encode()
    for data in (noise, head + b"\n" + noise, noise + b"\n" + head):
        try:
            files.parse(data)
        except files.BadRecording as wrong:
            assert wrong.reason  # noqa: PT017 - either it is a recording, or the reason is told
