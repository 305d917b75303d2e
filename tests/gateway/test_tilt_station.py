"""Tilts through the whole station: several axes, drift, creep on a shaken wall, re-zero, restart."""

import math

import pytest

from gateway import config
from gateway.station import NowValue
from gateway.tilt_drift import fit
from tests.gateway.alarm_station import RecordingSink, Rig, channels, steps
from tests.gateway.tilt_course import DAY_S, Wall
from wire.reading import QUANTITY_CODES
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_BASELINE,
    E_BASELINE_BEFORE,
    E_CHANNEL,
    E_DETAIL,
    E_EPISODE_MS,
    E_KIND,
    E_LEVEL,
    E_QUANTITY,
    E_VALUE,
    EVENT_CODES,
    EVENT_KINDS,
)

GRAVITY = ("ax", "ay", "az")
PAIR = ("wall_x", "wall_y")
TURN = config.Rule("turn", "tilt", "ax", steps(500, 1_000, first=3), axes=GRAVITY)
WALL = config.Rule("wall", "tilt", "wall_x", steps(500, 1_000, first=3), axes=PAIR)


class TiltRig(Rig):
    """One source `wall` with two inclinations and their temperature, and one `acc` with gravity."""

    def __init__(self, rules, drift=None, scan_ms=1_000):
        self.drift = drift
        self.scan_ms = scan_ms
        super().__init__(rules)

    def start(self):
        names = (("wall_x", "tilt_x_mdeg"), ("wall_y", "tilt_y_mdeg"), ("wall_temp", "temp_cdeg"))
        wall = [
            config.Channel(name, "wall", i, quantity, drift=self.drift if i < 2 else None)
            for i, (name, quantity) in enumerate(names)
        ]
        acc = channels("acc", ("ax", "acc_x_ug"), ("ay", "acc_y_ug"), ("az", "acc_z_ug"))
        sources = (
            config.Source("wall", "main", 11, channels=tuple(wall)),
            config.Source("acc", "main", 12, channels=acc),
        )
        bus = config.Bus("main", "/dev/null", 9600, "8N1", self.scan_ms, sources)
        self.config = config.Station(
            id="CYB01", name="墙", name_en="Wall", time_zone="Asia/Shanghai", gateway_serial="01" * 8, mode="actual",
            buses=(bus,), rules=self.config.rules, siren=config.Siren(), spool=config.Spool("spool.db"),
            center=config.Center(),
        )  # fmt: skip
        super().start()

    def stand(self, source, *values, count=30):
        for _ in range(count):
            self.now(source, *values)

    def kinds(self):
        return [EVENT_KINDS[kind] for kind in self.told(E_KIND)]


def tilted(degrees, scale=1_000_000):
    return round(math.sin(math.radians(degrees)) * scale), 0, -round(math.cos(math.radians(degrees)) * scale)


def test_gravity_upside_down_is_judged_as_one_angle_with_its_baseline_and_its_way():
    rig = TiltRig((TURN,))
    rig.stand("acc", *tilted(3.0))
    rig.now("acc", *tilted(3.4))
    assert rig.levels() == {}
    rig.now("acc", *tilted(3.6))
    assert rig.levels() == {"turn": 3}
    assert rig.kinds() == ["baseline taken", "alarm raised"]
    raised = rig.sink.events[1]
    assert (raised[E_CHANNEL], raised[E_VALUE]) == ("ax", 600)
    assert raised[E_QUANTITY] == QUANTITY_CODES["turn_mdeg"]
    assert raised[E_BASELINE] == rig.sink.events[0][E_BASELINE] == [1, list(tilted(3.0))]
    assert raised[E_DETAIL] == "x +0.599 deg, y +0.000 deg, z +0.031 deg"
    assert rig.station.alarms()[0]["baseline"] == 1


def test_two_small_turns_of_two_axes_are_one_that_is_larger():
    rig = TiltRig((WALL,))
    rig.stand("wall", 100, 200, 2_000)
    rig.now("wall", 500, 200, 2_000)
    assert rig.levels() == {}
    rig.now("wall", 500, 600, 2_000)
    assert rig.levels() == {"wall": 3}
    assert rig.sink.events[-1][E_VALUE] == 566  # 400 and 400, square to each other


