"""Staff readings against the sensor, and levels over two datums."""

import pytest
from msgspec.structs import replace

from gateway import config
from gateway.level import other_datums
from gateway.staff import Staff
from tests.gateway.alarm_station import Rig
from wire.reading import GOOD, SUSPECT
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_CHANNEL,
    E_DATUM,
    E_DETAIL,
    E_DIFFERENCE,
    E_KIND,
    E_VALUE,
    EVENT_KINDS,
)

OFFSETS = (config.DatumOffset("wusong", "huanghai", 1_490, "2019-11-02"),)


def river(rig):
    return next(channel for channel in rig.station.channels() if channel["name"] == "river")


def test_a_staff_reading_is_told_with_its_difference_and_changes_no_level():
    rig = Rig()
    for _ in range(30):
        rig.now("level", 17_140)
    assert rig.station.staff_reading("river", 177_200, "07", rig.clock.unix) == -60
    told = rig.sink.events[-1]
    assert EVENT_KINDS[told[E_KIND]] == "staff reading"
    assert (told[E_CHANNEL], told[E_VALUE], told[E_DATUM], told[E_ACTOR]) == ("river", 177_200, "wusong", "07")
    assert (told[E_AT_MS], told[E_DIFFERENCE]) == (rig.clock.unix, -60)
    assert told[E_DETAIL] == "more than 0.050 m apart: calibrate"
    rig.now("level", 17_140)
    assert (river(rig)["value"], river(rig)["quality"], river(rig)["calibrate"]) == (177_140, SUSPECT, True)


def test_a_reading_that_agrees_ends_the_doubt_which_survives_a_restart():
    rig = Rig()
    rig.now("level", 17_140)
    rig.station.staff_reading("river", 177_300, "07", rig.clock.unix)
    rig.restart()
    rig.now("level", 17_140)
    assert river(rig)["quality"] == SUSPECT
    assert rig.station.staff_reading("river", 177_150, "07", rig.clock.unix) == -10
    assert E_DETAIL not in rig.sink.events[-1]
    rig.now("level", 17_141)
    assert (river(rig)["quality"], river(rig)["calibrate"]) == (GOOD, False)


def test_a_doubtful_channel_still_carries_its_alarm():
    rig = Rig()
    rig.now("level", 17_140)
    rig.station.staff_reading("river", 177_300, "07", rig.clock.unix)
    for _ in range(3):
        rig.now("level", 25_500)
    assert rig.levels()["flood"] == 3


def test_what_was_read_a_while_ago_is_compared_with_the_sensor_of_that_time():
    rig = Rig()
    for mm in range(600):
        rig.now("level", 17_000 + mm)
    # 300 s ago the sensor was at 299 mm, give or take the 5 s in which it is remembered.
    difference_mm = rig.station.staff_reading("river", 177_000, "07", rig.clock.unix - 300_000)
    assert difference_mm == pytest.approx(299, abs=5)


def test_where_the_sensor_said_nothing_there_is_no_difference_and_no_doubt():
    rig = Rig()
    rig.now("level", 17_140)
    assert rig.station.staff_reading("river", 170_000, "07", rig.clock.unix - 3_600_000) is None
    assert rig.sink.events[-1][E_DETAIL] == "no value of the sensor at that time"
    assert E_DIFFERENCE not in rig.sink.events[-1]
    assert river(rig)["calibrate"] is False


def test_ship_wakes_are_no_error():
    steady = Staff(50)
    for i in range(24):
        steady.step(177_000 + (400 if i % 5 == 0 else 0), i * 5_000, 1_000_000 + i * 5_000)
    assert steady.compare(177_010, 1_060_000) == -10


def test_only_what_has_an_elevation_is_read_at_a_staff():
    rig = Rig()
    with pytest.raises(ValueError, match="no gauge zero"):
        rig.station.staff_reading("rain", 1, "07", rig.clock.unix)
    with pytest.raises(KeyError):
        rig.station.staff_reading("lake", 1, "07", rig.clock.unix)


def test_memory_of_levels_has_a_limit():
    staff = Staff(50)
    for i in range(2_000):
        staff.step(i, i * 10_000, i * 10_000)
    assert staff.compare(0, 0) is None
    with pytest.raises(ValueError, match="flag"):
        staff.restore("yes", 0, 0)


# FIELD.md 3: Wusong minus Huanghai at Cuntan is 1.49 m; 191.62 m over Wusong are 190.13 m over Huanghai.
def test_a_height_is_told_over_another_datum_only_by_a_surveyed_offset():
    assert other_datums("wusong", OFFSETS) == [("huanghai", -1_490)]
    assert other_datums("huanghai", OFFSETS) == [("wusong", 1_490)]
    assert other_datums("cn1985", OFFSETS) == []


def test_a_channel_shows_both_datums():
    rig = Rig()
    rig.config = replace(rig.config, datum_offsets=OFFSETS)
    rig.start()
    rig.now("level", 31_620)
    assert river(rig)["value"] == 191_620
    assert river(rig)["over"] == [{"datum": "huanghai", "value": 190_130}]
    rig.now("level", None)
    assert river(rig)["over"] == [{"datum": "huanghai", "value": None}]
