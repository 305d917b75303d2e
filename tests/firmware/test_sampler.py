"""From scans to rows: which value stands in a row, with which quality, stamped with which time."""

from statistics import median

import pytest
from bank import Bank
from board_log import BoardLog
from clock import Clock
from fitting import columns_of
from hal import POWER
from health import FlashGuard, Kept
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler import Column, Sampler

from tests.firmware.fake_hal import FakeHal, FakeKeep
from tests.firmware.nor_flash import NorFlash
from wire.reading import (
    FAIL,
    GOOD,
    MISSING,
    NEVER,
    NOT_EVALUATED,
    QUANTITY_CODES,
    RAIN_WRAP_UM,
    SUSPECT,
    SYNCED,
    VALUE_MAX,
    VALUE_MIN,
)
from wire.row import ANCHOR, DATA, TIPS_MAX, split, unpack

NOON = 1_800_000_000
HEAD = QUANTITY_CODES["head_mm"]
TILT = QUANTITY_CODES["tilt_x_mdeg"]


class Scripted:
    """A driver that gives the next line of its script, then the last one for ever."""

    def __init__(self, quantities, *script):
        self.quantities = quantities
        self.script = list(script)
        self.errors = 0

    def read(self, now_ms):
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class Gauge(Scripted):
    def __init__(self):
        super().__init__(("rain_um",), [(0, GOOD)])
        self.rain_um = 0
        self.tips = []

    def start_at(self, rain_um):
        self.rain_um = rain_um

    def tip(self, ticks, count=1):
        self.tips.append((ticks, count))
        self.rain_um += 200 * count

    def read(self, now_ms):
        return [(self.rain_um % RAIN_WRAP_UM, GOOD)]

    def take_tips(self):
        tips, self.tips = self.tips, []
        return tips


class World:
    """Clock, log, bank and sampler over a turned clock; `flash` and `keep` as they were left."""

    def __init__(self, *drivers, flash=None, keep=b"", scan_ms=1000, row_s=60, supply_limit_mv=0):
        self.hal = FakeHal()
        self.flash = flash or NorFlash(16)
        self.log = BoardLog(self.flash, 0xE0E0E0E0)
        self.keep = FakeKeep(keep)
        self.kept = Kept(self.keep, self.log, 0)
        self.clock = Clock(self.hal)
        columns = columns_of([name for driver in drivers for name in driver.quantities])
        self.bank = Bank([code for code, _, _ in columns], {}, scan_ms, self.clock, self.hal.ticks_diff)
        self.guard = FlashGuard(supply_limit_mv, POWER)
        parts = (self.hal, self.clock, self.log, self.bank, self.kept, self.guard)
        self.sampler = Sampler(*parts, list(drivers), columns, scan_ms, row_s)

    def run(self, seconds, step_ms=100):
        for _ in range(seconds * 1000 // step_ms):
            self.turn()
            self.hal.now += step_ms

    def turn(self):
        now = self.hal.ticks_ms()
        self.clock.tick(now)
        self.sampler.poll(now)

    def rows(self):
        out = bytearray(20_000)
        _, used = self.log.read(0, out, 0, len(out))
        return [unpack(packed, self.log.epoch) for packed in split(bytes(out[:used]))]


def closed(code, *scans):
    column = Column(code, VALUE_MIN, VALUE_MAX, 100)
    for value, quality in scans:
        column.put(value, quality)
    return column.close(0)


def test_a_row_holds_the_median_of_its_good_scans_with_low_high_and_spread_for_levels():
    reading = closed(HEAD, (10, GOOD), (30, GOOD), (20, GOOD), (9_000, SUSPECT))
    assert (reading.value, reading.quality) == (20, GOOD)
    assert (reading.low, reading.high, reading.spread) == (10, 30, 20)
    assert closed(TILT, (1, GOOD), (2, GOOD)).low is None


@given(st.lists(st.integers(-90_000, 90_000), min_size=1, max_size=90))
def test_the_median_is_the_one_of_the_statistics_module(values):
    assert closed(TILT, *((value, GOOD) for value in values)).value == median(values) // 1


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ([(1, GOOD), (None, MISSING)], (1, GOOD)),
        ([(1, GOOD), (None, MISSING), (None, MISSING)], (1, SUSPECT)),
        ([(1, NOT_EVALUATED), (2, SUSPECT), (2, FAIL)], (1, SUSPECT)),
        ([(1, NOT_EVALUATED), (2, SUSPECT)], (1, NOT_EVALUATED)),
        ([(3, SUSPECT), (9, FAIL), (9, FAIL), (9, FAIL)], (3, SUSPECT)),
        ([(9, FAIL), (None, MISSING)], (9, FAIL)),
        ([(None, MISSING)], (None, MISSING)),
        ([], (None, MISSING)),
    ],
)
def test_the_best_scans_of_a_row_decide_and_a_minority_makes_it_suspect(scans, expected):
    reading = closed(TILT, *scans)
    assert (reading.value, reading.quality) == expected


