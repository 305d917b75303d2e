"""A board that sleeps between its rows: nothing is lost, nobody calls it lost, and what it said is not the present."""

import pytest

from hil_tests.conftest import started
from hil_tests.test_alarms import CALM_MM, events

REPORT_S = 240


@pytest.fixture
def rig(request, tmp_path):
    """The rig that was asked for; where none was, the emulated one whose level board sleeps."""
    for bench in started(request, tmp_path, usual="rigs/emulated-asleep.toml", needs=["sleep"]):
        bench.set("level", "head_mm", CALM_MM)
        yield bench


def state(rig) -> dict:
    """What the gateway says of the board itself."""
    local = rig.station.status().get("local") or {"boards": [{}]}
    return local["boards"][0]


def until(rig, condition, reports: float, what: str) -> None:
    rig.station.wait_for(condition, rig.real_s(reports * REPORT_S, 20), what)


def made_by_the_board(rig) -> set:
    board = rig.boards["level"]
    return {(board.serial, *row) for row in board.ledger}


def all_at_center(rig, reports: float) -> None:
    made = made_by_the_board(rig)
    until(rig, lambda: made <= set(rig.station.center_rows()), reports, "its rows at the center")


def test_its_rows_arrive_with_its_reports_and_it_is_well_between_them(rig):
    rig.station.status()
    board = rig.boards["level"]
    until(rig, lambda: state(rig).get("asleep"), 2, "its first sleep")
    until(rig, lambda: len(board.exit_codes) >= 8, 6, "eight sleeps")
    all_at_center(rig, 3)
    assert set(board.exit_codes) == {12}
    assert len({epoch for _, epoch, _, _ in made_by_the_board(rig)}) == 1
    until(rig, lambda: state(rig).get("asleep"), 2, "a sleep")
    assert rig.channel("river")["value"] is None  # What it said is not the present.
    assert events(rig, "lost-level", "alarm raised") == []
    assert rig.station.center_query("SELECT count(*) FROM quarantine") == [(0,)]


def test_water_beyond_its_limit_is_told_at_once(rig):
    rig.station.status()
    until(rig, lambda: state(rig).get("asleep"), 2, "its first sleep")
    rig.set("level", "head_mm", 6_500)
    until(rig, lambda: events(rig, "flood", "alarm raised"), 1, "the alarm")
    assert rig.station.siren()[0] == "none"


def test_it_is_lost_when_it_misses_its_reports_and_back_when_it_has_power(rig):
    rig.station.status()
    until(rig, lambda: state(rig).get("asleep"), 2, "its first sleep")
    rig.boards["level"].stop_power()
    until(rig, lambda: events(rig, "lost-level", "alarm raised"), 4, "the alarm of not seeing")
    rig.boards["level"].restore()
    until(rig, lambda: events(rig, "lost-level", "alarm cleared"), 2, "its end")
    all_at_center(rig, 3)
    assert len(events(rig, "lost-level", "alarm raised")) == 1


def test_the_stations_broker_is_away_for_some_reports_and_all_is_told_afterwards(rig):
    rig.station.status()
    board = rig.boards["level"]
    until(rig, lambda: state(rig).get("asleep"), 2, "its first sleep")
    rig.local.kill()
    slept = len(board.exit_codes)
    until(rig, lambda: len(board.exit_codes) >= slept + 6, 6, "six sleeps without a broker")
    rig.local.start()
    all_at_center(rig, 5)
    assert board.exit_codes.count(12) == len(board.exit_codes)
