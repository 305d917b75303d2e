"""What comes in at the pins of a bare board: tips, voltages; and its clock over the wrap of its ticks."""

import pytest

from hil_tests.bare_metal.line import RAIN_PIN, read_long, read_named, read_rain_um

PULSES = 200
TIP_UM = 200
SUSPECT_MS = 61_000  # No rain comes so fast: so long the board doubts it, and register 0x0000 gives no value.
TICKS_PERIOD_MS = 1 << 30
LEAD_MS = 5_000


def pulses(count, period_us, low_us, bounces=0):
    """Edges of `count` closures to ground; each bounces so often, 1 ms apart, before it stays."""
    edges = []
    for number in range(count):
        start = number * period_us
        for bounce in range(bounces):
            edges += [(start + bounce * 1_000, 0), (start + bounce * 1_000 + 500, 1)]
        edges += [(start + bounces * 1_000, 0), (start + bounces * 1_000 + low_us, 1)]
    return edges


@pytest.mark.parametrize(
    ("debounce_ms", "period_us", "low_us", "bounces"),
    [(0, 5_000, 2_000, 0), (50, 100_000, 40_000, 3)],
    ids=["within a second", "with bounces"],
)
def test_a_burst_of_tips_is_counted_whole(board_of, debounce_ms, period_us, low_us, bounces):
    board = board_of(calibration={"tipping_bucket": {"debounce_ms": debounce_ms}})
    board.set_pin_at_start(RAIN_PIN, 1)
    board.power()
    board.start()
    board.run(1_500)
    assert read_long(board, 0) == 0
    board.set_pin(RAIN_PIN, pulses(PULSES, period_us, low_us, bounces))
    board.run(PULSES * period_us / 1_000 + 2_500)
    assert read_rain_um(board) == PULSES * TIP_UM
    board.run(SUSPECT_MS)
    assert read_long(board, 0) == PULSES * TIP_UM // 100


@pytest.mark.parametrize("steps", [500, 1_000, 1_489, 2_000, 2_481])
def test_a_voltage_becomes_the_level_of_its_current(board, steps):
    board.set_adc(c0=steps, c2=1_500)
    board.run(3_000)
    current_ma = steps * 3.3 / 4_096 / 100 * 1_000
    assert read_long(board, 2) == pytest.approx((current_ma - 4) / 16 * 10_000, abs=1)
    assert read_named(board, "supply_mv") == pytest.approx(1_500 * 3_300 / 4_096 * 11, abs=11)


def test_nothing_stands_still_when_the_ticks_wrap(board_of):
    board = board_of()
    board.set_pin_at_start(RAIN_PIN, 1)
    board.power(TICKS_PERIOD_MS - LEAD_MS)
    board.start()
    board.run(1_000)
    assert board.now_ms < TICKS_PERIOD_MS
    up_s, scans, begin_ms = read_named(board, "uptime_s"), read_named(board, "scans", now=True), board.now_ms
    board.set_pin(RAIN_PIN, pulses(20, 500_000, 200_000))  # Ten seconds, across the wrap.
    board.run(12_000)
    assert board.now_ms > TICKS_PERIOD_MS + LEAD_MS
    passed_s = (board.now_ms - begin_ms) / 1_000
    assert read_named(board, "uptime_s") - up_s == pytest.approx(passed_s, abs=1)
    assert read_named(board, "scans", now=True) - scans == pytest.approx(passed_s, abs=1)
    assert read_named(board, "scans_skipped") == 0
    assert read_long(board, 0) == 20 * TIP_UM // 100
    assert board.resets == 0
