"""What people do to alarms and the siren: shelve, take out of service, silence, acknowledge, exercise."""

import pytest

from gateway import config
from tests.gateway.alarm_station import RULES, Rig, steps
from tests.gateway.test_station import CALM_MM, flood, kinds
from wire.telemetry import (
    E_ACTOR,
    E_DETAIL,
    E_EPISODE_MS,
    E_LEVEL,
    E_MODE,
    E_NUMBER,
    E_SUPPRESSED,
    E_TIER,
    E_UNTIL_MS,
)

HOUR_MS = 3_600_000


def flooded(*heads_mm: int) -> Rig:
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    for head_mm in heads_mm:
        flood(rig, head_mm)
    return rig


def state(rig: Rig) -> object:
    return rig.station.alarms()[0]["state"]


def test_a_shelved_alarm_is_judged_and_told_but_does_not_sound():
    rig = flooded(23_000)
    until_ms = rig.clock.unix + HOUR_MS
    assert rig.station.shelve("flood", "07", "works at the gauge", until_ms) == ""
    assert (rig.driver.level, state(rig)) == (0, "shelved")
    told = rig.sink.events[-1]
    assert (told[E_ACTOR], told[E_DETAIL], told[E_UNTIL_MS]) == ("07", "works at the gauge", until_ms)
    flood(rig, 20_500)
    assert kinds(rig)[-1] == "alarm lowered"
    assert rig.sink.events[-1][E_SUPPRESSED] == 1
    flood(rig, 23_000)  # No worse than when it was shelved.
    assert (rig.driver.level, state(rig)) == (0, "shelved")
    shown = rig.station.alarms()[0]
    assert (shown["judged"], shown["suppressed_by"], shown["shelved_until_unix_ms"]) == (
        "unacknowledged",
        "07",
        until_ms,
    )


def test_a_worse_level_ends_a_shelf_and_sounds_in_the_same_moment():
    rig = flooded(23_000)
    rig.station.shelve("flood", "07", "works", rig.clock.unix + HOUR_MS)
    flood(rig, 26_000)
    assert kinds(rig)[-2:] == ["alarm unshelved", "alarm escalated"]
    assert E_SUPPRESSED not in rig.sink.events[-1]
    assert (rig.driver.level, state(rig)) == (3, "unacknowledged")


def test_a_shelf_ends_by_itself_also_over_a_restart_and_by_one_press():
    rig = flooded(23_000)
    rig.station.shelve("flood", "07", "works", rig.clock.unix + 60_000)
    rig.restart(down_ms=30_000)
    assert (rig.driver.level, state(rig)) == (0, "shelved")
    rig.tick(29_999)
    assert rig.driver.level == 0
    rig.tick(1)
    assert (rig.driver.level, kinds(rig)[-1]) == (2, "alarm unshelved")
    rig.station.shelve("flood", "07", "works", rig.clock.unix + 60_000)
    assert rig.station.unshelve("flood", "08") == ""
    assert (rig.driver.level, rig.sink.events[-1][E_ACTOR]) == (2, "08")
    assert rig.station.unshelve("flood", "08") == "flood is not shelved"


def test_a_red_alarm_a_past_time_and_more_than_a_shift_are_refused():
    rig = flooded(23_000)
    now_ms = rig.clock.unix
    assert rig.station.shelve("flood", "07", "x", now_ms) == "that time is over"
    assert rig.station.shelve("flood", "07", "x", now_ms + 8 * HOUR_MS + 1) == "no longer than 8 hours"
    assert rig.station.shelve("nobody", "07", "x", now_ms + HOUR_MS) == "no rule is called nobody"
    flood(rig, 32_000)
    assert rig.station.shelve("flood", "07", "x", now_ms + HOUR_MS) == "a red alarm is never shelved"
    assert Rig(RULES[:1]).station.shelve("flood", "07", "x", now_ms + HOUR_MS) == "no alarm of flood stands"
    assert kinds(rig) == ["alarm raised", "alarm escalated"]


