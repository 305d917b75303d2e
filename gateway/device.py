"""What the poller knows about one device on the line: how long it takes, whether it answers, whether it has a twin.

Rules of this file: no port, no waiting; times are microseconds of the station's clock and come in as arguments.
"""

from collections import deque

from gateway.line import BusError

PATIENCE_FIRST_US = 300_000  # Until a device has been measured.
PATIENCE_MIN_US = 50_000
PATIENCE_MAX_US = 500_000
MARGIN_US = 40_000  # Even the steadiest device has other things to do now and then.
LOST_AFTER = 3  # Looks in a row without a good answer.
PROBE_MAX_US = 30_000_000
PROBE_SHARE = 50  # A probe that takes time from the others comes at most in one part of so many.
LOOKS_KEPT = 10  # "Within 10 polls."
SUSPECT_LOOKS = 2
GARBLED_LOOKS = 4
GARBLED_LOOKS_ALONE = 8
GARBLED = ("crc", "truncated", "duplicate")


class Patience:
    """How long to wait for a device's answer, learned from its answers: their mean and a margin, within bounds."""

    def __init__(self) -> None:
        self._mean_us = 0
        self._spread_us = 0
        self._limit_us = PATIENCE_FIRST_US
        self._measured = False

    @property
    def limit_us(self) -> int:
        return self._limit_us

    def answered(self, delay_us: int) -> None:
        """It took `delay_us` beyond the characters on the wire."""
        if not self._measured:
            self._mean_us, self._spread_us, self._measured = delay_us, delay_us // 2, True
        else:
            off_us = delay_us - self._mean_us
            self._mean_us += off_us // 8
            self._spread_us += (abs(off_us) - self._spread_us) // 4
        wanted_us = self._mean_us + max(4 * self._spread_us, MARGIN_US)
        self._limit_us = min(max(wanted_us, PATIENCE_MIN_US), PATIENCE_MAX_US)

    def silent(self) -> None:
        """No answer in that time: perhaps it has become slower."""
        if self._measured:
            self._limit_us = min(self._limit_us * 2, PATIENCE_MAX_US)

    def late(self, delay_us: int) -> None:
        """An answer came when nobody waited any more: wait that long from now on."""
        self._limit_us = min(max(self._limit_us, delay_us + delay_us // 4), PATIENCE_MAX_US)


class Presence:
    """Is the device there? `lost` after LOST_AFTER failed looks; then it is probed at growing distances."""

    def __init__(self) -> None:
        self.lost = False
        self.silent = False  # Lost, and not even garbage comes: it has no place in the scan.
        self.doubt = False  # The last request had no answer: the next answer may belong to it.
        self.probe_us = 0
        self.failures = 0
        self._probes = 0

    def good(self) -> bool:
        """A good answer; True if the device is back."""
        back = self.lost
        self.lost = self.silent = self.doubt = False
        self.failures = self._probes = 0
        return back

    def failed(self, kind: str, now_us: int, scan_us: int, cost_us: int) -> bool:
        """A look or probe failed; True if the device is lost by it. `cost_us` is what a silent look takes."""
        self.failures += 1
        if kind in ("no_answer", "late"):
            self.doubt = True
        newly = not self.lost and self.failures >= LOST_AFTER
        self.lost = self.lost or newly
        if self.lost:
            self.silent = kind in ("no_answer", "port")
            self._probes = min(self._probes + 1, 16)
            apart_us = min(scan_us << (self._probes - 1), PROBE_MAX_US)
            self.probe_us = now_us + apart_us
            self.forced_us = now_us + max(apart_us, PROBE_SHARE * cost_us)
        return newly

    forced_us = 0  # From then on it is probed even if that takes time from the others.


class Twins:
    """Signs that two devices have one address: garbled answers here while the others' are fine, answers too many."""

    def __init__(self) -> None:
        self._looks: deque[bool] = deque(maxlen=LOOKS_KEPT)
        self._signs = 0
        self.named = False

    def look(self, error: BusError | None) -> None:
        """One look has ended, with `error` or well."""
        self._looks.append(error is not None and error.kind in GARBLED)
        if error is None and not any(self._looks) and len(self._looks) == LOOKS_KEPT:
            self._signs = 0
            self.named = False

    def sign(self, count: int = 1) -> None:
        """Seen for sure: a second answer, or a board that heard answers which it did not give."""
        self._signs += count

    @property
    def garbled(self) -> int:
        return sum(self._looks)

    @property
    def suspected(self) -> bool:
        """Is it worth to look for a second answer?"""
        return not self.named and self.garbled >= SUSPECT_LOOKS

    def judge(self, others_garbled: int, others: int) -> bool:
        """True once, when it is clear; `others_garbled` is what `garbled` is for the `others` devices together."""
        if self.named:
            return False
        worse = self.garbled >= GARBLED_LOOKS and self.garbled * others > 4 * others_garbled
        alone = self.garbled >= GARBLED_LOOKS_ALONE
        self.named = self._signs >= 2 or (worse and others > 0) or (alone and not others)
        return self.named
