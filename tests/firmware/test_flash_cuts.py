"""Power cuts at every flash operation of the board's log, under MicroPython: the short form of the soak's."""

import pytest

from tests.firmware.board_process import interpreter
from tools.firmware_build import build
from tools.soak import flash_cuts

pytestmark = pytest.mark.long

WORLD = 3  # The first of two whose rings wrap: one that nobody reads, one that is acknowledged.


@pytest.fixture(scope="module", autouse=True)
def firmware():
    interpreter()
    build()


def test_no_cut_of_the_power_loses_doubles_or_invents_a_row():
    failures, cuts = flash_cuts.cut(WORLD, 2)
    assert failures == []
    assert cuts > 1_500


@pytest.mark.parametrize("broken", flash_cuts.BROKEN)
def test_a_log_with_a_planted_mistake_is_caught_and_the_seed_is_told(broken):
    failures, _ = flash_cuts.cut(WORLD, flash_cuts.WORLDS_BROKEN, broken)
    assert failures
    assert all("seed" in text and text.endswith(f"{WORLD} {flash_cuts.WORLDS_BROKEN} {broken}") for text in failures)
