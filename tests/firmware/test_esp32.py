"""hal/esp32 over a chip that stands in for an ESP32 (fake_esp32): as a board runs it, and under CPython."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import boards
from tests.firmware.board_process import interpreter
from tools.firmware_build import BUILD, FIRMWARE, build

HERE = Path(__file__).resolve().parent
SCENARIOS = ("esp32_line_scenario.py", "esp32_board_scenario.py")
FAKE = HERE / "fake_esp32"
LIMIT_S = 60


def checks_of(scenario: str) -> list[str]:
    """Names of the checks that the scenario runs, as its last lines say."""
    last = (HERE / scenario).read_text().partition('if __name__ == "__main__":')[2]
    return [line.strip(" ,") for line in last.splitlines() if line.endswith(",")]


CHECKS = [(scenario, check) for scenario in SCENARIOS for check in checks_of(scenario)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory, request):
    """{(interpreter, scenario): {check: what it printed}}"""
    folder = tmp_path_factory.mktemp("esp32")
    definition = boards.board_json("esp32-rs485", 11, 9_600, "8N1", fit=("level", "rain"))
    (folder / "made.json").write_text(json.dumps(definition))
    build()
    board = ([interpreter(), "-X", "heapsize=2m"], "MICROPYPATH", [BUILD, BUILD / "lib"])
    here = ([sys.executable], "PYTHONPATH", [FIRMWARE, FIRMWARE / "lib"])
    return {
        (under, scenario): run(scenario, *how, folder)
        for under, how in (("MicroPython", board), ("CPython", here))
        for scenario in SCENARIOS
    }


def run(scenario: str, command: list[str], variable: str, firmware: list[Path], folder: Path) -> dict[str, str]:
    path = os.pathsep.join(str(place) for place in [FAKE / "timed", FAKE, *firmware])
    answer = subprocess.run(
        [*command, str(HERE / scenario), str(folder / "made.json"), str(folder)],
        env={**os.environ, variable: path},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-2_000:] + answer.stderr
    found: dict[str, str] = {}
    name = ""
    for line in answer.stdout.splitlines():
        first = line.partition(" ")[0]
        name = first if (scenario, first) in CHECKS else name
        found[name] = found.get(name, "") + line + "\n"
    return found


@pytest.mark.parametrize(("scenario", "check"), CHECKS, ids=[check for _, check in CHECKS])
@pytest.mark.parametrize("under", ["MicroPython", "CPython"])
def test_esp32(seen, under, scenario, check):
    assert seen[under, scenario].get(check, "it did not run") == f"{check} ok\n"


def test_every_check_that_is_written_is_run():
    for scenario in SCENARIOS:
        source = (HERE / scenario).read_text()
        assert checks_of(scenario) == [
            line[4:-3] for line in source.splitlines() if line.startswith("def ") and line.endswith("():")
        ]
