"""A recording of a bus printed, decoded, and answered out of: the same answers to the same questions, and no others."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client import ModbusSerialClient

from gateway.words import columns
from tests.tools.flash_inputs import TOP
from tests.tools.scan_line import Board
from tests.tools.test_record import CLOCK, READ, SETTING, WORDS
from tools.__main__ import main
from tools.emulator import rtu
from tools.record import file as files
from tools.record.file import Head, Recording
from tools.record.splitter import ANSWER, GARBAGE, REQUEST, Piece
from tools.replay.answering import Answering
from tools.replay.devices import NEXT, Devices
from tools.scan.ask import identify_request, read_request

LATER = rtu.sealed(bytes((11, 3, 16, *WORDS[3:17], 0, 9)))
HEAD = Head("/dev/ttyUSB0", SETTING, 1_717_200_000_000)
BOARD = Board(11)
IDENTIFY = identify_request(11, 3)


def pieces(*said):
    """Requests and answers in turn, 20 ms apart; b"" in the place of an answer = none came."""
    made = []
    for at, (request, answer) in enumerate(said):
        made.append(Piece(at * 1_000_000, REQUEST, request))
        if answer:
            kind = ANSWER if rtu.is_whole(answer) else GARBAGE
            made.append(Piece(at * 1_000_000 + 20_000, kind, answer))
    return made


def devices(*said, **more):
    return Devices(Recording(HEAD, pieces(*said), False), **more)


def data(said):
    return said.data if said else None


def test_at_each_time_the_answer_of_that_time_is_given():
    found = devices((READ, WORDS), (READ, LATER))
    assert [data(found.answer(READ, us)) for us in (0, 999_999, 1_000_000, 90_000_000)] == [WORDS, WORDS, LATER, LATER]
    said = found.answer(READ, 0)
    assert said is not None
    assert said.delay_us == 20_000


def test_one_answer_behind_the_other_without_time():
    found = devices((READ, WORDS), (READ, LATER), pace=NEXT)
    assert [data(found.answer(READ, 0)) for _ in range(3)] == [WORDS, LATER, LATER]


def test_silence_and_garbage_come_again_too():
    found = devices((READ, WORDS), (READ, b""), (READ, WORDS[:9]), pace=NEXT)
    assert [data(found.answer(READ, 0)) for _ in range(3)] == [WORDS, None, WORDS[:9]]


def test_a_read_that_was_never_asked_is_answered_from_the_registers_that_were():
    found = devices((READ, WORDS), (READ, LATER))
    assert data(found.answer(read_request(11, 3, 6, 2), 0)) == rtu.sealed(bytes((11, 3, 4, 0, 3, 0, 4)))
    assert data(found.answer(read_request(11, 3, 11, 1), 2_000_000)) == rtu.sealed(bytes((11, 3, 2, 0, 9)))
    assert data(found.answer(read_request(11, 3, 11, 2), 0)) == rtu.refusal(11, 3, 2)
    assert data(found.answer(read_request(11, 4, 6, 2), 0)) == rtu.refusal(11, 4, 2)


def test_writes_are_confirmed_and_identification_is_as_it_was():
    found = devices((READ, WORDS), (IDENTIFY, BOARD.answer(IDENTIFY)))
    write = rtu.sealed(bytes((11, 16, 2, 0x12, 0, 1, 2, 0, 7)))
    assert data(found.answer(write, 0)) == rtu.sealed(bytes((11, 16, 2, 0x12, 0, 1)))
    single = rtu.sealed(bytes((11, 6, 2, 0x18, 0, 1)))
    assert data(found.answer(single, 0)) == single
    assert data(found.answer(IDENTIFY, 0)) == BOARD.answer(IDENTIFY)
    assert data(found.answer(identify_request(11, 1), 0)) == rtu.refusal(11, 43, 1)


def test_a_log_is_read_where_its_cursor_stood():
    def cursor(seq):
        return rtu.sealed(bytes((11, 16, 0x02, 0x10, 0, 2, 4)) + seq.to_bytes(4, "big"))

    confirmed = rtu.sealed(bytes((11, 16, 0x02, 0x10, 0, 2)))
    ask = rtu.sealed(bytes((11, 20, 7, 6, 0, 1, 0, 0, 0, 4)))
    first, second = (rtu.sealed(bytes((11, 20, 10, 9, 6)) + bytes(7) + bytes((number,))) for number in (1, 2))
    found = devices((cursor(1), confirmed), (ask, first), (cursor(9), confirmed), (ask, second))
    for seq, answer in ((9, second), (1, first)):
        assert data(found.answer(cursor(seq), 0)) == confirmed
        assert data(found.answer(ask, 0)) == answer
    found.answer(cursor(5), 0)
    assert data(found.answer(ask, 0)) == rtu.refusal(11, 20, 2)


def test_who_did_not_answer_is_silent_and_nobody_answers_to_all():
    found = devices((READ, WORDS), (read_request(12, 3, 0, 1), b""))
    assert found.addresses == [11]
    assert found.answer(read_request(12, 3, 0, 1), 0) is None
    assert found.answer(CLOCK, 0) is None
    assert devices((READ, WORDS), addresses=(12,)).answer(READ, 0) is None


@given(
    st.lists(st.tuples(st.binary(min_size=4, max_size=20), st.binary(max_size=20)), max_size=6), st.binary(min_size=4)
)
def test_no_recording_and_no_question_make_them_fail(said, request):
    sealed = [(rtu.sealed(asked), answer) for asked, answer in said]
    found = devices((READ, WORDS), *sealed)
    for asked in [rtu.sealed(request[:200]), *(one for one, _ in sealed)]:
        answer = found.answer(asked, 0)
        assert answer is None or len(answer.data) <= 256


class Client:
    """The other end of an Answering: what is to be heard, and what was said, at a time that goes by the turn."""

    def __init__(self, *chunks):
        self._chunks = list(chunks)
        self.said = []
        self._now_s = 10.0

    def hear(self, until_s):
        if self._chunks:
            return self._chunks.pop(0)
        self._now_s = until_s
        return b""

    def send(self, data):
        self.said.append(data)

    def now_s(self):
        return self._now_s

    def close(self):
        pass


def test_questions_come_in_any_pieces_and_the_same_one_twice():
    single = rtu.sealed(bytes((11, 6, 2, 0x18, 0, 1)))
    client = Client(READ[:3], READ[3:] + single, single, b"\x55", READ)
    answering = Answering(client)
    found = devices((READ, WORDS), pace=NEXT)
    for _ in range(7):
        answering.turn(found)
    assert client.said == [WORDS, single, single, WORDS]


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "bus.jsonl"
    with path.open("w") as file:
        writer = files.Writer(file, "/dev/ttyUSB0", SETTING)
        said = ((READ, WORDS), (IDENTIFY, BOARD.answer(IDENTIFY)), (read_request(12, 3, 0, 1), rtu.refusal(12, 3, 2)))
        for piece in (*pieces(*said), Piece(5_000_000, GARBAGE, b"\xff\x00"), Piece(5_000_001, REQUEST, CLOCK)):
            writer.put(piece)
    return path


def run(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_recording_is_printed_with_times_and_decoded(recording, capsys, lang):
    code, out, _ = run(capsys, "replay", "--bus", recording, "--lang", lang)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["0.000", "11"]
    assert "0x0004" in lines[0]
    assert "Riverpost" in out
    assert "ff 00" in out
    assert ("exception 2" if lang == "en" else "异常 2") in out
    assert ("4 requests, 3 answers, 1 exceptions" if lang == "en" else "询问 4，应答 3，异常 1") in out


def test_one_address_of_it(recording, capsys):
    code, out, _ = run(capsys, "replay", "--bus", recording, "--address", "12", "--lang", "en")
    assert code == 0
    table = out.split("\n\n")[0].splitlines()
    assert [line.split()[1] for line in table] == ["12", "12"]


def test_it_comes_as_json_lines(recording, capsys):
    code, out, _ = run(capsys, "replay", "--bus", recording, "--json", "-")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["kind"] for one in found] == ["request", "answer"] * 3 + ["garbage", "request"]
    assert found[1]["values"]["channels"] == 1


def test_decode_reads_it_too(recording, capsys):
    code, out, _ = run(capsys, "decode", recording, "--lang", "en")
    assert code == 0
    assert out.startswith("Recording of a bus, /dev/ttyUSB0, 9600 8N1")
    assert "Kind" in out
    assert "slot_0" in out
    recording.write_bytes(recording.read_bytes().replace(b'"us"', b'"su"', 3))
    code, _, err = run(capsys, "decode", recording, "--lang", "en")
    assert (code, "line 2: us is no number" in " ".join(err.split())) == (1, True)


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["replay", "--bus", "nothing.jsonl"], 2, "RP-C01"),
        (["replay", "--bus", "pyproject.toml"], 2, "RP-B11"),
        (["replay", "--bus", "pyproject.toml", "--as-devices"], 2, "RP-B11"),
        (["replay", "--csv", "x.csv", "--as-devices"], 2, "--bus"),
    ],
)
def test_what_is_no_recording_is_told(capsys, monkeypatch, words, exit_code, said):
    monkeypatch.chdir(TOP)
    code, _, err = run(capsys, *words, "--lang", "en")
    assert (code, said in err) == (exit_code, True)


def test_no_line_is_wider_than_its_terminal(recording, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    _, out, _ = run(capsys, "replay", "--bus", recording, "--lang", "zh")
    table = out.split("\n\n")[0].splitlines()
    assert max(map(columns, table)) <= 40


def test_pymodbus_gets_from_the_devices_what_was_recorded(recording):
    command = [sys.executable, "-m", "tools", "replay", "--bus", recording, "--as-devices", "--lang", "en"]
    process = subprocess.Popen(
        list(map(str, command)), cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    stop = threading.Timer(60, process.kill)
    stop.start()
    try:
        first = process.stdout.readline() if process.stdout else ""
        port = first.split(" on ")[1].split(",")[0]
        client = ModbusSerialClient(port, baudrate=9_600, timeout=3, retries=0)
        assert client.connect()
        answer = client.read_holding_registers(4, count=8, device_id=11)
        assert answer.registers == [1, 2, 3, 4, 5, 6, 7, 8]
        assert client.read_holding_registers(0, count=1, device_id=12).exception_code == 2
        client.close()
        process.send_signal(2)
        _, err = process.communicate(timeout=30)
    finally:
        stop.cancel()
        process.kill()
    assert process.returncode == 130
    assert "2 answers as recorded" in err


def test_a_recording_is_never_written_over_unasked(recording, capsys, tmp_path):
    master, slave = os.openpty()
    before = recording.read_bytes()
    code, _, err = run(capsys, "record", "--port", os.ttyname(slave), "-o", recording, "--for", "1 s", "--lang", "en")
    assert (code, "RP-B09" in err) == (5, True)
    assert recording.read_bytes() == before
    os.close(master)
    os.close(slave)


@pytest.fixture
def line():
    """(our end of a port, its other end, its path)."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, slave, os.ttyname(slave)
    for end in (master, slave):
        with contextlib.suppress(OSError):
            os.close(end)


