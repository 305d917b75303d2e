"""From the lines of a trace to operations and talk: what is not understood must not pass."""

import struct

import cbor2
import pytest

from tools.soak.crash import trace
from tools.soak.crash.recording import IN, NAMES, OUT, SIZE, WRITE, Piece, Recorder, RecordingError
from tools.soak.crash.talk import listen
from wire.modbus import crc16
from wire.registers import find
from wire.telemetry import E_AT_MS, E_DETECTED_MS, E_KIND, K_ACKS, K_GENERATION, K_MAJOR, MAJOR

BOARD = bytes(range(8))
EPOCH = 0x1234ABCD
KEY: tuple[bytes, int] = (BOARD, EPOCH)


def text(data: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def calls(folder, *lines):
    file = folder / "trace"
    file.write_text("\n".join(lines) + "\n")
    return list(trace.read(file, 100))


def record(folder, *lines, contents=(), terminal=""):
    """The recording of these lines; `contents`: the files as the traced process left them."""
    data = folder / "data"
    data.mkdir()
    recorder = Recorder(data, terminal)
    for name, content in dict(contents).items():
        (data / name).write_bytes(content)
    path = text(str(data).encode() + b"/a")
    (folder / "trace").write_text("\n".join(lines).replace("PATH", path).replace("OTHER", path[:-5] + '\\x62"') + "\n")
    recorder.add_run(folder / "trace", data)
    return recorder.recording


def test_a_call_that_was_interrupted_in_the_trace_has_its_begin_and_its_end(tmp_path):
    begun, other, ended = calls(
        tmp_path,
        "7 openat(AT_FDCWD, PATH, O_RDWR) = 3",
        f"7 pwrite64(3, {text(b'ab')}, 2, 512 <unfinished ...>",
        "8 fdatasync(4) = 0",
        "7 <... pwrite64 resumed>) = 2",
    )
    assert begun.name == "openat"
    assert (other.begin, other.name) == (102, "fdatasync")
    assert (ended.begin, ended.end, ended.arguments[-1], ended.result) == (101, 103, b"512", 2)


def test_what_comes_in_is_read_where_the_call_ends(tmp_path):
    (call,) = calls(tmp_path, "7 recvfrom(5,  <unfinished ...>", f"7 <... recvfrom resumed>{text(b'hi')}, 99, 0) = 2")
    assert (call.arguments[0], trace.text(call.arguments[1])) == (b"5", b"hi")


def test_a_line_that_strace_does_not_write_is_refused(tmp_path):
    with pytest.raises(trace.TraceError):
        calls(tmp_path, "somebody else wrote here")


def test_writes_sizes_and_names_become_operations_on_inodes(tmp_path):
    recording = record(
        tmp_path,
        "7 openat(AT_FDCWD, PATH, O_RDWR|O_CREAT, 0644) = 3",
        f"7 write(3, {text(b'hello')}, 5) = 5",
        f"7 pwrite64(3, {text(b'J')}, 1, 0) = 1",
        "7 ftruncate(3, 4) = 0",
        "7 fallocate(3, 0, 0, 6) = 0",
        "7 fdatasync(3) = 0",
        "7 rename(PATH, OTHER) = 0",
        "7 fdatasync(3) = -1 EIO (Input/output error)",
        "7 close(3) = 0",
        contents={"b": b"Jell\0\0"},
    )
    assert [op.what for op in recording.operations] == [NAMES, WRITE, WRITE, SIZE, SIZE, "flush", NAMES]
    assert [op.grows for op in recording.operations if op.what == WRITE] == [True, False]
    assert recording.operations[-1].changes == (("a", None), ("b", recording.operations[1].inode))


def test_a_write_that_the_trace_has_not_is_noticed(tmp_path):
    with pytest.raises(RecordingError, match="a differs"):
        record(tmp_path, "7 openat(AT_FDCWD, PATH, O_RDWR|O_CREAT, 0644) = 3", contents={"a": b"unseen"})


def test_a_call_that_is_not_followed_is_refused_on_these_files_alone(tmp_path):
    lines = ["7 openat(AT_FDCWD, PATH, O_RDWR|O_CREAT, 0644) = 3", "7 sendfile(9, 8, NULL, 5) = 5"]
    assert len(record(tmp_path, *lines, contents={"a": b""}).operations) == 1
    (tmp_path / "again").mkdir()
    with pytest.raises(RecordingError, match="sendfile"):
        record(tmp_path / "again", *lines, "7 sendfile(3, 8, NULL, 5) = 5", contents={"a": b""})


@pytest.mark.parametrize("content", [b"", b"done"])
def test_a_kill_in_the_middle_of_a_write_is_settled_by_what_is_on_the_disk(tmp_path, content):
    recording = record(
        tmp_path,
        "7 openat(AT_FDCWD, PATH, O_RDWR|O_CREAT, 0644) = 3",
        f"7 pwrite64(3, {text(b'done')}, 4, 0 <unfinished ...>",
        "7 +++ killed by SIGKILL +++",
        contents={"a": content},
    )
    assert len([op for op in recording.operations if op.what == WRITE]) == bool(content)


def test_the_lines_traffic_and_a_socket_are_kept_apart_also_when_a_number_is_used_again(tmp_path):
    recording = record(
        tmp_path,
        f"7 openat(AT_FDCWD, {text(b'/dev/pts/9')}, O_RDWR) = 4",
        f"7 write(4, {text(b'frame')}, 5) = 5",
        "7 close(4) = 0",
        f"7 sendto(4, {text(b'packet')}, 6, 0, NULL, 0) = 6",
        "7 close(4) = 0",
        f"7 sendto(4, {text(b'other')}, 5, 0, NULL, 0) = 5",
        terminal="/dev/pts/9",
    )
    assert [(piece.terminal, piece.data) for piece in recording.pieces] == [
        (True, b"frame"),
        (False, b"packet"),
        (False, b"other"),
    ]
    assert len({piece.stream for piece in recording.pieces}) == 3


# Talk


def packet(kind: int, body: bytes) -> bytes:
    assert len(body) < 0x4000
    return bytes((kind, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


def publish(leaf: str, payload: bytes) -> bytes:
    topic = f"rp/1/S/{leaf}".encode()
    return packet(0x32, struct.pack(">H", len(topic)) + topic + b"\x00\x07" + b"\x00" + payload)


CONNECT = packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x01c")


def acknowledgement(epoch: int, gateway_has: int, center_has: int) -> bytes:
    frame = bytes((11, 16)) + struct.pack(">HHB", find("ack_epoch")[0], 6, 12)
    frame += struct.pack(">III", epoch, gateway_has, center_has)
    return frame + crc16(frame, len(frame)).to_bytes(2, "little")


def test_an_acknowledgement_to_a_board_promises_every_row_up_to_it():
    ledgers = {KEY: {1: 0xA, 2: 0xB, 3: 0xC}}
    talk = listen([Piece(5, OUT, 1, True, acknowledgement(EPOCH, 2, 0))], ledgers)
    assert {key: (promise.moment, promise.crc) for key, promise in talk.promises.items()} == {
        (*KEY, 1): (5, 0xA),
        (*KEY, 2): (5, 0xB),
    }
    assert talk.boards == [(5, KEY, 2, 0)]
    assert listen([Piece(5, OUT, 1, True, acknowledgement(7, 2, 0))], ledgers).unclear


def test_an_event_is_promised_when_its_last_byte_leaves_and_at_the_center_when_its_word_came():
    event = cbor2.dumps({E_KIND: 1, E_AT_MS: 1, E_DETECTED_MS: 2}, canonical=True)
    message = cbor2.dumps({0: MAJOR, 1: 0, 5: BOARD, 6: EPOCH, 7: 4, 8: event, 9: 3}, canonical=True)
    data = publish("event", message)
    ack = cbor2.dumps({K_MAJOR: MAJOR, K_GENERATION: 9, K_ACKS: [[BOARD, EPOCH, 2, [4, 4]]]}, canonical=True)
    pieces = [
        Piece(1, OUT, 1, False, CONNECT + data[:20]),
        Piece(2, OUT, 1, False, data[20:]),
        Piece(3, IN, 1, False, publish("ack", ack)),
        Piece(4, OUT, 2, False, b"\0" + data),  # another stream that is no MQTT
    ]
    talk = listen(pieces, {})
    assert talk.unclear == []
    assert [(key, promise.moment) for key, promise in talk.promises.items()] == [((*KEY, 4), 2)]
    assert talk.center_has_since() == {(*KEY, 1): 3, (*KEY, 2): 3, (*KEY, 4): 3}


def test_what_cannot_be_read_is_told():
    talk = listen([Piece(1, OUT, 1, False, CONNECT + publish("event", b"\xff"))], {})
    assert len(talk.unclear) == 1