def test_out_of_service_has_no_end_but_a_person():
    rig = flooded(23_000)
    assert rig.station.out_of_service("flood", "chief", "sensor is replaced", True) == ""
    assert (rig.driver.level, state(rig)) == (0, "out of service")
    assert rig.station.out_of_service("flood", "chief", "", True) == "flood is out of service already"
    flood(rig, 32_000)
    assert rig.sink.events[-1][E_SUPPRESSED] == 2
    rig.restart(down_ms=100 * HOUR_MS)
    assert (rig.driver.level, state(rig), rig.station.alarms()[0]["reason"]) == (
        0,
        "out of service",
        "sensor is replaced",
    )
    assert rig.station.out_of_service("flood", "chief", "", False) == ""
    assert (rig.driver.level, kinds(rig)[-1]) == (4, "alarm in service")
    assert rig.station.out_of_service("flood", "chief", "", False) == "flood is in service"


def test_a_normal_alarm_that_is_out_of_service_is_still_shown():
    rig = Rig(RULES[:1])
    rig.station.out_of_service("flood", "chief", "winter", True)
    assert [(alarm["rule"], alarm["level"], alarm["state"]) for alarm in rig.station.alarms()] == [
        ("flood", 0, "out of service")
    ]


def test_an_acknowledgement_of_less_than_stands_is_refused():
    rig = flooded(23_000, 26_000)
    assert rig.station.acknowledge("flood", "07", "center", 2) == "it has become orange: acknowledge again"
    assert state(rig) == "unacknowledged"
    assert rig.station.acknowledge("flood", "07", "center", 3) == ""
    told = rig.sink.events[-1]
    assert (told[E_ACTOR], told[E_TIER], told[E_LEVEL]) == ("07", "center", 3)
    assert rig.station.acknowledge("flood", "08", "center", 3) == "flood is acknowledged already"
    assert kinds(rig).count("alarm acknowledged") == 1


def test_episodes_are_counted_per_rule_also_over_a_restart():
    rig = flooded(21_000, CALM_MM, 21_000)
    rig.restart(down_ms=5_000)
    for head_mm in (CALM_MM, 21_000):
        flood(rig, head_mm)
    raised = [event for event, kind in zip(rig.sink.events, kinds(rig), strict=True) if kind == "alarm raised"]
    assert [event[E_NUMBER] for event in raised] == [1, 2, 3]
    assert len({event[E_EPISODE_MS] for event in raised}) == 3


def test_silence_is_told_with_its_end_and_ends_by_a_person_or_by_itself():
    rig = flooded(23_000)
    rig.station.silence(60_000, "07")
    assert (rig.sink.events[-1][E_ACTOR], rig.sink.events[-1][E_UNTIL_MS]) == ("07", rig.clock.unix + 60_000)
    assert rig.station.sound("08") == ""
    assert rig.driver.pattern == 1
    assert rig.station.sound("08") == "the siren is not silenced"
    rig.station.silence(60_000, "07")
    rig.tick(60_000)
    assert rig.driver.pattern == 1
    assert kinds(rig)[1:] == ["siren silenced", "siren sounds again", "siren silenced", "siren sounds again"]


def test_an_exercise_ends_by_itself_and_what_was_raised_in_it_with_it():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.station.set_mode("exercise", "chief", rig.clock.unix + 60_000)
    flood(rig, 23_000)
    assert rig.driver.level == 2
    rig.restart(down_ms=10_000)
    rig.tick(60_000)
    assert rig.station.mode == "actual"
    assert (rig.driver.level, rig.levels()) == (0, {})
    rig.now("level", 23_000)  # It is still that high: this is actual.
    rig.now("level", 23_000)
    assert kinds(rig) == ["mode changed", "alarm raised", "mode changed", "alarm cleared", "alarm raised"]
    assert rig.told(E_MODE) == [1, 1, 0, 1, 0]
    assert rig.told(E_NUMBER) == [None, 1, None, 1, 2]
    assert rig.driver.level == 2


