"""A transducer that looks right while its own temperature cannot be: suspect, a fault, and judged all the same."""

from msgspec.structs import replace

from gateway import config
from tests.gateway.alarm_station import RULES, Rig, station_config
from wire.reading import FAIL, GOOD, MISSING, SUSPECT, SYNCED
from wire.row import Reading, Row
from wire.telemetry import E_CHANNEL, E_DETAIL, E_KIND, EVENT_CODES

DYING_CDEG = -10_442
CALM_MM, FLOOD_MM = 15_000, 31_600  # heads: elevation 175 m, and above the highest threshold


def transducer() -> Rig:
    """The rig, with a thermometer in the instrument that measures the river."""
    rig = Rig()
    made = station_config(RULES)
    bus = made.buses[0]
    river = bus.sources[0].channels[0]
    river = replace(river, rate_per_min=None, companions=(config.Companion("temp_cdeg", -3_000, 5_000),))
    temp = config.Channel("water_temp", "level", 1, "temp_cdeg")
    level = replace(bus.sources[0], channels=(river, temp))
    rig.config = replace(made, buses=(replace(bus, sources=(level, *bus.sources[1:])),))
    rig.start()
    return rig


def sensor_events(rig: Rig) -> list[tuple]:
    kinds = {EVENT_CODES[kind]: kind for kind in ("sensor fault", "sensor back")}
    return [(kinds[e[E_KIND]], e[E_CHANNEL], e[E_DETAIL]) for e in rig.sink.events if e[E_KIND] in kinds]


def test_the_level_is_suspect_from_the_very_answer_in_which_the_temperature_cannot_be():
    rig = transducer()
    rig.now("level", CALM_MM, 400)
    rig.now("level", CALM_MM, DYING_CDEG)
    river, temp = rig.station.channels()[:2]
    assert (river["quality"], river["flags"], river["counts"]) == (SUSPECT, ["companion"], {"companion": 1})
    assert (river["value"], temp["quality"], temp["flags"]) == (175_000, FAIL, ["range"])
    rig.now("level", CALM_MM, 400)
    assert rig.station.channels()[0]["quality"] == GOOD


def test_three_such_samples_are_a_fault_of_the_sensor_and_three_good_ones_its_end():
    rig = transducer()
    rig.now("level", CALM_MM, 400)
    for temp in (DYING_CDEG, DYING_CDEG, 400, *[DYING_CDEG] * 3):
        rig.now("level", CALM_MM, temp)
    faults = [("sensor fault", "water_temp", "level: fail"), ("sensor fault", "river", "level: companion impossible")]
    assert sensor_events(rig) == faults
    for _ in range(3):
        rig.now("level", CALM_MM, 400)
    assert sensor_events(rig)[2:] == [("sensor back", "water_temp", "level"), ("sensor back", "river", "level")]


def test_a_flood_that_a_dying_transducer_sees_is_an_alarm_all_the_same():
    rig = transducer()
    rig.now("level", CALM_MM, DYING_CDEG)
    rig.now("level", FLOOD_MM, DYING_CDEG)
    assert rig.levels()["flood"] == 4


def test_what_the_companion_said_last_survives_a_restart():
    rig = transducer()
    rig.now("level", CALM_MM, DYING_CDEG)
    kept = rig.station.state_bytes()
    rig.start()
    assert rig.station.restore(kept)
    rig.now("level", CALM_MM, None)
    assert rig.station.channels()[0]["flags"] == ["companion"]


def test_a_stored_row_is_suspect_by_the_companion_in_that_row_alone():
    judge = transducer().station.gateway_quality
    for temp, quality, flags in (
        (400, GOOD, {}),
        (DYING_CDEG, GOOD, {0: SUSPECT, 1: FAIL}),
        (5_001, GOOD, {0: SUSPECT}),
        (5_000, GOOD, {}),
        (-3_000, GOOD, {}),
        (5_000, FAIL, {0: SUSPECT}),
        (DYING_CDEG, MISSING, {}),
    ):
        readings = [Reading(0, CALM_MM), Reading(1, None if quality == MISSING else temp, quality)]
        assert judge("level", Row(1, 1, SYNCED, 0, 0, readings, [])) == flags
    assert judge("level", Row(1, 1, SYNCED, 0, 0, [Reading(0, CALM_MM)], [])) == {}