def test_a_contact_that_closed_once_is_closed_in_the_row_and_rain_is_the_last_count():
    assert closed(QUANTITY_CODES["smoke_contact"], (0, GOOD), (1, GOOD), (0, GOOD)).value == 1
    assert closed(QUANTITY_CODES["rain_um"], (200, GOOD), (600, GOOD), (400, GOOD)).value == 400


def test_a_column_takes_no_more_scans_than_it_has_room_for():
    column = Column(TILT, VALUE_MIN, VALUE_MAX, 3)
    for value in (1, 2, 3, 1000, 1000, 1000, 1000):
        column.put(value, GOOD)
    assert column.close(0).value == 2


def test_rows_close_every_row_s_of_uptime_while_the_clock_was_never_set():
    world = World(Scripted(("supply_mv",), [(12_000, GOOD)]))
    world.run(181)
    assert [(r.t_s, r.ms, r.time_quality) for r in world.rows()] == [(60, 0, NEVER), (120, 0, NEVER), (180, 0, NEVER)]
    assert all(r.readings[0].value == 12_000 for r in world.rows())


def test_rows_close_on_the_full_minute_once_the_clock_is_set_and_an_anchor_says_when_that_was():
    world = World(Scripted(("supply_mv",), [(12_000, GOOD)]))
    world.run(10)
    world.clock.set(NOON + 25, 500)
    world.run(100)
    anchor, *rows = world.rows()
    assert (anchor.kind, anchor.anchor) == (ANCHOR, (NOON + 25, 600, SYNCED, 10, 0))
    assert [(r.kind, r.t_s, r.ms, r.time_quality) for r in rows] == [
        (DATA, NOON + 60, 0, SYNCED),
        (DATA, NOON + 120, 0, SYNCED),
    ]


def test_a_row_that_could_not_hold_its_scans_until_the_full_minute_closes_when_the_clock_is_set():
    world = World(Scripted(("supply_mv",), *[[(v, GOOD)] for v in range(1000, 1056)], [(9, GOOD)]))
    world.run(55)
    world.clock.set(NOON + 1, 0)
    world.run(60)
    _, early, full = world.rows()
    assert (early.t_s, early.readings[0].value) == (NOON + 1, 1027)
    assert (full.t_s, full.readings[0].value) == (NOON + 60, 9)


def test_a_value_outside_its_quantity_is_fail_and_one_outside_32_bits_is_missing():
    world = World(Scripted(("head_mm", "supply_mv"), [(500_001, GOOD), (1 << 40, GOOD)]))
    world.run(61)
    (row,) = world.rows()
    assert [(r.value, r.quality) for r in row.readings] == [(500_001, FAIL), (None, MISSING)]


def test_a_failed_reading_without_a_value_is_missing():
    world = World(Scripted(("head_mm",), [(None, FAIL)]))
    world.run(61)
    assert (world.rows()[0].readings[0].value, world.rows()[0].readings[0].quality) == (None, MISSING)


