"""The accounting that the demo judges by: it finds nothing where nothing is wrong, and every fault that is planted."""

import pytest

from hil_tests.test_alarms import pass_by
from tools.demo import account


def counted(rig, plant):
    """(lost, duplicated) after some minutes of a station whose center has the fault `plant`."""
    station = rig.prepare(plant=plant)
    station.start()
    rig.wait_for_values()
    rig.hurry()
    pass_by(rig, 8 * 60_000)
    rig.set_rate(1.0)  # No new row while the last ones are on their way.
    station.wait_for(
        lambda: account.made_by_boards(rig) <= account.in_spool(station.spool_file), 30, "all rows at the gateway"
    )
    station.gateway.stop()
    sums = account.take(station)
    assert len(sums.made) >= 8 * len(rig.boards)
    return sums.lost, sums.duplicated


def test_a_healthy_station_loses_and_doubles_nothing(rig):
    rig.need("flash-dump")
    assert counted(rig, "") == (0, 0)


@pytest.mark.parametrize("plant", ["drop", "early-ack"])
def test_a_center_that_loses_what_it_acknowledged_is_found(rig, plant):
    rig.need("flash-dump")
    lost, duplicated = counted(rig, plant)
    assert lost > 0
    assert duplicated == 0


def test_a_center_that_stores_a_row_under_a_second_name_is_found(rig):
    rig.need("flash-dump")
    lost, duplicated = counted(rig, "twice")
    assert lost == 0
    assert duplicated > 0
