"""Two points, buckets and converter tables, at a station whose gateway is played."""

import contextlib
import json
import tomllib

import pytest

from gateway.load import load
from tests.gateway.station_toml import GOOD
from tests.tools.played_station import PlayedStation, told
from tools.__main__ import main
from tools.calibrate import readings
from tools.emulator.terminal import CTRL_C, Terminal
from tools.failure import EXIT_REFUSED
from wire.telemetry import MODES

TABLE = "calibration.adc.0 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]\n"
GAP = '[[bus.board]]\nname = "gap"\naddress = 14\ntype = "esp32-rs485"\nfit = ["gap"]\n\n[[bus.sensor]]'
TWO = ("--low", "0 m", "--high", "8 m", "--low-shows", "0.023 m", "--high-shows", "8.060 m")
PAIRS = ("--point", "390 mV", "400 mV", "--point", "1.098 V", "1.1 V", "--point", "2.02 V", "2.06 V")


@pytest.fixture
def station(tmp_path, monkeypatch):
    monkeypatch.setattr(readings, "LOOK_S", 0.001)
    station = PlayedStation(tmp_path, GOOD.replace("[[bus.sensor]]", GAP))
    station.channels = lambda n: [told("river", 160_000, raw=0), told("rain.rain", 0, raw=0, quantity="rain_um")]
    yield from station.run()


def calibrate(station, *words, code=0):
    assert main(station.command(*words, "--lang", "en")) == code


def points(station, *words, code=0):
    calibrate(station, "two-point", *words, "--by", "07", "--yes", code=code)


def sensor(station, board, driver):
    """The entry of board.json that station.toml means now."""
    source = next(source for source in load(station.file).sources if source.name == board)
    return next(one for one in json.loads(source.board_json)["sensors"] if one["driver"] == driver)


def record(station):
    return tomllib.loads(station.file.read_text())["calibration"][-1]


def test_a_probe_gets_the_currents_of_its_two_known_heads(station, capsys):
    points(station, "river", *TWO, "--due", "2099-01-01")
    found = sensor(station, "level", "pressure_420")
    # 8.037 m were shown for 8.000 m, and 0.023 m for none: 12.8592 mA of 16 for 8 m.
    assert (found["zero_na"], found["full_na"]) == (4_036_800, 20_110_800)
    assert record(station)["before"] == {}
    assert record(station)["readings"][1] == {"shows": "8.060 m", "spread": "0 mm", "count": 1, "is": "8.000 m"}
    said = capsys.readouterr().out
    assert "8.000 m shows 8.060 m, then 8.000 m" in said
    assert "zero_na becomes 4,036,800 (was not set)" in said
    assert f"riverpost provision level --station {station.file}" in said


def test_a_loop_calibrator_stands_for_the_heads_of_a_probe_by_the_book(station):
    points(station, "level", "--low", "4 mA", "--high", "20 mA", "--low-shows", "0.010 m", "--high-shows", "9.990 m")
    found = sensor(station, "level", "pressure_420")
    assert (found["zero_na"], found["full_na"]) == (4_016_000, 19_984_000)
    assert [one["is"] for one in record(station)["readings"]] == ["4 mA", "20 mA"]


def test_an_undo_puts_the_board_back_to_what_it_was(station):
    before = station.file.read_text()
    points(station, "river", *TWO)
    points(station, "river", "--undo")
    assert station.file.read_text().startswith(before)
    assert sensor(station, "level", "pressure_420")["zero_na"] == 4_000_000
    assert load(station.file).calibrations[-1].undoes_ms == load(station.file).calibrations[0].at_ms


def test_points_of_staff_readings_give_way_to_two_known_heads_and_come_back_with_an_undo(station):
    mine = "calibration.pressure_420.points = [[0, 20], [9_000, 9_050]]\n"
    station.file.write_text(station.file.read_text().replace(TABLE, TABLE + mine))
    station.start_anew()
    before = station.file.read_text()
    points(station, "river", *TWO)
    assert sensor(station, "level", "pressure_420")["points"] == []
    points(station, "river", "--undo")
    assert sensor(station, "level", "pressure_420")["points"] == [[0, 20], [9_000, 9_050]]
    assert sorted(station.file.read_text().partition("[[calibration]]")[0].split()) == sorted(before.split())


