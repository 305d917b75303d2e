"""From the stimulus at a sensor to the siren and to the center, for every kind of alarm."""

import pytest

from wire.telemetry import EVENT_CODES

CALM_MM = 3_000


@pytest.fixture
def calm(rig):
    """The station with calm sensors and a value on every channel."""
    rig.set("level", "head_mm", CALM_MM)
    rig.wait_for_values()
    return rig


def events(rig, rule, kind):
    """(level, t_event) of the events of `rule` in the center's database."""
    sql = "SELECT level, at_ms FROM events WHERE rule = ? AND kind = ? ORDER BY seq"
    return rig.station.center_query(sql, rule, EVENT_CODES[kind])


def siren(rig, word, timeout_s=20.0):
    rig.station.wait_for(lambda: rig.station.siren()[0] == word, timeout_s, f"the siren at {word}")


def at_center(rig, rule, kind, count=1):
    rig.station.wait_for(lambda: len(events(rig, rule, kind)) >= count, 20, f"{kind} of {rule} at the center")
    assert len(events(rig, rule, kind)) == count


def pass_by(rig, station_ms):
    end_ms = rig.now_ms() + station_ms
    rig.wait_for(lambda: rig.now_ms() > end_ms, rig.real_s(station_ms / 1000), f"{station_ms} ms of the station's time")


def test_a_flood_sounds_the_siren_rises_with_the_river_and_clears_with_a_deadband(calm):
    calm.set("level", "head_mm", 5_100)
    siren(calm, "yellow")
    calm.set("level", "head_mm", 7_500)
    siren(calm, "red")
    at_center(calm, "flood", "alarm raised")
    at_center(calm, "flood", "alarm escalated")
    calm.set("level", "head_mm", 4_150)  # Below guard 4.20, but within its deadband of 0.10 m.
    calm.wait_for(lambda: calm.alarm_level("flood") == 1, 20, "the alarm one level a time down to blue")
    calm.set("level", "head_mm", 4_050)
    at_center(calm, "flood", "alarm cleared")
    assert [level for level, _ in events(calm, "flood", "alarm raised")] == [2]
    assert [level for level, _ in events(calm, "flood", "alarm escalated")] == [4]
    assert [level for level, _ in events(calm, "flood", "alarm lowered")] == [3, 2, 1]
    assert calm.station.siren()[0] == "none"


def test_tips_add_up_to_a_rain_alarm(calm):
    calm.tip("rain", 6, spread_ms=4_000)  # 6 x 0.2 mm
    at_center(calm, "rain-1h", "alarm raised")
    calm.tip("rain", 6, spread_ms=4_000)
    at_center(calm, "rain-1h", "alarm escalated")
    siren(calm, "yellow")


def test_a_leaning_wall_raises_an_alarm_and_one_bump_does_not(calm):
    pass_by(calm, 60_000)  # The wall stands still: its baseline.
    calm.set("tilt", "tilt_x_mdeg", 1_500)
    pass_by(calm, 2_500)  # A quarter of the rule's window of 10 s.
    calm.set("tilt", "tilt_x_mdeg", 0)
    pass_by(calm, 20_000)
    assert events(calm, "wall", "alarm raised") == []
    assert calm.alarm_level("wall") == 0
    calm.set("tilt", "tilt_x_mdeg", 700)
    siren(calm, "yellow")
    at_center(calm, "wall", "alarm raised")


def test_a_detectors_contact_is_red_at_once(calm):
    calm.set("smoke", "smoke_contact", 1)
    siren(calm, "red")
    at_center(calm, "smoke", "alarm raised")


def test_smoke_in_the_chamber_raises_an_alarm(calm):
    calm.set("smoke", "smoke_mdbm", 150)
    siren(calm, "yellow")
    at_center(calm, "smoke", "alarm raised")


def test_a_lost_board_is_an_alarm_and_never_clears_another(calm):
    calm.need("power")
    calm.set("level", "head_mm", 5_100)
    siren(calm, "yellow")
    calm.boards["level"].stop_power()
    at_center(calm, "lost-level", "alarm raised")
    assert calm.channel("river")["value"] is None
    assert calm.alarm_level("flood") == 2
    assert calm.station.siren()[0] == "yellow"
    calm.boards["level"].restore()
    at_center(calm, "lost-level", "alarm cleared")
    assert calm.alarm_level("flood") == 2


def test_a_missing_sensor_raises_no_level_alarm_and_shows_no_old_number(calm):
    calm.set("level", "head_mm", None)
    calm.wait_for(lambda: calm.channel("river")["quality"] == 9, 20, "the river marked missing")
    assert calm.channel("river")["value"] is None
    assert calm.alarm_level("flood") == 0


def test_the_siren_sounds_without_broker_and_center(calm):
    calm.station.broker.stop()
    calm.station.center.kill()
    calm.set("level", "head_mm", 7_500)
    siren(calm, "red")


def test_what_happened_without_a_broker_reaches_the_center_later_and_once(calm):
    calm.station.broker.stop()
    calm.set("level", "head_mm", 7_500)
    siren(calm, "red")
    calm.station.broker.start()
    at_center(calm, "flood", "alarm raised")
