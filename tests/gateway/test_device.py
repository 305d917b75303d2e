"""How long to wait for a device, when to ask it again, and when it has a twin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.device import (
    LOST_AFTER,
    PATIENCE_FIRST_US,
    PATIENCE_MAX_US,
    PATIENCE_MIN_US,
    PROBE_MAX_US,
    Patience,
    Presence,
    Twins,
)
from gateway.line import BusError

CRC = BusError(7, "crc", "")
SILENT = BusError(7, "no_answer", "")


@given(st.lists(st.integers(0, 10_000_000), max_size=60))
def test_patience_stays_within_its_bounds(delays_us):
    patience = Patience()
    for delay_us in delays_us:
        patience.answered(delay_us)
        assert PATIENCE_MIN_US <= patience.limit_us <= PATIENCE_MAX_US


def test_patience_is_learned_from_the_device():
    quick, slow = Patience(), Patience()
    assert quick.limit_us == PATIENCE_FIRST_US
    for _ in range(50):
        quick.answered(1_000)
        slow.answered(120_000)
    assert quick.limit_us == PATIENCE_MIN_US
    assert 120_000 < slow.limit_us < 200_000


def test_patience_grows_for_a_device_that_has_become_slower():
    patience = Patience()
    for _ in range(50):
        patience.answered(1_000)
    for _ in range(10):
        patience.silent()
    assert patience.limit_us == PATIENCE_MAX_US
    other = Patience()
    for _ in range(50):
        other.answered(1_000)
    other.late(180_000)
    assert 180_000 < other.limit_us < 300_000


def test_a_device_is_lost_after_three_failures_in_a_row_and_back_with_one_answer():
    presence = Presence()
    assert not presence.failed("no_answer", 0, 1_000_000, 100_000)
    assert not presence.failed("crc", 0, 1_000_000, 100_000)
    assert presence.good() is False
    told = [presence.failed("no_answer", 0, 1_000_000, 100_000) for _ in range(LOST_AFTER + 2)]
    assert told == [False, False, True, False, False]
    assert presence.good() is True
    assert not presence.lost


def test_only_silence_takes_a_device_out_of_the_scan():
    presence = Presence()
    for _ in range(5):
        presence.failed("crc", 0, 1_000_000, 100_000)
    assert presence.lost
    assert not presence.silent
    presence.failed("no_answer", 0, 1_000_000, 100_000)
    assert presence.silent


def test_probes_double_their_distance_up_to_a_limit_and_never_take_more_than_their_share():
    presence = Presence()
    cost_us = 90_000
    now_us = 0
    apart_us = []
    for _ in range(12):
        presence.failed("no_answer", now_us, 1_000_000, cost_us)
        if presence.lost:
            apart_us.append(presence.probe_us - now_us)
            assert presence.forced_us - now_us >= 50 * cost_us
            now_us = presence.probe_us
    assert apart_us[:5] == [1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000]
    assert apart_us[5:] == [PROBE_MAX_US] * 5


def test_an_answer_after_a_silence_is_in_doubt():
    presence = Presence()
    presence.failed("crc", 0, 1, 1)
    assert not presence.doubt
    presence.failed("no_answer", 0, 1, 1)
    assert presence.doubt


@pytest.mark.parametrize(
    ("looks", "others_garbled", "others", "expected"),
    [
        ([CRC] * 4, 0, 3, True),
        ([CRC] * 3, 0, 3, False),
        ([CRC] * 4 + [None] * 6, 0, 3, True),
        ([CRC] * 4 + [None] * 7, 0, 3, False),  # The last ten looks count.
        ([CRC] * 6, 6, 3, False),  # 2 of 10 each: the line is bad, not this address.
        ([CRC] * 7, 0, 0, False),
        ([CRC] * 8, 0, 0, True),  # Alone on the line it takes more.
        ([SILENT] * 10, 0, 3, False),
    ],
)
def test_garbled_answers_of_one_address_alone_are_two_devices(looks, others_garbled, others, expected):
    twins = Twins()
    for error in looks:
        twins.look(error)
    assert twins.judge(others_garbled, others) is expected
    assert twins.named is expected
    assert twins.judge(others_garbled, others) is False  # Told once.


def test_a_second_answer_is_a_sign_and_two_are_proof():
    twins = Twins()
    twins.sign()
    assert not twins.judge(0, 3)
    twins.sign()
    assert twins.judge(0, 3)


def test_ten_clean_looks_end_the_suspicion():
    twins = Twins()
    twins.sign(2)
    assert twins.judge(0, 3)
    for _ in range(10):
        twins.look(None)
    assert not twins.named
    assert not twins.judge(0, 3)
