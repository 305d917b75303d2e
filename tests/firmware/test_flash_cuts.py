"""Power cuts at every flash operation of the board's log, under MicroPython: the short form of the soak's."""

import pytest

from tests.firmware.board_process import interpreter
from tools.firmware_build import build
from tools.soak import flash_cuts


@pytest.fixture(scope="module", autouse=True)
def firmware():
    interpreter()
    build()


def test_no_cut_of_the_power_loses_doubles_or_invents_a_row():
    failures, cuts = flash_cuts.cut(1, 4)
    assert failures == []
    assert cuts > 2_000


@pytest.mark.parametrize("broken", flash_cuts.BROKEN)
def test_a_log_with_a_planted_mistake_is_caught_and_the_seed_is_told(broken):
    failures, _ = flash_cuts.cut(1, flash_cuts.WORLDS_BROKEN, broken)
    assert failures
    assert all("seed" in text and text.endswith(f"1 16 {broken}") for text in failures)
