"""What is wrong with a line, and a line that is wrong in every way: named where it can be, and nothing crashes."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import Source
from gateway.words import columns
from tests.tools.scan_line import RADAR, Board, Device, Line, Sensor
from tests.tools.scan_run import BUS, LEVEL, PLAIN, RADAR_SOURCE, call, keys, printed, scan
from tools.emulator.uart_model import Setting as Uart
from tools.failure import Failure
from tools.scan import course, show
from tools.scan.ask import Asker, first_question, identify_request, split
from tools.scan.call import Call
from tools.scan.phrases import PHRASES
from tools.scan.port import Errors
from tools.scan.settings import Setting, addresses, every, shown


def test_an_adapter_that_hears_itself_changes_nothing_but_a_note():
    line = Line(Device(Board(11, definition=PLAIN[:16]).answer), Device(Sensor(21, RADAR, 1).answer))
    line.echo = True
    rows, hints, _ = scan(line, call(LEVEL, RADAR_SOURCE))
    assert {row.state for row in rows.values()} == {"ok"}
    assert (list(hints), hints["echo"].state) == (["echo"], "ok")


def test_exchanged_wires_on_a_pair_with_bias_are_a_failure_of_their_own():
    line = Line(Device(Board(11).answer))
    line.swapped = True
    _, hints, found = scan(line, call(LEVEL))
    assert hints["at_space"].state == "FAIL"
    assert found.devices == []
    error = course.nothing(found, list(hints.values()), "en")
    assert (error.code, error.exit_code) == ("RP-B08", 3)


def test_a_line_that_makes_bytes_of_its_own_has_no_bias_and_invents_no_device():
    line = Line(Device(Board(11, definition=PLAIN[:16]).answer))
    line.float_idle(20.0)
    rows, hints, _ = scan(line, call(LEVEL, RADAR_SOURCE))
    assert set(rows) == {11, 21}
    assert keys(rows[21]) == ["silent"]
    assert hints["floating"].state == "FAIL"


def test_nothing_at_all_is_a_failure_with_what_was_seen():
    found = course.look(call(LEVEL), "en", Line())
    error = course.nothing(found, [], "en")
    assert (error.code, error.exit_code) == ("RP-B02", 3)
    assert error.seen == "9600 8N1: 30 addresses asked, not one byte came"


def damaging(answer, one_in, seed=5):
    """An answer of which each byte is wrong once in `one_in` times: the longer the worse."""
    chance = random.Random(seed)

    def damaged(request):
        return bytes(byte ^ 1 if chance.randrange(one_in) == 0 else byte for byte in answer(request))

    return damaged


def test_answers_that_are_damaged_the_longer_the_worse_hint_at_the_ends_of_a_fast_line():
    fast = Setting(115_200, "8N1")
    board = Device(damaging(Board(11).answer, 60), Uart(*fast))
    asked = Call("/dev/rs485", fast, (fast,), (11,), 0.1, None, None)
    _, hints, found = scan(Line(board), asked)
    assert hints["reflections"].state == "look"
    assert found.devices[0].long_tries.garbled >= 2


def test_the_same_on_a_slow_line_is_interference():
    rows, hints, _ = scan(Line(Device(damaging(Board(11).answer, 60))), call(station=False, whom=(11,)))
    assert "damaged" in hints
    assert "reflections" not in hints


def test_what_the_uart_counted_is_told():
    line = Line(Device(Board(11).answer))
    line.errors = lambda: Errors(len(line.requests), 0, 0)
    _, hints, _ = scan(line, call(station=False, whom=(11,)))
    assert hints["counted"].facts["framing"] > 0


def test_another_master_on_the_line_is_not_disturbed():
    line = Line(Device(Board(11).answer))
    frames = [first_question(11), Board(11).answer(identify_request(11, 3))]
    line.idle = lambda _: frames.pop(0) if frames else b""
    with pytest.raises(Failure) as failed:
        course.look(call(LEVEL), "en", line)
    assert (failed.value.code, failed.value.exit_code) == ("RP-B03", 5)
    assert line.requests == []


def test_another_master_at_another_rate_is_heard_too():
    line = Line(Device(Board(11).answer))
    frames = first_question(11) + Board(11).answer(identify_request(11, 3))
    told = set()

    def idle(_):
        setting = line._setting
        if setting in told:
            return b""
        told.add(setting)
        return frames if setting.baud == 19_200 else b"\x9e\x80\x1e\x81"

    line.idle = idle
    with pytest.raises(Failure, match="Another master") as failed:
        course.look(call(LEVEL), "en", line)
    assert failed.value.seen == "19200 8N1: 2 frames, addresses 11"


@pytest.mark.parametrize("framing", ["8N1", "8E1", "8O1"])
@pytest.mark.parametrize("baud", [2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200])
def test_asking_at_every_setting_finds_a_device_at_its_own_and_at_no_other(baud, framing):
    line = Line(
        Device(Board(11, definition=PLAIN[:16]).answer),
        Device(Sensor(21, RADAR, max_block=1).answer, Uart(baud, framing)),
    )
    asked = call(LEVEL, RADAR_SOURCE, whom=(11, 21), settings=every(BUS))
    rows, _, found = scan(line, asked)
    told = rows[21].document()
    seen = Setting(told["baud"], told["framing"])
    own = Setting(baud, framing)
    # A receiver takes a wrong parity bit for granted: even and odd are told apart by a UART's counters alone.
    assert seen == own or (framing == "8O1" and seen == Setting(baud, "8E1"))
    assert ("other_setting" in keys(rows[21])) == (own != BUS)
    assert set(rows) == {11, 21}
    assert len(found.looks) == 28


def test_a_framing_that_the_port_has_not_is_told_and_the_others_are_asked():
    line = Line(Device(Board(11).answer))
    line.cannot = {"8E1", "8O1"}
    rows, _, found = scan(line, call(station=False, whom=(11,), settings=every(BUS)))
    assert sum(bool(look.cannot) for look in found.looks) == 14
    assert rows[11].document()["framing"] == "8N1"


def test_a_port_that_can_be_set_to_nothing_that_was_asked_for_fails():
    line = Line()
    line.cannot = {"8N1"}
    with pytest.raises(Failure) as failed:
        course.look(call(LEVEL), "en", line)
    assert (failed.value.code, failed.value.exit_code) == ("RP-B07", 4)


def test_an_adapter_that_is_pulled_ends_with_what_to_do():
    line = Line(Device(Board(11).answer))
    sends = line.send

    def pulled(data):
        line.lost = len(line.requests) > 5
        sends(data)

    line.send = pulled
    with pytest.raises(Failure) as failed:
        course.look(call(LEVEL), "en", line)
    assert (failed.value.code, failed.value.exit_code) == ("RP-B04", 4)


def test_stopped_by_hand_it_tells_what_it_has_and_calls_nobody_silent():
    line = Line(Device(Board(11, definition=PLAIN[:16]).answer))
    sends = line.send

    def stopped(data):
        if line._setting.baud == 115_200:
            raise KeyboardInterrupt
        sends(data)

    line.send = stopped
    rows, _, found = scan(line, call(LEVEL, RADAR_SOURCE, settings=every(BUS)))
    assert found.stopped
    assert list(rows) == [11]


def test_stopped_in_the_middle_it_tells_who_answered_so_far():
    line = Line(Device(Board(11).answer), Device(Board(12).answer))
    sends = line.send

    def stopped(data):
        if data[:2] == bytes((12, 43)):
            raise KeyboardInterrupt
        sends(data)

    line.send = stopped
    rows, _, _ = scan(line, call(LEVEL, whom=(11, 12, 13)))
    assert {address: keys(row) for address, row in rows.items()} == {
        11: ["in_station", "definition_other"],
        12: ["unlooked"],
    }


ANSWERS = st.lists(st.binary(max_size=80), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS, ANSWERS, st.booleans())
def test_no_bytes_as_answers_make_it_fail(answers, idle, echo):
    turn = [0, 0]

    def next_of(these, which):
        turn[which] += 1
        return these[turn[which] % len(these)]

    line = Line(Device(lambda _: next_of(answers, 0)))
    line.echo = echo
    line.idle = lambda _: next_of(idle, 1) if turn[1] < 40 else b""
    scan(line, call(LEVEL, RADAR_SOURCE, whom=(11, 12, 21, 247)))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 59), st.binary(max_size=3), st.sampled_from([1, 3, 43]))
def test_an_answer_bent_in_any_way_never_makes_it_fail(noise, at, put, code):
    board = Board(11)

    def bent(request):
        answer = board.answer(request)
        return answer[:at] + put + answer[at + code :] + noise

    scan(Line(Device(bent)), call(LEVEL, whom=(11,)))


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_splitting_loses_no_byte(pieces):
    data = b"".join(piece + first_question(3) + Board(9).answer(identify_request(9, 3)) for piece in pieces)
    frames, rest = split(data)
    assert sum(map(len, frames)) + len(rest) == len(data)
    assert sum(frame[0] == 9 and frame[1] == 43 for frame in frames) >= len(pieces) - sum(map(bool, pieces))


def test_a_babbling_line_does_not_hold_a_question_up():
    line = Line()
    line.idle = lambda _: b"\x55" * 40
    asker = Asker(line, BUS)
    assert asker.ask(first_question(1)).garbled
    assert asker.strays


@given(st.sets(st.integers(1, 247), min_size=1))
def test_addresses_are_written_as_they_are_read(numbers):
    assert set(addresses(shown(tuple(sorted(numbers))))) == numbers


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_phrase_has_the_same_facts_in_both_languages(lang):
    import string

    for zh, en in PHRASES.values():
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (zh, en)]
        assert names[0] == names[1]


@pytest.mark.parametrize("wide", [40, 80])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_line_of_the_table_is_wider_than_its_terminal(monkeypatch, wide, lang):
    monkeypatch.setattr(show, "width", lambda: wide)
    line = Line(
        Device(Board(11).answer),
        Device(damaging(Board(13, words={"slot": 0}).answer, 60)),
        Device(Sensor(14, {0: 1}).answer),
        Device(Sensor(21, RADAR, max_block=1).answer),
        Device(Board(12).answer),
        Device(Board(12, serial=b"another!").answer),
    )
    line.echo = True
    found = course.look(call(LEVEL, RADAR_SOURCE, Source("a-long-name", "main", 30, "esp32-rs485")), lang, line)
    rows, hints = course.judged(call(LEVEL, RADAR_SOURCE, Source("a-long-name", "main", 30, "esp32-rs485")), found)
    text = printed(rows, hints, lang)
    assert [line for line in text.splitlines() if columns(line) > wide] == []
    assert text.count("FAIL" if lang == "en" else "不通过") >= 2
