"""`riverpost watch` of a whole emulated station: what it shows is what the sensors meet, and it says who is silent."""

import json
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
LIMIT_S = 60
TOLD_S = 20


def look(rig, *words):
    """(exit code, what it printed) of one look."""
    files = ["--station", rig.station.station_file, "--status", rig.station.status_file]
    command = [sys.executable, "-m", "tools", "watch", *files, "--lang", "en", *words]
    answer = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=LIMIT_S, cwd=TOP)
    assert "Traceback" not in answer.stderr
    return answer.returncode, answer.stdout


def channel(rig, name):
    """As a machine is told."""
    _, text = look(rig, "--once", "--json", "-")
    return next(one for one in json.loads(text)["channels"] if one["name"] == name)


def test_what_is_shown_is_what_the_sensors_meet(rig):
    rig.need("sensors")
    rig.set("level", "head_mm", 2_500)
    rig.wait_for_values()
    rig.wait_for_value("river", 2_500)
    told = channel(rig, "river")
    assert (told["value"], told["state"], told["datum"]) == (2_500, "ok", "local")
    _, text = look(rig, "--once")
    (line,) = [line for line in text.splitlines() if "  river  " in line]
    assert "  2.50 m  local datum  " in line


def test_a_board_whose_cable_is_cut_fails_and_has_no_value(rig):
    rig.need("line-faults")
    rig.wait_for_values()
    rig.line.silence(rig.addresses["tilt"])
    rig.station.wait_for(lambda: rig.channel("tilt.tilt_x").get("value") is None, TOLD_S, "the tilt to be lost")
    rig.station.wait_for(
        lambda: any(one["lost"] for bus in rig.station.status()["buses"] for one in bus["sources"]), TOLD_S, "its loss"
    )
    code, text = look(rig, "--once")
    assert code == 1
    (line,) = [line for line in text.splitlines() if "  tilt.tilt_x  " in line]
    assert "  —  no answer " in line
    assert line.endswith("FAIL")
