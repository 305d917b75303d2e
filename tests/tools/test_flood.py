"""Floods of tools/scenarios: the curves pass their points, and the stages where the page beside them says."""

from datetime import datetime, timedelta, timezone

import pytest

from tools import flood
from tools.scenario import Scenario, picture

LOCAL = timezone(timedelta(hours=8))
DEADBAND_MM = 100


@pytest.fixture(scope="module")
def cuntan():
    return Scenario.load("cuntan-2020")


def second(scenario, day, clock):
    """Seconds since the scenario's start of a local time in August 2020."""
    hour, minute, s = (int(part) for part in clock.split(":"))
    return int(datetime(2020, 8, day, hour, minute, s, tzinfo=LOCAL).timestamp()) - scenario.start_unix_s


# The published levels of FIELD.md 3 as they stand in the bulletins, and the ends of the limbs.
@pytest.mark.parametrize(
    ("gauge", "day", "clock", "level_mm"),
    [
        ("cuntan", 20, "04:00:00", 191_470),
        ("cuntan", 20, "08:00:00", 191_550),
        ("cuntan", 20, "08:15:00", 191_620),
        ("cuntan", 21, "08:00:00", 187_850),
        ("caiyuanba", 20, "08:00:00", 193_280),
        ("caiyuanba", 20, "08:15:00", 193_300),
        ("caiyuanba", 21, "08:00:00", 189_310),
        ("cuntan", 16, "18:00:00", 178_000),
        ("cuntan", 23, "21:33:45", 178_000),
        ("caiyuanba", 24, "06:41:15", 178_000),
    ],
)
def test_the_curves_pass_the_published_levels(cuntan, gauge, day, clock, level_mm):
    assert cuntan.curves[gauge].at(second(cuntan, day, clock)) == level_mm


@pytest.mark.parametrize(("gauge", "crest_mm"), [("cuntan", 191_620), ("caiyuanba", 193_300)])
def test_each_gauge_has_one_crest(cuntan, gauge, crest_mm):
    levels = [cuntan.curves[gauge].at(t_s) for t_s in range(0, cuntan.duration_s + 1, 15)]
    top = levels.index(crest_mm)
    assert max(levels) == crest_mm
    assert levels[:top] == sorted(levels[:top])
    assert levels[top:] == sorted(levels[top:], reverse=True)


def test_every_stage_is_reached_and_left_at_the_second_that_was_worked_out(cuntan):
    stages = flood.read("cuntan-2020").stages
    assert len(stages) == 8
    for stage in stages:
        at = cuntan.curves[stage.rule].at
        up_s, down_s = stage.up_unix_s - cuntan.start_unix_s, stage.down_unix_s - cuntan.start_unix_s
        assert at(up_s) == stage.level_mm
        assert at(up_s - 0.001) < stage.level_mm
        assert at(down_s - 1) >= stage.level_mm - DEADBAND_MM
        assert at(down_s + 0.001) < stage.level_mm - DEADBAND_MM


def test_a_sensor_cuts_off_the_part_of_a_millimetre_on_both_limbs():
    at = flood.through([(0, 1_000), (10_000, 1_010), (20_000, 1_000)])
    assert [at(t_s) for t_s in (-1, 0, 0.999, 1, 9.999, 10, 10.001, 11, 11.001, 20, 99)] == [
        1000, 1000, 1000, 1001, 1009, 1010, 1009, 1009, 1008, 1000, 1000,
    ]  # fmt: skip


def test_a_part_of_a_scenario_begins_where_it_was_cut(cuntan):
    part = cuntan.part(3_600, 600)
    assert (part.start_unix_s, part.duration_s) == (cuntan.start_unix_s + 3_600, 600)
    assert [part.curves["caiyuanba"].at(t_s) for t_s in (0, 599)] == [178_200, 178_233]
    for from_s, duration_s in ((-1, 5), (0, 0), (cuntan.duration_s - 5, 6)):
        with pytest.raises(ValueError, match="lasts"):
            cuntan.part(from_s, duration_s)


def test_a_part_keeps_the_rain_that_falls_in_it():
    demo = Scenario.load("demo")
    part = demo.part(900, 900)
    assert sum(count for _, count in part.tips) == 72
    assert all(0 <= t_s < 900 for t_s, _ in part.tips)


def test_the_picture_says_what_is_synthetic(cuntan):
    assert "limbs below them synthetic" in picture(cuntan)
