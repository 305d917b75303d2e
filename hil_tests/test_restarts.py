"""Parts of a station that end and start again: nothing is lost, nothing comes twice, no alarm is told anew."""

from hil_tests.test_alarms import CALM_MM, at_center, events, pass_by, siren


def started(rig):
    rig.set("level", "head_mm", CALM_MM)
    rig.wait_for_values()


def all_arrived(rig, minutes=3):
    """The station goes on for some minutes; then every row that the boards made is at the center, each once."""
    pass_by(rig, minutes * 60_000)
    stored = set(rig.station.center_rows())
    made = rig.wait_at_center(180, 20)
    assert len(made) >= minutes * len(rig.boards)
    assert stored <= set(rig.station.center_rows())


def test_a_gateway_that_is_killed_goes_on_where_it_was(rig):
    started(rig)
    all_arrived(rig)
    rig.station.gateway.kill()
    rig.station.gateway.start()
    rig.wait_for_values()
    all_arrived(rig)


def test_an_alarm_outlives_its_gateway_and_is_not_told_twice(rig):
    started(rig)
    rig.set("level", "head_mm", 7_500)
    siren(rig, "red")
    at_center(rig, "flood", "alarm raised")
    rig.station.gateway.kill()
    rig.station.siren_file.unlink()
    rig.station.gateway.start()
    siren(rig, "red")
    rig.set("level", "head_mm", CALM_MM)
    at_center(rig, "flood", "alarm cleared")
    assert len(events(rig, "flood", "alarm raised")) == 1


def test_a_broker_that_forgets_everything_loses_nothing(rig):
    started(rig)
    rig.station.broker.kill()
    rig.station.broker.start()
    all_arrived(rig)


def test_a_center_that_is_killed_asks_for_nothing_twice(rig):
    started(rig)
    all_arrived(rig)
    rig.station.center.kill()
    rig.station.center.start()
    all_arrived(rig)


def test_rows_made_while_no_gateway_ran_arrive_with_their_own_times(rig):
    started(rig)
    rig.station.gateway.stop()
    alone_from_ms = rig.unix_ms()
    pass_by(rig, 180_000)
    alone_to_ms = rig.unix_ms()
    rig.station.gateway.start()
    rig.wait_at_center(180, 30)
    serial = rig.boards["level"].serial
    sql = "SELECT count(*) FROM rows WHERE source = ? AND t_ms BETWEEN ? AND ?"
    assert rig.station.center_query(sql, serial, alone_from_ms, alone_to_ms)[0][0] >= 2


def rain_of(rig, window_s):
    """What the rain board's gauge counts in a window now, in micrometres; None before it was seen."""
    channels = {channel["name"]: channel for channel in rig.station.status()["channels"]}
    return channels["rain.rain"].get("rain", {}).get("sums_um", {}).get(str(window_s))


def test_rain_that_fell_while_no_gateway_ran_is_dated_by_the_log_of_its_board(rig):
    started(rig)
    rig.tip("rain", 1)
    rig.wait_for_value("rain.rain", 200)
    rig.station.gateway.stop()
    pass_by(rig, 60_000)
    rig.tip("rain", 5)
    pass_by(rig, 420_000)
    rig.station.gateway.start()
    rig.wait_for_value("rain.rain", 1_200, timeout_s=30)
    # Spread evenly, more than half of it would lie in the last five minutes.
    rig.wait_for(lambda: (rain_of(rig, 300), rain_of(rig, 1_800)) == (0, 1_200), 60, "the rain in its own minute")


def test_a_gateway_starts_without_broker_and_publishes_when_one_appears(rig):
    station = rig.station
    rig.set("level", "head_mm", CALM_MM)
    station.gateway.stop()
    station.broker.stop()
    station.gateway.start()
    rig.set("level", "head_mm", 7_500)
    siren(rig, "red")
    station.broker.start()
    at_center(rig, "flood", "alarm raised")


def test_a_board_that_restarts_goes_on_with_its_log_and_keeps_its_rain(rig):
    started(rig)
    rig.tip("rain", 5)
    rig.wait_for_value("rain.rain", 1_000)
    all_arrived(rig, minutes=2)
    boots = len(rig.boards["rain"].boots)
    rig.boards["rain"].reset()
    rig.wait_for(lambda: len(rig.boards["rain"].boots) > boots, 10, "the board after its reset")
    rig.tip("rain", 5)
    rig.wait_for_value("rain.rain", 2_000, timeout_s=30)
    all_arrived(rig, minutes=2)
    sql = "SELECT count(DISTINCT epoch) FROM rows WHERE source = ?"
    assert rig.station.center_query(sql, rig.boards["rain"].serial) == [(1,)]


def test_a_board_that_loses_its_power_in_a_flash_write_loses_no_durable_row(rig):
    rig.need("power-cut")
    started(rig)
    all_arrived(rig, minutes=2)
    board = rig.boards["level"]
    board.power_cut(ops=1, part_permil=500)
    board.wait_down()
    board.start()
    rig.wait_for_values(60)
    all_arrived(rig, minutes=2)
