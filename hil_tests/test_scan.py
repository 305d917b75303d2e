"""`riverpost scan` on a rig: boards with our firmware, a bought radar, a stranger, two boards with one address, and a
line that is wrong in every way that a UART can show.

What the emulated line does with exchanged wires, a missing bias and reflections is a model (tools/emulator/line_end.py,
line_faults.py): these tests prove that the hints follow from what that model gives, not that a real pair gives it.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from hil_tests.station_text import station_text
from hil_tests.test_starts import change
from tools.emulator.rig import BoardSpec, Rig, SensorSpec
from tools.emulator.usb_adapter import UsbAdapter
from tools.emulator.whole import WholeStation
from tools.failure import PARTS

TOP = Path(__file__).resolve().parents[1]
RATE = 5.0
LIMIT_S = 120
PULLS = 3
SENT_BYTES = 200  # To the bus by a whole scan of its three devices, at least.
BOARDS = (BoardSpec("level", ("level",), 11), BoardSpec("rain", ("rain",), 12))
RADAR = SensorSpec("radar", "radar-60ghz", 21)
MISSING = BoardSpec("tilt", ("tilt",), 13)
STRANGER = """
kind = "profile"
vendor_model = "of another system"
default_address = 3
default_baud = 9600
framing = "8N1"
max_block = 10