def test_an_axis_that_is_missing_is_no_direction():
    rig = TiltRig((WALL,))
    rig.stand("wall", 0, 0, 2_000)
    rig.now("wall", 900, None, 2_000)
    rig.now("wall", 900, None, 2_000)
    assert rig.levels() == {}
    rig.now("wall", 900, 0, 2_000)
    assert rig.levels() == {"wall": 3}
    rig.now("wall", None, 900, 2_000)
    rig.now("wall", 0, 0, 2_000)
    assert rig.levels() == {"wall": 0}


def test_axes_of_other_times_are_no_direction():
    rig = TiltRig((WALL,))
    rig.stand("wall", 0, 0, 2_000)
    rig.now("wall", 900)
    rig.clock.advance(6_000)
    words = [rig_word(rig, 1, 900)]
    rig.station.on_now("wall", words)
    assert rig.levels() == {}
    rig.station.on_now("wall", [rig_word(rig, 0, 901)])
    assert rig.levels() == {"wall": 4}


def rig_word(rig, column, value):
    return NowValue(column, value, 1, 0, rig.clock.mono, rig.clock.unix)


def test_blows_are_told_once_and_hold_the_alarm():
    rule = config.Rule("turn", "tilt", "ax", steps(500, first=3), axes=GRAVITY, baseline=(0, 0, 1_000), one_g=1_000)
    rig = TiltRig((rule,))
    rig.now("acc", 0, 500, 866)
    rig.stand("acc", 0, 0, 300, count=200)
    assert rig.levels() == {"turn": 3}
    assert rig.kinds() == ["alarm raised", "sensor fault"]
    rig.now("acc", 0, 0, 1_000)
    assert rig.kinds() == ["alarm raised", "sensor fault", "alarm cleared", "sensor back"]


def drift_of(per_degc_mdeg):
    return config.Drift("wall_temp", round(per_degc_mdeg * 1000), 2_000, 0, 4_000)


def test_warmth_is_taken_off_before_it_is_judged_and_never_beyond_its_fit_unsaid():
    rig = TiltRig((WALL,), drift=drift_of(30))
    rig.stand("wall", 0, 0, 2_000, count=30)
    rig.now("wall", 510, 510, 3_700)  # 17 degrees of warmth, and nothing else
    assert rig.levels() == {}
    rig.now("wall", 0, 0, 3_700)
    assert rig.levels() == {"wall": 3}
    assert rig.kinds() == ["baseline taken", "alarm raised"]
    rig.now("wall", 600, 600, 4_000)
    rig.now("wall", 600, 600, 4_001)
    rig.now("wall", 600, 600, 9_000)
    assert rig.kinds()[2:] == ["alarm cleared", "temperature beyond fit"]
    rig.now("wall", 600, 600, 3_999)
    rig.now("wall", 600, 600, 4_100)
    assert rig.kinds()[4:] == ["temperature beyond fit"]


def test_without_a_temperature_it_is_judged_as_measured_and_said():
    rig = TiltRig((WALL,), drift=drift_of(30))
    rig.stand("wall", 0, 0, None, count=31)
    assert rig.kinds()[:1] == ["temperature beyond fit"]
    rig.now("wall", 600, 0, None)
    assert rig.levels() == {"wall": 3}


RATE = config.Rule(
    "creep", "tilt_rate", "wall_x", steps(100, 250, 500), axes=PAIR, window_ms=72 * 3_600_000, same_hour=True,
    siren=False,
)  # fmt: skip
SHAKEN = config.Rule(
    "wall", "tilt", "wall_x", (config.Step(2, 300, deadband=50, on_delay_ms=300_000),), axes=PAIR, window_ms=120_000
)


def play(wall, days, rules, drift=None, every_s=20):
    """A scan each `every_s`: the rig, and [(day, rule, event)] of all alarms."""
    rig = TiltRig(rules, drift=drift, scan_ms=every_s * 1_000)
    began = rig.clock.unix
    for second in range(0, days * DAY_S, every_s):
        temp, x, y = wall.at(second)
        rig.clock.advance(every_s * 1_000 - 1_000)
        rig.now("wall", x, y, temp)
    alarms = [event for event in rig.sink.events if EVENT_KINDS[event[E_KIND]].startswith("alarm")]
    return rig, [((event[E_EPISODE_MS] - began) / 86_400_000, event) for event in alarms]


