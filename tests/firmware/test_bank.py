"""Registers, the board's clock and the watchdog's supervisor, without a line and without hardware."""

import pytest
from bank import Bank
from board_log import BoardLog
from clock import STEP_S, Clock
from health import TASK_LIMIT_MS, Kept, Supervisor
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.fake_hal import FakeHal, FakeKeep
from tests.firmware.nor_flash import NorFlash
from wire import registers
from wire.modbus import DEVICE_FAILURE, ILLEGAL_ADDRESS
from wire.reading import (
    FAIL,
    GOOD,
    HOLDOVER,
    HOLDOVER_AFTER_S,
    MISSING,
    NEVER,
    NOT_EVALUATED,
    QUANTITY_CODES,
    RAIN_WRAP_UM,
    SUSPECT,
    SYNCED,
)

NOON = 1_800_000_000
SL651 = {"rain": 0, "level": 1, "level_zero_mm": 0}


class Registers:
    """A bank of (rain, level) columns and what it answers."""

    def __init__(self, level="head_mm", **sl651):
        self.hal = FakeHal()
        self.clock = Clock(self.hal)
        codes = [QUANTITY_CODES["rain_um"], QUANTITY_CODES[level]]
        self.bank = Bank(codes, {**SL651, **sl651}, 1000, self.clock, self.hal.ticks_diff)

    def set(self, column, value, quality=GOOD):
        self.bank.set_value(column, value, quality, self.hal.ticks_ms())

    def read(self, register, count):
        """The words, or the exception code as an int."""
        out = bytearray(2 * count)
        code = self.bank.read(register, count, out, 0, self.hal.ticks_ms())
        return code or [out[2 * i] << 8 | out[2 * i + 1] for i in range(count)]


@pytest.mark.parametrize(
    ("rain_um", "tenths"),
    [(0, 0), (99, 0), (100, 1), (6_553_699, 65_536), (RAIN_WRAP_UM - 1, 999_999), (RAIN_WRAP_UM, 0)],
)
def test_rain_is_counted_in_tenths_of_a_millimetre_rounded_down_and_wraps(rain_um, tenths):
    registers_ = Registers()
    registers_.set(0, rain_um)
    assert registers_.read(0, 2) == [tenths >> 16, tenths & 0xFFFF]


@pytest.mark.parametrize(
    ("level", "zero_mm", "value", "answer"),
    [
        ("head_mm", 0, 70_000, [1, 4_464]),
        ("head_mm", 250, 1_000, [0, 1_250]),
        ("head_mm", 0, -20, [0, 0]),
        ("head_mm", 0, -21, DEVICE_FAILURE),
        ("gap_mm", 8_000, 3_000, [0, 5_000]),
        ("gap_mm", 8_000, 8_020, [0, 0]),
        ("gap_mm", 8_000, 8_021, DEVICE_FAILURE),
    ],
)
def test_level_is_depth_over_the_provisioned_zero_and_never_below_it(level, zero_mm, value, answer):
    registers_ = Registers(level, level_zero_mm=zero_mm)
    registers_.set(1, value)
    assert registers_.read(2, 2) == answer


@pytest.mark.parametrize(
    ("quality", "answer"),
    [(GOOD, [0, 7]), (NOT_EVALUATED, [0, 7]), (SUSPECT, DEVICE_FAILURE), (FAIL, DEVICE_FAILURE)],
)
def test_a_number_that_needs_a_flag_is_not_given_where_no_flag_can_stand(quality, answer):
    registers_ = Registers()
    registers_.set(1, 7, quality)
    assert registers_.read(2, 2) == answer


def test_sl_651_gets_no_number_before_the_first_scan_after_a_failure_or_when_scans_stopped():
    registers_ = Registers()
    assert registers_.read(0, 2) == DEVICE_FAILURE
    assert registers_.read(2, 2) == DEVICE_FAILURE
    registers_.set(0, 100)
    registers_.set(1, 5)
    assert registers_.read(0, 4) == [0, 1, 0, 5]
    registers_.hal.now += 3_000
    assert registers_.read(0, 4) == [0, 1, 0, 5]
    registers_.hal.now += 1
    assert registers_.read(0, 2) == DEVICE_FAILURE
    assert registers_.read(2, 2) == DEVICE_FAILURE
    registers_.set(0, None, MISSING)
    registers_.set(1, 5)
    assert registers_.read(0, 1) == DEVICE_FAILURE
    assert registers_.read(2, 2) == [0, 5]


def test_a_quantity_that_is_not_fitted_is_no_address():
    registers_ = Registers(rain=None)
    registers_.set(1, 5)
    assert registers_.read(0, 2) == ILLEGAL_ADDRESS
    assert registers_.read(0, 4) == ILLEGAL_ADDRESS
    assert registers_.read(2, 2) == [0, 5]
    registers_ = Registers()
    registers_.bank = Bank([QUANTITY_CODES["rain_um"]], {"rain": 0}, 1000, registers_.clock, registers_.hal.ticks_diff)
    registers_.set(0, 100)
    assert registers_.read(0, 2) == [0, 1]
    assert registers_.read(2, 2) == ILLEGAL_ADDRESS


