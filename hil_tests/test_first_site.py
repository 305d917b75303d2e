"""The whole way of somebody new, as it stands in the README: empty boards on the bench, at the end an accepted site."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools.emulator.blank_bench import BlankBench

FOLDER = Path(__file__).parent / "first_site"
TOP = Path(__file__).resolve().parents[1]
COMMANDS = FOLDER / "commands.sh"
COMMANDS_MAX = 10
SHOWN_LINES = 60  # Of what failed, its end.
WAY_S = 600  # Alone and on a quick machine 110.
GAP_MM, BOARD_MM = 5_000, 4_000  # To the water, and to a board that somebody holds under the sensor.
HOLD_S = 8.0  # It is told to hold it for three, and a busy machine is late.
HOLD = "Hold a board under the sensor"
TIP = "Tip the bucket 5 times"


@pytest.fixture
def image():
    """The official image that the set-up has fetched for tests."""
    found = sorted((TOP / ".cache" / "inputs").rglob("ESP32_GENERIC-*.bin"))
    assert found, "the set-up for tests brings it: ./riverpost test"
    return found[0]


class Hands:
    """Does at the bench what `check` asks for on its screen, step by step."""

    def __init__(self, bench: BlankBench) -> None:
        self._bench = bench

    def see(self, line: str) -> None:
        if HOLD in line:
            sensor = "board1" if line.strip().startswith("river:") else "radar"
            self._bench.tell(f"{sensor} gap_mm {BOARD_MM}")
            threading.Timer(HOLD_S, self._bench.tell, (f"{sensor} gap_mm {GAP_MM}",)).start()
        elif TIP in line:
            self._bench.tell("board2 tip 5")


def commands() -> list[str]:
    """The lines of the script that somebody types."""
    return [line for line in COMMANDS.read_text().splitlines() if line[:1].isalpha() and "riverpost " in line]


def test_the_way_is_short():
    assert 0 < len(commands()) <= COMMANDS_MAX


def test_both_readmes_show_the_very_steps():
    for name in ("README.md", "README.zh-CN.md"):
        text = (TOP / name).read_text(encoding="utf-8")
        at = text.index("riverpost rig bench")
        for command in commands():
            words = command[command.index("riverpost ") :].split()
            step = " ".join(words[: 3 if words[1] in ("site", "calibrate") else 2])
            at = text.index(step, at) + len(step)


@pytest.mark.alone
@pytest.mark.timeout(WAY_S + 30)
def test_two_empty_boards_and_a_bought_sensor_become_an_accepted_site(tmp_path, image):
    bench_folder = tmp_path / "bench"
    bench_folder.mkdir()
    (tmp_path / "data").mkdir()
    for file in FOLDER.glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        text = text.replace("{bench}", str(bench_folder)).replace("{data}", str(tmp_path / "data"))
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "BENCH": str(bench_folder),
        "IMAGE": str(image),
        "GPIOZERO_PIN_FACTORY": "mock",  # The siren's pin: this machine has none.
        "LANG": "en_US.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }
    with BlankBench(bench_folder) as bench:
        script = subprocess.Popen(
            ["sh", str(COMMANDS)], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        limit = threading.Timer(WAY_S, os.killpg, (script.pid, signal.SIGKILL))
        limit.start()
        try:
            said = watch(script, Hands(bench), tmp_path / "transcript.txt")
        finally:
            limit.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
            script.wait()
    assert script.returncode == 0, "\n".join(said.splitlines()[-SHOWN_LINES:])
    assert re.search(r"accepted", said)
    assert "Caiyuanba (CYB01)" in said
    assert "last reset" not in said, "what a board said of the settings that it did not have yet is no fault"
    assert "check.html" in said
    assert (tmp_path / "check.html").stat().st_size > 0


def watch(script: "subprocess.Popen[str]", hands: Hands, transcript: Path) -> str:
    """Everything that the script says, kept in `transcript`; `hands` see each line as it comes."""
    assert script.stdout is not None
    with transcript.open("w", encoding="utf-8") as kept:
        for line in script.stdout:
            kept.write(line)
            kept.flush()
            hands.see(line)
    script.wait()
    return transcript.read_text(encoding="utf-8")