def test_a_wall_that_rests_gives_no_alarm_whatever_shakes_and_warms_it():
    """Ten days of vehicles, wind, people and blows, and 8 mdeg a degree of warmth: false alarms counted, none."""
    _, alarms = play(Wall(per_degc=8.0), 10, (SHAKEN, RATE))
    assert alarms == []
    # That nothing is proved by rules that hear nothing: without median and delay there are alarms.
    raw = config.Rule("raw", "tilt", "wall_x", steps(300, first=2), axes=PAIR, baseline=(0, 0))
    _, alarms = play(Wall(per_degc=8.0), 1, (raw,))
    assert len(alarms) > 10


def test_creep_in_three_stages_is_found_in_its_order_through_warmth_and_blows():
    """Runs away from day 8.5 on. 60 mdeg a day before that are below the first level, and so is the slowing start."""
    rig, alarms = play(Wall(steady=60.0, fails=8.5, per_degc=8.0), 15, (RATE,), every_s=60)
    told = [(EVENT_KINDS[event[E_KIND]], event[E_LEVEL]) for _, event in alarms]
    assert told == [("alarm raised", 1), ("alarm escalated", 2), ("alarm escalated", 3)]
    assert {round(day, 6) for day, _ in alarms} == {round(alarms[0][0], 6)}  # one episode
    days = [(event[E_AT_MS] - rig.clock.unix) / 86_400_000 + 15 for _, event in alarms]
    # A window of three days sees a change of rate half of it later, and the last level within a day of the fall.
    assert 8.5 < days[0] < 11
    assert days == sorted(days)
    assert 13 < days[2] < 14.6
    assert all(
        threshold <= event[E_VALUE] < threshold + 40
        for threshold, (_, event) in zip((100, 250, 500), alarms, strict=True)
    )
    assert alarms[0][1][E_QUANTITY] == QUANTITY_CODES["turn_mdeg_per_day"]
    assert alarms[0][1][E_DETAIL].startswith("x +0.0")


def test_the_fit_of_a_year_of_history_makes_a_warm_wall_a_quiet_one():
    wall = Wall(per_degc=40.0, seed=3, shaking=False)
    history = [(second * 1000, temp, x) for second in range(0, 20 * DAY_S, 1_200) for temp, x, _ in [wall.at(second)]]
    found = fit(history)
    assert found is not None
    assert abs(found.per_degc_milli - 0.8 * 40_000) < 500
    rule = config.Rule("wall", "tilt", "wall_x", steps(200, first=2), axes=("wall_x",), window_ms=120_000)
    warm = Wall(per_degc=40.0, seed=4, shaking=False)
    drift = config.Drift("wall_temp", found.per_degc_milli, found.reference_cdeg, found.low_cdeg, found.high_cdeg)
    assert play(warm, 3, (rule,), every_s=60)[1] != []
    assert play(Wall(per_degc=40.0, seed=4, shaking=False), 3, (rule,), drift=drift, every_s=60)[1] == []


def test_a_re_zero_is_told_with_both_baselines_and_can_be_undone():
    rig = TiltRig((WALL, RATE))
    rig.stand("wall", 0, 0, 2_000)
    rig.stand("wall", 600, 0, 2_000)
    assert "not acknowledged" in rig.station.rezero("wall_x", "07", "sensor was hit")
    rig.station.acknowledge("wall", "07", "", 4)
    assert rig.station.rezero("wall_y", "07", "sensor was hit") == ""
    event = rig.sink.events[-1]
    assert event[E_KIND] == EVENT_CODES["baseline re-zeroed"]
    assert (event[E_BASELINE], event[E_BASELINE_BEFORE]) == ([2, [600, 0]], [1, [0, 0]])
    assert event[E_DETAIL] == "wall: rule wall: version 2 by 07, sensor was hit"
    assert event[E_ACTOR] == "07"
    rig.now("wall", 600, 0, 2_000)
    assert rig.levels() == {}
    assert rig.station.rezero("wall", "07", "it was the wall", back=True) == ""
    event = rig.sink.events[-1]
    assert event[E_KIND] == EVENT_CODES["re-zero undone"]
    assert (event[E_BASELINE], event[E_BASELINE_BEFORE]) == ([3, [0, 0]], [2, [600, 0]])
    rig.now("wall", 600, 0, 2_000)
    assert rig.levels() == {"wall": 3}


