"""Long outages: what was made meanwhile arrives afterwards, each row once and with its own time."""

from hil_tests.test_alarms import pass_by
from tools.soak.kills import settle

MINUTE_MS = 60_000
ROWS_WITH_TIME = "SELECT count(*) FROM rows WHERE source = ? AND kind = 1 AND time_quality > 0"
# Three times the rig's usual limit: the gateway of this test looks at its boards every 5 s, not every second.
HOUR_RATE = 180.0


def test_a_broker_that_is_down_for_an_hour_costs_no_row_although_the_gateway_dies_in_the_middle(rig):
    rig.need("rate", "flash-dump", "power")
    station = rig.prepare(lambda text: text.replace('scan = "1 s"', 'scan = "5 s"'))
    station.start()
    rig.wait_for_values()
    rig.set_rate(HOUR_RATE)
    station.broker.kill()
    pass_by(rig, MINUTE_MS)  # What had reached the center is stored by then.
    before = set(station.center_rows())
    pass_by(rig, 29 * MINUTE_MS)
    station.gateway.kill()
    station.gateway.start()
    pass_by(rig, 30 * MINUTE_MS)
    assert set(station.center_rows()) == before
    station.broker.start()
    rig.set_rate(1.0)  # What is to arrive is enough for a busy machine.
    sums = settle(station)
    assert len(sums.made - before) >= 58 * len(rig.addresses)
    assert (sums.lost, sums.duplicated) == (0, 0)


def knows_time(rig, board):
    return any(count for (count,) in rig.station.center_query(ROWS_WITH_TIME, board.serial))


def test_rows_made_while_the_line_is_dead_arrive_with_their_own_times(quick_rig):
    rig = quick_rig
    rig.need("line-off", "flash-dump", "power")
    rig.wait_for_values()
    rig.wait_for(lambda: all(knows_time(rig, board) for board in rig.boards.values()), 30, "the time on each board")
    rig.line.pause()
    alone_from_ms = rig.unix_ms()
    pass_by(rig, MINUTE_MS)
    alone_to_ms = rig.unix_ms()
    rig.line.resume()
    rig.wait_for_values()
    sums = settle(rig.station)
    assert (sums.lost, sums.duplicated) == (0, 0)
    sql = "SELECT t_ms / 1000 FROM rows WHERE source = ? AND kind = 1 AND t_ms > ? AND t_ms < ? ORDER BY seq"
    first_s, last_s = alone_from_ms // 1000 + rig.row_s, alone_to_ms // 1000 - rig.row_s
    for board in rig.boards.values():
        stamps = [t_s for (t_s,) in rig.station.center_query(sql, board.serial, alone_from_ms, alone_to_ms)]
        assert stamps == sorted(set(stamps))
        missing = set(range(first_s - first_s % rig.row_s + rig.row_s, last_s, rig.row_s)) - set(stamps)
        assert missing == set(), board.name
