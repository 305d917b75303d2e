"""`riverpost record` beside a running gateway, and its recording played to a gateway, a foreign master and a scan.

The listener has a port of its own on the emulated line, as an adapter beside the gateway's has.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient

from hil_tests.station_text import STATION_ID, station_text
from tools.emulator.rig import BoardSpec, Rig, SensorSpec
from tools.emulator.whole import Child, WholeStation

TOP = Path(__file__).resolve().parents[1]
BOARDS = (BoardSpec("level", ("level",), 11), BoardSpec("rain", ("rain",), 12))
RADAR = SensorSpec("radar", "radar-60ghz", 21)
LIMIT_S = 60
HEARD_S = 8
SEEN = ("name", "quantity", "value", "unit", "quality")


def riverpost(*words):
    command = [sys.executable, "-m", "tools", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=TOP)


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """(recording of a station's bus, what its gateway said meanwhile, its station.toml's text, what record printed)."""
    folder = tmp_path_factory.mktemp("heard")
    text = station_text(BOARDS, (RADAR,), 9600, "8N1")
    rig = Rig(folder / "rig", BOARDS, (RADAR,), tap=True, station_id=STATION_ID)
    with WholeStation(folder, rig, text, station_id=STATION_ID) as station:
        rig.set("level", "head_mm", 2_500)
        rig.set("radar", "gap_mm", 4_321)
        station.wait_for(lambda: values(station.status()).get("river") == 2_500, LIMIT_S, "the level")
        station.wait_for(lambda: values(station.status()).get("river_radar") == 7_679, LIMIT_S, "the radar")
        out = folder / "bus.jsonl"
        told = riverpost("record", "--port", rig.tap_port, "-o", out, "--for", f"{HEARD_S} s", "--lang", "en")
        yield out, station.status(), text, told


def values(status):
    return {channel["name"]: channel["value"] for channel in status.get("channels", [])}


class Devices:
    """`riverpost replay --as-devices` as a process; `port` is where it answers."""

    def __init__(self, recording, *more):
        command = [sys.executable, "-m", "tools", "replay", "--bus", recording, "--as-devices", "--lang", "en", *more]
        self._process = subprocess.Popen(list(map(str, command)), cwd=TOP, stdout=subprocess.PIPE, text=True)
        self._stop = threading.Timer(LIMIT_S, self._process.kill)

    def __enter__(self):
        self._stop.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.port = line.split(" on ")[1].split(",")[0]
        return self

    def __exit__(self, *_):
        self._stop.cancel()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(LIMIT_S)


def test_all_that_passes_is_recorded_and_nothing_is_said(heard):
    recording, _, _, told = heard
    assert told.returncode == 0, told.stderr
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert (lines[0]["riverpost_bus"], lines[0]["baud"]) == (1, 9600)
    frames = [bytes.fromhex(line["bytes"]) for line in lines[1:] if line["kind"] != "garbage"]
    assert {frame[0] for frame in frames} >= {11, 12, 21}
    counts = {kind: sum(line["kind"] == kind for line in lines[1:]) for kind in ("request", "answer", "garbage")}
    assert counts["request"] > 3 * (HEARD_S - 2)
    assert abs(counts["request"] - counts["answer"]) <= 3
    assert counts["garbage"] <= 2  # A frame that was passing when it began, or ended.


def test_a_gateway_gets_from_the_recording_what_the_other_saw(heard, tmp_path):
    recording, status, text, _ = heard
    with Devices(recording) as devices:
        file, state = tmp_path / "station.toml", tmp_path / "status.json"
        places = {"port": devices.port, "siren": tmp_path / "siren", "spool": tmp_path / "spool.db"}
        file.write_text(text.format(**places, broker=1, local=0, local_password="x"))
        gateway = Child(
            "gateway", lambda: [sys.executable, "-m", "gateway", str(file), "--status", str(state)], tmp_path
        )
        gateway.start()
        try:
            wanted = [{key: channel[key] for key in SEEN} for channel in status["channels"]]
            assert all(channel["value"] is not None for channel in wanted)
            seen: list[dict] = []

            def same():
                nonlocal seen
                if state.exists():
                    seen = [{key: one[key] for key in SEEN} for one in json.loads(state.read_text())["channels"]]
                return seen == wanted

            wait_for(same, lambda: f"{seen} is not {wanted}\n{gateway.last_lines()}")
        finally:
            gateway.stop()


def wait_for(condition, otherwise):
    turn, late = threading.Event(), threading.Event()
    timer = threading.Timer(LIMIT_S, late.set)
    timer.start()
    while not condition():
        assert not late.is_set(), otherwise()
        turn.wait(0.05)
    timer.cancel()


def test_a_foreign_master_reads_the_same_registers(heard):
    recording, *_ = heard
    with Devices(recording, "--pace", "next") as devices:
        client = ModbusSerialClient(devices.port, baudrate=9_600, timeout=2, retries=0)
        assert client.connect()
        answer = client.read_holding_registers(0x0001, count=1, device_id=21)
        assert answer.registers == [4_321]
        now = client.read_holding_registers(0x000A, count=2, device_id=11)
        assert now.registers == [0, 2_500]
        client.close()


def test_a_scan_of_the_recording_finds_the_bought_sensor(heard, tmp_path):
    recording, *_ = heard
    with Devices(recording, "--address", "21") as devices:
        out = tmp_path / "scan.json"
        answer = riverpost("scan", "--port", devices.port, "--addresses", "21", "--json", out)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    (device,) = json.loads(out.read_text())["devices"]
    assert device["profiles"] == ["radar-60ghz"]
    assert device["values"] == {"gap_mm": 4_321}


def test_stopped_by_hand_the_recording_is_whole(tmp_path):
    with Rig(tmp_path / "rig", BOARDS[:1], tap=True) as rig:
        out = tmp_path / "bus.jsonl"
        command = [sys.executable, "-m", "tools", "record", "--port", rig.tap_port, "-o", out, "--lang", "en"]
        process = subprocess.Popen(list(map(str, command)), cwd=TOP, stderr=subprocess.PIPE, text=True)
        client = ModbusSerialClient(rig.port, baudrate=9_600, timeout=2, retries=0)
        wait_for(out.exists, lambda: "it does not begin")
        assert client.connect()
        for _ in range(3):
            assert not client.read_holding_registers(0x0100, count=4, device_id=11).isError()
        wait_for(lambda: out.read_text().count("\n") >= 6, out.read_text)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT_S)
        client.close()
    assert process.returncode == 130
    assert "bus.jsonl is whole" in err
    assert out.read_text().endswith("\n")
    assert os.path.getsize(out) > 500
    serial = bytes.fromhex(json.loads(out.read_text().splitlines()[2])["bytes"])[3:11]
    assert serial == BOARDS[0].serial
