"""[[calibration]] of station.toml: what a good one becomes, and what is said of a wrong one."""

from datetime import datetime

import pytest

from gateway.amounts import DIMENSIONS
from gateway.load_calibration import SENSORS, in_force
from tests.gateway.station_toml import GOOD, line_of, problems, station

LEVEL = """
[[calibration]]
kind = "level"
channel = "river"
at = 2020-05-30T14:20:00+08:00
by = "07"
due = 2021-05-30
readings = [{ shows = "177.140 m", is = "177.200 m", spread = "3 mm", count = 60 }]
before = { offset = "-0.25 m", surveyed = "2020-05-30" }
after = { offset = "-0.19 m", surveyed = "2020-06-30" }
"""
TWO_POINT = """
[[calibration]]
kind = "two-point"
board = "level"
sensor = "pressure_420"
at = 2020-05-30T14:30:00+08:00
by = "07"
due = "2021-03-01"
readings = [{ shows = "0.012 m", is = "4 mA" }, { shows = "9.990 m", is = "10.000 m" }]
before = {}
after = { zero_na = 4_019_200, full_na = 19_984_000 }
"""
TABLE = """
[[calibration]]
kind = "table"
board = "level"
port = "adc 0"
at = 2020-05-30T14:40:00+08:00
by = "07"
readings = [{ shows = "142 mV", is = "0.15 V" }]
before = {}
after = { pairs = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]] }
"""
UNDONE = """
[[calibration]]
kind = "level"
channel = "river"
at = 2020-06-01T00:00:00Z
by = "08"
undoes = 2020-05-30T14:20:00+08:00
before = { offset = "-0.19 m" }
after = { offset = "-0.25 m" }
"""


def ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


def due(made):
    return {channel.name: channel.due_ms for channel in made.channels if channel.due_ms}


def test_a_record_is_read_with_what_hangs_on_it(tmp_path):
    level, two_point, table = station(tmp_path, GOOD + LEVEL + TWO_POINT + TABLE).calibrations
    assert (level.kind, level.thing, level.channels, level.by) == ("level", "river", ("river",), "07")
    assert (level.at_ms, level.due, level.undoes_ms) == (ms("2020-05-30T14:20:00+08:00"), "2021-05-30", None)
    assert (two_point.thing, two_point.channels) == ("level pressure_420", ("river",))
    assert (table.thing, table.channels, table.due) == ("level adc 0", ("river",), "")


def test_the_earliest_date_of_what_a_channel_hangs_on_holds_to_the_end_of_that_day(tmp_path):
    assert due(station(tmp_path, GOOD + LEVEL)) == {"river": ms("2021-05-31T00:00:00+08:00")}
    assert due(station(tmp_path, GOOD + LEVEL + TWO_POINT)) == {"river": ms("2021-03-02T00:00:00+08:00")}
    assert due(station(tmp_path, GOOD + TABLE)) == {}


def test_the_last_record_of_a_thing_is_in_force_with_its_date(tmp_path):
    made = station(tmp_path, GOOD + LEVEL + TABLE + UNDONE)
    assert due(made) == {}
    assert [(one.thing, one.by) for one in in_force(made.calibrations)] == [("river", "08"), ("level adc 0", "07")]


def test_what_an_ultrasonic_sensor_and_a_bucket_are_read_as(tmp_path):
    rain = TWO_POINT.replace('"level"', '"rain"', 1).replace("pressure_420", "tipping_bucket")
    rain = rain.replace('"0.012 m", is = "4 mA"', '"9.6 mm", is = "10 mm"').replace('"9.990 m", is = "10.000 m"', "")
    rain = rain.replace(", { shows =  }", "").replace("zero_na = 4_019_200, full_na = 19_984_000", "um_per_tip = 208")
    made = station(tmp_path, GOOD + rain)
    assert made.calibrations[0].channels == ("rain.rain",)
    assert set().union(*SENSORS.values()) <= set(DIMENSIONS)


def test_a_board_on_wifi_may_be_calibrated_too(tmp_path):
    local = '\n[local]\nhost = "127.0.0.1"\n[[local.board]]\nname = "far"\ntype = "esp32-wifi"\nfit = ["level"]\n'
    local += 'serial = "0123456789abcde0"\n'
    text = GOOD + local + TWO_POINT.replace('"level"', '"far"', 1)
    assert due(station(tmp_path, text)) == {"far.head": ms("2021-03-02T00:00:00+08:00")}


