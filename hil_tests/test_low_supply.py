"""A station whose board runs on a dying battery."""

LOW_MV, FULL_MV = 6_500, 12_500  # The limit of every definition in boards/ is 7,000.
TIPS, TIP_UM = 6, 200


def flash_ops(board):
    stats = board.stats()
    return stats["programs"], stats["erases"]


def test_on_a_dying_battery_alarms_go_on_no_row_is_written_and_no_rain_is_lost(quick_rig):
    rig = quick_rig
    rig.need("sensors")
    rig.wait_for_values()
    board = rig.boards["rain"]
    rig.wait_for(lambda: board.rows_made >= 2, 20, "rows of the rain gauge")
    rig.set("rain", "supply_mv", LOW_MV)
    rig.wait_for(lambda: board.stats()["rows_withheld"] >= 1, 20, "a row withheld")
    before, made, withheld = flash_ops(board), board.rows_made, board.stats()["rows_withheld"]
    rig.tip("rain", TIPS, spread_ms=4_000)
    rig.wait_for_value("rain.rain", TIPS * TIP_UM)
    rig.station.wait_for(lambda: rig.alarm_level("rain-1h") >= 1, 20, "the alarm by rain that no row has")
    rig.wait_for(lambda: board.stats()["rows_withheld"] >= withheld + 5, 20, "five rows withheld")
    assert (flash_ops(board), board.rows_made) == (before, made)
    rig.set("rain", "supply_mv", FULL_MV)
    rig.wait_for(lambda: board.rows_made >= made + 2, 20, "rows again")
    rig.wait_at_center(300, 20)
    seqs = sorted(seq for _, seq, _ in board.ledger)
    assert seqs == list(range(1, len(seqs) + 1))
    sql = "SELECT value FROM latest WHERE name = 'rain.rain'"
    rig.station.wait_for(lambda: rig.station.center_query(sql) == [(TIPS * TIP_UM,)], 20, "the rain at the center")