def played(path, play):
    """A thread that plays when the recording at `path` has begun."""

    def run_it():
        wait_for(path.exists)
        play()

    player = threading.Thread(target=run_it, daemon=True)
    player.start()
    return player


def wait_for(condition):
    turn = threading.Event()
    while not condition():
        turn.wait(0.005)


def test_what_is_heard_is_in_the_file_when_the_adapter_goes(capsys, tmp_path, line):
    master, slave, port = line
    out = tmp_path / "bus.jsonl"

    def play():
        os.write(master, READ + WORDS + b"\x01")
        wait_for(lambda: out.read_bytes().count(b"\n") >= 3)
        os.close(slave)
        os.close(master)

    player = played(out, play)
    code, _, err = run(capsys, "record", "--port", port, "-o", out, "--for", "30 s", "--lang", "en")
    player.join()
    assert code == 4
    assert "has the 3 lines from before" in err
    assert [piece.data for piece in files.read(out).pieces] == [READ, WORDS, b"\x01"]


def test_a_silent_bus_ends_with_3(capsys, tmp_path, line):
    code, _, err = run(capsys, "record", "--port", line[2], "--for", "1 s", "-o", tmp_path / "a.jsonl", "--lang", "en")
    assert (code, "RP-B10" in err) == (3, True)


def test_a_bus_with_nothing_but_garbage_ends_with_1_and_what_to_try(capsys, tmp_path, line):
    out, counts = tmp_path / "b.jsonl", tmp_path / "counts.json"
    player = played(out, lambda: os.write(line[0], b"\x93\x31\x07"))
    call = ["record", "--port", line[2], "--for", "1 s", "-o", out, "--json", counts, "--lang", "en"]
    code, said, _ = run(capsys, *call)
    player.join()
    assert (code, "Only garbage" in said) == (1, True)
    assert json.loads(counts.read_text())["counts"] == {"garbage": 1}


def test_what_takes_no_time_and_what_is_no_time(capsys, tmp_path):
    call = ["record", "--port", "/dev/null", "-o", tmp_path / "x.jsonl", "--lang", "en"]
    assert run(capsys, *call, "--for", "soon")[0] == 2
    code, out, _ = run(capsys, *call, "--dry-run")
    assert (code, "wrote no file" in out, (tmp_path / "x.jsonl").exists()) == (0, True, False)
