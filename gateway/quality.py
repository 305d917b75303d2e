"""Quality of single samples: flags, their kinds, and the question for one confirming sample.

Rules of this file: it flags and never deletes (QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing).
Outside what any sensor could give is fail, a code that means "no value" is missing. Everything else is suspect and
judged all the same: what is outside the site's own span, or faster than its rate, is doubted once, and the next usable
sample is judged whatever it says; a true flash flood loses one sample, not more.
"""

from collections import Counter
from copy import copy
from typing import TypeVar

from gateway.checks import Flat, Rate, Spike
from gateway.config import Channel
from wire.reading import FAIL, MISSING, QUANTITIES, QUANTITY_CODES, SUSPECT

KINDS = ("missing", "invalid", "range", "span", "rate", "spike", "flat", "gap", "companion", "double-count", "due")
(
    NO_VALUE,  # [9] nothing came, or the board says that it has nothing
    INVALID,  # [9] a number that means "no value"
    RANGE,  # [4] outside the sensor's span, or the board says "fail"
    SPAN,  # [3] outside the site's own span
    RATE,  # [3] faster than the rate, or does not confirm what was
    SPIKE,  # [3] the sample before this one was a spike: it is known one sample late, until then it is provisional
    FLAT,  # [3] the line stands still for too long
    GAP,  # no flag: the first usable sample after a gap
    COMPANION,  # [3] temperature or supply of the same instrument is impossible
    DOUBLE_COUNT,  # [3] a rain gauge that counts more than its neighbours, or faster than a bucket can tip
    DUE,  # [3] its calibration is past its date
) = (1 << i for i in range(len(KINDS)))
NEAR_CADENCES = 2  # Further apart than this are no neighbours, and something is missing between.
_SUSPECTS = SPAN | RATE | FLAT | COMPANION | DOUBLE_COUNT | DUE
_FAR = 1 << 62

T = TypeVar("T", Rate, Spike, Flat)


