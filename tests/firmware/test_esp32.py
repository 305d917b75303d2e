"""hal/esp32 over a chip that stands in for an ESP32 (fake_esp32): as a board runs it, and under CPython."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import boards
from tests.firmware.board_process import interpreter
from tools.firmware_build import BUILD, FIRMWARE, build, script

pytestmark = pytest.mark.long

HERE = Path(__file__).resolve().parent
STEPPED = ("esp32_line_scenario.py", "esp32_board_scenario.py")  # By a clock that stands where the checks put it.
REAL = "esp32_network_scenario.py"
FAKE = HERE / "fake_esp32"
LIMIT_S = 60


def checks_of(scenario: str) -> list[str]:
    """Names of the checks that the scenario runs, as its last lines say."""
    last = (HERE / scenario).read_text().partition('if __name__ == "__main__":')[2]
    return [line.strip(" ,") for line in last.splitlines() if line.endswith(",")]


RUNS = [("MicroPython", name) for name in (*STEPPED, REAL)] + [("CPython", name) for name in STEPPED]
CHECKS = [(under, scenario, check) for under, scenario in RUNS for check in checks_of(scenario)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """{(interpreter, scenario): {check: what it printed}}"""
    folder = tmp_path_factory.mktemp("esp32")
    definition = boards.board_json("esp32-rs485", 11, 9_600, "8N1", fit=("level", "rain"))
    (folder / "made.json").write_text(json.dumps(definition))
    build()
    with ports() as numbers:
        return {(under, scenario): run(under, scenario, folder, numbers) for under, scenario in RUNS}


@contextlib.contextmanager
def ports():
    """Three TCP ports: one that echoes, one that closes at once, one where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as echo, socket.create_server(("127.0.0.1", 0)) as closing:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            numbers = [str(server.getsockname()[1]) for server in (echo, closing, nobody)]
        threading.Thread(target=serve, args=(echo, True), daemon=True).start()
        threading.Thread(target=serve, args=(closing, False), daemon=True).start()
        yield numbers
        for server in (echo, closing):
            server.shutdown(socket.SHUT_RDWR)


def serve(server: socket.socket, echo: bool) -> None:
    """Take every connection until `server` is shut down."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while echo and (data := connection.recv(64)):
                    connection.sendall(data)


def run(under: str, scenario: str, folder: Path, numbers: list[str]) -> dict[str, str]:
    if under == "MicroPython":
        command, variable, firmware = [interpreter(), "-X", "heapsize=2m"], "MICROPYPATH", BUILD
        place = script(HERE / scenario, *FAKE.rglob("*.py"))
        fake = place.parent / FAKE.name
    else:
        command, variable, firmware = [sys.executable], "PYTHONPATH", FIRMWARE
        place, fake = HERE / scenario, FAKE
    places = (
        [fake, firmware, firmware / "lib"] if scenario == REAL else [fake / "timed", fake, firmware, firmware / "lib"]
    )
    answer = subprocess.run(
        [*command, str(place), str(folder / "made.json"), str(folder), *numbers],
        env={**os.environ, variable: os.pathsep.join(str(place) for place in places)},
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
        name = first if (under, scenario, first) in CHECKS else name
        found[name] = found.get(name, "") + line + "\n"
    return found


@pytest.mark.parametrize(("under", "scenario", "check"), CHECKS, ids=[f"{under}-{check}" for under, _, check in CHECKS])
def test_esp32(seen, under, scenario, check):
    assert seen[under, scenario].get(check, "it did not run") == f"{check} ok\n"


def test_every_check_that_is_written_is_run():
    for _, scenario in RUNS:
        source = (HERE / scenario).read_text().partition("__main__")[0]
        written = [line[4:-3] for line in source.splitlines() if line.startswith("def ") and line.endswith("():")]
        assert checks_of(scenario) == written
