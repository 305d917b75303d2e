"""The siren's self-test: when it is due, what it does, what it never does; and the strobe."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory
from msgspec.structs import replace

from gateway.config import Siren as SirenConfig
from gateway.self_test import LATE_MS_MAX, SelfTest
from gateway.siren import TEST_MS, Siren
from gateway.station import Station
from tests.gateway import station_toml
from tests.gateway.alarm_station import RULES, HandClock, Rig
from tests.gateway.station_toml import GOOD, problems
from tests.gateway.test_station import CALM_MM, flood, kinds
from wire.telemetry import E_ACTOR, E_DETAIL

ZONE = ZoneInfo("Asia/Shanghai")
DAY_MS = 86_400_000


def at(text: str, zone: ZoneInfo = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1000


def dues(schedule: SelfTest, start_ms: int, days: int, step_ms: int = 60_000) -> list[int]:
    return [ms for ms in range(start_ms, start_ms + days * DAY_MS, step_ms) if schedule.due(ms)]


def test_a_daily_test_is_due_once_a_day_in_the_stations_zone():
    assert dues(SelfTest((-1, 510), ZONE), at("2026-03-02T00:00"), 3) == [
        at("2026-03-02T08:30"), at("2026-03-03T08:30"), at("2026-03-04T08:30")]  # fmt: skip


def test_a_weekly_test_is_due_on_its_day():
    assert dues(SelfTest((2, 0), ZONE), at("2026-03-02T12:00"), 15) == [at("2026-03-04T00:00"), at("2026-03-11T00:00")]


def test_summer_time_moves_it_with_the_clock_on_the_wall():
    berlin = ZoneInfo("Europe/Berlin")
    assert dues(SelfTest((-1, 510), berlin), at("2026-03-28T00:00", berlin), 2) == [
        at("2026-03-28T08:30", berlin), at("2026-03-29T08:30", berlin)]  # fmt: skip


def test_a_missed_time_is_not_made_up_for_and_a_clock_set_back_waits_for_the_next():
    schedule = SelfTest((-1, 510), ZONE)
    assert not schedule.due(at("2026-03-02T08:00"))
    assert not schedule.due(at("2026-03-02T08:30") + LATE_MS_MAX + 1)
    assert schedule.due(at("2026-03-03T08:30") + LATE_MS_MAX)
    assert not schedule.due(at("2026-01-01T00:00"))
    assert schedule.due(at("2026-01-01T08:30"))


@pytest.mark.parametrize(("when", "now_ms"), [(None, at("2026-03-02T08:30")), ((-1, 0), 0)])
def test_without_a_schedule_or_a_clock_it_is_never_due(when, now_ms):
    schedule = SelfTest(when, ZONE)
    assert not any(schedule.due(now_ms + minute * 60_000) for minute in range(3_000))


def scheduled() -> Rig:
    rig = Rig(RULES[:1])
    rig.clock.unix = at("2026-03-02T08:29:59")
    rig.config = replace(rig.config, siren=SirenConfig(self_test=(-1, 510)))
    rig.start()
    rig.tick()
    return rig


def test_a_scheduled_test_sounds_briefly_and_is_told():
    rig = scheduled()
    rig.tick(1_000)
    assert (rig.driver.level, rig.driver.pattern) == (0, 1)
    rig.tick(TEST_MS)
    assert (rig.driver.level, rig.driver.pattern) == (0, 0)
    assert [(kind, detail) for kind, detail in zip(kinds(rig), rig.told(E_DETAIL), strict=True)] == [
        ("siren tested", "ok")
    ]


def test_no_test_while_an_alarm_stands_and_an_alarm_ends_one():
    rig = scheduled()
    rig.now("level", CALM_MM)
    flood(rig, 23_000)
    rig.tick()
    assert rig.driver.pattern == 1
    assert rig.driver.level == 2
    assert rig.sink.events[-1][E_DETAIL] == "not done: an alarm stands"
    assert rig.station.self_test("07") == "an alarm stands"
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.now("level", 32_000)
    assert rig.station.self_test("07") == ""
    assert rig.sink.events[-1][E_ACTOR] == "07"
    rig.now("level", 32_000)
    assert (rig.driver.level, rig.driver.pattern) == (4, 3)
    rig.tick(TEST_MS)
    assert (rig.driver.level, rig.driver.pattern) == (4, 3)


def test_a_test_of_a_broken_siren_says_so_and_its_recovery_is_told():
    rig = Rig(RULES[:1])
    rig.driver.broken = True
    assert rig.station.self_test("07") == ""
    assert kinds(rig) == ["siren tested", "siren failed"]
    assert rig.sink.events[0][E_DETAIL] == "failed: OSError: no such pin"
    rig.driver.broken = False
    rig.tick(60_000)
    assert kinds(rig) == ["siren tested", "siren failed", "siren back"]


def test_a_station_without_a_siren_has_nothing_to_test():
    rig = Rig(RULES[:1])
    siren = Siren(SirenConfig(), rig.clock)
    station = Station(rig.config, rig.clock, siren, rig.sink)
    assert station.self_test("07") == "this station has no siren"
    assert rig.sink.events == []


def test_the_strobe_flashes_while_the_siren_is_silenced():
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    try:
        siren = Siren(SirenConfig(pin="GPIO17", strobe="GPIO27"), HandClock())
        siren.set(4)
        sound, strobe = Device.pin_factory.pin(17), Device.pin_factory.pin(27)
        siren.silence(60_000)
        assert sound.state == 0
        assert siren._driver._strobe._blink_thread is not None  # pyright: ignore
        siren.set(0)
        assert (sound.state, strobe.state) == (0, 0)
        siren.close()
        assert siren.failed == ""
    finally:
        Device.pin_factory = before


def test_a_strobe_that_cannot_be_had_leaves_the_pin_of_the_sound_free_for_the_next_try():
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    try:
        siren = Siren(SirenConfig(pin="GPIO17", strobe="GPIO99"), HandClock())
        for _ in range(2):
            siren.set(4)
            assert "99" in siren.failed
            siren.set(0)
    finally:
        Device.pin_factory = before


def siren_text(more: str) -> str:
    return GOOD.replace('pin = "GPIO17"', f'pin = "GPIO17"\n{more}')


@pytest.mark.parametrize(("text", "read"), [("08:30", (-1, 510)), ("Mon 23:59", (0, 1_439)), ("Sun 00:00", (6, 0))])
def test_times_and_strobe_are_read_from_station_toml(tmp_path, text, read):
    made = station_toml.station(
        tmp_path, siren_text(f'self_test = "{text}"\nstrobe = "GPIO27"\nexercise_siren = false')
    )
    assert (made.siren.self_test, made.siren.strobe, made.siren.in_exercise) == (read, "GPIO27", False)


@pytest.mark.parametrize("text", ["8:30", "24:00", "08:60", "Mo 08:30", "noon"])
def test_a_wrong_time_is_told(tmp_path, text):
    (found,) = problems(tmp_path, siren_text(f'self_test = "{text}"'))
    assert f'siren.self_test: "{text}" is not a time; write it like "08:30", or "Mon 08:30"' in found


def test_a_strobe_without_a_pin_is_told(tmp_path):
    (found,) = problems(tmp_path, GOOD.replace('pin = "GPIO17"', 'file = "siren.txt"\nstrobe = "GPIO27"'))
    assert "siren.strobe: a strobe has a pin only where the siren has one" in found
