"""A calibration past its date: suspect readings, one event, and every alarm as before."""

import pytest
from msgspec.structs import replace

from gateway.quality import KINDS
from tests.gateway.alarm_station import Rig
from wire.reading import GOOD, MISSING, NEVER, SUSPECT, SYNCED
from wire.row import Reading, Row
from wire.telemetry import E_CHANNEL, E_KIND, EVENT_CODES

CALM, FLOOD = 17_000, 25_500


def rig_due_in(ms):
    """A station whose river is calibrated until `ms` from now."""
    rig = Rig()
    put_due(rig, rig.clock.unix + ms)
    rig.start()
    return rig


def put_due(rig, due_ms):
    (bus,) = rig.config.buses
    level, *others = bus.sources
    level = replace(level, channels=tuple(replace(one, due_ms=due_ms) for one in level.channels))
    rig.config = replace(rig.config, buses=(replace(bus, sources=(level, *others)),))


def river(rig):
    return next(channel for channel in rig.station.channels() if channel["name"] == "river")


def told(rig):
    return [event[E_CHANNEL] for event in rig.sink.events if event[E_KIND] == EVENT_CODES["calibration due"]]


def test_the_first_sample_past_the_date_is_suspect_and_told_once():
    rig = rig_due_in(2_500)
    seen = []
    for _ in range(5):
        rig.now("level", CALM)
        seen.append((river(rig)["quality"], river(rig)["flags"]))
    assert seen == [(GOOD, [])] * 2 + [(SUSPECT, ["due"])] * 3
    assert told(rig) == ["river"]
    assert river(rig)["counts"] == {"due": 3}
    assert "due" in KINDS


def test_what_is_missing_stays_missing_past_the_date():
    rig = rig_due_in(0)
    rig.now("level", CALM)
    rig.now("level", None)
    assert (river(rig)["quality"], river(rig)["value"]) == (MISSING, None)
    assert told(rig) == ["river"]


def test_alarms_go_on_past_the_date():
    rig = rig_due_in(0)
    rig.now("level", CALM)
    for _ in range(3):
        rig.now("level", FLOOD)
    assert rig.levels()["flood"] == 3
    assert rig.driver.level == 3


def test_a_restart_tells_the_same_date_no_second_time_and_another_one_anew():
    rig = rig_due_in(0)
    rig.now("level", CALM)
    assert rig.restart(60_000)
    rig.now("level", CALM)
    assert river(rig)["quality"] == SUSPECT
    assert told(rig) == ["river"]
    put_due(rig, rig.clock.unix)
    assert rig.restart(60_000)
    rig.now("level", CALM)
    assert told(rig) == ["river"] * 2


def test_a_channel_that_was_calibrated_meanwhile_is_good_after_the_restart():
    rig = rig_due_in(0)
    rig.now("level", CALM)
    put_due(rig, rig.clock.unix + 86_400_000)
    assert rig.restart(60_000)
    rig.now("level", CALM)
    assert (river(rig)["quality"], river(rig)["flags"]) == (GOOD, ["gap"])


def test_a_clock_that_was_ahead_and_is_set_takes_the_doubt_away():
    rig = rig_due_in(3_600_000)
    rig.clock.unix += 7_200_000
    rig.now("level", CALM)
    assert river(rig)["quality"] == SUSPECT
    rig.clock.unix -= 7_200_000
    rig.now("level", CALM)
    rig.now("level", CALM)
    assert (river(rig)["quality"], river(rig)["flags"]) == (GOOD, [])


@pytest.mark.parametrize(
    ("late_s", "time_quality", "flags"),
    [(-1, SYNCED, {}), (0, SYNCED, {0: SUSPECT}), (60, SYNCED, {0: SUSPECT}), (60, NEVER, {})],
)
def test_a_stored_row_is_suspect_by_its_own_time(late_s, time_quality, flags):
    rig = rig_due_in(0)
    row = Row(1, 1, time_quality, rig.clock.unix // 1_000 + late_s, 0, [Reading(0, CALM)])
    assert rig.station.gateway_quality("level", row) == flags


def test_a_staff_reading_that_disagreed_is_settled_by_another_zero():
    rig = Rig()
    rig.now("level", CALM)
    rig.station.staff_reading("river", 177_300, "07", rig.clock.unix)
    (bus,) = rig.config.buses
    level, *others = bus.sources
    (channel,) = level.channels
    assert channel.level is not None
    channel = replace(channel, level=replace(channel.level, offset_mm=300))
    rig.config = replace(rig.config, buses=(replace(bus, sources=(replace(level, channels=(channel,)), *others)),))
    rig.restart()
    rig.now("level", CALM)
    rig.now("level", CALM)  # The step asks for one confirming sample, as any would.
    assert (river(rig)["quality"], river(rig)["calibrate"]) == (GOOD, False)