def test_every_column_stands_in_every_row():
    world = World(
        Scripted(("head_mm",), [(None, MISSING)]), Scripted(("tilt_x_mdeg", "tilt_y_mdeg"), [(1, GOOD), (2, GOOD)])
    )
    world.run(61)
    assert [r.channel for r in world.rows()[0].readings] == [0, 1, 2]


def test_tips_stand_in_the_row_as_seconds_before_its_stamp_and_their_counts():
    gauge = Gauge()
    world = World(gauge)
    world.clock.set(NOON, 0)
    for at_ms in (10_000, 10_400, 12_900, 59_700):
        while world.hal.now < at_ms:
            world.turn()
            world.hal.now += 100
        gauge.tip(world.hal.ticks_ms())
    world.run(65)
    tips = [[(row.t_s - age_s - NOON, count) for age_s, count in row.tips] for row in world.rows()[1:]]
    assert tips == [[(10, 2), (12, 1)], [(59, 1)]]  # Between its last scan and its end a row sees nothing.


def test_a_row_closes_early_when_it_has_no_room_for_another_second_of_rain():
    gauge = Gauge()
    world = World(gauge)
    world.clock.set(NOON, 0)
    for _ in range(45):
        gauge.tip(world.hal.ticks_ms())
        world.run(1)
    world.run(30)
    rows = [r for r in world.rows() if r.kind == DATA]
    assert len(rows[0].tips) == TIPS_MAX
    assert NOON < rows[0].t_s < NOON + 60
    assert rows[1].t_s == NOON + 60
    assert sum(count for r in rows for _, count in r.tips) == 45
    assert rows[1].readings[0].value == 45 * 200


def levels(columns):
    return Scripted(("head_mm",) * columns, [(1_000, GOOD)] * columns)


# A row of 234 bytes less 21 that are always there, 6 a reading, 12 more for low, high and spread; 3 a pair of tips.
@pytest.mark.parametrize(("columns", "pairs"), [(2, 32), (5, 32), (6, 32), (7, 27)])
def test_a_row_of_many_levels_is_filled_with_tips_to_its_last_byte_and_then_closes_early(columns, pairs):
    gauge = Gauge()
    world = World(gauge, levels(columns))
    world.clock.set(NOON, 0)
    for _ in range(45):
        gauge.tip(world.hal.ticks_ms())
        world.run(1)
    world.run(30)
    rows = [r for r in world.rows() if r.kind == DATA]
    assert len(rows[0].tips) == pairs
    assert len(rows[0].readings) == columns + 1
    assert all(r.low == 1_000 for r in rows[0].readings[1:])
    assert sum(count for r in rows for _, count in r.tips) == 45
    assert world.sampler.row_errors == 0


def test_tips_of_before_the_first_scan_may_need_more_than_one_row():
    gauge = Gauge()
    world = World(gauge, levels(7))
    world.hal.now = 70_000
    for ago_s in range(60, 0, -1):
        gauge.tip(world.hal.ticks_add(world.hal.ticks_ms(), -1000 * ago_s))
    world.run(61)
    assert [len(r.tips) for r in world.rows()] == [27, 27, 6]