class Watch:
    """Flags the samples of one channel. After `judge`: `kinds` = bits of why, `doubt` = it needs a confirming one.

    `counts[kind]` counts since the start. `cadence_ms` is how often samples should come; 0 = at no fixed times: then
    neither gaps nor spikes are looked for. `before_ms` is when the usable sample before the newest one was.
    """

    __slots__ = (
        "_at_ms", "_dependents", "_flat", "_gap_ms", "_high", "_ill", "_invalid", "_low", "_marks", "_next_bit",
        "_outside", "_rate", "_raw_high", "_raw_low", "_spike", "before_ms", "counts", "doubt", "kinds", "moved",
    )  # fmt: skip

    def __init__(self, channel: Channel, cadence_ms: int) -> None:
        _, _, self._raw_low, self._raw_high, _, _ = QUANTITIES[QUANTITY_CODES[channel.quantity]]
        self._invalid = frozenset(channel.invalid)
        self._low = -_FAR if channel.low is None else channel.low
        self._high = _FAR if channel.high is None else channel.high
        near_ms = NEAR_CADENCES * cadence_ms
        self._gap_ms = channel.gap_after_ms or near_ms or _FAR
        self._rate = None if channel.rate_per_min is None else Rate(channel.rate_per_min)
        self._spike = Spike(channel.spike, near_ms) if channel.spike is not None and cadence_ms else None
        self._flat: Flat | None = None
        if channel.flat_after_ms and channel.quantity != "rain_um":  # A counter stands still while it is dry.
            self._flat = Flat(channel.flat_after_ms, channel.flat_tolerance, channel.flat_below)
        self._dependents: list[tuple[int, int, Watch, int]] = []
        self._next_bit = 1
        self._ill = 0  # bits of the companions that are impossible now
        self._marks = 0  # kinds that others have set: companions, neighbours
        self._outside = False
        self._at_ms: int | None = None  # of the newest usable sample
        self.before_ms: int | None = None
        self.doubt = False
        self.kinds = 0
        self.moved = False  # Did a companion's verdict change since the state was last kept?
        self.counts: Counter[str] = Counter()

    def judge(self, raw: int | None, value: int, quality: int, mono_ms: int) -> int:
        """Flag of a sample: `raw` as measured, `value` as rules judge it, `quality` as the board says.

        Where there is no usable value, what was doubted stays doubted: the next usable sample answers for it.
        """
        if raw is None or quality == MISSING:
            return self._refuse(NO_VALUE, MISSING)
        if raw in self._invalid:
            return self._refuse(INVALID, MISSING)
        if quality == FAIL or not self._raw_low <= raw <= self._raw_high:
            for _, _, watch, bit in self._dependents:
                watch.companion(bit, True)
            return self._refuse(RANGE, FAIL)
        kinds = self._marks
        asks = False
        if self._low <= value <= self._high:
            self._outside = False
        else:
            kinds |= SPAN
            asks = not self._outside
            self._outside = True
        before_ms = self.before_ms = self._at_ms
        self._at_ms = mono_ms
        if before_ms is not None and mono_ms - before_ms > self._gap_ms:
            kinds |= GAP
        if self._rate is not None and self._rate.fast(value, mono_ms):
            kinds |= RATE
            asks = asks or self._rate.asks
        if self._spike is not None and self._spike.before(value, mono_ms):
            kinds |= SPIKE
        if self._flat is not None and self._flat.still(value, mono_ms):
            kinds |= FLAT
        if self._dependents:
            for low, high, watch, bit in self._dependents:
                watch.companion(bit, not low <= raw <= high)
        self.doubt = asks and not self.doubt  # Two in a row would delay an alarm by two samples.
        self.kinds = kinds
        if kinds:
            self._count(kinds)
            if kinds & _SUSPECTS:
                return SUSPECT
        return quality

    def stored(self, raw: int | None, value: int, quality: int, ill: bool = False) -> int:
        """Flag of a stored row's reading, which has no neighbour in time here: spans, and companions of its row."""
        if raw is None or quality == MISSING or raw in self._invalid:
            return MISSING
        if quality == FAIL or not self._raw_low <= raw <= self._raw_high:
            return FAIL
        return SUSPECT if ill or not self._low <= value <= self._high else quality

    def follow(self, other: "Watch", low: int, high: int) -> None:
        """From now on the channel that `other` watches is a companion: outside `low`..`high` this one is suspect."""
        other._dependents.append((low, high, self, self._next_bit))
        self._next_bit <<= 1

    def companion(self, bit: int, impossible: bool) -> None:
        """What a companion's newest usable, or failed, sample says; a missing one says nothing."""
        ill = self._ill | bit if impossible else self._ill & ~bit
        if ill != self._ill:
            self._ill = ill
            self.moved = True
            self.mark(COMPANION, bool(ill))

    def add(self, kind: int) -> None:
        """The newest sample has this kind too: what is judged with its neighbours is known only behind it."""
        self.kinds |= kind
        self._count(kind)

    def mark(self, kind: int, on: bool) -> None:
        """Set or lift a kind that others judge, from the next sample on."""
        self._marks = self._marks | kind if on else self._marks & ~kind

    def save(self, mono_ms: int) -> list[object]:
        """Plain numbers, times as ages; what neighbours have marked is judged anew with their next sample."""
        age_ms = None if self._at_ms is None else mono_ms - self._at_ms
        tests = (self._rate, self._spike, self._flat)
        return [age_ms, self._outside, self.doubt, self._ill, *(test and test.save(mono_ms) for test in tests)]

    def restore(self, saved: list, mono_ms: int, down_ms: int) -> None:
        """Take over what `save` gave `down_ms` ago, as far as the same tests are configured now."""
        then_ms = mono_ms - down_ms
        age_ms, outside, doubt, ill, rate, spike, flat = saved
        at_ms = None if age_ms is None else then_ms - int(age_ms)
        ill = int(ill) & (self._next_bit - 1)
        tests = (
            _later(self._rate, rate, then_ms),
            _later(self._spike, spike, then_ms),
            _later(self._flat, flat, then_ms),
        )
        self._rate, self._spike, self._flat = tests
        self._at_ms, self._outside, self.doubt = at_ms, bool(outside), bool(doubt)
        self._ill = ill
        self.mark(COMPANION, bool(ill))

    def _refuse(self, kind: int, flag: int) -> int:
        self.kinds = kind
        self._count(kind)
        return flag

    def _count(self, kinds: int) -> None:
        for i, name in enumerate(KINDS):
            if kinds >> i & 1:
                self.counts[name] += 1


def _later(test: T | None, saved: list | None, then_ms: int) -> T | None:
    """A copy of `test` with what was saved of it; what cannot be read so leaves all as it is."""
    test = copy(test)
    if test is not None and saved is not None:
        test.restore(saved, then_ms)
    return test


def names(kinds: int) -> list[str]:
    """The kinds that are set."""
    return [name for i, name in enumerate(KINDS) if kinds >> i & 1]


def impossible(raw: int | None, quality: int, low: int, high: int) -> bool:
    """Does a companion's reading in a row say that its instrument is dying? A missing one says nothing."""
    return raw is not None and quality != MISSING and (quality == FAIL or not low <= raw <= high)


def usable(quality: int) -> bool:
    """May rules judge a value of this quality? Suspect ones too: a flag never suppresses an alarm."""
    return quality not in (FAIL, MISSING)
