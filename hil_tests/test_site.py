"""A station.toml of `riverpost site new` on the rig: what the wizard wrote is what a whole station runs by."""

import pytest
import tomlkit

from hil_tests.conftest import started
from hil_tests.station_text import STATION_ID
from tools.__main__ import main
from tools.emulator.board_spec import STRAIGHT

ANSWERS = {
    "station": {"id": STATION_ID, "name": "试验站", "name_en": "Test site"},
    "center": {"host": "127.0.0.1"},
    "board": [
        {"fit": ["level"], "type": "esp32-rs485", "name": "level", "address": 11},
        {"fit": ["rain", "tilt"], "type": "rp2040-rs485", "name": "slope", "address": 12},
    ],
    "sensor": [{"profile": "radar-60ghz", "name": "radar", "address": 20}],
    "level": {
        "1": {"zero": "160.00 m", "guard": "163 m", "warning": "164 m", "guarantee": "165 m", "record": "166 m"},
        "2": {"offset": "12.00 m"},
    },
    "cable": {"length": "120 m"},
    "power": {"battery": 100},
}
# What is another thing on a rig, and nothing else.
ON_THE_RIG = {
    'port = "/dev/ttyUSB0"': 'port = "{port}"',
    "port = 1883": "port = {broker}",
    'path = "/var/lib/riverpost/spool.db"': 'path = "{spool}"',
    'pin = "GPIO17"': 'file = "{siren}"',
}
GUARD, WARNING = 1, 2


def written(folder):
    """The text of the station.toml that the wizard writes, with what makes the rig's places out of the site's."""
    (folder / "answers.toml").write_text(tomlkit.dumps(ANSWERS))
    file = folder / "site" / "station.toml"
    assert main(["site", "new", str(file), "--answers", str(folder / "answers.toml")]) == 0
    calibrate(file)
    assert main(["site", "enable", str(file)]) == 0
    text = file.read_text()
    for ours, rig in ON_THE_RIG.items():
        assert text.count(ours) == 1
        text = text.replace(ours, rig)
    return text


def calibrate(file):
    """Write the tables of the level board's converter, as somebody does who measured it."""
    text = file.read_text()
    for port in (0, 2):
        waiting = f"# calibration.adc.{port} = [[shown, there], …]"
        assert text.count(waiting) == 1
        text = text.replace(waiting, f"calibration.adc.{port} = {[list(pair) for pair in STRAIGHT]}")
    file.write_text(text)


@pytest.fixture
def rig(request, tmp_path):
    """The rig of that site."""
    yield from started(request, tmp_path, usual="rigs/emulated-site.toml", needs=("site", "sensors"))


def test_a_station_runs_by_the_file_that_the_wizard_wrote(rig, tmp_path):
    rig.set("level", "head_mm", 3_210)
    rig.set("radar", "gap_mm", 8_790)
    rig.prepare(lambda _: written(tmp_path)).start()
    rig.wait_for_values()
    rig.tip("slope", 4)
    rig.set("slope", "tilt_y_mdeg", 100)
    # 160 m + 3.210 m; 160 m + 12 m - 8.790 m. Four tips of 0.2 mm.
    for name, value in {"river": 163_210, "river2": 163_210, "slope.rain": 800}.items():
        rig.wait_for_value(name, value)
    rig.wait_for_value("slope.tilt_y", 100, tolerance=6)
    rig.set("level", "head_mm", 4_500)
    rig.station.wait_for(lambda: rig.alarm_level("flood") == WARNING, 15, "the warning level as an alarm")
    assert rig.alarm_level("flood-river2") == GUARD  # A rule of its own, by its own sensor.
