"""The converter's table on its way from a calibration into board.json."""

import pytest

import boards

TABLE = [[142_000, 150_000], [1_100_000, 1_100_000], [2_400_000, 2_450_000]]


def sensors(board: str, calibration: dict | None = None, fit: tuple[str, ...] = ("level", "smoke")) -> dict[str, dict]:
    if boards.load_board(board).link == "wifi":
        made = boards.mqtt_board_json(board, "192.168.4.1", 1_883, "CYB01", calibration, fit)
    else:
        made = boards.board_json(board, 11, 9_600, "8N1", calibration, fit)
    return {sensor["driver"]: sensor for sensor in made["sensors"]}


@pytest.mark.parametrize("board", ["esp32-rs485", "esp32-wifi"])
def test_what_nobody_calibrated_is_said_to_be_so(board):
    made = sensors(board)
    assert [made[name]["adc_points"] for name in ("pressure_420", "smoke_photo", "supply")] == [[], [], []]


def test_each_sensor_gets_the_table_of_its_own_port():
    made = sensors("esp32-rs485", {"adc": {"0": TABLE, "2": TABLE[:2]}})
    assert made["pressure_420"]["adc_points"] == TABLE
    assert made["smoke_photo"]["adc_points"] == []
    assert made["supply"]["adc_points"] == TABLE[:2]


def test_an_rp2040_needs_no_table_and_may_have_one():
    made = sensors("rp2040-rs485", {"adc": {"1": TABLE}})
    assert "adc_points" not in made["pressure_420"]
    assert "adc_points" not in made["supply"]
    assert made["smoke_photo"]["adc_points"] == TABLE


def test_what_comes_over_no_converter_has_no_table():
    made = sensors("esp32-rs485", {"adc": {"0": TABLE}}, ("rain", "tilt", "gap"))
    assert [name for name, sensor in made.items() if "adc_points" in sensor] == ["supply"]


def test_a_table_is_part_of_what_a_board_is_compared_by():
    definitions = {
        boards.board_json("esp32-rs485", 11, 9_600, "8N1", calibration)["definition"]
        for calibration in (None, {"adc": {"0": TABLE}}, {"adc": {"0": TABLE[:1] + TABLE[2:]}})
    }
    assert len(definitions) == 3


def test_the_gateway_is_told_which_quantities_nobody_calibrated():
    made = boards.board_json("esp32-rs485", 11, 9_600, "8N1", {"adc": {"0": TABLE}}, ("level", "smoke"))
    assert boards.uncalibrated(made) == {"smoke_mdbm": "adc 1", "supply_mv": "adc 2"}
    assert boards.uncalibrated(boards.board_json("rp2040-rs485", 11, 9_600, "8N1")) == {}
