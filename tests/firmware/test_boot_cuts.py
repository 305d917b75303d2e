"""Power cuts at every flash operation of start state and configuration, under MicroPython, over LittleFS."""

import re
from pathlib import Path

from tests.firmware.board_process import micropython
from tools.firmware_build import script

SCENARIO = Path(__file__).with_name("boot_cuts_scenario.py")
STEPS = ["switch", "count", "confirm", "give_up", "healthy", "board", "clear"]


def test_every_cut_leaves_the_old_or_the_new():
    answer = micropython("4m", str(script(SCENARIO)), limit_s=110)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = dict(re.findall(r"(\w+) cuts (\d+)", answer.stdout))
    assert list(found) == STEPS
    assert all(int(cuts) >= 3 for cuts in found.values())
    print("\n" + answer.stdout)
