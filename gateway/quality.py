"""Quality of single samples: flags, and the question for one confirming sample.

Rules of this file: it flags and never deletes (QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing).
Outside what any sensor could give is fail. Outside the station's own span, or faster than its rate, is suspect: such a
sample is doubted once, the next usable one is judged whatever it says; a true flash flood loses one sample, not more.
"""

from gateway.config import Channel
from wire.reading import FAIL, MISSING, QUANTITIES, QUANTITY_CODES, SUSPECT

RATE_SPAN_MS = 60_000  # A rate per minute allows this minute's change within one sample: waves are not rates.
_FAR = 1 << 62


class Watch:
    """Flags the samples of one channel. After `judge`, `doubt` says whether the sample needs a confirming one."""

    __slots__ = ("_held", "_high", "_low", "_outside", "_rate", "_raw_high", "_raw_low", "_ref", "doubt")

    def __init__(self, channel: Channel) -> None:
        _, _, self._raw_low, self._raw_high, _, _ = QUANTITIES[QUANTITY_CODES[channel.quantity]]
        self._low = -_FAR if channel.low is None else channel.low
        self._high = _FAR if channel.high is None else channel.high
        self._rate = channel.rate_per_min
        self._ref: tuple[int, int] | None = None  # (time, value) that a rate is measured from
        self._held: int | None = None  # value of the doubted sample
        self._outside = False
        self.doubt = False

    def judge(self, raw: int | None, value: int, quality: int, mono_ms: int) -> int:
        """Flag of a sample: `raw` as measured, `value` as rules judge it, `quality` as the board says."""
        doubted = self.doubt
        if raw is None or quality == MISSING:
            return MISSING  # What was doubted stays doubted: the next usable sample answers for it.
        if quality == FAIL or not self._raw_low <= raw <= self._raw_high:
            return FAIL
        self.doubt = False
        outside = not self._low <= value <= self._high
        asks = outside and not self._outside
        self._outside = outside
        if self._rate and self._fast(value, mono_ms, self._rate, doubted):
            asks = True
            quality = SUSPECT
        if outside:
            quality = SUSPECT
        if asks and not doubted:
            self.doubt = True
            self._held = value
        return quality

    def stored(self, raw: int | None, value: int, quality: int) -> int:
        """Flag of a stored row's reading, which has no neighbour in time here: spans only."""
        if raw is None or quality == MISSING:
            return MISSING
        if quality == FAIL or not self._raw_low <= raw <= self._raw_high:
            return FAIL
        return quality if self._low <= value <= self._high else SUSPECT

    def _fast(self, value: int, mono_ms: int, rate: int, doubted: bool) -> bool:
        """Did the value change faster than the rate? A confirmed jump becomes the new reference."""
        if self._ref is None:
            self._ref = (mono_ms, value)
            return False
        since_ms = mono_ms - self._ref[0]
        fast = abs(value - self._ref[1]) * RATE_SPAN_MS > rate * max(since_ms, RATE_SPAN_MS)
        if fast and doubted:
            # This is the confirming sample. It is flagged itself only where it agrees with neither side.
            fast = self._held is None or abs(value - self._held) > rate
            self._ref = (mono_ms, value)
        elif not fast and since_ms >= RATE_SPAN_MS:
            self._ref = (mono_ms, value)
        return fast


def usable(quality: int) -> bool:
    """May rules judge a value of this quality? Suspect ones too: a flag never suppresses an alarm."""
    return quality not in (FAIL, MISSING)
