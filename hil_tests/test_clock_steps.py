"""The station's clock steps while it runs: no row is lost, doubled or put in another order, and alarms run on."""

from hil_tests.test_alarms import CALM_MM, events, pass_by
from hil_tests.test_full_disk import CONFIRMED_MS_MAX, flood_ms
from tools.soak.kills import settle

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
FAR_GAP_MM = 6_000
# Where the clock goes from the true time, in seconds; None = to the beginning of 1970.
STEPS = (HOUR_S, -45 * MINUTE_S, 20 * 365 * DAY_S, None, 0)


def test_clock_steps_neither_lose_nor_double_nor_reorder_rows_nor_touch_an_alarm(quick_rig):
    rig = quick_rig
    rig.need("rate", "clock", "flash-dump", "power")
    rig.set("level", "head_mm", CALM_MM)
    rig.set("gap", "gap_mm", FAR_GAP_MM)
    rig.wait_for_values()
    for number, offset_s in enumerate(STEPS, 1):
        true_ms = rig.true_unix_ms()
        rig.step_clock(1_000 if offset_s is None else true_ms + 1000 * offset_s)
        rig.set("gap", "gap_mm", FAR_GAP_MM - 200 * number)
        pass_by(rig, 12_000)
        assert flood_ms(rig) <= CONFIRMED_MS_MAX
    sums = settle(rig.station)
    assert (sums.lost, sums.duplicated) == (0, 0)
    assert len(events(rig, "flood", "alarm raised")) == len(STEPS)
    sql = "SELECT count(*) FROM events WHERE kind = 1 AND rule <> 'flood' AND rule NOT LIKE 'lost-%'"
    assert rig.station.center_query(sql) == [(0,)]
    sql = "SELECT value FROM readings WHERE source = ? AND quantity = 1 AND value IS NOT NULL ORDER BY epoch, seq"
    gaps_mm = [value for (value,) in rig.station.center_query(sql, rig.boards["gap"].serial)]
    gaps_mm = gaps_mm[gaps_mm.index(FAR_GAP_MM) :]  # The sensor's first echoes were of another river.
    assert gaps_mm == sorted(gaps_mm, reverse=True)
    assert gaps_mm[-1] < FAR_GAP_MM - 200 * (len(STEPS) - 1)