@given(st.integers(-0x7FFFFFFF, 0x7FFFFFFF), st.integers(0, 200_000))
def test_every_value_and_age_is_read_back_by_the_rules_of_the_map(value, age_ms):
    registers_ = Registers()
    registers_.set(1, value, SUSPECT)
    registers_.hal.now += age_ms
    words = registers_.read(registers.NOW, registers.now_count(2))
    expected = (QUANTITY_CODES["head_mm"], SUSPECT, value, min(age_ms, registers.AGE_MAX_MS))
    assert registers.slot(words, registers.NOW, 1) == expected


def test_every_named_register_can_be_read_and_everything_else_is_no_address():
    registers_ = Registers()
    registers_.set(0, 100)
    registers_.set(1, 100)
    named = set(range(4)) | set(range(registers.NOW, registers.NOW_SLOTS + 32))
    for block in (registers.STATUS_BLOCK, registers.CONTROL_BLOCK):
        for first, count, _ in block:
            named |= set(range(first, first + count))
    found = {r for r in range(0x300) if registers_.read(r, 1) != ILLEGAL_ADDRESS}
    assert found == named


def test_the_time_is_read_as_it_is_not_as_it_was_at_the_scan():
    registers_ = Registers()
    registers_.clock.set(NOON, 0)
    registers_.hal.now += 1_250
    registers_.clock.tick(registers_.hal.ticks_ms())
    first, _ = registers.find("unix_s")
    words = registers_.read(first, 4)
    assert isinstance(words, list)
    assert (words[0] << 16 | words[1], words[2], words[3]) == (NOON + 1, 250, SYNCED)
    uptime, _ = registers.find("uptime_s")
    assert registers_.read(uptime, 2) == [0, 1]


def run(clock, hal, ms, step_ms=10):
    """Turn the clock; returns every unix time in ms that was seen."""
    seen = []
    for _ in range(ms // step_ms):
        hal.now += step_ms
        clock.tick(hal.ticks_ms())
        seen.append(clock.unix_s * 1000 + clock.unix_ms)
    return seen


@given(st.integers(-STEP_S * 1000 + 1, STEP_S * 1000 - 1), st.integers(10, 100))
def test_a_small_correction_is_slewed_without_a_step_and_ends_exact(off_ms, step_ms):
    hal = FakeHal()
    clock = Clock(hal)
    clock.set(NOON, 0)
    clock.anchor_due = False
    target_ms = NOON * 1000 + off_ms
    assert clock.set(target_ms // 1000, target_ms % 1000)
    assert not clock.anchor_due
    start = hal.now
    seen = run(clock, hal, 1_000 + 21 * abs(off_ms), step_ms)  # 5 % take 20 times as long as what they correct.
    assert seen[-1] == target_ms + hal.now - start
    steps = [b - a for a, b in zip(seen, seen[1:], strict=False)]
    assert all(0 <= each <= 2 * step_ms for each in steps)


@pytest.mark.parametrize("off_ms", [STEP_S * 1000, -STEP_S * 1000, 86_400_000, -86_400_000])
def test_a_large_correction_steps_and_wants_an_anchor(off_ms):
    hal = FakeHal()
    clock = Clock(hal)
    clock.set(NOON, 0)
    clock.anchor_due = False
    target_ms = NOON * 1000 + off_ms
    assert clock.set(target_ms // 1000, target_ms % 1000)
    assert (clock.unix_s * 1000 + clock.unix_ms, clock.anchor_due, clock.steps) == (target_ms, True, 2)


def test_time_quality_falls_to_holdover_when_the_last_setting_is_too_old():
    hal = FakeHal()
    clock = Clock(hal)
    assert clock.quality() == NEVER
    clock.set(NOON, 0)
    run(clock, hal, HOLDOVER_AFTER_S * 1000 - 1000, 1000)
    assert clock.quality() == SYNCED
    run(clock, hal, 1000, 1000)
    assert clock.quality() == HOLDOVER
    clock.set(clock.unix_s, clock.unix_ms)
    assert clock.quality() == SYNCED


@pytest.mark.parametrize(("unix_s", "ms"), [(0, 0), (1_577_836_799, 0), (1 << 32, 0), (NOON, 1000), (NOON, -1)])
def test_what_cannot_be_the_time_is_refused(unix_s, ms):
    clock = Clock(FakeHal())
    assert not clock.set(unix_s, ms)
    assert clock.quality() == NEVER


def test_uptime_runs_over_the_wrap_of_the_ticks():
    hal = FakeHal(lead_ms=2_000)
    clock = Clock(hal)
    run(clock, hal, 3_600_000, 700)
    assert clock.up_s * 1000 + clock.up_ms == hal.now


def test_the_watchdog_is_fed_only_while_every_task_is_alive_and_last_words_survive():
    hal = FakeHal()
    keep = FakeKeep()
    log = BoardLog(NorFlash(4), 7)
    kept = Kept(keep, log, 0)
    supervisor = Supervisor(hal, kept, (("link", TASK_LIMIT_MS), ("sampler", TASK_LIMIT_MS)))
    for _ in range(20):
        hal.now += 1_000
        supervisor.alive(0, hal.ticks_ms())
        supervisor.feed(hal.ticks_ms())
    assert hal.fed == TASK_LIMIT_MS // 1000
    assert supervisor.dead == "sampler"
    again = Kept(keep, log, 2)
    assert (again.words, again.boot, log.bites) == ("idle sampler", kept.boot + 1, 1)