def test_a_silent_exercise_never_quiets_what_is_actual():
    rig = flooded(23_000)
    rig.station.set_mode("exercise", "chief", None, False)
    assert rig.driver.level == 2
    quiet = Rig(RULES[:1])
    quiet.now("level", CALM_MM)
    quiet.station.set_mode("exercise", "chief", None, False)
    flood(quiet, 32_000)
    assert (quiet.driver.level, quiet.levels()) == (0, {"flood": 4})
    quiet.restart()
    assert quiet.driver.level == 0
    assert quiet.station.set_mode("actual", "chief") == ""
    assert quiet.levels() == {}


def test_the_end_of_an_exercise_that_only_the_log_knows_leaves_nothing_to_acknowledge():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.station.set_mode("exercise", "chief")
    flood(rig, 23_000)
    kept, told = rig.sink.kept["alarms"], len(rig.sink.events)
    rig.station.set_mode("actual", "chief")
    rig.sink.kept["alarms"] = kept  # The state of after it never reached the disk.
    rig.restart(events=rig.sink.events[told:])
    assert rig.station.alarms() == []


def test_a_mode_until_a_past_time_is_refused_and_the_same_mode_is_told_once():
    rig = Rig(RULES[:1])
    assert rig.station.set_mode("exercise", "chief", rig.clock.unix) == "that time is over"
    for _ in range(2):
        assert rig.station.set_mode("exercise", "chief", rig.clock.unix + 1_000) == ""
    assert kinds(rig) == ["mode changed"]


def test_what_is_lost_again_after_an_exercise_is_another_episode():
    rig = Rig((config.Rule("lost", "lost", "river", (config.Step(3, 10_000),)),))
    rig.station.set_mode("exercise", "chief", rig.clock.unix + 20_000)
    for _ in range(3):
        rig.tick(11_000)
    raised = [event for event, kind in zip(rig.sink.events, kinds(rig), strict=True) if kind == "alarm raised"]
    assert [event[E_MODE] for event in raised] == [1, 0]
    assert len({event[E_EPISODE_MS] for event in raised}) == 2


def test_a_kill_before_the_first_kept_state_announces_no_second_episode():
    rig = flooded(21_000)
    rig.clock.advance(5_000)
    events = list(rig.sink.events)
    rig.start()
    assert rig.station.restore(None, events)
    rig.now("level", 21_000)
    rig.now("level", 21_000)
    assert kinds(rig) == ["alarm raised"]
    assert rig.levels() == {"flood": 1}


def test_a_state_that_cannot_be_read_still_leaves_the_events_of_the_log():
    rig = flooded(21_000)
    events = list(rig.sink.events)
    rig.start()
    assert not rig.station.restore(b"\xff", events)
    assert rig.levels() == {"flood": 1}


@pytest.mark.parametrize("low_mm", [None, 1_500])
def test_after_other_thresholds_an_episode_keeps_its_level_until_it_is_judged_once(low_mm):
    """Also over two restarts before the river is seen again."""
    rig = flooded(32_000)
    rules = (config.Rule("flood", "high", "river", steps(150_000, 199_000), threshold_set="CYB-2021"),)
    rig.restart(rules=rules)
    assert (rig.levels(), rig.driver.level) == ({"flood": 4}, 4)
    rig.restart(rules=rules)
    assert (rig.levels(), rig.station.alarms()[0]["threshold_set"]) == ({"flood": 4}, "CYB-2020")
    for _ in range(3):
        rig.now("level", low_mm if low_mm is not None else 32_000)
    assert kinds(rig) == ["alarm raised", "alarm rebased"]
    assert rig.levels() == {"flood": 1}
