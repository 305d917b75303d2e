"""Gauges that count double: against their neighbours, and against how fast a bucket can tip."""

import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config import Channel, DoubleCount, Source
from gateway.double_count import Chatter, above_neighbours
from gateway.gauge import Gauge
from gateway.station import NowValue
from tests.gateway.alarm_station import Rig
from wire.reading import GOOD, RAIN_WRAP_UM, SUSPECT
from wire.telemetry import E_CHANNEL, E_DETAIL, E_KIND, EVENT_CODES

CASES = {
    "twice the median": (13_600, [6_600, 6_400, 9_000], True),
    "just the share": (7_656, [6_600], False),
    "just above it": (7_657, [6_600], True),
    "a drizzle proves nothing": (20_000, [5_999, 5_999], False),
    "the least is enough": (20_000, [6_000], True),
    "the median of two is their mean": (9_281, [6_000, 10_000], True),
    "and not the lower one": (9_280, [6_000, 10_000], False),
    "no neighbour": (20_000, [], False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_sum_is_held_against_the_median_of_the_neighbours(name):
    own_um, neighbours_um, double = CASES[name]
    assert above_neighbours(own_um, neighbours_um, 1_160, 6_000) == double


SUMS = st.integers(0, 40_000)


@given(SUMS, st.lists(SUMS, min_size=1, max_size=6), st.integers(1_001, 3_000), st.integers(0, 20_000))
def test_it_is_the_median_of_the_definition(own_um, neighbours_um, permil, least_um):
    median = Fraction(statistics.median(map(Fraction, neighbours_um)))
    expected = median >= least_um and own_um > Fraction(permil, 1_000) * median
    assert above_neighbours(own_um, neighbours_um, permil, least_um) == expected


@given(SUMS, st.lists(SUMS, min_size=3, max_size=5))
def test_one_wrong_neighbour_of_three_or_more_decides_nothing_alone(own_um, neighbours_um):
    """Whatever the highest one says, it is told double only if it is above some other neighbour too."""
    if above_neighbours(own_um, neighbours_um, 1_160, 1):
        assert own_um > sorted(neighbours_um)[0]
        raised = [*sorted(neighbours_um)[:-1], 10**9]
        assert above_neighbours(own_um, raised, 1_160, 1)


def fast(tips_per_s, seconds, start_um=0):
    chatter = Chatter(200)
    counters = [(start_um + 200 * tips_per_s * second) % RAIN_WRAP_UM for second in range(seconds)]
    return sum(chatter.fast(counter, 1_000 * second) for second, counter in enumerate(counters))


@pytest.mark.parametrize("start_um", [0, RAIN_WRAP_UM - 10_000])
def test_tips_faster_than_a_bucket_can_are_told_every_five_seconds(start_um):
    assert fast(5, 21, start_um) == 4
    assert fast(4, 600, start_um) == 0  # 2,880 mm/h: more than any rain, and yet a bucket could


def test_a_burst_after_a_silence_and_another_counter_are_no_chatter():
    chatter = Chatter(200)
    assert not chatter.fast(0, 0)
    assert not chatter.fast(30_000, 60_000)  # 150 tips of a silent minute
    assert not chatter.fast(99_000_000, 66_000)


@pytest.mark.parametrize(("tips", "chatters"), [(20, False), (21, True), (100, True), (101, False)])
def test_five_seconds_of_tips_are_chatter_between_what_a_bucket_can_and_what_a_board_counts(tips, chatters):
    chatter = Chatter(UM_PER_TIP)
    chatter.fast(0, 0)
    assert chatter.fast(tips * UM_PER_TIP, 5_000) == chatters


UM_PER_TIP = 200
MINUTE_MS = 60_000


def field(hours=24, least_um=6_000, tip_um=0) -> Rig:
    """Four gauges in one field; the first is held against the others."""
    rig = Rig(())
    gauge = Channel("rain-0", "rain-0", 0, "rain_um", neighbours=("rain-1", "rain-2", "rain-3"), tip_um=tip_um)
    limits = DoubleCount(1_160, hours * 3_600_000, least_um)
    gauges = [replace(gauge, double_count=limits, gap_after_ms=86_400_000)]
    gauges += [Channel(f"rain-{i}", f"rain-{i}", 0, "rain_um") for i in (1, 2, 3)]
    bus = rig.config.buses[0]
    sources = tuple(Source(gauge.name, "main", i + 1, channels=(gauge,)) for i, gauge in enumerate(gauges))
    rig.config = replace(rig.config, buses=(replace(bus, sources=sources),))
    rig.start()
    return rig


class Field:
    """Rain on the rig's gauges; `told` is the quality and the flags of the first after each of its looks."""

    def __init__(self, rig: Rig, first: tuple[int | None, ...] = ()) -> None:
        self.rig = rig
        self.um = [0] * 4
        self.told: list[tuple[int, list[str]]] = []
        self.look(*first)

    def look(self, *tips: int | None, after_ms: int = MINUTE_MS) -> None:
        """`tips` of each gauge, None = it is not asked; the neighbours are asked first."""
        self.rig.clock.advance(after_ms)
        for i in (1, 2, 3, 0):
            fallen = tips[i] if tips else 0
            if fallen is None:
                continue
            self.um[i] += UM_PER_TIP * fallen
            now = (self.rig.clock.mono, self.rig.clock.unix)
            self.rig.station.on_now(f"rain-{i}", [NowValue(0, self.um[i], GOOD, 0, *now)])
        gauge = self.rig.station.channels()[0]
        self.told.append((gauge["quality"], gauge["flags"]))  # pyright: ignore[reportArgumentType]


CALM = (GOOD, [])
DOUBLE = (SUSPECT, ["double-count"])


def test_a_gauge_is_flagged_in_each_look_in_which_it_tips_while_it_has_too_much():
    field_ = Field(field())
    field_.look(60, 30, 29, 40)  # 12 mm against 6 mm
    field_.look()
    field_.look(0, 20, 20, 0)  # no tip of its own: not judged
    field_.look(1, 5, 5, 0)  # 12.2 mm against 10.8 mm: below 116 %
    assert field_.told == [CALM, DOUBLE, CALM, CALM, CALM]
    assert field_.rig.station.channels()[0]["counts"] == {"double-count": 1}
    events = [(e[E_KIND], e[E_CHANNEL], e[E_DETAIL]) for e in field_.rig.sink.events]
    assert events == [(EVENT_CODES["sensor suspect"], "rain-0", "rain-0: double-count")]


def test_what_left_the_window_counts_for_nobody():
    field_ = Field(field(hours=1, least_um=2_000))
    field_.look(60, 30, 30, 30)
    field_.look(1, 1, 1, 1, after_ms=3_599_000)
    field_.look(10, 10, 10, 10, after_ms=1_000)
    assert field_.told == [CALM, DOUBLE, DOUBLE, CALM]


def test_a_gauge_that_began_within_a_minute_of_this_one_is_a_neighbour():
    field_ = Field(field(), first=(0, None, None, None))
    field_.look()
    field_.look(60, 30, 30, 30)
    assert field_.told[-1] == DOUBLE


def test_a_neighbour_that_is_not_seen_does_not_count():
    rig = field()
    field_ = Field(rig)
    field_.look(30, 30, 10, 10)
    for i in (2, 3):
        rig.station.on_lost(f"rain-{i}", "no answer", rig.clock.mono)
    rig.clock.advance(MINUTE_MS)
    now = (rig.clock.mono, rig.clock.unix)
    rig.station.on_now("rain-0", [NowValue(0, 31 * UM_PER_TIP, GOOD, 0, *now)])
    assert rig.station.channels()[0]["flags"] == []  # 6.2 mm against the 6.0 mm of the one that is seen


def test_a_neighbour_whose_rain_is_not_known_for_as_long_does_not_count():
    field_ = Field(field(least_um=1_000), first=(0, 0, None, None))
    field_.look(30, 30, None, None)
    field_.look(0, 0, 0, 0)
    field_.look(5, 5, 5, 5)  # 7 mm, as the one has that was there from the beginning; the other two know of 1 mm
    assert field_.told == [CALM] * 4


def test_a_flag_takes_nothing_from_the_sum_that_rules_judge():
    rig = field()
    field_ = Field(rig)
    field_.look(60, 30, 30, 30)
    gauge = rig.station._points.kept_as("rain", "rain-0", Gauge)
    assert gauge is not None
    assert gauge.rain.sum_um(3_600) == 60 * UM_PER_TIP


def test_a_contact_that_bounces_is_flagged_without_any_neighbour():
    field_ = Field(field(tip_um=UM_PER_TIP))
    for _ in range(10):
        field_.look(5, 0, 0, 0, after_ms=1_000)
    assert [told == DOUBLE for told in field_.told[1:]] == [False] * 4 + [True] + [False] * 4 + [True]
