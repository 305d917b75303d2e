"""What a station does with time: gaps, slow sensors, ages, delays, the state that is due; and its limits."""

import pytest

from gateway import config
from gateway.station import STATE_PERIOD_MS
from gateway.telling import FAULTS_MAX
from tests.gateway.alarm_station import RULES, Rig, steps
from wire.reading import FAIL, GOOD
from wire.telemetry import E_CHANNEL, E_KIND, E_LEVEL, E_SOURCE, EVENT_CODES

CALM_MM = 15_000
HIGH_MM = 15_050  # above the threshold by less than what asks for a confirmation
SLOW = config.Rule("slow", "high", "river", steps(175_050, off_ms=60_000))
PATIENT = config.Rule("patient", "high", "river", steps(175_050, on_ms=30_000))


def test_no_off_delay_runs_through_a_gap_that_nobody_saw():
    rig = Rig((SLOW,))
    rig.now("level", HIGH_MM)
    rig.now("level", CALM_MM)
    rig.clock.advance(65_000)
    rig.now("level", CALM_MM)
    assert rig.levels() == {"slow": 1}
    for _ in range(60):
        rig.now("level", CALM_MM)
    assert rig.levels() == {"slow": 0}


@pytest.mark.parametrize("every_ms", [1_000, 10_000, 25_000, 60_000])
def test_an_off_delay_runs_however_seldom_a_sensor_is_asked(every_ms):
    rig = Rig((SLOW,))
    for head_mm in [HIGH_MM, HIGH_MM, *[CALM_MM] * (-(-60_000 // every_ms) + 1)]:
        rig.now("level", head_mm)
        rig.clock.advance(every_ms - 1_000)
    assert rig.levels() == {"slow": 0}


def test_one_long_silence_does_not_make_the_next_one_normal():
    rig = Rig((SLOW,))
    rig.now("level", HIGH_MM)
    rig.clock.advance(3_600_000)
    rig.now("level", CALM_MM)
    rig.clock.advance(200_000)
    rig.now("level", CALM_MM)
    assert rig.levels() == {"slow": 1}


def test_a_value_counts_from_when_it_was_measured():
    rig = Rig((PATIENT,))
    rig.now("level", CALM_MM)
    rig.now("level", HIGH_MM, age_ms=900)
    rig.clock.advance(29_000)
    rig.now("level", HIGH_MM)  # 30.9 s after the first crossing
    assert rig.levels() == {"patient": 1}


@pytest.mark.parametrize(("age_ms", "levels"), [(10_000, {"slow": 1}), (10_001, {})])
def test_a_value_is_judged_up_to_ten_scans_of_age(age_ms, levels):
    rig = Rig((SLOW,))
    rig.now("level", HIGH_MM, age_ms=age_ms)
    assert rig.levels() == levels


def test_an_age_that_seems_to_go_back_stops_nothing():
    rig = Rig((RULES[0],))
    rig.now("level", 21_000)
    rig.now("level", 21_001, age_ms=5_000)  # measured before the first, if one believes the age
    rig.now("level", 21_001)
    assert rig.levels() == {"flood": 1}


def test_rain_is_kept_now_and_then_and_only_if_some_fell():
    rig = Rig((RULES[2],))
    rig.now("rain-board", 0)
    rig.now("rain-board", 200)
    rig.log.clear()
    rig.tick(STATE_PERIOD_MS - 2_001)
    assert rig.log == []
    rig.tick(1)
    assert rig.log == ["state"]
    rig.tick(STATE_PERIOD_MS)
    assert rig.log == ["state"]
    rig.now("rain-board", 400)
    rig.tick(1)
    assert rig.log == ["state"]


def test_a_delay_under_way_survives_a_kill():
    rig = Rig((PATIENT,))
    rig.now("level", HIGH_MM)
    rig.now("level", HIGH_MM)
    rig.tick(STATE_PERIOD_MS)
    rig.restart(down_ms=10_000)
    rig.clock.advance(8_000)
    rig.now("level", HIGH_MM)
    assert rig.levels() == {"patient": 1}


def faults(rig: Rig) -> list[str]:
    names = {EVENT_CODES["sensor fault"]: "fault", EVENT_CODES["sensor back"]: "back"}
    return [names[code] for code in rig.told(E_KIND)]


SERIES = [
    ("..xx.xx.xx.", []),
    ("..xxx", ["fault"]),
    ("..xxxxxxx", ["fault"]),
    ("..xxx..x..x", ["fault"]),
    ("..xxx...", ["fault", "back"]),
    ("..xxx...xxx...", ["fault", "back", "fault", "back"]),
]


@pytest.mark.parametrize(("series", "told"), SERIES)
def test_a_sensor_is_faulty_and_back_after_three_samples_in_a_row(series, told):
    rig = Rig(())
    for i, what in enumerate(series):
        rig.now("tilt", i, quality=FAIL if what == "x" else GOOD)
    assert faults(rig) == told
    assert set(rig.told(E_CHANNEL)) <= {"tilt_x"}


def test_a_fault_that_was_told_is_not_told_again_after_a_restart():
    rig = Rig(())
    for _ in range(3):
        rig.now("tilt", None)
    rig.restart()
    for _ in range(3):
        rig.now("tilt", None)
    assert faults(rig) == ["fault"]


def test_the_memory_of_told_faults_has_a_limit():
    rig = Rig(())
    for i in range(FAULTS_MAX):
        rig.station.on_fault("duplicate address", "tilt", str(i))
    rig.station.on_fault("duplicate address", "tilt", "0")
    assert len(rig.sink.events) == FAULTS_MAX
    rig.station.on_fault("duplicate address", "tilt", "one more")
    rig.station.on_fault("duplicate address", "tilt", "1")  # The oldest gave way, and only that one.
    assert len(rig.sink.events) == FAULTS_MAX + 1
    rig.station.on_fault("duplicate address", "tilt", "0")
    assert len(rig.sink.events) == FAULTS_MAX + 2


def test_a_siren_that_stays_broken_is_told_once_until_it_worked_again():
    rig = Rig((RULES[0],))
    for _ in range(2):
        rig.driver.broken = True
        rig.now("level", 26_000)
        rig.now("level", 26_000)
        for _ in range(3):
            rig.tick(60_000)
        rig.driver.broken = False
        rig.tick(60_000)
        rig.now("level", CALM_MM)
        for _ in range(4):
            rig.now("level", CALM_MM)
    assert rig.told(E_KIND).count(EVENT_CODES["siren failed"]) == 2


def test_an_alarm_without_siren_ends_no_silence_and_moves_no_siren():
    silent = config.Rule("silent", "tilt", "tilt_x", steps(500, first=4), baseline=(0,), siren=False)
    rig = Rig((RULES[0], silent))
    rig.now("level", 23_000)
    rig.now("level", 23_000)
    rig.station.silence(600_000, "07")
    rig.now("tilt", 700)
    assert rig.told(E_LEVEL)[-1] == 4
    assert (rig.driver.level, rig.driver.pattern) == (2, 0)


def test_events_carry_the_serial_that_a_board_was_met_with():
    rig = Rig(())
    rig.station.on_lost("tilt", "no answer", rig.clock.mono)
    rig.station.identify("tilt", b"12345678")
    rig.station.on_back("tilt", rig.clock.mono)
    assert rig.told(E_SOURCE) == [None, b"12345678"]
