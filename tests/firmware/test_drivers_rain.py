"""The tipping bucket against a search over plain lists of times, on a clock that wraps."""

import pytest
from drivers.tipping_bucket import FAST_TIPS, SUSPECT_HOLD_MS, TIPS_PENDING_MAX, TippingBucket
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.drivers_world import TICKS_WRAP, Edges, ticks_diff
from wire.reading import GOOD, RAIN_WRAP_UM, SUSPECT

UM_PER_TIP = 200
DEBOUNCE_MS = 50


class Gauge:
    """A bucket that is read at given times; `base` is the tick at time 0."""

    def __init__(self, base=TICKS_WRAP - 5_000, um_per_tip=UM_PER_TIP):
        self.base = base
        self.edges = Edges()
        self.bucket = TippingBucket(self.edges, ticks_diff, um_per_tip, DEBOUNCE_MS)

    def tick(self, time_ms):
        return (self.base + time_ms) % TICKS_WRAP

    def scan(self, time_ms, edge_times=()):
        self.edges.ticks = [self.tick(edge) for edge in edge_times]
        return self.bucket.read(self.tick(time_ms))[0]


def tips_of(edge_times: list[int]) -> list[int]:
    """Which edges are tips: an edge is one unless a tip lies less than the debounce time before it."""
    tips: list[int] = []
    for edge in sorted(edge_times):
        if not any(0 <= edge - tip < DEBOUNCE_MS for tip in tips):
            tips.append(edge)
    return tips


# Bounces, quick tips, ordinary rain, and dry spells longer than half the wrap of the clock (6.2 days).
gaps = st.one_of(
    st.integers(0, 120), st.sampled_from([49, 50, 51, 249, 250]), st.integers(0, 9_000), st.integers(0, 20 * 86_400_000)
)


@given(st.lists(gaps, max_size=25), st.integers(0, TICKS_WRAP - 1), st.integers(100, 2_000))
def test_tips_are_counted_once_each_across_scans_wraps_and_dry_weeks(gap_list, base, scan_ms):
    edges = [sum(gap_list[: index + 1]) for index in range(len(gap_list))]
    gauge = Gauge(base)
    now, waiting = 0, list(edges)
    while waiting:
        # The board scans all the time; a long dry spell needs only enough of these scans.
        now += scan_ms if waiting[0] - now < 10 * scan_ms else min(waiting[0] - now, 1 << 28)
        due = [edge for edge in waiting if edge <= now]
        waiting = waiting[len(due) :]
        gauge.scan(now, due)
    tips = tips_of(edges)
    assert gauge.scan(now + scan_ms)[0] == len(tips) * UM_PER_TIP
    assert gauge.bucket.bounces == len(edges) - len(tips)
    assert gauge.bucket.take_tips() == [(gauge.tick(tip), 1) for tip in tips]


def test_edges_that_come_out_of_order_are_put_in_order():
    gauge = Gauge()
    assert gauge.scan(1_000, [900, 30, 0, 500])[0] == 3 * UM_PER_TIP
    assert [tick for tick, _ in gauge.bucket.take_tips()] == [gauge.tick(time) for time in (0, 500, 900)]


def test_two_edges_in_the_wrong_order_are_two_tips():
    assert Gauge().scan(1_000, [900, 30])[0] == 2 * UM_PER_TIP


def test_bounces_across_the_border_of_two_scans_are_one_tip():
    gauge = Gauge()
    gauge.scan(1_000, [990])
    assert gauge.scan(2_000, [1_005, 1_039])[0] == UM_PER_TIP
    assert gauge.scan(3_000, [2_500])[0] == 2 * UM_PER_TIP


def test_debounce_counts_from_the_tip_and_not_from_the_last_bounce():
    assert Gauge().scan(1_000, [100, 140, 180])[0] == 2 * UM_PER_TIP


def test_rain_continues_from_the_log_and_wraps_where_the_registers_do():
    gauge = Gauge()
    gauge.bucket.start_at(RAIN_WRAP_UM - 300)
    assert gauge.scan(1_000, [100]) == (RAIN_WRAP_UM - 100, GOOD)
    assert gauge.scan(2_000, [1_100]) == (100, GOOD)


@pytest.mark.parametrize("rain_um", [0, RAIN_WRAP_UM - 1])
def test_a_start_at_either_end_of_the_counter_is_taken(rain_um):
    gauge = Gauge()
    gauge.bucket.start_at(rain_um)
    assert gauge.scan(1_000) == (rain_um, GOOD)


@pytest.mark.parametrize("rain_um", [-1, RAIN_WRAP_UM])
def test_a_start_outside_the_counter_is_refused(rain_um):
    with pytest.raises(ValueError):
        Gauge().bucket.start_at(rain_um)


def test_tips_are_handed_over_once():
    gauge = Gauge()
    gauge.scan(1_000, [100, 600])
    assert len(gauge.bucket.take_tips()) == 2
    assert gauge.bucket.take_tips() == []


def test_more_tips_than_fit_are_added_to_the_newest_and_none_is_lost():
    gauge = Gauge()
    many = TIPS_PENDING_MAX + 10
    gauge.scan(many * 300, [index * 300 for index in range(many)])
    tips = gauge.bucket.take_tips()
    assert len(tips) == TIPS_PENDING_MAX
    assert sum(count for _, count in tips) == many
    assert tips[-1][1] == 11


def test_edges_faster_than_any_rain_are_counted_and_flagged_for_a_minute():
    gauge = Gauge()
    fast = [index * 100 for index in range(FAST_TIPS + 1)]
    assert gauge.scan(1_000, fast) == ((FAST_TIPS + 1) * UM_PER_TIP, SUSPECT)
    assert gauge.bucket.errors == 1
    last = fast[-1]
    assert gauge.scan(last + SUSPECT_HOLD_MS - 1)[1] == SUSPECT
    assert gauge.scan(last + SUSPECT_HOLD_MS)[1] == GOOD
    assert gauge.bucket.errors == 1


def test_a_few_quick_tips_are_rain():
    gauge = Gauge()
    quick = [index * 100 for index in range(FAST_TIPS)]
    assert gauge.scan(1_000, quick)[1] == GOOD
    assert gauge.scan(2_000, [1_400])[1] == GOOD  # The run was broken.


def test_tips_at_exactly_the_limit_are_not_fast():
    assert Gauge().scan(5_000, [index * 250 for index in range(12)])[1] == GOOD
    assert Gauge().scan(5_000, [index * 249 for index in range(12)])[1] == SUSPECT


def test_without_debounce_every_edge_is_a_tip():
    edges = Edges()
    edges.ticks = [0, 0, 1]
    assert TippingBucket(edges, ticks_diff, UM_PER_TIP, 0).read(1)[0][0] == 3 * UM_PER_TIP


@pytest.mark.parametrize(("um_per_tip", "debounce_ms"), [(0, 50), (-1, 50), (200, -1)])
def test_settings_that_cannot_be_are_refused(um_per_tip, debounce_ms):
    with pytest.raises(ValueError):
        TippingBucket(Edges(), ticks_diff, um_per_tip, debounce_ms)