@settings(max_examples=10)
@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 9) | st.just(600)), max_size=120),
    st.integers(0, 999),
    st.integers(0, 7),
)
def test_no_tip_is_lost_and_each_stands_at_its_second(steps, phase_ms, columns):
    gauge = Gauge()
    world = World(gauge, levels(columns), flash=NorFlash(40))
    world.hal.now = phase_ms
    world.clock.tick(world.hal.ticks_ms())
    world.clock.set(NOON, 0)
    truth = {}
    for wait_ms, count in steps:
        for _ in range(wait_ms // 250):
            world.turn()
            world.hal.now += 250
        unix_s = NOON + (world.hal.now - phase_ms) // 1000
        truth[unix_s] = truth.get(unix_s, 0) + count
        gauge.tip(world.hal.ticks_ms(), count)
    world.run(70)
    found = {}
    for row in world.rows():
        for age_s, count in row.tips:
            found[row.t_s - age_s] = found.get(row.t_s - age_s, 0) + count
    assert found == truth


def test_rain_goes_on_from_kept_memory_and_without_it_from_the_newest_row():
    gauge = Gauge()
    world = World(gauge)
    gauge.tip(world.hal.ticks_ms(), 5)
    world.run(61)
    gauge.tip(world.hal.ticks_ms(), 2)
    world.run(2)
    after_reset, after_power_cut = Gauge(), Gauge()
    World(after_reset, flash=world.flash, keep=world.keep.data)
    World(after_power_cut, flash=world.flash)
    assert (after_reset.rain_um, after_power_cut.rain_um) == (1400, 1000)


def test_kept_memory_with_a_wrong_bit_counts_as_lost():
    gauge = Gauge()
    world = World(gauge)
    gauge.tip(world.hal.ticks_ms(), 5)
    world.run(3)
    damaged = bytearray(world.keep.data)
    damaged[-6] ^= 1
    again = Gauge()
    assert not World(again, flash=world.flash, keep=bytes(damaged)).kept.fits
    assert again.rain_um == 0


def test_scans_that_came_too_late_are_counted_and_not_made_up():
    driver = Scripted(("supply_mv",), [(12_000, GOOD)])
    world = World(driver)
    world.run(3)
    world.hal.now += 4_300
    world.run(2)
    assert world.sampler.scans_skipped == 4
    assert world.sampler.scans == 3 + 3


def test_a_flash_that_fails_is_counted_and_measuring_goes_on():
    world = World(Scripted(("supply_mv",), [(12_000, GOOD)]))

    def refuse(offset, data):
        raise OSError("worn out")

    world.flash.program = refuse
    world.run(130)
    assert world.sampler.row_errors == 2
    assert world.sampler.scans == 130


def test_a_name_that_is_no_quantity_is_refused():
    with pytest.raises(ValueError, match="no quantity wind_mps"):
        columns_of(["wind_mps"])


def test_under_a_low_supply_rows_are_withheld_and_counted_and_their_rain_comes_with_the_next():
    gauge, supply = Gauge(), Scripted(("supply_mv",), [(12_000, GOOD)])
    world = World(gauge, supply, supply_limit_mv=10_000)
    world.run(61)
    supply.script[:] = [[(9_500, GOOD)]]
    world.run(1)
    ops = world.flash.ops
    gauge.tip(world.hal.ticks_ms(), 3)
    world.run(180)
    assert world.flash.ops == ops
    assert (world.sampler.rows_withheld, world.sampler.row_errors) == (3, 0)
    assert world.kept.low_mv == 9_500
    assert world.kept.rain_um == 600
    assert world.sampler.scans == 61 + 1 + 180
    supply.script[:] = [[(10_500, GOOD)]]
    world.run(60)
    rows = world.rows()
    assert [row.seq for row in rows] == [1, 2]
    assert [row.t_s for row in rows] == [60, 300]
    assert rows[1].readings[0].value == 600
    assert world.kept.low_mv == 0


def test_an_anchor_waits_for_the_supply_and_then_comes_before_the_rows():
    supply = Scripted(("supply_mv",), [(9_000, GOOD)])
    world = World(supply, supply_limit_mv=10_000)
    world.run(5)
    world.clock.set(NOON, 0)
    world.run(130)
    assert world.rows() == []
    assert world.clock.anchor_due
    supply.script[:] = [[(12_000, GOOD)]]
    world.run(60)
    rows = world.rows()
    assert [row.kind for row in rows] == [ANCHOR, DATA]
    assert rows[0].anchor is not None
    unix_s, _, _, up_s, _ = rows[0].anchor
    assert unix_s - up_s == NOON - 5
    assert 130 <= unix_s - NOON <= 132


def test_after_power_on_no_row_is_lost_where_the_supply_is_good():
    world = World(Scripted(("supply_mv",), [(12_000, GOOD)]), supply_limit_mv=10_000, row_s=1)
    world.run(10)
    assert world.sampler.rows_withheld == 0
    assert [row.seq for row in world.rows()] == list(range(1, 10))
