"""Kinds of rules beside "high": a supply that runs low, a rise or a level, a sensor that cannot be right, the store."""

import pytest

from gateway import config
from tests.gateway.alarm_station import Rig, steps
from tests.gateway.station_toml import GOOD, problems, station
from tests.gateway.test_station import CALM_MM, kinds
from wire.reading import FAIL
from wire.telemetry import E_AT_MS, E_CHANNEL, E_LEVEL, E_THRESHOLD, E_VALUE

SUPPLY = config.Rule("supply", "low", "supply", (config.Step(2, 11_500, "", 200), config.Step(4, 11_000, "", 200)))
RIVER = tuple(
    config.Step(level, at, "", 100, or_level=height)
    for level, (at, height) in enumerate([(1_000, None), (3_000, None), (5_000, 182_000), (8_000, 185_000)], start=1)
)
SMALL_RIVER = config.Rule("small-river", "rise", "river", RIVER, window_ms=3_600_000, datum="wusong")
FAULT = config.Rule("fault", "fault", "smoke", (config.Step(3, 1),), siren=False)
STORAGE = config.Rule("storage", "storage", "storage", steps(800, 950, first=2, deadband=20), siren=False)


def supply(rig: Rig, *values_mv: int) -> list:
    rig.sink.events.clear()
    for value_mv in values_mv:
        rig.now("smoke", 5, 0, value_mv)
    return list(zip(kinds(rig), rig.told(E_LEVEL), rig.told(E_VALUE), strict=True))


def test_a_supply_that_falls_raises_and_clears_above_its_deadband():
    rig = Rig((SUPPLY,))
    assert supply(rig, 12_000, 11_501) == []
    assert supply(rig, 11_500) == [("alarm raised", 2, 11_500)]
    assert rig.told(E_THRESHOLD) == [11_500]
    assert supply(rig, 10_900) == [("alarm escalated", 4, 10_900)]
    assert supply(rig, 11_200) == []
    assert supply(rig, 11_201, 11_700) == [("alarm lowered", 2, 11_201)]
    assert supply(rig, 11_701) == [("alarm cleared", 0, 11_701)]


def river(rig: Rig, *heights_mm: int) -> list:
    for height_mm in heights_mm:
        rig.now("level", height_mm - 160_000)
        rig.now("level", height_mm - 160_000)  # Such jumps are doubted once.
    return [level for level in rig.told(E_LEVEL) if level is not None]


def test_a_small_river_alarms_by_its_rise_or_by_its_level():
    rig = Rig((SMALL_RIVER,))
    assert river(rig, 175_000, 176_000) == [1]
    assert river(rig, 182_000) == [1, 3]  # A rise of 7 m, and warning.
    rig = Rig((SMALL_RIVER,))
    assert river(rig, 181_500, 182_000) == [3]  # No rise to speak of, but above warning.
    assert river(rig, 185_000) == [3, 4]
    assert river(rig, 184_950) == [3, 4]
    assert river(rig, 184_899) == [3, 4, 3]


def test_three_samples_that_cannot_be_raise_a_fault_at_the_first_and_three_good_ones_end_it():
    rig = Rig((FAULT,))
    rig.now("smoke", 5, 0, 12_000)
    for quality in (FAIL, FAIL):
        rig.now("smoke", 5, 0, 12_000, quality=quality)
    rig.now("smoke", None, 0, 12_000)  # What did not come is no sample.
    assert "alarm raised" not in kinds(rig)
    first_ms = rig.clock.unix - 2_000
    rig.now("smoke", 5, 0, 12_000, quality=FAIL)
    (event,) = [event for event, kind in zip(rig.sink.events, kinds(rig), strict=True) if kind == "alarm raised"]
    assert (event[E_LEVEL], event[E_AT_MS], event[E_CHANNEL]) == (3, first_ms, "smoke")
    for good in (True, True, False, True, True):
        rig.now("smoke", 5, 0, 12_000, **({} if good else {"quality": FAIL}))
    assert "alarm cleared" not in kinds(rig)
    ended_ms = rig.clock.unix - 1_000
    rig.now("smoke", 5, 0, 12_000)
    (event,) = [event for event, kind in zip(rig.sink.events, kinds(rig), strict=True) if kind == "alarm cleared"]
    assert event[E_AT_MS] == ended_ms


