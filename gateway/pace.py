"""How much of the backlog may be under way, so that a live batch behind it waits little and the link is never idle.

Rules of this file: no clock, disk or network; time comes in as real seconds. What is handed to a socket cannot be taken
back, so the measure is what nobody has confirmed yet: bytes on the link (PUBACK), rows at the center (acknowledgement).
"""

from collections import deque

QUEUE_S = 0.9  # So long may what is under way keep a link, or a center, busy.
MESSAGE_S = 0.4  # So long may one message: two fit, and one is made while the other goes.
DELAY_S_MAX = 0.6  # So much of the way there and back may be filled, too; more would come as one heap.
SAMPLES = 8
SAMPLE_S_MIN = 0.002  # Two confirmations that arrive together tell nothing about speed.
LINK_FIRST = 6_000.0  # Bytes a second that a link is believed to carry before it was seen: 48 kbit/s.
LINK_MESSAGE_MIN = 1_024  # A smaller message is more head than rows, however slow the link.
CENTER_FIRST = 4_000.0  # Rows a second that a center is believed to store before it was seen.
CENTER_MESSAGE_MIN = 240


class Pace:
    """The rate at which something confirms, measured over its last SAMPLES confirmations; units are the caller's."""

    def __init__(self, first_rate: float, message_min: int) -> None:
        self._first_rate = first_rate
        self._message_min = message_min
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)  # amount, seconds
        self._confirmed_s = 0.0
        self._delay_s: float | None = None

    @property
    def delay_s(self) -> float:
        """The shortest way there and back: it would pass with nothing under way, too."""
        return self._delay_s or 0.0

    def saw(self, delay_s: float) -> None:
        """Something of any size was confirmed `delay_s` after it was handed over."""
        self._delay_s = delay_s if self._delay_s is None else min(delay_s, self._delay_s)

    def confirm(self, amount: int, handed_s: float, now_s: float) -> None:
        """`amount` that was handed over at `handed_s` is confirmed; it began when what was before it was done."""
        took_s = now_s - max(handed_s + self.delay_s, self._confirmed_s)
        self._confirmed_s = now_s
        self._samples.append((amount, max(took_s, SAMPLE_S_MIN)))

    @property
    def rate(self) -> float:
        """Units a second."""
        if not self._samples:
            return self._first_rate
        return sum(amount for amount, _ in self._samples) / sum(took_s for _, took_s in self._samples)

    @property
    def message(self) -> int:
        """So large should one message be."""
        return max(int(self.rate * MESSAGE_S), self._message_min)

    def allows(self, waiting: int, more: int) -> bool:
        """May `more` be handed over while `waiting` are not confirmed?"""
        filled_s = QUEUE_S + (min(self.delay_s, DELAY_S_MAX) if self._samples else 0.0)
        return waiting == 0 or waiting + more <= max(self.rate * filled_s, 2 * self._message_min)
