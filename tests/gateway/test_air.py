"""Ultrasonic gaps and the air's temperature."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config
from gateway.air import corrected_mm, stored_gap_mm
from gateway.siren import Siren
from gateway.station import NowValue, Station
from tests.gateway.alarm_station import HandClock, RecordingDriver, RecordingSink, steps
from tests.gateway.station_toml import GOOD, problems, station
from wire.reading import GOOD as FINE
from wire.reading import MISSING, NEVER, SUSPECT
from wire.row import Reading, Row

FITTED = GOOD.replace('fit = ["tilt"]', 'fit = ["tilt", "gap"]')
GAP = """
[[bus.board.channel]]
name = "pond"
quantity = "gap_mm"
gauge_zero = "100.00 m"
datum = "local"
compensate = "temp"
"""
COMPENSATED = FITTED.replace('fit = ["tilt", "gap"]\n', 'fit = ["tilt", "gap"]\n' + GAP)


# By hand: FIELD.md 7 says that 10 degC are 1.69 % and 0.135 m at 8 m.
@pytest.mark.parametrize(
    ("gap", "cdeg", "assumed", "true"),
    [
        (8_000, 2_000, 2_000, 8_000),
        (8_000, 3_000, 2_000, 8_135),
        (8_000, 1_000, 2_000, 7_862),
        (5_000, 0, 2_000, 4_826),
    ],
)
def test_a_gap_goes_with_the_root_of_the_absolute_temperature(gap, cdeg, assumed, true):
    assert corrected_mm(gap, cdeg, assumed) == true


@given(st.integers(0, 40_000), st.integers(-6_000, 8_500), st.integers(-4_000, 6_000))
def test_integers_agree_with_the_formula_of_the_speed_of_sound(gap, cdeg, assumed):
    speed = 331.3 * math.sqrt(1 + cdeg / 100 / 273.15)
    believed = 331.3 * math.sqrt(1 + assumed / 100 / 273.15)
    assert abs(corrected_mm(gap, cdeg, assumed) - gap * speed / believed) <= 0.51


def test_a_stored_gap_needs_the_temperature_of_its_row():
    assert stored_gap_mm(8_000, 3_000, 2_000) == 8_135
    assert stored_gap_mm(8_000, None, 2_000) is None
    assert stored_gap_mm(8_000, 20_000, 2_000) is None


def gap_station():
    """A board with a gap and a temperature; the alarm is at 93.00 m, and 10 s without a value are lost."""
    level = config.Level(100_000, 0, "local", "")
    gap = config.Channel("pond", "b", 0, "gap_mm", level, sound_cdeg=2_000)
    source = config.Source("b", "main", 11, channels=(gap, config.Channel("air", "b", 1, "temp_cdeg")))
    rules = (
        config.Rule("flood", "high", "pond", steps(93_000)),
        config.Rule("lost-pond", "lost", "pond", (config.Step(2, 10_000),)),
    )
    made = config.Station(
        id="X", name="x", name_en="x", time_zone="UTC", gateway_serial="01" * 8, mode="actual",
        buses=(config.Bus("main", "/dev/null", 9600, "8N1", 1_000, (source,)),), rules=rules, siren=config.Siren(),
        spool=config.Spool("x"), center=config.Center(),
    )  # fmt: skip
    clock = HandClock()
    return Station(made, clock, Siren(made.siren, clock, RecordingDriver([])), RecordingSink([])), clock


def seconds(one, gap, cdeg, count=1):
    """`count` scans of that; the pond after them."""
    for _ in range(count):
        second(one, gap, cdeg)
    return one[0].channels()[0]


def second(one, gap, cdeg):
    made, clock = one
    clock.advance(1_000)
    quality = MISSING if cdeg is None else FINE
    words = [NowValue(0, gap, FINE, 0, clock.mono, clock.unix), NowValue(1, cdeg, quality, 0, clock.mono, clock.unix)]
    made.on_now("b", words)
    made.tick(clock.mono)
    return made.channels()[0]


def test_the_level_follows_the_temperature_of_the_same_answer():
    one = gap_station()
    assert second(one, 8_000, 2_000)["value"] == 92_000
    assert second(one, 8_000, 3_000)["value"] == 91_865


def test_without_a_temperature_a_gap_is_suspect_and_carries_no_alarm_but_that_of_not_seeing():
    one = gap_station()
    now = seconds(one, 6_000, None, 12)
    assert (now["value"], now["quality"]) == (94_000, SUSPECT)
    assert [alarm["rule"] for alarm in one[0].alarms()] == ["lost-pond"]
    assert second(one, 6_000, 2_000)["quality"] == FINE
    assert {alarm["rule"] for alarm in one[0].alarms() if alarm["level"]} == {"flood"}


def test_the_newest_temperature_counts_for_ten_minutes():
    one = gap_station()
    second(one, 8_000, 3_000)
    now = seconds(one, 8_000, None, 600)
    assert (now["value"], now["quality"]) == (91_865, FINE)
    assert second(one, 8_000, None)["quality"] == SUSPECT


def test_a_stored_gap_without_temperature_is_suspect():
    one = gap_station()
    with_it = Row(1, 1, NEVER, 0, 0, [Reading(0, 8_000), Reading(1, 3_000)])
    without = Row(2, 1, NEVER, 0, 0, [Reading(0, 8_000), Reading(1, None, MISSING)])
    assert one[0].gateway_quality("b", with_it) == {}
    assert one[0].gateway_quality("b", without) == {0: SUSPECT}


def test_a_gap_says_that_it_follows_the_temperature_and_which_one_it_assumes(tmp_path):
    made = station(tmp_path, COMPENSATED.replace('compensate = "temp"', 'compensate = "temp"\nsound_at = "15 degC"'))
    assert next(channel for channel in made.channels if channel.name == "pond").sound_cdeg == 1_500
    assert next(c for c in station(tmp_path, COMPENSATED).channels if c.name == "pond").sound_cdeg == 2_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace('low = "150 m"', 'low = "150 m"\ncompensate = "temp"'), "is not measured by sound"),
        (GOOD.replace('low = "150 m"', 'low = "150 m"\nsound_at = "20 degC"'), "says nothing without compensate"),
        (
            COMPENSATED.replace('fit = ["tilt", "gap"]', 'fit = ["gap"]').replace("tilt.tilt_x", "rain.supply"),
            "no temperature",
        ),
    ],
)
def test_a_compensation_that_cannot_be_is_refused(tmp_path, text, said):
    assert any(said in problem for problem in problems(tmp_path, text))
