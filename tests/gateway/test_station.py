"""The one function that a reading passes: order, every kind of rule, not seeing, restarts."""

from pathlib import Path

import cbor2
import pytest
from cddl_verifier import Validator
from msgspec.structs import replace

from gateway import config
from gateway.config import ConfigError
from gateway.station import NowValue
from tests.gateway.alarm_station import FLOOD_MM, RULES, SERIAL, Rig, steps
from wire.reading import FAIL, GOOD, MISSING, SUSPECT, SYNCED
from wire.row import Reading, Row
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_CHANNEL,
    E_DATUM,
    E_DETAIL,
    E_DETECTED_MS,
    E_EPISODE_MS,
    E_KIND,
    E_LEVEL,
    E_MODE,
    E_NUMBER,
    E_QUANTITY,
    E_RULE,
    E_SIREN_MS,
    E_SOURCE,
    E_THRESHOLD,
    E_THRESHOLD_SET,
    E_TIER,
    E_VALUE,
    EVENT_CODES,
)

CALM_MM = 15_000  # head: elevation 175 m
CDDL = Path(__file__).resolve().parents[2] / "firmware/lib/wire/telemetry.cddl"


def kinds(rig: Rig) -> list[str]:
    names = {code: name for name, code in EVENT_CODES.items()}
    return [names[code] for code in rig.told(E_KIND)]


def flood(rig: Rig, head_mm: int = 21_000) -> None:
    """Rise to `head_mm`; twice, because such a jump is doubted once."""
    rig.now("level", head_mm)
    rig.now("level", head_mm)


def test_siren_comes_before_event_and_event_before_kept_state():
    rig = Rig()
    rig.now("level", CALM_MM)
    rig.log.clear()
    flood(rig, 23_000)
    assert rig.log == ["tried", "siren", "event", "event", "state"]  # flood and rise, in one act
    assert rig.driver.level == 3


def test_an_event_carries_what_the_center_needs():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.now("level", 20_500, age_ms=200)
    rig.now("level", 22_500, age_ms=200)
    now_ms = rig.clock.unix
    (event,) = rig.sink.events
    assert event == {
        E_KIND: EVENT_CODES["alarm raised"], E_RULE: "flood", E_CHANNEL: "river", E_LEVEL: 2,
        E_AT_MS: now_ms - 200, E_EPISODE_MS: now_ms - 1_200, E_DETECTED_MS: now_ms, E_SIREN_MS: now_ms,
        E_VALUE: 182_500, E_THRESHOLD: 182_000, E_THRESHOLD_SET: "CYB-2020", E_DATUM: "wusong",
        E_MODE: 0, E_QUANTITY: 12, E_SOURCE: SERIAL, E_NUMBER: 1,
    }  # fmt: skip


def test_every_event_fits_the_contract_with_the_center():
    rig = Rig()
    schema = Validator(CDDL)
    rig.now("level", CALM_MM)
    flood(rig)
    rig.station.acknowledge("flood", "值班员 07", "station", 4)
    rig.station.on_fault("duplicate address", "tilt", "two answer at 13")
    rig.station.set_mode("exercise", "07")
    rig.now("tilt", None)
    rig.now("tilt", None)
    rig.now("tilt", None)
    rig.tick(20_000)
    rig.station.on_lost("level", "no answer", rig.clock.mono)
    rig.station.on_back("level", rig.clock.mono)
    assert len(set(kinds(rig))) >= 7
    for event in rig.sink.events:
        assert schema.validate(cbor2.dumps(event), "event").errors == ()


def test_a_rate_that_is_suspect_costs_one_sample_and_suppresses_nothing():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.now("level", 26_000)
    assert rig.sink.events == []
    assert rig.station.channels()[0]["quality"] == SUSPECT
    rig.now("level", 33_000)  # agrees with neither side: judged all the same
    assert rig.told(E_LEVEL) == [4]


