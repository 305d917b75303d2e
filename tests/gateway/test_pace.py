"""How fast the backlog may go: never more under way than a link soon carries, never so little that it is idle."""

import pytest

from gateway.pace import LINK_FIRST, LINK_MESSAGE_MIN, MESSAGE_S, QUEUE_S, SAMPLES, Pace

BYTES_A_S = 8_000  # 64 kbit/s


def carried(pace, rate, delay_s, count, begin_s=100.0):
    """A link that carries `rate` bytes a second and answers `delay_s` later; the longest time that anything waited."""
    now_s, line_free_s, waiting, longest_s = begin_s, begin_s, [], 0.0
    sent = idle_s = 0
    pace.saw(delay_s)
    while sent < count or waiting:
        while sent < count and pace.allows(sum(size for size, _, _ in waiting), pace.message):
            size = pace.message
            idle_s += max(now_s - line_free_s, 0.0) if sent > 4 else 0.0
            longest_s = max(longest_s, line_free_s - now_s)
            line_free_s = max(line_free_s, now_s) + size / rate
            waiting.append((size, now_s, line_free_s + delay_s))
            sent += 1
        size, handed_s, now_s = waiting.pop(0)
        pace.confirm(size, handed_s, now_s)
    return longest_s, idle_s


@pytest.mark.parametrize("rate", [300, 1_200, BYTES_A_S, 1_000_000, 50_000_000])
@pytest.mark.parametrize("delay_s", [0.0005, 0.05, 0.6])
def test_what_comes_behind_the_backlog_waits_little_and_the_link_is_not_idle(rate, delay_s):
    longest_s, idle_s = carried(Pace(LINK_FIRST, LINK_MESSAGE_MIN), rate, delay_s, 60)
    assert longest_s <= max(QUEUE_S + delay_s, 2 * LINK_MESSAGE_MIN / rate, QUEUE_S * LINK_FIRST / rate)
    assert idle_s <= 1.0 + 6 * delay_s


def test_a_long_way_makes_no_small_messages():
    pace = Pace(LINK_FIRST, LINK_MESSAGE_MIN)
    carried(pace, 100_000, 3.0, 60)
    assert pace.message > 100_000 * MESSAGE_S / 2


def test_it_follows_a_link_that_becomes_slower():
    pace = Pace(LINK_FIRST, LINK_MESSAGE_MIN)
    carried(pace, 100_000, 0.05, 20)
    assert pace.message == pytest.approx(100_000 * MESSAGE_S, rel=0.1)
    carried(pace, BYTES_A_S, 0.05, SAMPLES + 2, begin_s=1_000.0)
    assert pace.message == pytest.approx(BYTES_A_S * MESSAGE_S, rel=0.1)


def test_confirmations_that_arrive_together_are_measured_together():
    pace = Pace(LINK_FIRST, LINK_MESSAGE_MIN)
    for turn in range(4):  # The loop was held up: two confirmations are seen at once, every second.
        pace.confirm(4_000, 10.0 + turn, 11.0 + turn)
        pace.confirm(4_000, 10.5 + turn, 11.0 + turn)
    assert pace.rate == pytest.approx(BYTES_A_S, rel=0.02)


def test_one_message_may_always_go_however_large_or_slow():
    pace = Pace(LINK_FIRST, LINK_MESSAGE_MIN)
    pace.confirm(10, 0.0, 100.0)
    assert pace.message == LINK_MESSAGE_MIN
    assert pace.allows(0, 1 << 20)
    assert pace.allows(LINK_MESSAGE_MIN, LINK_MESSAGE_MIN)
    assert not pace.allows(LINK_MESSAGE_MIN, LINK_MESSAGE_MIN + 1)
