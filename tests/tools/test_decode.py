"""`riverpost decode` as a technician calls it: what it says, in both languages, and that no bytes make it fall over."""

import contextlib
import io
import json
import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import columns
from tests.tools import center_messages as center
from tests.tools.test_emulator_flash_dump import block
from tools import decode
from tools.__main__ import main
from tools.decode import show
from tools.decode.found import Ask
from tools.decode.given import from_hex
from tools.decode.guess import READERS, guess
from tools.decode.phrases import ACTIONS_ZH, EVENTS_ZH, PHRASES
from tools.emulator.rtu import sealed
from wire.actions import ACTIONS
from wire.reading import GOOD, NEVER, SYNCED
from wire.row import Reading, Row, pack
from wire.telemetry import EVENT_KINDS

REQUEST, ANSWER = sealed(bytes.fromhex("0b0301240001")), sealed(bytes.fromhex("0b03022ee0"))
LOG_EPOCH = 0x01020304
DEATH = bytes.fromhex("a200010ef4")  # The last will of a station and of a board: the same bytes.


def log(count: int) -> bytes:
    """A dump of one block with `count` rows."""
    rows = [Row(seq, 1, NEVER, 60 * seq, 0, [Reading(0, 2_000 + seq, GOOD)]) for seq in range(1, count + 1)]
    return block(b"".join(pack(row, LOG_EPOCH) for row in rows))


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Return a function that runs `riverpost decode` in an empty folder: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, given=b""):
        stdin = io.TextIOWrapper(io.BytesIO(given))
        monkeypatch.setattr("sys.stdin", stdin)
        code = main(["decode", *arguments])
        return code, *capsys.readouterr()

    return run


def test_the_examples_of_the_help_work_as_they_stand(call, tmp_path):
    (tmp_path / "log.flash").write_bytes(log(60))
    (tmp_path / "cat.bin").write_bytes(center.catalogue_content())
    examples = [line.strip() for line in decode.EXAMPLE.splitlines() if "riverpost decode" in line]
    assert len(examples) == 3
    assert max(map(len, decode.EXAMPLE.splitlines())) <= 80
    said = []
    for line in examples:
        arguments = shlex.split(line.rpartition("riverpost decode ")[2])
        code, out, err = call(*arguments, "--lang", "en", given=center.batch(center.rows(1, 3)).payload)
        assert (code, err) == (0, ""), line
        said.append(out)
    assert "supply_mv  12.000 V" in said[0]
    assert "60 rows, 1 to 60" in said[1]
    assert "… 10 more" in said[1]
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 51
    assert "river 20.001 m  level.supply 12.000 V" in said[2]


def test_one_byte_that_is_wrong_is_told_with_the_crc_that_it_should_have(call):
    code, out, _ = call(REQUEST[:-1].hex() + "00", "--lang", "en")
    assert code == 1
    assert "CRC is c5 00, should be c5 57" in out
    code, _, err = call((REQUEST[:-1] + b"\0" + ANSWER).hex(), "--lang", "en")
    assert code == 1
    assert "the CRC of the first frame is c5 00, should be c5 57" in err
    code, out, _ = call((REQUEST + ANSWER[:-1] + b"\0").hex(), "--lang", "en")
    assert code == 1
    assert "from byte 8 on it is no frame" in out


def test_an_answer_alone_asks_for_its_register_and_is_named_with_it(call):
    assert "--register" in call(ANSWER.hex(), "--lang", "en")[1]
    assert "supply_mv  12.000 V" in call(ANSWER.hex(), "--register", "0x124", "--lang", "en")[1]


def test_what_fits_two_kinds_is_told_as_two_until_one_is_named(call):
    code, out, _ = call(DEATH.hex(), "--lang", "en")
    assert code == 1
    assert "2 kinds fit" in out
    assert "last will" in out
    assert call(DEATH.hex(), "--as", "local", "--lang", "zh")[:1] == (0,)
    code, out, _ = call(DEATH.hex(), "--json", "-")
    assert (code, json.loads(out)["fits"]) == (1, ["telemetry", "local"])


def test_hex_is_taken_from_the_call_a_file_and_standard_input_however_it_is_written(call, tmp_path):
    (tmp_path / "frame.txt").write_text("0x0B,0x03,0x01,0x24,\n0x00,0x01,0xC5,0x57\n")
    (tmp_path / "frame.bin").write_bytes(REQUEST)
    first = call(REQUEST.hex())[1]
    assert call("0B:03:01:24:00:01:C5:57")[1] == first
    assert call("frame.txt")[1] == first
    assert call("./frame.bin")[1] == first
    assert call("-", given=REQUEST)[1] == first
    assert call(given=b"0b 3 1 24 0 1 c5 57\n")[1] == first


@given(st.binary(min_size=1, max_size=40), st.sampled_from(["", " ", ":", ", ", "\n", " 0x"]))
def test_hex_comes_back_as_the_bytes_it_was_made_of(data, between):
    text = between.join(f"{byte:02x}" for byte in data)
    assert from_hex(text.encode()) == data
    assert from_hex((text + "g").encode()) is None


