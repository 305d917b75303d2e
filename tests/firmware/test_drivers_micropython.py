"""The drivers as a board runs them: compiled, under a real MicroPython, with the same numbers as under CPython."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.firmware_build import BUILD, FIRMWARE, build, script

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SCENARIO = HERE / "drivers_scenario.py"
INTERPRETER = TOP / ".cache" / "micropython" / "micropython"
LIMIT_S = 60


def lines(command: list[str], scenario: Path, variable: str, folders: list[Path]) -> list[str]:
    """What `scenario` prints when `command` runs it with `variable` as the path of imports."""
    path = os.pathsep.join(str(folder) for folder in folders)
    answer = subprocess.run(
        [*command, str(scenario)],
        env={**os.environ, variable: path},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-1_000:] + answer.stderr
    return answer.stdout.splitlines()


def test_drivers_give_the_same_numbers_on_a_board_as_here():
    if not INTERPRETER.exists():
        pytest.skip("no MicroPython in .cache/micropython: ./riverpost puts one there")
    build()
    copy = script(SCENARIO, HERE / "drivers_world.py")
    board = lines([str(INTERPRETER), "-X", "heapsize=512k"], copy, "MICROPYPATH", [BUILD, BUILD / "lib"])
    here = lines([sys.executable], SCENARIO, "PYTHONPATH", [FIRMWARE, FIRMWARE / "lib", HERE])
    assert board == here
    assert len(board) == 301
    values = board[150].count("1)")
    assert values > 0  # Not a row of nothings.
