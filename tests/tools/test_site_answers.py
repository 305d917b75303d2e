"""What comes of answers: a station.toml that a gateway takes, whatever was answered; and answers that were refused."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load import load
from tests.tools.site_answers import ANYTHING, SMALL, answers
from tools.failure import Failure
from tools.replay.site import DEFAULT_RULES
from tools.site import answers as kept
from tools.site import checks, line
from tools.site.batch import answered
from tools.site.checks import Wrong
from tools.site.made import Made
from tools.site.model import devices, levels, on_line
from tools.site.questions import questions

FILE = Path("site/station.toml")


def made(given_answers, lang="en"):
    return Made(answered(kept.flat(given_answers), lang)[0], FILE, lang)


def wrong(check, text):
    with pytest.raises(Wrong) as told:
        check(text)
    return told.value.key


@settings(max_examples=60, deadline=None)
@given(answers(), st.sampled_from(["zh", "en"]))
def test_any_answers_that_pass_make_a_file_that_a_gateway_takes(given_answers, lang):
    # Made loads the text as a gateway would, and fails where it is not taken.
    site = Made(given_answers, FILE, lang)
    document = tomllib.loads(site.text)
    assert document["station"]["id"] == given_answers["station.id"]
    named = [board["name"] for bus in document.get("bus", []) for board in bus.get("board", []) + bus.get("sensor", [])]
    named += [board["name"] for board in document.get("local", {}).get("board", [])]
    assert sorted(named) == sorted(device.name for device in devices(given_answers))


@settings(max_examples=30, deadline=None)
@given(answers())
def test_answers_that_were_kept_are_read_again_as_they_were(given_answers):
    text = kept.written(given_answers, "a head\nof two lines")
    assert kept.flat(tomllib.loads(text)) == given_answers
    assert answered(kept.flat(tomllib.loads(text)), "en") == (given_answers, [])


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_no_text_breaks_a_check(text):
    found = answered(kept.flat(SMALL), "en")[0]
    for question in questions(found):
        try:
            taken = question.check(text)
        except Wrong:
            continue
        assert question.check(taken) == taken, question.name
        assert taken.isprintable()


def test_a_bare_number_is_in_the_unit_of_its_question_and_full_width_letters_are_read():
    check = checks.measured("length", "m", "-10 m", "200 m", "1 m")
    assert [check(text) for text in ("160", "160.5", "１６０ ｍ", "500mm", " 1.20  m ")] == [
        "160 m",
        "160.5 m",
        "160 m",
        "500 mm",
        "1.20 m",
    ]
    assert [wrong(check, text) for text in ("201", "1 s", "one", "0.0001 m", "")] == ["amount"] * 5


def test_a_port_beside_us_is_kept_with_its_whole_path_and_a_mere_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checks.port("bench/ttyRS485") == f"{tmp_path}/bench/ttyRS485"
    assert checks.port("/dev/ttyAMA1") == "/dev/ttyAMA1"
    for name in ("ttyUSB0", "bench/a b", "http://a/b"):
        with pytest.raises(checks.Wrong):
            checks.port(name)


def test_marks_must_rise_and_the_one_before_is_named():
    given_answers = kept.flat(SMALL) | {"level.1.guarantee": "168 m"}
    with pytest.raises(Failure) as told:
        answered(given_answers, "en")
    assert told.value.seen == "level.1.guarantee: must be above Warning (168 m)"


def test_two_devices_never_share_a_name_an_address_a_serial_or_a_pin():
    given_answers = kept.flat(SMALL) | {"board.2.name": "level", "sensor.1.address": "11", "siren.strobe": "GPIO17"}
    with pytest.raises(Failure) as told:
        answered(given_answers, "en")
    assert told.value.seen.splitlines() == [
        "board.2.name: level belongs to board 1 already; take another",
        "sensor.1.address: 11 belongs to level already; take another",
        "siren.strobe: the siren has GPIO17 already; take another",
    ]
    assert wrong(checks.serial({"0123456789abcdef": "a"}), "0123456789ABCDEF") == "taken"


def test_the_address_of_boards_without_settings_is_left_to_them():
    assert wrong(checks.address({}), "247") == "reserved"
    assert [wrong(checks.address({}), text) for text in ("0", "248", "x", "1.5")] == ["number"] * 4


@pytest.mark.parametrize("port", ["/dev/ttyAMA0", "/dev/serial0"])
def test_the_pins_of_the_gateways_own_serial_port_drive_no_siren(port):
    assert wrong(checks.pin(port), "GPIO14") == "uart_pin"
    assert checks.pin("/dev/ttyUSB0")("14") == "GPIO14"


def test_all_that_is_missing_wrong_or_not_asked_is_told_together():
    with pytest.raises(Failure) as told:
        answered({"station.id": "a b", "boards": "1", "center.host": "not a host"}, "en")
    assert told.value.exit_code == 2
    lines = told.value.seen.splitlines()
    names = [line.split(":")[0] for line in lines]
    assert names == ["station.id", "station.name", "center.host", "level.1.zero", "cable.length", "power.battery"]
    with pytest.raises(Failure) as told:
        answered(kept.flat(SMALL) | {"station.nmae_en": "x", "board.3.fit": "rain"}, "en")
    assert told.value.seen.splitlines() == [
        "station.nmae_en: no question is called so; did you mean station.name_en?",
        "board.3.fit: no question is called so; did you mean board.2.fit?",
    ]


def test_a_station_has_a_board_or_a_sensor():
    given_answers = kept.flat({"station": SMALL["station"]}) | {"boards": "0", "sensors": "0"}
    with pytest.raises(Failure, match="not complete") as told:
        answered(given_answers, "en")
    assert "sensors: a station has at least one board or sensor" in told.value.seen


def test_a_line_that_is_too_slow_is_offered_the_rate_that_does_and_refuses_a_scan_that_does_not():
    many = {"board": [{"fit": "smoke rain tilt", "type": "rp2040-rs485"} for _ in range(9)]}
    given_answers = kept.flat({**SMALL, **many, "level": {"1": {"zero": "160", "offset": "12"}}})
    found = answered(given_answers, "en")[0]
    assert int(found["bus.baud"]) > line.BAUD_USUAL
    with pytest.raises(Failure) as told:
        answered(given_answers | {"bus.baud": "9600", "bus.scan": "1 s"}, "en")
    least = line.seconds(line.least_scan_ms(on_line(found), 9_600))
    assert f"10 devices take {least} at 9600 baud" in told.value.seen
    slower = answered(given_answers | {"bus.baud": "9600"}, "en")[0]
    assert slower["bus.scan"] == least
    Made(slower, FILE, "en")


def test_the_least_scan_is_the_gateways_own(tmp_path):
    text = made(SMALL).text.replace('"radar"', '"radar"').replace('scan = "1 s"', 'scan = "100 ms"')
    (tmp_path / "station.toml").write_text(text)
    with pytest.raises(Exception, match="but a scan is 100 ms") as told:
        load(tmp_path / "station.toml")
    least_ms = line.least_scan_ms(on_line(made(SMALL).answers), 9_600)
    assert f'use scan = "{least_ms / 1000:g} s"' in str(told.value)


def test_rules_for_a_level_that_nobody_decided_are_not_invented():
    bare = {**SMALL, "level": {"1": {"zero": "160.00 m"}, "2": {"offset": "12 m"}}}
    site = made(bare)
    document = tomllib.loads(site.text)
    assert "threshold_set" not in document
    assert [rule["name"] for rule in document["rule"] if rule["kind"] == "high"] == []
    assert "river has no characteristic levels yet: its level raises no alarm" in site.looks


def test_a_mark_that_the_sensor_cannot_see_is_told_where_it_stands():
    site = made({**SMALL, "level": {"1": {"zero": "160", "warning": "185"}, "2": {"offset": "12"}}})
    assert "river measures up to 170.00 m: 1 of its characteristic levels stand above and never come" in site.looks
    before = site.text.split("warning = ")[0].splitlines()[-2:]
    assert "above what the sensor can measure (170.00 m)" in " ".join(before)


def test_a_second_level_of_the_same_gauge_has_its_own_height_and_the_same_marks():
    first, second = levels(made(SMALL).answers)
    assert (second.zero, second.datum, second.marks, second.offset) == (first.zero, "wusong", first.marks, "12.00 m")
    own = {**SMALL, "level": {**SMALL["level"], "2": {"same": False, "datum": "local", "zero": 0, "offset": 5}}}
    second = levels(made(own).answers)[1]
    assert (second.zero, second.datum, second.marks) == ("0 m", "local", ())


def test_proposals_are_the_projects_own():
    rules = {rule["name"]: rule for rule in tomllib.loads(made(SMALL).text)["rule"]}
    turn, rate = DEFAULT_RULES["tilt"]
    assert [rules["tilt"][level] for level in ("blue", "yellow", "orange", "red")] == [
        turn[level] for level in ("blue", "yellow", "orange", "red")
    ]
    assert rules["creep"]["red"] == rate["red"]
    assert rules["storm"].keys() == {"name", "kind", "channel"}  # The national signals.


@pytest.mark.parametrize("text", ["", "=", "\x00", '[station]\nid = "x', "a = [[1]]", "x" * 1_100_000])
def test_a_file_that_holds_no_answers_is_told(tmp_path, text):
    file = tmp_path / "answers.toml"
    file.write_text(text)
    try:
        found = kept.read(file)
    except kept.NotAnswers:
        return
    with pytest.raises(Failure):
        answered(found, "en")
