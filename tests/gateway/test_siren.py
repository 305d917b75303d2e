"""The siren's output: patterns, silence, a driver that fails; a file and a pin."""

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from gateway.config import Siren as SirenConfig
from gateway.siren import RETRY_MS, RETRY_MS_MAX, SILENCE_MS_MAX, Siren
from tests.gateway.alarm_station import HandClock, RecordingDriver


@pytest.fixture
def clock():
    return HandClock(unix_ms=1_527_991_260_123)


@pytest.fixture
def driver():
    return RecordingDriver([])


def test_a_file_holds_one_line_with_level_pattern_and_time(tmp_path, clock):
    path = tmp_path / "siren.txt"
    siren = Siren(SirenConfig(file=str(path)), clock)
    assert siren.set(4) == clock.unix
    assert path.read_text() == "red 3 1527991260123\n"
    clock.advance(1_000)
    assert siren.set(4) is None  # Nothing changed, nothing is written.
    siren.set(0)
    assert path.read_text() == "none 0 1527991261123\n"
    assert [file.name for file in tmp_path.iterdir()] == ["siren.txt"]


def test_a_pin_is_on_at_red_blinks_below_and_is_off_when_calm(clock):
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    try:
        siren = Siren(SirenConfig(pin="GPIO17"), clock)
        pin = Device.pin_factory.pin(17)
        siren.set(0)
        assert pin.state == 0
        siren.set(4)
        assert pin.state == 1
        siren.set(0)
        assert pin.state == 0
        siren.set(2)
        siren.close()
        assert siren.failed == ""
        assert not pin.state
    finally:
        Device.pin_factory = before


def test_a_pin_that_cannot_be_had_is_a_failure_and_no_error(clock):
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    try:
        siren = Siren(SirenConfig(pin="GPIO99"), clock)
        assert siren.set(4) is None
        assert "99" in siren.failed
        siren.close()
    finally:
        Device.pin_factory = before


def test_levels_below_the_first_that_sounds_stay_quiet(clock, driver):
    siren = Siren(SirenConfig(from_level=3), clock, driver)
    siren.set(2)
    assert (driver.level, driver.pattern) == (0, 0)
    siren.set(3)
    assert (driver.level, driver.pattern) == (3, 2)


def test_silence_keeps_the_strobe_and_ends_by_itself(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    siren.set(3)
    assert siren.silence(5_000)
    assert (driver.level, driver.pattern) == (3, 0)
    assert not siren.silence(5_000)  # It is silent: nothing to quiet, and no extension.
    siren.tick(clock.mono + 4_999)
    assert driver.pattern == 0
    siren.tick(clock.mono + 5_000)
    assert driver.pattern == 2


def test_silence_is_never_longer_than_its_limit(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    siren.set(3)
    siren.silence(10 * SILENCE_MS_MAX)
    siren.tick(clock.mono + SILENCE_MS_MAX)
    assert driver.pattern == 2


@pytest.mark.parametrize(("level", "raised", "pattern"), [(3, 0, 0), (2, 0, 0), (3, 1, 0), (3, 2, 2), (4, 4, 3)])
def test_only_a_sounding_alarm_that_is_raised_or_escalated_ends_a_silence(clock, driver, level, raised, pattern):
    siren = Siren(SirenConfig(), clock, driver)
    siren.set(3)
    siren.silence(5_000)
    siren.set(level, raised)
    assert driver.pattern == pattern


def test_a_calm_moment_ends_a_silence(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    siren.set(3)
    siren.silence(5_000)
    siren.set(0)
    siren.set(3)
    assert driver.pattern == 2


def test_a_failed_driver_is_tried_again_and_less_often(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    driver.broken = True
    assert siren.set(4) is None
    assert siren.failed == "OSError: no such pin"
    driver.broken = False
    siren.tick(clock.mono + RETRY_MS - 1)
    assert driver.level == 0
    siren.tick(clock.mono + RETRY_MS)
    assert driver.level == 4
    assert siren.failed == ""


def test_tries_come_less_and_less_often_and_anew_after_it_worked(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    for _ in range(2):
        driver.broken = True
        siren.set(4)
        tries = []
        for second in range(1, 17):
            clock.advance(1_000)
            driver.log.clear()
            siren.tick(clock.mono)
            tries += [second] if driver.log else []
        assert tries == [1, 3, 7, 15]
        driver.broken = False
        siren.set(0)
        assert siren.failed == ""


def test_an_output_that_failed_half_way_is_set_again_whatever_it_was_before(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    siren.set(0)
    driver.broken = True
    siren.set(4)
    driver.broken = False
    driver.log.clear()
    siren.set(0)
    assert driver.log == ["tried", "siren"]


def test_the_pause_between_tries_has_a_limit(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    driver.broken = True
    siren.set(4)
    for _ in range(20):
        clock.advance(RETRY_MS_MAX)
        siren.tick(clock.mono)
    driver.broken = False
    clock.advance(RETRY_MS_MAX)
    siren.tick(clock.mono)
    assert driver.level == 4


def test_without_a_siren_nothing_changes_and_nothing_fails(clock):
    siren = Siren(SirenConfig(), clock)
    assert siren.set(4) is None
    siren.close()
    assert siren.failed == ""


def test_closing_turns_the_output_off(clock, driver):
    siren = Siren(SirenConfig(), clock, driver)
    siren.set(4)
    siren.close()
    assert driver.level == 0
    assert driver.log[-1] == "closed"