@pytest.mark.parametrize("bad", [{"quality": FAIL}, {"quality": MISSING}, {"age_ms": 10_001}])
def test_what_failed_or_is_missing_or_old_raises_nothing_and_lowers_nothing(bad):
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    for _ in range(3):
        rig.now("level", 40_000, **bad)
    assert "alarm raised" not in kinds(rig)
    flood(rig)
    for _ in range(3):
        rig.now("level", CALM_MM, **bad)
    assert rig.levels() == {"flood": 1}
    assert rig.station.alarms()[0]["held"]


def test_one_sample_that_is_read_twice_does_not_confirm_itself():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.now("level", 25_000, age_ms=100)
    rig.now("level", 25_000, age_ms=1_100)
    assert rig.sink.events == []


def test_a_lost_source_holds_its_alarm_and_is_an_alarm_of_its_own():
    rig = Rig((RULES[0], RULES[6]))
    rig.now("level", CALM_MM)
    flood(rig)
    seen_ms = rig.clock.unix
    rig.station.on_lost("level", "no answer", rig.clock.mono)
    rig.tick(9_999)
    assert kinds(rig) == ["alarm raised", "source lost"]
    rig.tick(1)
    assert rig.levels() == {"flood": 1, "lost-river": 3}
    assert rig.sink.events[-1][E_AT_MS] == seen_ms
    assert rig.driver.level == 3
    rig.station.on_back("level", rig.clock.mono)
    rig.now("level", 21_000)
    rig.tick()
    assert rig.levels() == {"flood": 1, "lost-river": 0}
    assert kinds(rig)[-2:] == ["source back", "alarm cleared"]


def test_a_source_that_was_never_seen_is_lost_too():
    rig = Rig(RULES[7:])
    rig.tick(9_999)
    assert rig.levels() == {}
    rig.tick(1)
    assert rig.levels() == {"lost-rain": 2}
    assert rig.driver.level == 0  # The rule has no siren.


def test_a_dead_sensor_on_a_living_board_is_lost_and_a_fault():
    rig = Rig((config.Rule("lost", "lost", "smoke", (config.Step(2, 10_000),)),))
    rig.now("smoke", 5, 0, 12_000)
    for _ in range(10):
        rig.now("smoke", 5, None, 12_000)
        rig.tick()
    assert kinds(rig) == ["sensor fault", "alarm raised"]
    assert rig.told(E_CHANNEL) == ["contact", "smoke"]
    for _ in range(3):
        rig.now("smoke", 5, 0, 12_000)
        rig.tick()
    assert kinds(rig)[2:] == ["alarm cleared", "sensor back"]


def test_rain_raises_by_each_window_and_clears_when_it_has_passed():
    rig = Rig(RULES[2:4])
    rig.now("rain-board", 0)
    for tip in range(1, 101):
        rig.now("rain-board", tip * 200)
    assert sorted(rig.levels().items()) == [("rain-10m", 2), ("rain-1h", 1)]
    for _ in range(700):
        rig.now("rain-board", 20_000)
    assert rig.levels() == {"rain-10m": 0, "rain-1h": 1}


def test_a_wall_that_turns_either_way_raises():
    for turned_mdeg in (-700, 700):
        rig = Rig(RULES[4:5])
        for _ in range(30):
            rig.now("tilt", 120)
        rig.now("tilt", 120 + turned_mdeg)
        assert rig.levels() == {"wall": 3}
        assert rig.told(E_KIND)[0] == EVENT_CODES["baseline taken"]
        assert rig.told(E_VALUE)[1:] == [700]


def test_a_closed_contact_is_red_in_the_same_answer():
    rig = Rig(RULES[5:6])
    rig.now("smoke", 5, 0, 12_000)
    assert rig.sink.events == []
    rig.now("smoke", 5, 1, 12_000)
    assert rig.told(E_LEVEL) == [4]
    assert rig.driver.level == 4
    for _ in range(5):
        rig.now("smoke", 5, None, 12_000)
    assert rig.levels() == {"smoke": 4}  # A contact that is not seen lowers nothing.
    for _ in range(3):
        rig.now("smoke", 5, 0, 12_000)
    assert rig.levels() == {"smoke": 0}