def test_a_sensor_of_distance_gets_a_line_through_two_known_ones(station):
    shows = ("--low-shows", "508 mm", "--high-shows", "3.020 m")
    points(station, "gap", "--low", "500 mm", "--high", "3 m", *shows)
    assert sensor(station, "gap", "ultrasonic_uart")["points"] == [[508, 500], [3_020, 3_000]]


@pytest.mark.parametrize("funnel", [("--funnel", "200 mm"), ("--area", "314.16 cm2")])
def test_a_bucket_gets_the_rain_of_a_tip_from_the_water_and_the_tips_counted_by_hand(station, capsys, funnel):
    points(station, "rain.rain", "--water", "314 mL", *funnel, "--tips", "48")
    assert sensor(station, "rain", "tipping_bucket")["um_per_tip"] == 208
    assert record(station)["readings"][0]["is"] == "9.995 mm"
    assert "one tip more or less is 2.1 %" in capsys.readouterr().out
    assert station.orders == []


SMALL = "0.023 m", "8.060 m"
WRONG = {
    "states that are exchanged": (("--low", "8 m", "--high", "0 m"), SMALL, EXIT_REFUSED, "No settings follow"),
    "a sensor that stands": (("--low", "0 m", "--high", "8 m"), ("1 m", "1 m"), EXIT_REFUSED, "not show more"),
    "states that are near": (("--low", "0 m", "--high", "0.4 m"), ("0 m", "0.4 m"), EXIT_REFUSED, "less than 5 %"),
    "another probe": (("--low", "0 m", "--high", "8 m"), ("0 m", "6 m"), EXIT_REFUSED, "full_na - zero_na"),
    "a zero far off": (("--low", "0 m", "--high", "8 m"), ("0.6 m", "8.6 m"), EXIT_REFUSED, "zero_na = 4_960_000"),
    "no amount": (("--low", "deep", "--high", "8 m"), SMALL, 2, "deep"),
    "below nothing": (("--low", "-1 m", "--high", "8 m"), SMALL, 2, "below nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_written_of(station, capsys, name):
    states, shows, code, said = WRONG[name]
    before = station.file.read_bytes()
    points(station, "river", *states, "--low-shows", shows[0], "--high-shows", shows[1], code=code)
    assert said in capsys.readouterr().err
    assert station.file.read_bytes() == before


def test_what_is_far_off_is_taken_when_it_was_meant(station):
    shows = ("--low-shows", "0.6 m", "--high-shows", "8.6 m")
    points(station, "river", "--low", "0 m", "--high", "8 m", *shows, "--far")
    assert sensor(station, "level", "pressure_420")["zero_na"] == 4_960_000


@pytest.mark.parametrize(
    ("tips", "code", "said"), [("19", EXIT_REFUSED, "Too few tips"), ("30", EXIT_REFUSED, "um_per_tip = 333 / 200")]
)
def test_a_bucket_is_not_calibrated_by_a_few_drops_or_the_wrong_funnel(station, capsys, tips, code, said):
    points(station, "rain.rain", "--water", "314 mL", "--funnel", "200 mm", "--tips", tips, code=code)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tilt.tilt_x", "radar.gap", "nothing"])
def test_a_sensor_that_two_points_do_not_put_right_is_told_with_those_that_they_do(station, capsys, name):
    points(station, name, *TWO, code=2)
    assert "river (pressure_420), rain.rain (tipping_bucket), gap.gap (ultrasonic_uart)" in capsys.readouterr().err


def test_a_board_that_runs_other_settings_is_not_calibrated(station, capsys):
    station.runs = {"level": "0" * 16}
    points(station, "river", *TWO, code=EXIT_REFUSED)
    station.runs = {"rain": "0" * 16}  # The gateway has not seen the board of the river yet.
    points(station, "river", *TWO, code=EXIT_REFUSED)
    assert "riverpost provision level" in capsys.readouterr().err


def test_a_table_of_three_pairs_takes_the_place_of_the_one_before(station, capsys):
    calibrate(station, "table", "level", "--adc", 0, "--by", "07", "--yes", *PAIRS)
    source = next(source for source in load(station.file).sources if source.name == "level")
    table = json.loads(source.board_json)["sensors"][0]["adc_points"]
    assert table == [[390_000, 400_000], [1_098_000, 1_100_000], [2_020_000, 2_060_000]]
    assert record(station)["port"] == "adc 0"
    assert "3 points (was 3)" in capsys.readouterr().out
    calibrate(station, "table", "level", "--adc", 0, "--by", "07", "--yes", "--undo")
    assert TABLE.strip() in station.file.read_text()


def test_a_port_that_had_none_gets_its_first_table_and_loses_it_with_an_undo(station):
    before = station.file.read_text()
    calibrate(station, "table", "rain", "--adc", 2, "--by", "07", "--yes", *PAIRS)
    assert not next(channel for channel in load(station.file).channels if channel.name == "rain.supply").uncalibrated
    calibrate(station, "table", "rain", "--adc", 2, "--by", "07", "--yes", "--undo")
    assert station.file.read_text().startswith(before)


BAD_TABLES = {
    "two pairs": (PAIRS[:6], 2, "3 known voltages at least"),
    "pairs that fall": ((*PAIRS, "--point", "1.9 V", "2.1 V"), EXIT_REFUSED, "does not rise"),
    "a slip": ((*PAIRS[:3], "--point", "1.098 V", "1.3 V", *PAIRS[6:]), EXIT_REFUSED, "from a straight line"),
    "a voltage beyond the chip": ((*PAIRS, "--point", "2.55 V", "2.6 V"), EXIT_REFUSED, "beyond the converter"),
    "a loop that is not covered": (("--point", "500 mV", "500 mV", *PAIRS[3:]), 2, "does not reach over the loop"),
    "no amount": (("--point", "much", "1 V"), 2, "much"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_no_table_is_made_of(station, capsys, name):
    pairs, code, said = BAD_TABLES[name]
    before = station.file.read_bytes()
    calibrate(station, "table", "level", "--adc", 0, "--by", "07", "--yes", *pairs, code=code)
    assert said in capsys.readouterr().err
    assert station.file.read_bytes() == before


@pytest.mark.parametrize(("board", "port", "code"), [("level", 7, 2), ("radar", 0, 2), ("rain", 1, EXIT_REFUSED)])
def test_a_port_that_is_none_or_that_no_value_speaks_of_is_told(station, board, port, code):
    calibrate(station, "table", board, "--adc", port, "--by", "07", "--yes", code=code)


@contextlib.contextmanager
def asked(station, *words):
    terminal = Terminal(*station.command(*words, "--by", "07", "--readings", 5, "--lang", "en"))
    try:
        yield terminal
    finally:
        terminal.close()


def head_of(uv):
    """What the board says of what its converter shows, by the table of GOOD: nothing outside of the loop."""
    low, high = ((142_000, 150_000), (1_100_000, 1_100_000))
    if uv > high[0]:
        low, high = high, (2_420_000, 2_450_000)
    there_uv = low[1] + (uv - low[0]) * (high[1] - low[1]) / (high[0] - low[0])
    return round((there_uv - 400_000) / 160) if 360_000 <= there_uv <= 2_100_000 else None


def put_voltages(terminal, name, voltages, shown):
    """Say each of `voltages` (what is typed, what the station shows then), and let the table be written."""
    terminal.expect("Put it into test for 1 h?")
    terminal.type("y\r")
    for number, (there, shows) in enumerate(voltages, 1):
        terminal.expect(f"Voltage at the terminal {name}", times=number)
        shown[0] = shows
        terminal.type(f"{there}\r")
    terminal.expect("Enter: no more")
    terminal.type("\r")
    terminal.expect("[y/N]", times=2)
    terminal.type("y\r")
    assert terminal.finish() == 0, terminal.seen


def test_voltages_are_read_one_after_another_out_of_what_the_station_shows(station):
    shown_uv = [391_000]
    station.channels = lambda n: [told("river", (raw := head_of(shown_uv[0])) and 160_000 + raw, raw=raw)]
    with asked(station, "table", "11", "--adc", 0) as terminal:
        put = (("3", 0), ("0.4", 391_000), ("0.2", 200_000), ("1.1", 1_098_000), ("2.01", 1_976_000))
        put_voltages(terminal, "AI1 4-20 mA", put, shown_uv)
    assert "A voltage is beyond the converter (0 to 2450.000 mV)" in terminal.seen, "told before it is measured"
    assert "has no value at this voltage" in terminal.seen, "0.2 V is a broken loop, and was asked for again"
    pairs = record(station)["after"]["pairs"]
    assert [there for _, there in pairs] == [400_000, 1_100_000, 2_010_000]
    assert all(abs(shows - uv) < 160 for (shows, _), uv in zip(pairs, (391_000, 1_098_000, 1_976_000), strict=True))
    modes = [(order.kind, MODES[order.mode or 0], order.duration_ms) for order in station.orders]
    assert modes == [("mode", "test", 3_600_000), ("mode", "actual", None)]


def test_a_voltage_at_a_terminal_behind_a_divider_is_that_at_the_terminal(station):
    """Whoever puts 12 V to the supply's terminal says 12 V; the table is the converter's."""
    shown_mv = [0]
    station.channels = lambda n: [told("rain.supply", shown_mv[0], raw=shown_mv[0], quantity="supply_mv")]
    with asked(station, "table", "rain", "--adc", 2) as terminal:
        put_voltages(terminal, "VIN", (("27 V", 0), ("3 V", 2_970), ("12", 11_990), ("24", 23_800)), shown_mv)
    assert "(0 to 26950.000 mV)" in terminal.seen
    assert "12000.000 mV / 11 shows 1090.000 mV" in terminal.seen
    assert record(station)["after"]["pairs"] == [[270_000, 272_727], [1_090_000, 1_090_909], [2_163_636, 2_181_818]]


def test_the_water_is_counted_by_the_station_itself(station):
    rain_um = [99_999_000]  # About to wrap.
    station.channels = lambda n: [told("rain.rain", rain_um[0], raw=rain_um[0], quantity="rain_um")]
    with asked(station, "two-point", "rain", "--water", "314 mL", "--funnel", "200 mm") as terminal:
        terminal.expect("[y/N]")
        terminal.type("y\r")
        terminal.expect("Pour it slowly")
        rain_um[0] = (99_999_000 + 48 * 200) % 100_000_000
        terminal.type("\r")
        terminal.expect("[y/N]", times=2)
        terminal.type("y\r")
        assert terminal.finish() == 0, terminal.seen
    assert sensor(station, "rain", "tipping_bucket")["um_per_tip"] == 208
    assert [MODES[order.mode or 0] for order in station.orders] == ["test"], (
        "the water stays in its windows for a while"
    )


def test_ctrl_c_between_two_states_ends_the_test_and_leaves_the_file(station):
    before = station.file.read_bytes()
    with asked(station, "two-point", "river", "--low", "0 m", "--high", "8 m") as terminal:
        terminal.expect("[y/N]")
        terminal.type("y\r")
        terminal.expect("Put it to 0.000 m")
        terminal.type("\r")
        terminal.expect("Put it to 8.000 m")
        terminal.type(CTRL_C)
        assert terminal.finish() == 130
    assert "station.toml is as it was" in terminal.seen
    assert station.file.read_bytes() == before
    assert [MODES[order.mode or 0] for order in station.orders] == ["test", "actual"]


def test_no_sensor_is_played_with_while_a_real_alarm_stands(station, capsys):
    alarm = {"rule": "flood", "level": 3, "mode": "actual", "kind": "high", "state": "unacknowledged", "word": "orange"}
    station.alarms = [alarm]
    calibrate(station, "two-point", "river", "--low", "0 m", "--high", "8 m", "--by", "07", "--yes", code=EXIT_REFUSED)
    assert "flood: orange, unacknowledged" in capsys.readouterr().err


def test_without_a_terminal_nobody_is_asked_to_do_anything(station, capsys):
    station.mode = "test"
    calibrate(station, "two-point", "river", "--low", "0 m", "--high", "8 m", "--by", "07", code=EXIT_REFUSED)
    assert "add --low-shows, or run it in a terminal" in capsys.readouterr().err
    assert station.orders == []


def test_water_that_still_rises_in_the_pipe_is_no_state(station, capsys):
    station.mode = "test"
    station.channels = lambda n: [told("river", 160_000, raw=100 * n)]
    with asked(station, "two-point", "river", "--low", "0 m", "--high", "8 m") as terminal:
        terminal.expect("Put it to 0.000 m")
        terminal.type("\r")
        assert terminal.finish() == EXIT_REFUSED
    assert "does not stand still" in terminal.seen


def test_a_record_of_each_kind_is_shown(station, capsys):
    points(station, "river", *TWO)
    station.start_anew()
    calibrate(station, "table", "level", "--adc", 0, "--by", "08", "--yes", *PAIRS)
    capsys.readouterr()
    calibrate(station, "show", code=0)
    said = capsys.readouterr().out
    assert "level pressure_420  two-point  zero_na 4036800, full_na 20110800, 2020-06-01, 07" in said
    assert "level adc 0  table  3 points, 2020-06-01, 08" in said
