"""The whole station on the rig: that what the rig makes goes through it, and that what stops the rig stops the rows."""

SCAN_MS = 1_000
COMMIT_WINDOW_MS = 500  # The gateway's group commit is 250 ms of real time; a busy disk takes some more.


def test_every_row_that_a_board_made_arrives_at_the_center_with_its_crc(rig):
    rig.wait_for_values()
    rig.hurry()
    rig.wait_for(lambda: len(rig.made()) >= 3 * len(rig.boards), rig.real_s(300, 10), "three rows of each board")
    rig.wait_at_center(300, 20)
    rows = rig.station.center_rows()
    assert len(rows) == len(set(rows))


def test_every_sensor_kind_comes_from_stimulus_to_the_gateways_channel(rig):
    rig.need("sensors")
    rig.wait_for_values()
    rig.set("level", "head_mm", 3_210)
    rig.set("gap", "gap_mm", 1_953)
    rig.set("radar", "gap_mm", 9_000)
    rig.set("smoke", "smoke_mdbm", 50)
    rig.tip("rain", 4)
    rig.set("tilt", "tilt_y_mdeg", 250)
    # A level is its zero plus the head, or minus the gap: 0 + 3.210 m, 7 - 1.953 m, 12 - 9 m. Four tips are 0.8 mm.
    truth = {"river": 3_210, "river_gap": 5_047, "river_radar": 3_000, "smoke.smoke": 50, "rain.rain": 800}
    for name, value in truth.items():
        rig.wait_for_value(name, value)
    rig.wait_for_value("tilt.tilt_y", 250, tolerance=6)  # One count of the chip is 5.5 mdeg.


def test_stopping_the_line_stops_the_count_of_rows_within_one_scan(rig):
    rig.need("line-off")
    rig.wait_for_values()
    rig.station.wait_for(rig.rows_at_gateway, rig.real_s(120, 10), "a row at the gateway")
    rig.line.pause()
    begin_ms = rig.now_ms()
    settled_ms = begin_ms + SCAN_MS + COMMIT_WINDOW_MS * rig.rate
    rig.wait_for(lambda: rig.now_ms() > settled_ms, 10, "one scan and what was being stored")
    count = rig.rows_at_gateway()
    rig.wait_for(lambda: rig.now_ms() - begin_ms > 120_000, 30, "two minutes in which every board makes rows")
    assert rig.rows_at_gateway() == count
    assert len(rig.made()) >= count + len(rig.boards)
    rig.line.resume()
    rig.wait_at_center(600, 30)


def test_every_sensor_kind_comes_from_stimulus_to_the_centers_database(rig):
    rig.need("sensors")
    truth = {"river": 3_210, "river_gap": 5_047, "river_radar": 3_000, "smoke.smoke": 50, "rain.rain": 800}
    rig.set("level", "head_mm", 3_210)
    rig.set("gap", "gap_mm", 1_953)
    rig.set("radar", "gap_mm", 9_000)
    rig.set("smoke", "smoke_mdbm", 50)
    rig.set("tilt", "tilt_y_mdeg", 250)
    rig.tip("rain", 4)
    rig.wait_for_values()
    rig.hurry()

    def latest() -> dict[str, int]:
        rows = rig.station.center_query("SELECT name, value, level_mm FROM latest")
        return {name: value if level_mm is None else level_mm for name, value, level_mm in rows}

    def there() -> bool:
        seen = latest()
        near = abs(seen.get("tilt.tilt_y", 0) - 250) <= 6
        return near and all(seen.get(name) == value for name, value in truth.items())

    rig.station.wait_for(there, rig.real_s(600, 20), f"{truth} at the center")