def test_a_rise_over_the_window_raises_although_each_step_is_small():
    rig = Rig(RULES[1:2])
    for head_mm in range(CALM_MM, CALM_MM + 1_010, 10):
        rig.now("level", head_mm)
    assert rig.told(E_VALUE) == [1_000]


def test_a_failed_siren_is_told_once_and_stops_no_alarm():
    rig = Rig(RULES[:1])
    rig.driver.broken = True
    rig.now("level", CALM_MM)
    flood(rig, 23_000)
    rig.tick(1_500)
    assert kinds(rig) == ["alarm raised", "siren failed"]
    assert E_SIREN_MS not in rig.sink.events[0]
    rig.driver.broken = False
    rig.tick(5_000)
    assert rig.driver.level == 2


def test_silence_is_not_acknowledge_and_ends_with_an_escalation():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    flood(rig, 23_000)
    assert rig.station.silence(600_000, "07") == ""
    assert (rig.driver.level, rig.driver.pattern) == (2, 0)
    assert rig.station.alarms()[0]["state"] == "unacknowledged"
    flood(rig, 26_000)
    assert rig.driver.pattern == 2
    assert Rig().station.silence(600_000, "07") == "the siren is quiet"


def test_acknowledging_is_told_with_its_actor():
    rig = Rig(RULES[:1])
    assert rig.station.acknowledge("flood", "07", "station", 4) == "no alarm of flood stands"
    rig.now("level", CALM_MM)
    flood(rig)
    assert rig.station.acknowledge("flood", "07", "station", 4) == ""
    assert (rig.sink.events[-1][E_ACTOR], rig.sink.events[-1][E_TIER]) == ("07", "station")
    assert rig.station.alarms()[0]["actor"] == "07"


def test_every_rule_says_what_it_has_judged_last():
    rig = Rig(RULES[:1])
    assert rig.station.rules() == [{"rule": "flood", "kind": "high", "value": None}]
    rig.now("level", CALM_MM)
    assert rig.station.rules() == [{"rule": "flood", "kind": "high", "value": 160_000 + CALM_MM}]


def test_an_exercise_stands_in_every_event_and_survives_a_restart():
    rig = Rig(RULES[:1])
    rig.station.set_mode("exercise", "07")
    rig.restart()
    rig.now("level", CALM_MM)
    flood(rig)
    assert rig.told(E_MODE) == [1, 1]
    with pytest.raises(ValueError, match="mode"):
        rig.station.set_mode("drill")


def test_a_mode_that_the_configuration_changed_since_is_the_configurations():
    rig = Rig(RULES[:1])
    rig.station.set_mode("exercise", "07")
    rig.config = Rig(RULES[:1], "test").config
    rig.restart()
    assert rig.station.mode == "test"


def test_the_same_fault_is_told_again_only_after_a_while():
    rig = Rig()
    for _ in range(3):
        rig.station.on_fault("duplicate address", "level", "two answer at 11")
    assert kinds(rig) == ["duplicate address"]
    rig.clock.advance(600_000)
    rig.station.on_fault("duplicate address", "level", "two answer at 11")
    assert len(rig.sink.events) == 2
    with pytest.raises(KeyError):
        rig.station.on_fault("a fault that the contract has not", "level", "")


def test_a_stored_row_is_flagged_by_spans_only_where_the_board_said_otherwise():
    rig = Rig()
    judge = rig.station.gateway_quality
    assert judge("level", Row(1, 1, SYNCED, 0, 0, [Reading(0, CALM_MM)], [])) == {}
    assert judge("level", Row(1, 1, SYNCED, 0, 0, [Reading(0, 50_000)], [])) == {0: SUSPECT}
    assert judge("level", Row(1, 1, SYNCED, 0, 0, [Reading(0, 300_001)], [])) == {0: FAIL}
    assert judge("level", Row(1, 1, SYNCED, 0, 0, [Reading(0, None, MISSING)], [])) == {}


