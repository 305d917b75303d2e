"""The order of the rows of one sensor: what comes twice, contradicts what was there, or comes too late.

Rules of this file: no clock. Such a row is counted and judged no further; what came first counts. Rows without a value
are none and do not come here.
"""

from collections import Counter, deque
from collections.abc import Hashable

DOUBLED = "doubled"  # same stamp and value as the row that counts for that stamp
CONFLICT = "conflict"  # same stamp, another value
BACK_DATED = "back-dated"  # a stamp before the newest one
TEXT = "text"  # a value that is no number
UNIT = "unit"  # a row that says another unit than its sensor's
ROW_KINDS = (DOUBLED, CONFLICT, BACK_DATED, TEXT, UNIT)
ROWS_MAX = 4_096  # Two weeks of 5-minute rows. One that is older than all that are remembered is only back-dated.


class Order:
    """Remembers the stamps and values of the last `rows_max` rows of one sensor that counted."""

    __slots__ = ("_newest_ms", "_rows_max", "_stamps", "_values", "counts")

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._rows_max = rows_max
        self._values: dict[int, Hashable] = {}
        self._stamps: deque[int] = deque()  # ascending
        self._newest_ms: int | None = None
        self.counts: Counter[str] = Counter()

    def judge(self, stamp_ms: int, value: Hashable) -> tuple[str, ...]:
        """The kinds of a row, none for one that counts and is to be judged. `value` is all that the row measured."""
        newest_ms = self._newest_ms
        if newest_ms is None or stamp_ms > newest_ms:
            self._newest_ms = stamp_ms
            self._values[stamp_ms] = value
            self._stamps.append(stamp_ms)
            if len(self._stamps) > self._rows_max:
                del self._values[self._stamps.popleft()]
            return ()
        kinds = (BACK_DATED,) if stamp_ms < newest_ms else ()
        if stamp_ms in self._values:
            kinds += (DOUBLED if self._values[stamp_ms] == value else CONFLICT,)
        self.counts.update(kinds)
        return kinds
