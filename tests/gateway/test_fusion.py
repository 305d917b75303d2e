"""Two level sensors as one channel: the river from 163 to 192 m, sensors that fail, and sensors that disagree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway import config
from gateway.siren import Siren
from gateway.station import NowValue, Station
from tests.gateway.alarm_station import HandClock, RecordingDriver, RecordingSink, steps
from wire.reading import FAIL, GOOD, MISSING, SUSPECT
from wire.telemetry import E_CHANNEL, E_DETAIL, E_KIND, E_LEVEL, EVENT_KINDS

LOW_ZERO_MM, HIGH_ZERO_MM = 160_000, 195_000  # a pressure probe at the foot, a radar under the bridge
FROM_MM, TO_MM = 176_000, 180_000
LIMIT_MM = 100
FUSION = config.Fusion("river", "low", "high", "wusong", FROM_MM, TO_MM, LIMIT_MM, 60_000, 50)
MARKS_MM = (170_000, 177_000, 178_500, 185_000)
RULES = (
    config.Rule("flood", "high", "river", steps(*MARKS_MM), datum="wusong", threshold_set="SET@1"),
    config.Rule("lost-river", "lost", "river", (config.Step(2, 10_000),), siren=False),
)


class Rig:
    """A station with the two sensors on two sources, looked at once a second, the high one 300 ms later."""

    def __init__(self, deadband_mm: int = 100) -> None:
        level_low = config.Level(LOW_ZERO_MM, 0, "wusong", "")
        level_high = config.Level(HIGH_ZERO_MM, 0, "wusong", "")
        sources = (
            config.Source("foot", "main", 11, channels=(config.Channel("low", "foot", 0, "head_mm", level_low),)),
            config.Source("bridge", "main", 12, channels=(config.Channel("high", "bridge", 0, "gap_mm", level_high),)),
        )
        self.config = config.Station(
            id="X", name="x", name_en="x", time_zone="UTC", gateway_serial="01" * 8, mode="actual",
            buses=(config.Bus("main", "/dev/null", 9600, "8N1", 1_000, sources),),
            rules=(replace(RULES[0], steps=steps(*MARKS_MM, deadband=deadband_mm)), RULES[1]),
            siren=config.Siren(), spool=config.Spool("spool.db"), center=config.Center(), fusions=(FUSION,),
        )  # fmt: skip
        self.clock = HandClock()
        self.sink = RecordingSink([])
        self.start()

    def start(self) -> None:
        siren = Siren(self.config.siren, self.clock, RecordingDriver([]))
        self.station = Station(self.config, self.clock, siren, self.sink)

    def restart(self) -> None:
        saved = self.station.state_bytes()
        self.clock.advance(5_000)
        self.clock.mono = 12_345
        self.start()
        assert self.station.restore(saved)

    def second(self, low: int | None, high: int | None, *, flag: int = GOOD) -> int | None:
        """One scan: elevations that the two sensors would show, None = no value; the fused level after it."""
        self.clock.advance(700)
        self._tell("foot", None if low is None else low - LOW_ZERO_MM, flag)
        self.clock.advance(300)
        self._tell("bridge", None if high is None else HIGH_ZERO_MM - high, flag)
        self.station.tick(self.clock.mono)
        return self.now["value"]

    def _tell(self, source: str, raw: int | None, flag: int) -> None:
        quality = MISSING if raw is None else flag
        self.station.on_now(source, [NowValue(0, raw, quality, 0, self.clock.mono, self.clock.unix)])

    @property
    def now(self) -> dict:
        return next(channel for channel in self.station.channels() if channel["name"] == "river")

    def told(self, kind: str) -> list[dict]:
        return [event for event in self.sink.events if EVENT_KINDS[event[E_KIND]] == kind]


def ramp(first_mm: int, last_mm: int, step_mm: int = 20) -> range:
    return range(first_mm, last_mm, step_mm if last_mm > first_mm else -step_mm)


def sensors(river_mm: int, low_off_mm: int = 0, high_off_mm: int = 0) -> tuple[int | None, int | None]:
    """What a probe of 22 m and a radar of 20 m make of a river: nothing outside their span."""
    low = river_mm + low_off_mm if river_mm <= 182_000 else None
    high = river_mm + high_off_mm if river_mm >= 175_000 else None
    return low, high


def test_the_river_rises_and_falls_through_both_sensors_as_one():
    rig = Rig()
    for river_mm in (*ramp(163_000, 192_000), *ramp(192_000, 163_000)):
        assert rig.second(*sensors(river_mm)) == river_mm
    assert [event[E_LEVEL] for event in rig.told("alarm raised")] == [1]
    assert [event[E_LEVEL] for event in rig.told("alarm escalated")] == [2, 3, 4]
    assert [event[E_LEVEL] for event in rig.told("alarm lowered")] == [3, 2, 1]
    assert len(rig.told("alarm cleared")) == 1
    assert rig.told("sensors disagree") == []


def test_an_offset_between_the_sensors_is_blended_without_a_step():
    rig = Rig()
    before = None
    for river_mm in ramp(163_000, 192_000):
        level = rig.second(*sensors(river_mm, -30, 50))
        assert level is not None
        if before is not None:
            assert 20 <= level - before <= 23  # The river's 20 mm, and 80 mm of offset over 4 m of overlap.
        before = level
    assert before == 191_980 + 50


@pytest.mark.parametrize("failing", [0, 1])
def test_a_sensor_that_fails_in_the_overlap_makes_no_step_and_no_alarm(failing):
    rig = Rig(deadband_mm=20)
    for river_mm in ramp(175_500, 178_500):
        rig.second(*sensors(river_mm, -40, 40))
    before = rig.now["value"]
    events = len(rig.sink.events)
    for _ in range(5):
        seen = list(sensors(178_480, -40, 40))
        seen[failing] = None
        assert rig.second(*seen) == before
    for _ in range(200):
        assert rig.second(*sensors(178_480, -40, 40)) == before
    assert [EVENT_KINDS[event[E_KIND]] for event in rig.sink.events[events:]] == ["sensor fault", "sensor back"]


def test_out_of_its_range_a_sensor_alone_gives_no_number_but_an_alarm_of_not_seeing():
    rig = Rig()
    for river_mm in ramp(178_000, 180_600):
        rig.second(*sensors(river_mm))
    assert rig.second(180_600, None) is None  # Only the low one is left, above the overlap.
    for _ in range(11):
        assert rig.second(180_600, None) is None
    assert rig.now["quality"] == MISSING
    assert rig.station.alarms()[0]["rule"] == "flood"
    assert [event[E_CHANNEL] for event in rig.told("alarm raised")] == ["river", "river"]  # flood and lost
    assert rig.second(180_600, 180_600) == 180_600


def test_below_the_overlap_the_high_sensor_never_stands_in():
    rig = Rig()
    rig.second(170_000, 175_000)
    assert rig.now["value"] == 170_000
    assert rig.second(None, 175_000) is None


def test_sensors_that_disagree_are_told_once_and_the_steady_one_is_followed():
    rig = Rig()
    for _ in range(30):
        rig.second(178_000, 178_020)
    for _ in range(70):
        assert rig.second(178_000, 181_000) == 178_000  # A boat below the radar.
        assert rig.now["quality"] == SUSPECT
    told = rig.told("sensors disagree")
    assert [event[E_CHANNEL] for event in told] == ["river"]
    assert "low is used" in told[0][E_DETAIL]
    assert len(rig.told("alarm escalated")) == 0
    for _ in range(70):
        rig.second(178_000, 178_020)
    assert len(rig.told("sensors agree")) == 1
    assert rig.now["quality"] == GOOD


def test_sensors_that_drift_apart_are_judged_by_the_higher():
    rig = Rig()
    for i in range(300):
        rig.second(178_000, 178_000 + i)  # The probe is stuck, the river rises.
    assert rig.now["value"] == 178_299
    assert "high is used" in rig.told("sensors disagree")[0][E_DETAIL]


def test_of_two_that_disagree_one_that_fails_leaves_the_other():
    rig = Rig()
    rig.second(178_000, 178_000)
    assert rig.second(178_000, 179_000) == 178_000
    assert rig.second(None, 179_000) == 179_000
    assert rig.second(178_000, 179_000) == 179_000  # It is followed now: no going to and fro.


def test_a_doubtful_or_failed_sample_is_no_usable_one():
    rig = Rig()
    assert rig.second(178_000, 178_000, flag=FAIL) is None
    assert rig.second(178_000, 178_000, flag=SUSPECT) == 178_000
    assert rig.now["quality"] == SUSPECT


def test_which_sensor_is_used_is_told_after_the_waves():
    rig = Rig()
    for river_mm in ramp(175_000, 181_000):
        rig.second(*sensors(river_mm + (-1) ** (river_mm // 20) * 30))
    for _ in range(70):
        rig.second(*sensors(181_000))
    names = [event[E_DETAIL].split(" at ")[0] for event in rig.told("level source")]
    assert names == ["low", "low and high", "high"]


def test_a_restart_goes_on_with_the_same_sensor_difference_and_alarm():
    rig = Rig(deadband_mm=20)
    for river_mm in ramp(175_500, 178_500):
        rig.second(*sensors(river_mm, -40, 40))
    before, events = rig.now["value"], len(rig.sink.events)
    rig.restart()
    assert rig.second(178_440, None) == before
    assert rig.second(178_440, 178_520) == before
    assert len(rig.sink.events) == events


def test_a_restart_amid_a_disagreement_does_not_change_sides():
    rig = Rig()
    rig.second(178_000, 178_000)
    rig.second(178_000, 179_000)
    rig.restart()
    assert rig.second(178_000, 179_000) == 178_000


def test_a_kept_state_that_is_none_leaves_the_fusion_as_new():
    rig = Rig()
    fused = rig.station._points.kept["fusion"]["river"]
    for bad in ([], [1, 7, 2, 3, False], [0, 3, 1, 3, 5], "x"):
        with pytest.raises((ValueError, TypeError)):
            fused.restore(bad, 0, 0)
        assert rig.second(178_000, 178_010) is not None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(174_000, 182_000)), st.one_of(st.none(), st.integers(174_000, 182_000))
        ),
        max_size=40,
    )
)
def test_the_level_never_leaves_the_interval_of_the_valid_sensors(seconds):
    rig = Rig()
    for low, high in seconds:
        level = rig.second(low, high)
        allowed = [low] if low is not None and low <= TO_MM else []
        allowed += [high] if high is not None and high >= FROM_MM else []
        if not allowed:
            assert level is None
        elif low is not None and high is not None:
            assert level is not None
            assert min(low, high) <= level <= max(low, high)
        else:
            assert level is not None
            assert abs(level - allowed[0]) <= LIMIT_MM  # The last difference between the two, and no more.


@settings(max_examples=60, deadline=None)
@given(
    st.integers(175_600, 180_400),
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30),
)
def test_no_event_of_an_alarm_comes_of_choosing_a_sensor(river_mm, low_off_mm, high_off_mm, seen):
    rig = Rig(deadband_mm=0)
    rig.second(*sensors(river_mm, low_off_mm, high_off_mm))
    before = [event for event in rig.sink.events if EVENT_KINDS[event[E_KIND]].startswith("alarm")]
    for low_seen, high_seen in seen:
        low, high = sensors(river_mm, low_off_mm, high_off_mm)
        rig.second(low if low_seen else None, high if high_seen else None)
    after = [event for event in rig.sink.events if EVENT_KINDS[event[E_KIND]].startswith("alarm")]
    assert [e for e in after if e[3] == "flood"] == [e for e in before if e[3] == "flood"]
