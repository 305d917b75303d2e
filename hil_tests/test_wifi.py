"""A board on the station's Wi-Fi beside one on the line: same keys, same acknowledgement, same siren."""

import pytest

from hil_tests.conftest import started
from hil_tests.test_alarms import CALM_MM, at_center, events, pass_by, siren
from hil_tests.test_restarts import all_arrived
from tools.emulator.bad_network import Fate


@pytest.fixture
def rig(request, tmp_path):
    """The rig that was asked for; where none was, the emulated one whose level board is on Wi-Fi."""
    for bench in started(request, tmp_path, usual="rigs/emulated-wifi.toml", needs=["local-broker"]):
        bench.set("level", "head_mm", CALM_MM)
        yield bench


def acknowledged(rig):
    """The board knows that its rows are at the gateway and at the center, all but those of the last moments."""
    board = rig.boards["level"]

    def told() -> bool:
        stats = board.stats()
        return min(stats["gateway_has"], stats["center_has"]) >= stats["head"] - 1 > 0

    rig.station.wait_for(told, rig.real_s(120, 30), "the watermarks at the board")
    assert rig.station.center_query("SELECT count(*) FROM quarantine") == [(0,)]


def test_rows_reach_the_center_under_their_own_keys_and_the_board_is_told(rig):
    rig.wait_for_values()
    all_arrived(rig)
    acknowledged(rig)
    stats = rig.boards["level"].stats()
    assert (stats["losses"], stats["acks_refused"]) == (0, 0)
    sql = "SELECT count(*), count(DISTINCT seq), max(t_ms) FROM rows WHERE source = ? AND kind = 1"
    ((rows, seqs, last_ms),) = rig.station.center_query(sql, rig.boards["level"].serial)
    assert rows == seqs
    assert abs(last_ms - rig.unix_ms()) < 3_600_000, "the gateway set its clock"  # The first may be of before.


def test_its_flood_sounds_the_siren_and_its_loss_clears_nothing(rig):
    rig.wait_for_values()
    rig.set("level", "head_mm", 7_500)
    siren(rig, "red")
    at_center(rig, "flood", "alarm raised")
    rig.boards["level"].stop_power()
    at_center(rig, "lost-level", "alarm raised")
    assert rig.station.siren()[0] == "red"
    rig.boards["level"].restore()
    at_center(rig, "lost-level", "alarm cleared")
    assert len(events(rig, "flood", "alarm raised")) == 1


def test_the_stations_broker_is_away_and_comes_back_and_nothing_is_lost(rig):
    rig.wait_for_values()
    all_arrived(rig, minutes=1)
    rig.local.kill()
    pass_by(rig, 150_000)
    assert rig.channel("river")["value"] is None
    rig.tip("rain", 6, spread_ms=4_000)
    at_center(rig, "rain-1h", "alarm raised")  # The line is none of its business.
    rig.local.start()
    rig.wait_for_values(60)
    all_arrived(rig, minutes=2)
    acknowledged(rig)


BAD = [
    Fate("cut", up=True, after=900),
    Fate("reset", up=False, after=60),
    Fate("stall", up=False, after=30),
    Fate("half", up=True, after=2_000),
    Fate("garble", up=False, after=40, data=b"\x34\x07\x00\x01x\x00\x01yz"),
    Fate("garble", up=True, after=700, data=bytes(range(48))),
    Fate("silent"),
]


def test_the_air_cuts_stalls_and_garbles_and_every_row_arrives_once(rig):
    rig.need("bad-network")
    rig.wait_for_values()
    all_arrived(rig, minutes=1)
    for fate in BAD:
        rig.air.strike(fate)
        pass_by(rig, 60_000)
    assert rig.air.broken >= 3
    rig.air.heal()
    rig.wait_for_values(90)
    all_arrived(rig, minutes=2)
    acknowledged(rig)
    assert rig.boards["level"].exit_codes == []


def test_the_gateway_is_killed_and_finds_what_it_missed(rig):
    rig.wait_for_values()
    all_arrived(rig, minutes=1)
    rig.station.gateway.kill()
    pass_by(rig, 240_000)
    rig.station.gateway.start()
    rig.wait_for_values(60)
    all_arrived(rig, minutes=2)
    acknowledged(rig)


def test_the_board_loses_its_power_in_a_flash_write_and_goes_on(rig):
    rig.need("power-cut")
    rig.wait_for_values()
    all_arrived(rig, minutes=1)
    board = rig.boards["level"]
    board.power_cut(ops=1, part_permil=500)
    board.wait_down()
    board.start()
    rig.wait_for_values(60)
    all_arrived(rig, minutes=2)
    acknowledged(rig)
    sql = "SELECT count(DISTINCT epoch) FROM rows WHERE source = ?"
    assert rig.station.center_query(sql, board.serial) == [(1,)]
