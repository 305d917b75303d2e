"""Storm signals: one alarm with four levels, each a window of its own, against adding up every tip."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Rule, Step
from tests.gateway.alarm_oracle import RainOracle
from tests.gateway.alarm_station import Rig
from tests.gateway.station_toml import GOOD, line_of, problems, station
from wire.telemetry import E_DETAIL, E_LEVEL, E_THRESHOLD, E_VALUE

HOUR_S = 3_600
NATIONAL = ((12, 50_000), (6, 50_000), (3, 50_000), (3, 100_000))  # blue, yellow, orange, red: hours, micrometres
STORM = Rule(
    "storm", "storm", "rain", tuple(Step(i + 1, um) for i, (_, um) in enumerate(NATIONAL)),
    windows_ms=tuple(hours * HOUR_S * 1_000 for hours, _ in NATIONAL), siren=False,
)  # fmt: skip
TOML = '[[rule]]\nname = "storm"\nkind = "storm"\nchannel = "rain.rain"\n'


def level_by_hand(oracle, now_s):
    reached = [i + 1 for i, (hours, um) in enumerate(NATIONAL) if oracle.sum(now_s, hours * HOUR_S) >= um]
    return max(reached, default=0)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from([60, 600, 1_800, 3_600]), st.sampled_from([0, 1, 4_000, 9_000, 20_000]))))
def test_the_level_is_the_worst_signal_that_is_reached(falls):
    rig, oracle, counter_um, second = Rig((STORM,)), RainOracle(), 0, 0
    rig.now("rain-board", 0)
    for gap_s, fell_um in falls:
        for _ in range(gap_s // 60):
            rig.clock.advance(59_000)
            rig.now("rain-board", counter_um)
        counter_um += fell_um
        second += gap_s // 60 * 60 + 1
        oracle.tip(second, fell_um)
        rig.now("rain-board", counter_um)
        for _ in range(4):  # Downward one level a sample.
            rig.now("rain-board", counter_um)
            second += 1
        assert rig.levels().get("storm", 0) == level_by_hand(oracle, second)


def test_heavy_rain_goes_through_the_signals_as_one_episode_and_says_that_it_is_observed():
    rig = Rig((STORM,))
    for minute in range(200):
        rig.clock.advance(59_000)
        rig.now("rain-board", minute * 600)
    assert rig.told(E_LEVEL) == [3, 4]  # 50 mm in less than 3 h is orange at once.
    assert rig.told(E_DETAIL) == ["observed", "observed"]
    assert rig.told(E_THRESHOLD) == [50_000, 100_000]
    assert rig.told(E_VALUE) == [50_400, 100_200]
    rig.now("rain-board", 199 * 600)
    (alarm,) = rig.station.alarms()
    assert (alarm["rule"], alarm["level"]) == ("storm", 4)


def test_a_rule_without_levels_has_the_national_ones(tmp_path):
    rule = next(rule for rule in station(tmp_path, GOOD + TOML).rules if rule.name == "storm")
    assert [(step.level, step.at) for step in rule.steps] == [(1, 50_000), (2, 50_000), (3, 50_000), (4, 100_000)]
    assert [window_ms // 3_600_000 for window_ms in rule.windows_ms] == [12, 6, 3, 3]
    assert [step.name for step in rule.steps][::3] == ["observed 50 mm in 12 h", "observed 100 mm in 3 h"]


def test_levels_of_the_site_take_the_place_of_the_national_ones(tmp_path):
    text = GOOD + TOML + 'orange = { at = "20 mm", window = "1 h" }\nred = { at = "15 mm", window = "10 min" }\n'
    rule = next(rule for rule in station(tmp_path, text).rules if rule.name == "storm")
    assert [(step.level, step.at) for step in rule.steps] == [(3, 20_000), (4, 15_000)]
    assert rule.windows_ms == (3_600_000, 600_000)


def test_a_level_without_its_window_is_named_with_its_line(tmp_path):
    text = GOOD + TOML + 'red = { at = "100 mm" }\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"station.toml:{line_of(text, 'red = { at')}")
    assert "window" in problem


def test_a_storm_of_a_river_is_refused(tmp_path):
    (problem,) = problems(tmp_path, GOOD + TOML.replace("rain.rain", "river"))
    assert "judges rain_um" in problem