WRONG = [
    ('kind = "level"', 'kind = "levels"', '"levels" is not a kind; use "level", "two-point" or "table"'),
    ('channel = "river"\nat', 'channel = "lake"\nat', 'no channel "lake" has a gauge zero; there is river'),
    ('channel = "river"\nat', 'channel = "rain.rain"\nat', 'no channel "rain.rain" has a gauge zero'),
    ('channel = "river"\nat', "at", "channel: is missing"),
    ("at = 2020-05-30T14:20:00+08:00\n", "", "at is missing; add at = 2026-05-30T14:20:00+08:00"),
    ("14:20:00+08:00", "14:20:00", "is no time with its zone"),
    ("at = 2020-05-30T14:20:00+08:00", 'at = "2020-05-30"', "is no time with its zone"),
    ("at = 2020-05-30T14:20:00+08:00", "at = 1020-05-30T14:20:00+08:00", "is no time of a calibration"),
    ('by = "07"\ndue = 2021-05-30', "due = 2021-05-30", "by: is missing"),
    ('by = "07"\ndue = 2021-05-30', f'by = "{"7" * 101}"\ndue = 2021-05-30', "is no name"),
    ("due = 2021-05-30", 'due = "30.5.2021"', '"30.5.2021" is not a date'),
    ("due = 2021-05-30", "due = 2020-05-30", "is not after the day of the calibration"),
    ("due = 2021-05-30", "due = 9999-12-31", "is too far away"),
    ('shows = "177.140 m"', 'shows = "177.140"', "has no unit"),
    ('is = "177.200 m"', 'is = "4 mA"', "is not what such a sensor is shown"),
    ("count = 60", "count = 0", "0 is not a whole number from 1"),
    ("count = 60", "number = 60", '"number" is not a key of readings'),
    ('before = { offset = "-0.25 m", surveyed', 'before = { ofset = "-0.25 m", surveyed', 'did you mean "offset"?'),
    ('after = { offset = "-0.19 m", surveyed = "2020-06-30" }', "", "after is missing"),
    ('board = "level"\nsensor', 'board = "levels"\nsensor', 'no board is called "levels"; there is level, rain, tilt'),
    ('board = "level"\nsensor', 'board = "radar"\nsensor', 'no board is called "radar"; there is level, rain, tilt'),
    ('board = "level"\nsensor', 'board = "tilt"\nsensor', '"tilt" has none of pressure_420'),
    ('sensor = "pressure_420"', 'sensor = "supply"', '"supply" is not a value of sensor; use "pressure_420"'),
    ("zero_na = 4_019_200", 'zero_na = "4 mA"', "is neither a whole number nor pairs of them"),
    ("zero_na = 4_019_200", "adc = 1", '"adc" is not a key of after'),
    ('port = "adc 0"', 'port = "adc 1"', '"adc 1" is not a value of port; use "adc 0" or "adc 2"'),
    ("[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]", "[1, 2]]", "has 1 pairs"),
    ("undoes = 2020-05-30T14:20:00+08:00", "undoes = 2020-05-30T14:20:01+08:00", "no earlier calibration"),
    ("undoes = 2020-05-30T14:20:00+08:00", "undos = 2020-05-30T14:20:00+08:00", 'did you mean "undoes"?'),
]


@pytest.mark.parametrize(("find", "put", "said"), WRONG)
def test_what_is_wrong_with_a_record_is_said_with_a_remedy(tmp_path, find, put, said):
    text = LEVEL + TWO_POINT + TABLE + UNDONE
    assert find in text
    found = problems(tmp_path, GOOD + text.replace(find, put, 1))
    assert any(said in problem for problem in found), found


def test_a_record_of_a_board_whose_own_table_is_wrong_is_not_wrong_again(tmp_path):
    text = (GOOD + TWO_POINT).replace('type = "esp32-rs485"\nfit = ["level"]', 'type = "esp33"\nfit = ["level"]')
    assert not [problem for problem in problems(tmp_path, text) if "calibration" in problem.split(":")[1]]


def test_a_record_that_does_not_fit_is_named_with_its_line(tmp_path):
    text = GOOD + LEVEL.replace('channel = "river"', 'channel = "lake"')
    (said,) = problems(tmp_path, text)
    line = line_of(text, 'channel = "lake"')
    assert said.startswith(f"station.toml:{line} calibration.channel: ")