@pytest.mark.parametrize(
    ("name", "actor", "reason", "match"),
    [
        ("river", "07", "why", "no tilt is judged there"),
        ("creep", "07", "why", "no tilt is judged there"),
        ("wall", "", "why", "who and why"),
        ("wall", "07", " ", "who and why"),
        ("wall", "07", "x" * 201, "who and why"),
    ],
)
def test_a_re_zero_that_nobody_may_ask_for_changes_nothing(name, actor, reason, match):
    rig = TiltRig((WALL, RATE))
    rig.stand("wall", 0, 0, 2_000)
    told = len(rig.sink.events)
    assert match in rig.station.rezero(name, actor, reason)
    assert match in rig.station.rezero(name, actor, reason, back=True)
    assert len(rig.sink.events) == told


def test_all_tilts_of_a_channel_are_re_zeroed_or_none():
    fine = config.Rule("fine", "tilt", "wall_x", steps(40, first=1), siren=False)
    rig = TiltRig((WALL, fine))
    rig.stand("wall", 0, 0, 2_000)
    for i in range(30):
        rig.now("wall", 30 * (i % 2), 0, 2_000)
    assert "fine: the sensor moves within" in rig.station.rezero("wall_x", "07", "why")
    assert "baseline re-zeroed" not in rig.kinds()
    assert rig.station.rezero("wall", "07", "why") == ""
    rig.now("wall", None, 0, 2_000)
    assert "cannot be read" in rig.station.rezero("wall", "07", "why")


def test_a_re_zero_survives_a_kill_right_behind_it():
    rig = TiltRig((WALL,))
    rig.stand("wall", 0, 0, 2_000)
    rig.stand("wall", 400, 0, 2_000)
    assert rig.station.rezero("wall", "07", "sensor was hit") == ""
    assert rig.restart(down_ms=5_000)
    rig.now("wall", 1_000, 0, 2_000)
    assert rig.sink.events[-1][E_VALUE] == 600
    assert rig.sink.events[-1][E_BASELINE] == [2, [400, 0]]
    assert rig.kinds().count("baseline taken") == 1


def test_a_baseline_that_the_configuration_gives_anew_is_told():
    rig = TiltRig((WALL,))
    rig.stand("wall", 0, 0, 2_000)
    given = config.Rule("wall", "tilt", "wall_x", steps(500, 1_000, first=3), axes=PAIR, baseline=(300, 0))
    rig.config = config.Station(**{**as_fields(rig.config), "rules": (given,)})
    rig.restart()
    rig.now("wall", 300, 0, 2_000)
    assert rig.sink.events[-1][E_BASELINE] == [2, [300, 0]]
    assert "configuration" in rig.sink.events[-1][E_DETAIL]


def as_fields(station):
    return {name: getattr(station, name) for name in station.__struct_fields__}


def test_a_turn_and_a_rate_go_on_over_a_kill_at_any_sample():
    """The same course, once whole and once killed at each third hour: the same alarms, with the same values."""

    def alarms(kill_every_s):
        wall = Wall(steady=80.0, fails=4, per_degc=8.0, seed=11)
        rate = config.Rule("creep", "tilt_rate", "wall_x", steps(150, 400), axes=PAIR, window_ms=24 * 3_600_000)
        rig = TiltRig((WALL, rate), scan_ms=60_000)
        for second in range(0, 7 * DAY_S, 60):
            temp, x, y = wall.at(second)
            rig.clock.advance(59_000)
            rig.now("wall", x, y, temp)
            if kill_every_s and second and second % kill_every_s == 0:
                rig.station.close()
                rig.restart()
        assert isinstance(rig.sink, RecordingSink)
        return [
            (event[E_KIND], event.get(E_VALUE), event[1])
            for event in rig.sink.events
            if EVENT_KINDS[event[E_KIND]].startswith("alarm")
        ]

    whole = alarms(0)
    assert len(whole) > 4
    assert alarms(10_860) == whole
