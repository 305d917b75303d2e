"""Under which modes the station stood, and since when: what a message says of its rows is what held at their time.

Rules of this file: no clock, no disk, no network. Rows of an exercise that are sent a day later are still the
exercise's; a row that an exercise touches at all is none of the actual ones.
"""

from collections.abc import Callable
from typing import NamedTuple

from wire.telemetry import K_MODE, K_MODE_BY, K_OPERATING, MODES, OPERATING

SPANS_MAX = 256  # More changes than a station has in a year; the oldest go.


class Stand(NamedTuple):
    """The modes at one time; who set them, and until when (unix s, 0 = no end known)."""

    mode: int = 0  # place in MODES
    mode_by: str = ""
    mode_until_s: int = 0
    operating: int = 0  # place in OPERATING
    operating_by: str = ""
    operating_until_s: int = 0

    @property
    def is_plain(self) -> bool:
        return not self.mode and not self.operating

    def until(self, t_s: int) -> "Stand":
        """What is left of it at unix second `t_s`: an exercise ended at its time also where nobody was there to see."""
        if self.mode and self.mode_until_s and t_s >= self.mode_until_s:
            return self._replace(mode=0, mode_by="", mode_until_s=0)
        return self

    def keys(self) -> dict[int, object]:
        """What a message says of it."""
        keys: dict[int, object] = {}
        if self.mode:
            keys = {K_MODE: self.mode, K_MODE_BY: [self.mode_by, self.mode_until_s]}
        if self.operating:
            keys[K_OPERATING] = [self.operating, self.operating_by, self.operating_until_s]
        return keys


PLAIN = Stand()  # Actual, and as dense as always: a message says nothing of it.
StandOf = Callable[[int, int], Stand]  # of a row: its unix second, and the seconds that it covers


class ModeLog:
    """Spans of stands, oldest first; `at` finds that of a row."""

    def __init__(self, stand: Stand = PLAIN) -> None:
        self._spans: list[tuple[int, Stand]] = [(0, stand)]  # since unix ms

    @property
    def now(self) -> Stand:
        return self._spans[-1][1]

    def note(self, unix_ms: int, stand: Stand) -> bool:
        """`stand` holds from now on; False if it did already. A clock that went back overwrites what it said before."""
        if stand == self.now:
            return False
        while len(self._spans) > 1 and self._spans[-1][0] >= unix_ms:
            self._spans.pop()
        self._spans.append((unix_ms, stand))
        if len(self._spans) > SPANS_MAX:
            del self._spans[1]
        return True

    def at(self, t_s: int, covers_s: int = 0) -> Stand:
        """The stand of a row that ends at unix second `t_s`. One whose time is not known is taken for the oldest."""
        found = None
        first_ms, last_ms = (t_s - covers_s) * 1000, t_s * 1000
        for since_ms, stand in reversed(self._spans):
            if since_ms >= last_ms and since_ms:
                continue
            held = stand.until(t_s - covers_s)
            if found is None or (held.mode and not found.mode):
                found = held
            if since_ms <= first_ms or found.mode:
                break
        return found or self._spans[0][1]

    def save(self) -> list[object]:
        return [[since_ms, *stand] for since_ms, stand in self._spans]

    def restore(self, saved: list) -> None:
        """Take over what `save` gave, before what is known since. ValueError, TypeError for anything else."""
        spans = [(since_ms, _stand(values)) for since_ms, *values in saved]
        if not spans or not all(isinstance(since_ms, int) for since_ms, _ in spans):
            raise ValueError("no spans")
        self._spans = spans[-SPANS_MAX:]


def _stand(values: list) -> Stand:
    stand = Stand(*values)
    if stand.mode not in range(len(MODES)) or stand.operating not in range(len(OPERATING)):
        raise ValueError("no such mode")
    if not all(isinstance(text, str) for text in (stand.mode_by, stand.operating_by)):
        raise ValueError("who set it is a text")
    if not all(isinstance(until_s, int) and until_s >= 0 for until_s in (stand.mode_until_s, stand.operating_until_s)):
        raise ValueError("until when is a number")
    return stand
