"""`riverpost calibrate` at a whole station: what is planted wrong is found, taken out, and can be taken back."""

import contextlib
import json
import subprocess
import sys
from binascii import crc32

import pytest

from tools.emulator.board_files import files_image
from tools.emulator.stimulus import Stimulus
from tools.emulator.terminal import Terminal
from tools.image import config
from wire.telemetry import EVENT_CODES

RIVER_MM = 3_210
PLANTED_MM = 340  # The level says so much too much.
READINGS = 8
STILL_MS = 40_000  # A gateway looks at 30 samples before it takes a baseline.
SEEN_MS = 15_000  # More than a scan, and than a state of the gateway is old at the rig's rate.
CALIBRATED_MM = 10  # So near it has to be afterwards.


def calibrate(rig, *words, code=0):
    """What the command says as JSON, and to people."""
    station = rig.station
    command = [
        sys.executable,
        "-m",
        "tools",
        "calibrate",
        *[str(word) for word in words],
        "--lang",
        "en",
        "--json",
        "-",
    ]
    command += ["--station", str(station.station_file), "--status", str(station.status_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout) if done.stdout else {}, done.stderr


def start_anew(rig):
    """The gateway takes station.toml as it is now."""
    rig.station.gateway.stop()
    rig.station.gateway.start()
    version = crc32(rig.station.station_file.read_bytes())
    rig.station.wait_for(
        lambda: rig.station.status().get("config") == version, 30, "a gateway with the new station.toml"
    )
    rig.wait_for_values()


def events(rig, kind):
    return rig.station.center_query("SELECT actor FROM events WHERE kind = ? ORDER BY seq", EVENT_CODES[kind])


@pytest.fixture
def planted(rig):
    """A station whose river stands still, and whose offset is wrong."""
    wrong = f'offset = "{PLANTED_MM / 1_000:.2f} m"'
    rig.prepare(lambda text: text.replace('offset = "0.00 m"', wrong, 1)).start()
    rig.set("level", "head_mm", RIVER_MM)
    rig.wait_for_values()
    rig.wait_for_value("river", RIVER_MM + PLANTED_MM, CALIBRATED_MM)
    return rig


def test_an_offset_is_taken_out_by_the_staff_gauge_verified_and_taken_back(planted):
    rig = planted
    rig.need("rate")
    before = rig.station.station_file.read_text()
    usual = ("--by", "07", "--yes", "--readings", READINGS)
    found, said = calibrate(rig, "level", "river", *usual, "--staff", f"{RIVER_MM} mm")
    assert abs(found["offset_mm"]) <= CALIBRATED_MM
    assert found["written"]
    assert "started anew" in said
    rig.wait_for_value("river", RIVER_MM + PLANTED_MM, CALIBRATED_MM)  # Nothing happens behind anybody's back.
    _, said = calibrate(rig, "level", "river", *usual, "--staff", f"{RIVER_MM} mm", code=5)
    assert "another station.toml" in said
    start_anew(rig)
    rig.wait_for_value("river", RIVER_MM, CALIBRATED_MM)
    rig.set_rate(1.0)  # An order lives for so long by the station's clock.
    found, _ = calibrate(rig, "level", "river", *usual, "--staff", f"{RIVER_MM} mm", "--verify")
    assert abs(found["difference_mm"]) <= CALIBRATED_MM
    rig.station.wait_for(lambda: events(rig, "staff reading") == [("07",)], 20, "the staff reading at the center")
    found, _ = calibrate(rig, "show")
    river = next(thing for thing in found["things"] if thing["thing"] == "river")
    assert (river["by"], river["state"], river["changed_by_hand"]) == ("07", "ok", False)
    calibrate(rig, "level", "river", "--by", "08", "--yes", "--undo")
    assert rig.station.station_file.read_text().startswith(before)
    start_anew(rig)
    rig.wait_for_value("river", RIVER_MM + PLANTED_MM, CALIBRATED_MM)


def test_a_calibration_past_its_day_makes_readings_suspect_and_takes_no_alarm_away(planted):
    rig = planted
    usual = ("--by", "07", "--yes", "--readings", READINGS, "--staff", f"{RIVER_MM} mm")
    calibrate(rig, "level", "river", *usual, "--due", "2024-06-02")
    start_anew(rig)
    rig.wait_for_value("river", RIVER_MM, CALIBRATED_MM)
    rig.step_clock(rig.unix_ms() + 3 * 86_400_000)
    rig.station.wait_for(lambda: "due" in rig.channel("river").get("flags", []), 20, "the flag of the date")
    assert rig.channel("river")["quality"] == 3
    rig.station.wait_for(lambda: len(events(rig, "calibration due")) == 1, 20, "the event at the center")
    rig.set("level", "head_mm", 6_500)
    rig.station.wait_for(lambda: rig.alarm_level("flood") == 3, 20, "the alarm")


def test_a_baseline_is_taken_anew_by_the_gateway_and_refused_while_the_sensor_moves(planted):
    rig = planted
    rig.need("rate")
    rate = rig.rate
    rig.set("tilt", "tilt_x_mdeg", 200)
    tilt = lambda: rig.channel("tilt.tilt_x").get("baselines")  # noqa: E731
    rig.station.wait_for(tilt, 60, "a first baseline")
    rig.wait_for_value("tilt.tilt_x", 200, 5)
    rig.set_rate(1.0)  # An order's time to live is the station's: a person gives it as in the field.
    rig.set("tilt", "tilt_x_mdeg", 500)
    rig.wait_for_value("tilt.tilt_x", 500, 5)
    usual = ("tilt", "tilt.tilt_x", "--by", "07", "--yes", "--reason", "mounted anew")
    _, said = calibrate(rig, *usual, code=5)
    assert "moves within" in said
    rig.set_rate(rate)
    seen = rig.station.status()["unix_ms"]
    rig.station.wait_for(lambda: rig.station.status()["unix_ms"] > seen + STILL_MS, 60, "a sensor that stands still")
    rig.set_rate(1.0)
    found, _ = calibrate(rig, *usual)
    (baseline,) = found["after"]
    assert (baseline["actor"], baseline["reason"], baseline["version"]) == ("07", "mounted anew", 2)
    assert abs(baseline["vector"][0] - 500) <= 5
    found, _ = calibrate(rig, *usual, "--undo")
    assert abs(found["after"][0]["vector"][0] - 200) <= 5
    rig.station.wait_for(lambda: len(events(rig, "re-zero undone")) == 1, 20, "both events at the center")
    assert events(rig, "baseline re-zeroed") == [("07",)]


BENT = ((0, 30_000), (150_000, 142_000), (1_100_000, 1_098_000), (2_000_000, 1_960_000), (2_450_000, 2_330_000))
PROBE = {"zero_na": 4_036_000, "full_na": 19_950_000}  # What this probe really gives at no head and at full scale.


@contextlib.contextmanager
def asked(rig, *words):
    """`calibrate` in a terminal, whose questions the test answers."""
    station = rig.station
    more = ("--station", station.station_file, "--status", station.status_file, "--lang", "en", "--by", "07")
    terminal = Terminal("calibrate", *words, *more)
    try:
        yield terminal
    finally:
        terminal.close()


def provision(rig, name):
    """The board gets the settings that station.toml means, as riverpost provision would put them onto it."""
    board = rig.boards[name]
    setting = config.from_station(rig.station.station_file, name, board.spec.board_type, "en")
    board.stop_power()
    board.files_file.write_bytes(files_image(setting.definition))
    board.start()
    start_anew(rig)
    digest = setting.definition["definition"][:16]
    runs = lambda: {one["name"]: one.get("definition") for one in rig.station.status()["boards"]}[name]  # noqa: E731
    rig.station.wait_for(lambda: runs() == digest, 30, "the board with its new settings")


@pytest.fixture
def bent(rig):
    """A station in mode test whose level board has a converter that is not straight, and a probe that is not by the
    book; its station.toml knows nothing of either.
    """
    rig.prepare().start()
    board = rig.boards["level"]
    usual = config.from_station(rig.station.station_file, "level", board.spec.board_type, "en").definition
    sensors = [one | (PROBE if one["driver"] == "pressure_420" else {}) for one in usual["sensors"]]
    board.stimulus = Stimulus({**usual, "sensors": sensors}, bent=BENT)
    rig.wait_for_values()
    return rig


def test_a_bent_converter_and_a_probe_that_is_off_are_found_and_taken_out(bent):
    rig = bent
    rig.set("level", "head_mm", 8_000)
    rig.station.wait_for(lambda: rig.channel("river").get("raw", 0) > 7_000, 20, "the high water")
    assert abs(rig.channel("river")["raw"] - 8_000) > 100, "nothing to find"
    calibrate_converter(rig)
    provision(rig, "level")
    calibrate_probe(rig)
    provision(rig, "level")
    for head_mm in (200, 4_000, 9_500):
        rig.set("level", "head_mm", head_mm)
        rig.wait_for_value("river", head_mm, CALIBRATED_MM)
    usual = ("--by", "08", "--yes")
    calibrate(rig, "two-point", "river", *usual, "--undo")
    calibrate(rig, "table", "level", "--adc", 0, *usual, "--undo")
    document = rig.station.station_file.read_text()
    assert "calibration.adc.0 = [[0, 0], [2_450_000, 2_450_000]]" in document
    assert "zero_na" not in document.partition("[[calibration]]")[0]


def calibrate_converter(rig):
    """Known voltages at the terminal, one after another: the head of the emulated probe is chosen to make them."""
    with asked(rig, "table", "level", "--adc", 0, "--readings", 5) as terminal:
        for number, voltage_uv in enumerate((400_000, 1_100_000, 1_600_000, 2_010_000), start=1):
            current_na = voltage_uv * 10
            head_mm = (current_na - PROBE["zero_na"]) * 10_000 / (PROBE["full_na"] - PROBE["zero_na"])
            rig.set("level", "head_mm", round(head_mm))
            settle(rig)
            terminal.expect("Voltage at the terminal", times=number)
            terminal.type(f"{voltage_uv / 1_000} mV\r")
            terminal.expect(f"{voltage_uv / 1_000:.3f} mV shows")
        terminal.expect("Enter: no more", times=2)
        terminal.type("\r")
        terminal.expect("[y/N]")
        terminal.type("y\r")
        assert terminal.finish() == 0, terminal.seen
    assert "riverpost provision level --station" in terminal.seen


def calibrate_probe(rig):
    """The probe at two known heads."""
    with asked(rig, "two-point", "river", "--readings", 5) as terminal:
        for question, head_mm in (("First known state", 0), ("Second one", 9_000)):
            terminal.expect(question)
            terminal.type(f"{head_mm} mm\r")
            rig.set("level", "head_mm", head_mm)
            settle(rig)
            terminal.expect(f"Put it to {head_mm / 1_000:.3f} m")
            terminal.type("\r")
        terminal.expect("[y/N]")
        terminal.type("y\r")
        assert terminal.finish() == 0, terminal.seen


def settle(rig):
    """Until the station has seen what was put to a sensor."""
    seen_ms = rig.station.status()["unix_ms"]
    rig.station.wait_for(lambda: rig.station.status()["unix_ms"] > seen_ms + SEEN_MS, 30, "a look at the sensor")
