"""A river with ships: a rule over 60 to 120 s judges the median, and the status says how noisy the water is."""

import pytest

from gateway import config
from gateway.windows import Median
from tests.gateway.alarm_station import Rig, steps

WAKE_MM = 400


def rules(window_s):
    return (config.Rule("flood", "high", "river", steps(25_000 + 160_000, deadband=50), window_ms=window_s * 1_000),)


def water(second, level_mm):
    """Head at a second: every 20 s a ship passes, and its wake lasts 6 s."""
    return level_mm + (WAKE_MM if second % 20 < 6 else 0)


@pytest.mark.parametrize("window_s", [60, 120])
def test_wakes_raise_nothing_and_a_rise_is_raised_within_half_the_window(window_s):
    rig = Rig(rules(window_s))
    for second in range(600):  # It begins in the middle of a wake.
        rig.now("level", water(second, 24_900))
    assert rig.levels() == {}
    raised_after = [rig.levels() for second in range(window_s) if not rig.now("level", water(second, 25_010))]
    assert raised_after[window_s // 2] == {"flood": 1}
    assert raised_after[window_s // 6] == {}


def test_the_status_says_median_spread_and_count():
    rig = Rig(rules(60))
    for second in range(120):
        rig.now("level", 24_000 + second % 10)
    # 60 values, each digit six times: the upper middle one is 5, the quartiles are the 16th and the 45th: 2 and 7.
    assert rig.station.channels()[0]["noise"] == {"median": 184_005, "spread": 5, "count": 60}
    assert Rig(rules(0)).station.channels()[0]["noise"] is None
    assert Median(60_000).noise() is None