@pytest.mark.parametrize(
    ("arguments", "given", "code", "said"),
    [
        (["0b0"], b"", 2, "neither hex nor a file"),
        (["nothing.bin"], b"", 2, "neither hex nor a file"),
        (["."], b"", 2, "cannot be read"),
        ([""], b"", 2, "no bytes to decode"),
        ([], b" \n", 2, "no bytes to decode"),
        (["0102030405060708"], b"", 3, "nothing of Riverpost's"),
        (["525055310001"], b"", 1, "not right: update package"),
        (["0102", "--as", "row"], b"", 1, "not this: packed row"),
        (["0102", "--catalogue", "empty"], b"", 2, "no catalogue"),
    ],
)
def test_what_cannot_be_decoded_is_said_in_five_parts(call, tmp_path, arguments, given, code, said):
    (tmp_path / "empty").write_bytes(b"\xa1\x00\x01")
    found, out, err = call(*arguments, "--lang", "en", given=given)
    assert (found, out) == (code, "")
    assert said in err
    names = [line.split()[0] for line in err.splitlines() if not line.startswith(" ")]
    assert names == ["FAIL", "Seen", "Likely", "Do", "State", "More"]


def test_a_file_beyond_every_flash_is_refused(call, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.decode.given.BYTES_MAX", 4_096)
    (tmp_path / "long").write_bytes(b"\xff" * 8_193)
    code, _, err = call("long", "--lang", "en")
    assert code == 2
    assert "too long" in err


def test_a_long_dump_says_how_far_it_is_and_a_pipe_gets_every_row_as_json(call, tmp_path):
    (tmp_path / "flash").write_bytes(b"\xff" * 4_096 * 64 + log(60))
    code, out, err = call("flash", "--json", "-", "--lang", "en")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines[0]["kind"] == "dump"
    assert [line["seq"] for line in lines[1:]] == list(range(1, 61))
    assert "1/1 read" in err
    assert "\x1b" not in out + err


def test_a_dump_with_a_broken_header_shows_the_rest_and_is_not_right(call, tmp_path):
    broken = bytearray(log(3))
    broken[7] ^= 1
    (tmp_path / "flash").write_bytes(log(60) + broken)
    code, out, _ = call("flash", "--lang", "en")
    assert code == 1
    assert "60 rows, 1 to 60" in out
    assert "1 broken, the first at 0x1000" in out


VALID = [
    REQUEST + ANSWER,
    log(2),
    pack(Row(7, 1, SYNCED, center.START_S, 5, [Reading(0, 9, GOOD, 1, 10, 3)], [(5, 1)]), center.EPOCH),
    center.batch(center.rows(1, 3)).payload,
    center.batch(center.rows(1, 30), leaf="late").payload,
    center.event(1, 10, rule="flood", value=5, quantity=2).payload,
    center.catalogue_content(),
    center.birth([[center.BOARD, center.EPOCH, 1, 9]]).payload,
    DEATH,
]


def every_way(data: bytes, capsys=None) -> None:
    """Guess and print `data` in both languages, as each kind too; `show` and JSON must take all that is found."""
    for lang in ("zh", "en"):
        for kind in (None, *READERS):
            found = guess(data, Ask(lang, forced=kind is not None), kind)
            for one in found.fits:
                show.one(one, Ask(lang), 0, kind is not None)
                json.dumps([one.document, [line.document for line in one.lines], [part.document for part in one.parts]])
            if not found.fits:
                assert show.nothing(found, kind, lang).text()


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: b"\xa2\x00\x01" + data)))
def test_arbitrary_bytes_never_crash(data):
    every_way(data)


@given(st.sampled_from(VALID), st.data())
def test_a_message_with_changed_cut_or_added_bytes_never_crashes(valid, data):
    changed = bytearray(valid)
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(valid)))
    every_way(bytes(changed[:end]) + data.draw(st.binary(max_size=4)))


@given(st.binary(max_size=250))
def test_arbitrary_bytes_in_a_frame_whose_crc_is_right_never_crash(body):
    every_way(sealed(body))


@pytest.mark.parametrize("function", [3, 4, 6, 16, 20, 21, 43, 0x83])
@given(address=st.integers(0, 255), body=st.binary(max_size=250))
def test_arbitrary_bytes_behind_each_function_never_crash(function, address, body):
    every_way(sealed(bytes((address, function)) + body[:250]))


@pytest.mark.parametrize("wide", [80, 40])
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("data", VALID, ids=range(len(VALID)))
def test_no_line_is_wider_than_the_terminal(data, lang, wide, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(wide))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for one in guess(data, Ask(lang)).fits:
        show.one(one, Ask(lang), 20, False)
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert [line for line in lines if columns(line) > wide] == []


def facts_of(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(PHRASES))
def test_both_languages_tell_the_same_facts(key):
    zh, en = PHRASES[key]
    assert facts_of(zh) == facts_of(en)


def test_every_event_and_every_action_has_a_chinese_name():
    assert set(EVENTS_ZH) == set(EVENT_KINDS)
    assert set(ACTIONS_ZH) == set(ACTIONS)


@given(st.text("ab 水", min_size=1, max_size=150), st.integers(16, 90))
def test_a_long_line_goes_on_below_itself_and_nothing_of_it_is_lost(text, wide):
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setenv("COLUMNS", str(wide))
        patch.setattr(out, "isatty", lambda: True)
        show._print_line(text)
    lines = out.getvalue().splitlines()
    assert all(columns(line) <= wide for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_stopped_while_it_writes_it_leaves_what_was_there_before(call, tmp_path, monkeypatch):
    (tmp_path / "rows.jsonl").write_text("before\n")
    (tmp_path / "flash").write_bytes(log(3))

    def stop(file, documents):
        file.write("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "_put", stop)
    assert call("flash", "--json", "rows.jsonl")[0] == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flash", "rows.jsonl"]
    assert (tmp_path / "rows.jsonl").read_text() == "before\n"
    assert call("flash", "--json", "no/such/folder")[0] == 2
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(["decode", "flash", "--json", "/dev/null"]) == 0
