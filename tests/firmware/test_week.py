"""A board's memory over a short week; the whole one is a part of ./riverpost test --soak."""

import pytest

from tests.firmware.board_process import interpreter
from tools.firmware_build import build
from tools.soak.week import FITS, live

pytestmark = pytest.mark.long

PERIODS, PERIOD_S = 7, 480


@pytest.mark.parametrize("board_type", FITS)
def test_a_board_needs_no_more_memory_at_the_end_than_at_the_beginning(board_type, tmp_path):
    interpreter()
    build()
    assert live(board_type, tmp_path, PERIODS, PERIOD_S).wrong(PERIODS * PERIOD_S) == []


def test_a_board_that_keeps_two_bytes_every_half_minute_is_found(tmp_path):
    interpreter()
    build()
    (found,) = live("esp32-rs485", tmp_path, 4, PERIOD_S, leak=True).wrong(4 * PERIOD_S)
    assert "memory grows" in found
