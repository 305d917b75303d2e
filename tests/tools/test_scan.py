"""Who answers on a line: devices told apart, and compared with what a station means."""

import random

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from gateway.config import Source
from tests.tools.scan_line import RADAR, Board, Device, Line, Sensor
from tests.tools.scan_run import LEVEL, PLAIN, RADAR_SOURCE, call, keys, printed, scan
from tools.scan import course
from tools.scan.ask import first_question, identify_request
from tools.scan.phrases import phrase


def test_the_questions_are_what_pymodbus_would_ask():
    framer = FramerRTU(DecodePDU(True))
    read = ReadHoldingRegistersRequest(address=0, count=1, dev_id=17)
    assert first_question(17) == framer.buildFrame(read)
    identify = ReadDeviceInformationRequest(read_code=3, object_id=0, dev_id=17)
    assert identify_request(17, 3) == framer.buildFrame(identify)


def test_a_board_that_runs_what_the_station_means_is_right():
    rows, hints, found = scan(Line(Device(Board(11, definition=PLAIN[:16]).answer)), call(LEVEL))
    assert (rows[11].state, rows[11].name) == ("ok", "level")
    assert keys(rows[11]) == ["in_station", "definition_right"]
    assert list(rows) == [11]
    assert hints == {}
    assert found.devices[0].serials == {"0102030405060708"}


def test_a_board_with_another_definition_is_to_be_provisioned():
    rows, _, _ = scan(Line(Device(Board(11).answer)), call(LEVEL))
    assert rows[11].state == "look"
    assert rows[11].next == "provision"
    assert keys(rows[11]) == ["in_station", "definition_other"]


def following(rows, hints):
    return course.following(call(LEVEL), list(rows.values()), list(hints.values()), "en")


@pytest.mark.parametrize(
    ("definition", "step"),
    [
        (PLAIN[:16], "start the gateway, then riverpost check --station station.toml"),
        ("ab" * 8, "riverpost provision level --station station.toml"),
    ],
)
def test_the_next_step_is_one_that_can_be_copied(definition, step):
    rows, hints, _ = scan(Line(Device(Board(11, definition=definition).answer)), call(LEVEL))
    assert following(rows, hints) == step


def test_without_a_station_a_definition_is_compared_with_boards():
    line = Line(Device(Board(11, definition=PLAIN[:16]).answer), Device(Board(12).answer))
    rows, _, _ = scan(line, call(station=False))
    assert rows[11].notes == [("definition_plain", {"digest": PLAIN[:16], "fit": "level"})]
    assert keys(rows[12]) == ["definition_own"]
    assert [row.state for row in rows.values()] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("board", "source", "key", "state"),
    [
        (Board(11, kind="rp2040-rs485"), LEVEL, "other_type", "FAIL"),
        (Board(11), Source("level", "main", 11, "esp32-rs485", serial="ff" * 8), "other_serial", "FAIL"),
        (Board(11, words={"slot": 0}), LEVEL, "safe", "look"),
        (Board(11, words={"slot": 0x102}), LEVEL, "trial", "look"),
        (Board(11), RADAR_SOURCE, "not_in_station", "look"),
        (Board(21), RADAR_SOURCE, "board_for_sensor", "FAIL"),
    ],
)  # fmt: skip
def test_a_board_that_is_not_as_it_should_be_is_named(board, source, key, state):
    rows, _, _ = scan(Line(Device(board.answer)), call(source))
    row = rows[board.address]
    assert key in keys(row)
    assert row.state == state


def test_a_board_without_settings_is_found_at_247():
    board = Board(247, definition="00" * 8, words={"slot": 0})
    rows, _, _ = scan(Line(Device(board.answer)), call(LEVEL, whom=(11, 247)))
    assert rows[247].next == "settings"
    assert following(rows, {}) == "riverpost provision level --station station.toml"
    assert {"unprovisioned", "safe"} <= set(keys(rows[247]))
    assert keys(rows[11]) == ["silent"]