def test_a_channel_shows_its_elevation_and_never_an_old_value():
    rig = Rig()
    rig.now("level", CALM_MM)
    river = rig.station.channels()[0]
    assert (river["name"], river["quantity"], river["value"], river["datum"]) == (
        "river",
        "level_mm",
        175_000,
        "wusong",
    )
    assert (river["quality"], river["age_ms"], river["late"]) == (GOOD, 0, False)
    rig.clock.advance(3_001)
    assert rig.station.channels()[0]["late"]
    rig.now("level", CALM_MM)
    rig.station.on_lost("level", "no answer", rig.clock.mono)
    assert (rig.station.channels()[0]["value"], rig.station.channels()[0]["quality"]) == (None, MISSING)
    rig.now("level", CALM_MM)
    rig.now("level", None)
    assert (rig.station.channels()[0]["value"], rig.station.channels()[0]["quality"]) == (None, MISSING)


def test_columns_that_no_channel_names_are_passed_over_and_no_source_is_invented():
    rig = Rig()
    rig.now("level", CALM_MM, 1, 2, 3)
    with pytest.raises(KeyError):
        rig.now("nobody", 1)


WRONG = [
    config.Rule("r", "tangent", "tilt_x", steps(1)),
    config.Rule("r", "high", "nothing", steps(1)),
    config.Rule("r", "lost", "nothing", steps(1)),
]


@pytest.mark.parametrize("rule", WRONG)
def test_a_rule_that_cannot_be_judged_is_refused_at_the_start(rule):
    with pytest.raises(ConfigError, match="rule r"):
        Rig((rule,))


def test_a_latched_alarm_keeps_siren_and_state_until_it_is_reset_on_site():
    rig = Rig((config.Rule("flood", "high", "river", steps(180_000, first=4), latch=True),))
    rig.now("level", CALM_MM)
    flood(rig)
    rig.now("level", CALM_MM)
    rig.now("level", CALM_MM)
    rig.restart()
    assert (rig.station.alarms()[0]["state"], rig.driver.level) == ("latched", 4)
    assert rig.station.reset("flood", "07") == ""
    assert rig.driver.level == 0
    assert kinds(rig) == ["alarm raised", "alarm latched", "alarm cleared"]


def test_every_flood_step_is_judged_in_the_stations_datum():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    for at_mm in FLOOD_MM:
        flood(rig, at_mm - 160_000)
    assert rig.told(E_LEVEL) == [1, 2, 3, 4]
    assert rig.told(E_THRESHOLD) == list(FLOOD_MM)


def test_equal_values_of_a_quick_scan_are_samples_of_their_own():
    rig = Rig()
    bus = replace(rig.config.buses[0], scan_ms=100)
    rig.config = replace(rig.config, buses=(bus,))
    rig.start()
    for _ in range(20):
        rig.clock.advance(100)
        now = (rig.clock.mono, rig.clock.unix)
        for again_ms in (0, 40):  # The second time it is the same sample, asked for twice.
            rig.station.on_now("level", [NowValue(0, CALM_MM, GOOD, again_ms, now[0] + again_ms, now[1] + again_ms)])
    river = rig.station.channels()[0]
    assert (river["counts"], river["age_ms"]) == ({}, 0)


def test_a_sensor_that_stands_still_is_told_once_and_again_after_an_hour_without():
    rig = Rig()
    source = rig.config.buses[0].sources[0]
    river = replace(source.channels[0], flat_after_ms=5_000, low=None, high=None, rate_per_min=None)
    source = replace(source, channels=(river,))
    bus = replace(rig.config.buses[0], sources=(source, *rig.config.buses[0].sources[1:]))
    rig.config = replace(rig.config, buses=(bus,))
    rig.start()
    told = []
    for head_mm in [CALM_MM] * 20 + [CALM_MM + 1] * 20:  # Moved once: hardly another sensor.
        rig.now("level", head_mm)
        told.append(kinds(rig).count("sensor suspect"))
    assert told == [0] * 5 + [1] * 35
    for second in range(3_600):
        rig.now("level", CALM_MM + second % 2)
    for _ in range(6):
        rig.now("level", CALM_MM)
    assert kinds(rig) == ["sensor suspect"] * 2
    assert rig.sink.events[-1][E_DETAIL] == "level: flat"
