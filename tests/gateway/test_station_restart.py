"""A station that starts again: what it keeps, and what it never tells twice."""

import cbor2
import pytest

from gateway import config
from tests.gateway.alarm_station import RULES, Rig, steps
from tests.gateway.test_station import CALM_MM, flood, kinds
from wire.telemetry import (
    E_CHANNEL,
    E_EPISODE_MS,
    E_LEVEL,
    E_NUMBER,
    E_RULE,
)


def test_a_restart_keeps_an_active_alarm_sounds_again_and_announces_nothing():
    rig = Rig()
    rig.now("level", CALM_MM)
    flood(rig, 26_000)
    rig.station.acknowledge("flood", "07", "station", 4)
    before, told = rig.station.alarms(), len(rig.sink.events)
    assert rig.restart(down_ms=30_000)
    assert rig.station.alarms() == [dict(alarm, held=True) for alarm in before]  # held until it is seen again
    assert rig.driver.level == 3
    rig.now("level", 26_000)
    rig.tick()
    assert len(rig.sink.events) == told
    assert rig.station.alarms() == before


def test_a_restart_keeps_rain_baseline_rise_and_what_is_lost():
    rig = Rig()
    rig.now("rain-board", 0)
    for tip in range(1, 50):
        rig.now("rain-board", tip * 200)
    for _ in range(30):
        rig.now("tilt", 120)
    rig.now("level", CALM_MM)
    rig.station.on_lost("level", "no answer", rig.clock.mono)
    rig.station.close()
    rig.restart(down_ms=5_000)
    rig.station.on_lost("level", "no answer", rig.clock.mono)
    assert kinds(rig).count("source lost") == 1
    rig.now("rain-board", 51 * 200)
    assert rig.levels() == {"rain-10m": 2}
    rig.now("tilt", 120 + 600)
    assert rig.levels()["wall"] == 3
    rig.now("level", CALM_MM + 1_000)
    rig.now("level", CALM_MM + 1_000)
    assert rig.levels()["rise"] == 3


def test_a_lost_alarm_stays_over_a_restart_until_the_river_is_seen():
    rig = Rig(RULES[6:7])
    rig.tick(10_000)
    rig.restart()
    rig.tick(1_000)
    assert rig.levels() == {"lost-river": 3}
    rig.now("level", CALM_MM)
    rig.tick()
    assert kinds(rig) == ["alarm raised", "alarm cleared"]


def test_a_kill_between_event_and_state_announces_no_second_episode():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    rig.station.close()
    kept = rig.sink.kept["alarms"]
    flood(rig)
    rig.sink.kept["alarms"] = kept  # The state of after the event never reached the disk,
    rig.restart(events=rig.sink.events)  # but the event did.
    rig.now("level", 21_000)
    rig.now("level", 21_000)
    assert kinds(rig) == ["alarm raised"]
    assert rig.levels() == {"flood": 1}
    assert rig.station.alarms()[0]["since_unix_ms"] == rig.sink.events[0][E_EPISODE_MS]


def test_an_active_rule_that_is_no_longer_configured_is_told():
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    flood(rig)
    rig.restart(rules=RULES[1:2])
    assert kinds(rig) == ["alarm raised", "alarm rebased"]
    raised, ended = rig.sink.events
    same = (E_RULE, E_CHANNEL, E_EPISODE_MS, E_NUMBER)
    assert [ended[key] for key in same] == [raised[key] for key in same]
    assert ended[E_LEVEL] == 0
    rig.restart()
    assert kinds(rig) == ["alarm raised", "alarm rebased"]


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xa0", cbor2.dumps({0: 99}), cbor2.dumps({0: 1, 1: 5, 3: 7})])
def test_a_state_that_cannot_be_read_starts_from_the_present_and_says_so(data):
    rig = Rig()
    assert not rig.station.restore(data)
    assert kinds(rig) == ["store failed"]
    rig.now("level", CALM_MM)
    flood(rig)
    assert rig.levels()["flood"] == 1


def test_the_state_is_compact():
    rig = Rig()
    rig.now("rain-board", 0)
    for tip in range(1, 1_001):
        rig.now("rain-board", tip * 200)
    assert len(rig.station.state_bytes()) < 8_000


def test_a_start_keeps_its_state_before_anything_is_judged():
    """Or an event of this run would later be taken for one that was told under the file before."""
    rig = Rig(RULES[:1])
    rig.now("level", CALM_MM)
    flood(rig)
    rig.log.clear()
    rig.restart(rules=(config.Rule("flood", "high", "river", steps(181_500), threshold_set="B"),))
    assert rig.log[-1] == "state"


def test_whoever_packs_the_state_for_himself_does_not_keep_it_from_being_kept():
    rig = Rig()
    rig.now("rain-board", 0)
    rig.tick(10_000)
    rig.now("rain-board", 400)
    rig.station.state_bytes()  # As late rows do it, when a board falls silent.
    rig.sink.kept.clear()
    rig.tick(10_000)
    assert "alarms" in rig.sink.kept