def test_a_bought_sensor_is_told_by_its_profile_and_its_value_shown():
    line = Line(Device(Sensor(21, RADAR, max_block=1).answer))
    rows, _, found = scan(line, call(RADAR_SOURCE))
    assert rows[21].state == "ok"
    assert found.devices[0].profiles == ("radar-60ghz",)
    assert found.devices[0].values == {"gap_mm": 6_050}
    assert "Air gap 6.05 m" in printed(list(rows.values()), [], "en")


@pytest.mark.parametrize("register", [{0x0001: 50}, {0x0001: 0xFFFF}, {0x0001: 12_001}, {0x0010: 1}])
def test_a_sensor_whose_answer_is_out_of_range_a_code_or_bad_fits_no_profile(register):
    line = Line(Device(Sensor(21, RADAR | register, max_block=1).answer))
    rows, _, _ = scan(line, call(RADAR_SOURCE))
    assert (keys(rows[21]), rows[21].state) == (["not_as_profile"], "look")


def test_a_device_that_no_profile_knows_is_something_to_look_at():
    rows, _, _ = scan(Line(Device(Sensor(14, {7: 1}).answer)), call(LEVEL, whom=(14,)))
    assert (keys(rows[14]), rows[14].state) == (["unknown"], "look")


def test_a_sensor_that_is_not_in_the_station_is_told():
    line = Line(Device(Sensor(22, RADAR, max_block=1).answer))
    assert keys(scan(line, call(LEVEL, whom=(22,)))[0][22]) == ["not_in_station"]
    assert keys(scan(line, call(station=False))[0][22]) == ["fits"]


def test_who_is_expected_and_silent_fails_and_is_asked_patiently():
    line = Line(Device(Board(11, definition=PLAIN[:16]).answer))
    rows, hints, _ = scan(line, call(LEVEL, RADAR_SOURCE, whom=(11, 20, 21)))
    assert (keys(rows[21]), rows[21].state) == (["silent"], "FAIL")
    asked = [request[0] for _, request in line.requests]
    assert asked.count(21) == 4
    assert asked.count(20) == 1
    assert following(rows, hints) == phrase("next_cable", "en")


def test_a_slow_device_is_heard_while_the_next_is_asked():
    slow = Device(Sensor(14, {0: 1}).answer, turn_s=0.11)
    rows, _, _ = scan(Line(slow), call(station=False, whom=(14, 15, 16)))
    assert list(rows) == [14]


def test_two_boards_with_one_address_are_told_by_garbled_answers():
    line = Line(
        Device(Board(11, definition=PLAIN[:16]).answer),
        Device(Board(12).answer),
        Device(Board(12, serial=b"another!").answer),
    )
    rows, _, _ = scan(line, call(LEVEL, whom=(11, 12)))
    assert keys(rows[12])[0] == "twins_likely"
    assert (rows[12].state, rows[11].state) == ("FAIL", "ok")


def test_two_boards_with_one_address_are_told_by_their_serials():
    boards = [Board(12), Board(12, serial=b"another!")]
    turns = random.Random(4)
    line = Line(Device(lambda request: turns.choice(boards).answer(request)))
    rows, _, _ = scan(line, call(LEVEL, whom=(12,)))
    assert rows[12].notes[0] == ("twins_serials", {"serials": "0102030405060708, 616e6f7468657221"})


def test_a_second_answer_behind_the_first_is_another_device():
    sensor = Sensor(14, {0: 1})

    def twice(request):
        return sensor.answer(request) * 2

    assert keys(scan(Line(Device(twice)), call(station=False, whom=(14,)))[0][14])[0] == "twins"


def test_a_board_that_heard_answers_which_it_did_not_give_has_a_twin():
    rows, _, _ = scan(Line(Device(Board(11, twins=1).answer)), call(LEVEL, whom=(11,)))
    assert keys(rows[11])[0] == "twins"