def test_a_fault_stands_over_a_restart_until_the_sensor_was_good_again():
    rig = Rig((FAULT,))
    for _ in range(3):
        rig.now("smoke", 5, 0, 12_000, quality=FAIL)
    rig.restart()
    assert rig.levels() == {"fault": 3}
    for _ in range(2):
        rig.now("smoke", 5, 0, 12_000)
    assert rig.levels() == {"fault": 3}
    rig.now("smoke", 5, 0, 12_000)
    assert rig.levels() == {"fault": 0}


def test_a_store_that_fills_raises_and_one_that_is_not_known_lowers_nothing():
    rig = Rig((STORAGE,))
    for used_permil, level in ((799, None), (800, 2), (951, 3), (None, 3), (700, 2), (700, 0)):
        rig.station.on_storage(used_permil, rig.clock.mono)
        assert rig.levels().get("storage") == level
    assert set(rig.told(E_CHANNEL)) == {"storage"}


# The supply comes over a converter that needs its table.
SITE = GOOD.replace("calibration.adc.0", "calibration.adc.2 = [[0, 0], [2_450_000, 2_450_000]]\ncalibration.adc.0", 1)
LOADED = """
[[rule]]
name = "power"
kind = "low"
channel = "level.supply"
yellow = "11.50 V"
red = "11.00 V"

[[rule]]
name = "small"
kind = "rise"
channel = "river"
window = "1 h"
datum = "wusong"
blue = "1 m"
orange = { at = "5 m", or_level = "182.00 m" }

[[rule]]
name = "dead"
kind = "fault"
channel = "river"
level = "orange"
siren = true

[[rule]]
name = "store"
kind = "storage"
yellow = "80 %"
"""


def test_every_kind_is_read_from_station_toml(tmp_path):
    rules = {rule.name: rule for rule in station(tmp_path, SITE + LOADED).rules}
    assert rules["power"].steps == (config.Step(2, 11_500, "", 200), config.Step(4, 11_000, "", 200))
    assert rules["small"].steps == (config.Step(1, 1_000, "", 50), config.Step(3, 5_000, "", 50, or_level=182_000))
    assert (rules["small"].datum, rules["small"].window_ms) == ("wusong", 3_600_000)
    assert (rules["dead"].steps, rules["dead"].siren) == ((config.Step(3, 1),), True)
    assert (rules["store"].steps, rules["store"].channel) == ((config.Step(2, 800, "", 20),), "storage")
    Rig(tuple(rule for rule in rules.values() if rule.name == "store"))


WRONG = [
    ('red = "11.00 V"', 'red = "12.00 V"', 'is not below yellow ("11.50 V"); thresholds must fall'),
    ('red = "11.00 V"', 'red = { at = "11.00 V", deadband = "0.9 V" }', "the deadband of red reaches beyond that of"),
    ('datum = "wusong"\nblue', "blue", "small.datum: is missing: heights need their datum"),
    ('blue = "1 m"', 'blue = { at = "1 m", or_level = "183 m" }', "an or_level is not above that of the level before"),
    ('yellow = "80 %"', 'yellow = "80 m"', "is no unit of a share"),
    ('level = "orange"\nsiren = true', 'level = "orang"', '"orang" is not a level'),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_a_wrong_rule_of_these_kinds_is_told(tmp_path, old, new, said):
    assert LOADED.count(old) == 1
    found = problems(tmp_path, SITE + LOADED.replace(old, new))
    assert [problem for problem in found if said in problem], found


def test_a_calm_river_says_nothing():
    rig = Rig((SMALL_RIVER, FAULT, SUPPLY))
    for _ in range(5):
        rig.now("level", CALM_MM)
        rig.now("smoke", 5, 0, 12_000)
    assert rig.sink.events == []
