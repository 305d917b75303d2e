"""What station.toml says about tilts: axes, baseline, rates and drift, and what is wrong with it."""

import pytest

from gateway.config import Drift, Step
from tests.gateway.station_toml import GOOD, problems, station

FIT = 'fit = ["tilt"]\n'
TURN = """
[[rule]]
name = "turn"
kind = "tilt"
channel = "tilt.tilt_x"
axes = ["tilt.tilt_x", "tilt.tilt_y"]
baseline = ["0.10 deg", "-0.02 deg"]
window = "60 s"
yellow = "0.25 deg"
"""
CREEP = """
[[rule]]
name = "creep"
kind = "tilt_rate"
channel = "tilt.tilt_x"
axes = ["tilt.tilt_x", "tilt.tilt_y"]
window = "72 h"
same_hour = true
blue = "0.05 deg/d"
red = "500 mdeg/d"
"""
DRIFT = """
[[bus.board.channel]]
name = "wall_x"
quantity = "tilt_x_mdeg"
drift = { temperature = "tilt.temp", per_degc = "-1.5 mdeg", reference = "20 degC", low = "-5 degC", high = "40 degC" }
"""
WARM = GOOD.replace(FIT, FIT + DRIFT).replace("tilt.tilt_x", "wall_x")


def test_a_turn_has_its_axes_and_a_baseline_for_each_of_them(tmp_path):
    rule = {rule.name: rule for rule in station(tmp_path, GOOD + TURN).rules}["turn"]
    assert (rule.kind, rule.channel, rule.axes) == ("tilt", "tilt.tilt_x", ("tilt.tilt_x", "tilt.tilt_y"))
    assert (rule.baseline, rule.window_ms, rule.one_g) == ((100, -20), 60_000, None)
    assert rule.steps == (Step(2, 250, "", 50),)
    plain = {rule.name: rule for rule in station(tmp_path).rules}["wall"]
    assert (plain.axes, plain.baseline) == (("tilt.tilt_x",), (-250,))
    free = TURN.replace('baseline = ["0.10 deg", "-0.02 deg"]\n', "")
    assert {rule.name: rule for rule in station(tmp_path, GOOD + free).rules}["turn"].baseline == ()


def test_a_rate_is_an_angle_a_day(tmp_path):
    rule = {rule.name: rule for rule in station(tmp_path, GOOD + CREEP).rules}["creep"]
    assert rule.steps == (Step(1, 50, "", 10), Step(4, 500, "", 10))
    assert (rule.window_ms, rule.same_hour, rule.axes) == (259_200_000, True, ("tilt.tilt_x", "tilt.tilt_y"))


def test_drift_is_a_calibration_of_its_channel(tmp_path):
    found = {channel.name: channel for channel in station(tmp_path, WARM).channels}
    assert found["wall_x"].drift == Drift("tilt.temp", -1_500, 2_000, -500, 4_000)
    assert found["tilt.tilt_y"].drift is None


@pytest.mark.parametrize(
    ("wrong", "instead", "said"),
    [
        ('"tilt.tilt_y"]', '"tilt.tilt_z"]', 'turn.axes: no channel is called "tilt.tilt_z"; there are'),
        ('"tilt.tilt_y"]', '"river"]', "turn.axes: they are of several sources"),
        ('"tilt.tilt_y"]', '"tilt.tilt_x"]', "tilt_x_mdeg and tilt_x_mdeg are no direction; name tilt x and y"),
        ('"tilt.tilt_x", "tilt.tilt_y"]', '"tilt.tilt_y"]', 'turn.axes: "tilt.tilt_x" is the channel of this rule'),
        ('axes = ["tilt.tilt_x", "tilt.tilt_y"]', "axes = 3", "turn.axes: 3 is not a list of texts"),
        ('channel = "tilt.tilt_x"\naxes', 'channel = "river"\naxes', '"river" is head_mm; a rule of kind tilt judges'),
        ('["0.10 deg", "-0.02 deg"]', '["0.10 deg"]', "turn.baseline: has 1 of 2 values; give one for each of axes"),
        ('["0.10 deg", "-0.02 deg"]', '["0.10 deg", "9 m"]', 'turn.baseline: "9 m": "m" is no unit of an angle'),
        ('["0.10 deg", "-0.02 deg"]', '"0.10 deg"', "turn.baseline: has 1 of 2 values"),
        ('["0.10 deg", "-0.02 deg"]', '["0.10 deg", "91 deg"]', "turn.baseline: is more than such a sensor can show"),
        ('["0.10 deg", "-0.02 deg"]', "[]", "turn.baseline: has 0 of 2 values"),
        ('window = "60 s"', 'one_g = "1 g"', "turn.one_g: is for three accelerations; take it out"),
        ('"0.25 deg"', '"0.25 deg/d"', 'turn.yellow: "0.25 deg/d": "deg/d" is no unit of an angle'),
    ],
)
def test_a_wrong_turn_is_named_with_its_key_and_what_to_do(tmp_path, wrong, instead, said):
    assert wrong in TURN
    found = problems(tmp_path, GOOD + TURN.replace(wrong, instead))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("wrong", "instead", "said"),
    [
        ('window = "72 h"\n', "", "creep.window: is missing"),
        ('"72 h"', '"24 h"', 'creep.same_hour: compares whole days; use a window of "48 h" or more, or take it out'),
        ('"0.05 deg/d"', '"0.05 deg"', 'creep.blue: "0.05 deg": "deg" is no unit of an angle a day; use mdeg/d or'),
        ('"72 h"', '"1 min"', 'creep.window: "1 min" is out of range'),
    ],
)
def test_a_wrong_rate_is_named_with_its_key_and_what_to_do(tmp_path, wrong, instead, said):
    assert wrong in CREEP
    found = problems(tmp_path, GOOD + CREEP.replace(wrong, instead))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("wrong", "instead", "said"),
    [
        ("tilt.temp", "tilt.supply", 'the drift of "wall_x" hangs on "tilt.supply", which is no temperature'),
        ("tilt.temp", "nobody", 'the drift of "wall_x" hangs on "nobody", which is no temperature'),
        ('"-1.5 mdeg"', '"1 m"', '"1 m": "m" is no unit of an angle'),
        ('"-1.5 mdeg"', "1.5", "1.5 has no unit"),
        ('"-5 degC"', '"41 degC"', 'drift.high: "40 degC" is not above low ("41 degC"); exchange them'),
        (', high = "40 degC"', "", "drift.high: is missing"),
        (', high = "40 degC"', ', high = "40 degC", hi = 1', '"hi" is not a key of drift'),
    ],
)
def test_a_wrong_drift_is_named_with_its_key_and_what_to_do(tmp_path, wrong, instead, said):
    assert wrong in DRIFT
    found = problems(tmp_path, WARM.replace(wrong, instead))
    assert len(found) == 1
    assert said in found[0]


def test_drift_of_what_is_no_tilt_is_refused(tmp_path):
    rate = 'rate = "0.3 m/5min"\n'
    drift = DRIFT.rstrip().splitlines()[-1] + "\n"
    found = problems(tmp_path, GOOD.replace(rate, rate + drift))
    assert "river.drift: is taken off tilts and accelerations only; take it out of head_mm" in found[0]
