"""A disk that is full or read-only: the siren sounds as ever, rows pass through, and all is there when it is back."""

import os
import signal
from collections import Counter
from contextlib import ExitStack

import pytest

from hil_tests.test_alarms import CALM_MM, pass_by, siren
from tools.demo import account
from tools.emulator.small_disk import SmallDisk
from tools.soak.kills import settle
from wire.telemetry import EVENT_CODES

DISK_MIB = 16
OWN_GROWTH_BYTES = 20_000  # What somebody else leaves; our own rows take it.
SCAN_MS, POLL_MS, ON_DELAY_MS, SPARE_MS = 1_000, 1_000, 0, 100
SIREN_MS_MAX = SCAN_MS + POLL_MS + ON_DELAY_MS + SPARE_MS  # DESIGN 6
CONFIRMED_MS_MAX = SIREN_MS_MAX + POLL_MS  # A level that jumps asks for one more sample.
TRIALS = 3  # `riverpost bench siren --trials 200` is the long form.


@pytest.fixture
def disk(quick_rig):
    """The file system under the gateway's data, of a station that is not started."""
    quick_rig.need("flash-dump", "power", "rate")
    station = quick_rig.prepare()
    with ExitStack() as stack:
        try:
            small = stack.enter_context(SmallDisk(station.data_folder, DISK_MIB))
        except PermissionError as error:
            pytest.skip(f"this machine cannot do: {error}")
        stack.callback(station.stop)
        yield small


def test_on_a_full_disk_the_siren_sounds_in_time_rows_pass_through_and_all_is_delivered_later(quick_rig, disk):
    rig, station = quick_rig, quick_rig.station
    calm(rig)
    disk.fill(leave_bytes=OWN_GROWTH_BYTES)
    told(rig, "store failed", 60)
    assert disk.free_bytes() < OWN_GROWTH_BYTES
    rows_pass_through(rig)
    assert max(flood_ms(rig) for _ in range(TRIALS)) <= CONFIRMED_MS_MAX
    disk.free()
    told(rig, "store back", 60)
    all_is_delivered(station)


def test_a_gateway_that_starts_on_a_read_only_card_watches_and_passes_rows_on(quick_rig, disk):
    rig, station = quick_rig, quick_rig.station
    calm(rig)
    station.gateway.kill()
    disk.set_read_only(True)
    station.gateway.start()
    told(rig, "store failed", 60)
    rows_pass_through(rig)
    assert flood_ms(rig) <= CONFIRMED_MS_MAX
    disk.set_read_only(False)
    told(rig, "store back", 60)
    all_is_delivered(station)


def test_with_network_broker_center_and_disk_dead_the_siren_sounds_in_time(quick_rig, disk):
    rig, station = quick_rig, quick_rig.station
    calm(rig)
    station.center.kill()
    os.kill(station.broker.pid, signal.SIGSTOP)  # A network that swallows everything.
    station.gateway.kill()
    disk.set_read_only(True)
    station.gateway.start()
    station.wait_for(lambda: station.status().get("store", {}).get("failed"), 60, "a store that says that it failed")
    assert max(contact_ms(rig) for _ in range(TRIALS)) <= SIREN_MS_MAX
    os.kill(station.broker.pid, signal.SIGKILL)
    assert max(flood_ms(rig) for _ in range(TRIALS)) <= CONFIRMED_MS_MAX
    assert station.status()["store"]["failed"]


def calm(rig):
    rig.set("level", "head_mm", CALM_MM)
    rig.station.start()
    rig.wait_for_values()
    rig.station.wait_for(rig.station.center_rows, rig.real_s(60, 10), "rows at the center")


def told(rig, kind, timeout_s):
    """The event of this kind is at the center."""
    sql = "SELECT count(*) FROM events WHERE kind = ?"
    rig.station.wait_for(
        lambda: rig.station.center_query(sql, EVENT_CODES[kind])[0][0], timeout_s, f"{kind} at the center"
    )


def rows_pass_through(rig):
    """New rows of every board, and of what the gateway writes itself, reach the center now."""
    before = Counter(source for source, *_ in rig.station.center_rows())

    def more():
        now = Counter(source for source, *_ in rig.station.center_rows())
        boards = [board.serial for board in rig.boards.values()]
        return all(now[source] >= before[source] + 5 for source in boards) and now.total() > before.total() + 30

    rig.station.wait_for(more, rig.real_s(200, 20), "new rows at the center")


def flood_ms(rig):
    """A level that jumps."""
    return siren_ms(rig, ("level", "head_mm"), CALM_MM, 5_100, "yellow")


def contact_ms(rig):
    """A detector's contact that closes."""
    return siren_ms(rig, ("smoke", "smoke_contact"), 0, 1, "red")


def siren_ms(rig, sensor, calm, alarm, word):
    """From the stimulus to the siren, by the station's clock, at 1x; it is calm again afterwards."""
    rate = rig.rate
    rig.set_rate(1.0)
    pass_by(rig, 300)
    at_ms = rig.unix_ms()
    rig.set(*sensor, alarm)
    siren(rig, word)
    took_ms = rig.station.siren()[1] - at_ms
    rig.set_rate(rate)
    rig.set(*sensor, calm)
    siren(rig, "none")
    return took_ms


def all_is_delivered(station):
    """The center has what any log holds, each row once; what no log holds there was written by the gateway itself
    while it had no disk, and was acknowledged before it had one again.
    """
    settle(station)
    sums = account.take(station)
    assert sums.lost == 0
    assert sums.stored_count == len(sums.stored)
    boards = {board.serial for board in station.rig.boards.values()}
    assert {source for source, *_ in sums.stored - sums.made} & boards == set()
    counters = dict(station.center_query("SELECT name, value FROM counters"))
    assert counters.get("conflicts", 0) == counters.get("quarantined", 0) == 0