[[point]]
quantity = "supply_mv"
function = 4
register = 0x0900
count = 1
type = "uint16"
valid_low = 0
valid_high = 30_000
"""


class Bus:
    """A rig, and what a scan of it says."""

    def __init__(self, folder, boards=BOARDS, sensors=(RADAR,), configured=()):
        self.folder = folder
        self.rig = Rig(folder, boards, sensors, rate=RATE)
        self._configured = (*(configured or boards),), sensors

    def __enter__(self):
        self.rig.start()
        self.rig.line.follow_port()
        text = station_text(*self._configured, 9600, "8N1")
        places = {"siren": self.folder / "siren", "spool": self.folder / "spool.db", "broker": 1883}
        self.station = self.folder / "station.toml"
        self.station.write_text(text.format(port=self.rig.port, **places, local=0, local_password="x"))
        return self

    def __exit__(self, *_):
        self.rig.stop()

    def scan(self, *words):
        """(exit code, document, stdout and stderr)."""
        out = self.folder / "scan.json"
        out.unlink(missing_ok=True)
        call = ["scan", "--station", self.station, "--json", out, "--lang", "en", *words]
        command = [sys.executable, "-m", "tools", *map(str, call)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=TOP)
        assert "Traceback" not in answer.stderr
        return answer.returncode, json.loads(out.read_text()) if out.exists() else {}, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def bus(tmp_path_factory):
    """Two boards, a radar and a stranger; station.toml has a third board, and not the stranger."""
    folder = tmp_path_factory.mktemp("bus")
    (folder / "stranger.toml").write_text(STRANGER)
    sensors = (RADAR, SensorSpec("stranger", str(folder / "stranger.toml"), 30))
    with Bus(folder, sensors=sensors) as bus:
        text = bus.station.read_text()
        begin = text.index('\n[[bus.sensor]]\nname = "stranger"')
        end = text.index("\n[[threshold_set]]")
        missing = station_text((MISSING,), (), 9600, "8N1")
        board = missing[missing.index("\n[[bus.board]]") : missing.index("\n[[rule]]")]
        sensor_at = text.index("\n[[bus.sensor]]")
        bus.station.write_text(text[:sensor_at] + board + text[sensor_at:begin] + text[end:])
        yield bus


@pytest.fixture(autouse=True)
def _line_as_it_should_be(bus):
    yield
    bus.rig.line.clear()
    bus.rig.line.command(baud=9600)


def states(document):
    return {device["name"] or device["address"]: device["state"] for device in document["devices"]}


def notes(document, address):
    return [note["key"] for d in document["devices"] if d["address"] == address for note in d["notes"]]


def hints(document):
    return {hint["key"]: hint["state"] for hint in document["hints"] if hint["key"] != "shared"}


def test_everybody_on_the_bus_is_named_and_who_is_missing_too(bus):
    code, found, text = bus.scan("--addresses", "5,11-13,21,30", "--wait", "300")
    assert code == 1
    assert states(found) == {"level": "ok", "rain": "ok", "tilt": "FAIL", "radar": "ok", 30: "look"}
    assert hints(found) == {}
    for name, address in (("level", 11), ("rain", 12)):
        (device,) = [device for device in found["devices"] if device["address"] == address]
        assert device["serials"] == [bus.rig.boards[name].serial.hex()]
        assert device["status"]["slot"] == "a"
        assert notes(found, address) == ["in_station", "definition_right"]
    assert notes(found, 13) == ["silent"]
    assert notes(found, 30) == ["unknown"]
    assert "3 ok, 1 to look at, 1 failed" in text


def test_a_whole_scan_asks_every_address_and_finds_the_same(bus):
    code, found, _ = bus.scan("--wait", "40")
    assert code == 1
    assert set(states(found)) == {"level", "rain", "tilt", "radar", 30}
    assert found["settings"][0]["asked"] == 247


def test_pulled_at_any_moment_the_adapter_is_named_and_the_same_scan_is_right_when_it_is_back(bus):
    """What is right ends with 0, and is told what comes next."""
    scan = ("--addresses", "11,12,21")
    chance = random.Random(11)
    place = bus.station.read_text()
    with UsbAdapter(bus.folder / "ttyUSB0", bus.rig.port) as adapter:
        bus.station.write_text(place.replace(bus.rig.port, str(adapter.path)))
        for _ in range(PULLS):
            adapter.unplug_after(chance.randrange(1, SENT_BYTES))
            code, found, text = bus.scan(*scan)
            adapter.wait_unplugged()
            assert (code, found) == (4, {}), text
            assert "RP-B04" in text
            assert all(f"\n{part:<8}" in text for part in PARTS["en"][1:])
            adapter.plug()
        code, found, text = bus.scan(*scan)
    bus.station.write_text(place)
    assert adapter.sent_bytes >= SENT_BYTES
    assert code == 0
    assert set(states(found).values()) == {"ok"}
    assert "riverpost check" in text


def test_a_dry_run_asks_nobody(bus):
    before = bus.rig.line.stats()["ports"]["master"]["frames"]
    code, _, text = bus.scan("--dry-run")
    assert code == 0
    assert "247 times" in text
    assert bus.rig.line.stats()["ports"]["master"]["frames"] == before


def test_an_adapter_that_hears_itself_finds_the_same(bus):
    bus.rig.line.echo()
    code, found, _ = bus.scan("--addresses", "11,12,21")
    assert (code, hints(found)) == (0, {"echo": "ok"})


def test_exchanged_wires_end_with_3_and_what_to_exchange(bus):
    bus.rig.line.swap()
    code, found, text = bus.scan("--addresses", "5,11,12")
    assert (code, found["devices"][0]["state"]) == (3, "FAIL")
    assert hints(found) == {"at_space": "FAIL"}
    assert "RP-B08" in text
    assert "exchange A and B at the adapter" in text


def test_exchanged_wires_on_a_pair_without_bias_cannot_be_told_from_no_cable(bus):
    bus.rig.line.swap(biased=False)
    code, found, text = bus.scan("--addresses", "5,11,12")
    assert (code, hints(found)) == (3, {})
    assert "RP-B02" in text


def test_a_pair_without_bias_is_named_and_no_device_is_invented(bus):
    bus.rig.line.float_idle(4.0)
    code, found, _ = bus.scan("--addresses", "5,11,12,13,21")
    assert code == 1
    assert hints(found)["floating"] == "FAIL"
    assert set(states(found)) <= {"level", "rain", "tilt", "radar"}


def test_reflections_are_named_on_a_fast_line_and_do_nothing_on_a_slow_one(bus):
    bus.rig.line.reflect(2.0)
    assert bus.scan("--addresses", "11,12,21")[0] == 0
    bus.rig.line.command(baud=115_200)
    code, found, _ = bus.scan("--addresses", "11,12", "--baud", "115200")
    assert code == 1
    assert hints(found) == {"reflections": "look"}


def test_a_bus_at_another_rate_is_silent_and_found_by_asking_at_every_one(bus):
    bus.rig.line.command(baud=19_200)
    assert bus.scan("--addresses", "11")[0] == 3
    code, found, text = bus.scan("--all", "--addresses", "11")
    assert code == 1
    (device,) = found["devices"]
    assert (device["baud"], device["framing"]) == (19_200, "8N1")
    assert set(hints(found)) <= {"cannot"}
    assert "is set to 19200 8N1, the bus to 9600 8N1" in " ".join(text.split())


def test_a_dead_line_ends_with_3(bus):
    for address in (11, 12, 21, 30):
        bus.rig.line.silence(address)
    code, _, text = bus.scan("--addresses", "11,12,21,30")
    assert code == 3
    assert "not one byte came" in text


def test_two_boards_with_one_address_are_named(tmp_path):
    boards = (*BOARDS, BoardSpec("second", ("rain",), 12))
    with Bus(tmp_path, boards, configured=BOARDS) as bus:
        code, found, _ = bus.scan("--addresses", "11,12,21")
    assert code == 1
    assert notes(found, 12)[0].startswith("twins")
    assert states(found) == {"level": "ok", "rain": "FAIL", "radar": "ok"}


def test_a_board_without_settings_is_found_where_it_disturbs_nobody(tmp_path):
    with Bus(tmp_path, BOARDS[:1], ()) as bus:
        board = bus.rig.boards["level"]
        board.stop_power()
        change(board, {"board.0": b"", "board.1": b"torn"})
        board.start()
        code, found, text = bus.scan("--addresses", "11,247")
    assert code == 1
    assert notes(found, 11) == ["silent"]
    assert {"unprovisioned", "safe"} <= set(notes(found, 247))
    assert "riverpost provision level" in text


def test_interference_is_named_and_not_taken_for_a_twin(bus):
    bus.rig.line.noise(1.5, seed=3)
    code, found, _ = bus.scan("--addresses", "11,12,21")
    assert code == 1
    assert hints(found) == {"damaged": "look"}
    assert not any(key.startswith("twins") for address in (11, 12, 21) for key in notes(found, address))


def test_a_running_gateway_is_not_disturbed(tmp_path):
    text = station_text(BOARDS, (RADAR,), 9600, "8N1")
    with WholeStation(tmp_path, Rig(tmp_path / "rig", BOARDS, (RADAR,)), text, station_id="HIL01") as station:
        station.wait_for(lambda: station.status().get("channels"), LIMIT_S, "the gateway")
        call = [sys.executable, "-m", "tools", "scan", "--station", str(station.station_file), "--lang", "en"]
        answer = subprocess.run(call, capture_output=True, text=True, timeout=LIMIT_S, cwd=TOP)
        assert answer.returncode == 4
        assert "RP-B01" in answer.stderr
        assert f"({station.gateway.pid})" in answer.stderr
