"""A board whose clock is slewed and stepped: no scan is lost or doubled, rows keep their order, anchors say when."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.firmware.test_sampler import NOON, Scripted, World
from wire.reading import GOOD, NEVER, SYNCED
from wire.resolve import resolve
from wire.row import ANCHOR, DATA

SLEW_S = (-4, -2, 3, 4)
STEP_S = (3_600, -2_700, 631_152_000, -631_152_000, 60, -61, 7, -7)


class Counting(Scripted):
    """Its n-th scan gives n mm: a row's low and high say which scans it holds."""

    def __init__(self):
        super().__init__(("head_mm",))
        self.scans = 0

    def read(self, now_ms):
        self.scans += 1
        return [(self.scans, GOOD)]


def run(acts):
    """Turn a world: run so many seconds, then move the clock by so many; the world and its driver."""
    driver = Counting()
    world = World(driver)
    for seconds, by_s in acts:
        world.run(seconds, step_ms=250)
        base_s = world.clock.unix_s if world.clock.unix_s else NOON
        world.clock.set(base_s + by_s, world.clock.unix_ms)
    world.run(70, step_ms=250)
    return world, driver


acts = st.lists(st.tuples(st.integers(1, 150), st.sampled_from((*SLEW_S, *STEP_S, 0))), max_size=8)


@settings(max_examples=12, deadline=None)
@given(acts)
@example([(5, 0), (50, -2_700), (61, 631_152_000)])
@example([(130, 0), (59, -61), (59, -61), (59, -61)])
def test_every_scan_stands_in_one_row_whatever_the_clock_does(acts):
    world, driver = run(acts)
    rows = world.rows()
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    data = [row for row in rows if row.kind == DATA]
    expected = 1
    for row in data:
        assert row.readings[0].low == expected, "a scan is missing, or stands in two rows"
        expected = row.readings[0].high + 1
    assert driver.scans - expected < 64, "what is not in a row yet fits one"
    assert sum(row.kind == ANCHOR for row in rows) == world.clock.steps


@settings(max_examples=12, deadline=None)
@given(acts)
def test_rows_close_on_the_full_minute_or_early_at_a_step(acts):
    world, _ = run(acts)
    early = [row for row in world.rows() if row.kind == DATA and (row.t_s % 60 or row.ms)]
    assert len(early) <= world.clock.steps, "only a step ends a row early"
    lengths = [row.readings[0].high - row.readings[0].low + 1 for row in world.rows() if row.kind == DATA]
    assert max(lengths) <= 64, "a slewed minute has at most 64 scans; a longer one is ended by the step"


def test_rows_of_before_the_first_setting_are_resolved_by_the_anchor():
    world, _ = run([(150, 0)])
    rows = world.rows()
    times = resolve(rows)
    never = [time for row, time in zip(rows, times, strict=True) if row.time_quality == NEVER]
    assert never == [(NOON - 150 + 60, 250), (NOON - 150 + 120, 250)], "set 250 ms after the last turn"
    assert [time[0] for time in times] == sorted(time[0] for time in times)
    assert {row.time_quality for row in rows} == {NEVER, SYNCED}
