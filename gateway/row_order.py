"""The order of the rows of one sensor: what comes twice, contradicts what was there, or comes too late.

Rules of this file: no clock. Such a row is counted and judged no further; what came first counts. Rows without a value
are none and do not come here.
"""

from collections import Counter, deque
from collections.abc import Hashable

DOUBLED = "doubled"  # same stamp, same value
CONFLICT = "conflict"  # same stamp, another value
BACK_DATED = "back-dated"  # a new stamp, before the newest one
TEXT = "text"  # a value that is no number
UNIT = "unit"  # a row that says another unit than its sensor's
ROW_KINDS = (DOUBLED, CONFLICT, BACK_DATED, TEXT, UNIT)
ROWS_MAX = 4_096  # Two weeks of 5-minute rows. What is older than all that are remembered is back-dated.


class Order:
    """Remembers the stamps and values of the last `rows_max` rows of one sensor."""

    __slots__ = ("_newest_ms", "_rows_max", "_stamps", "_values", "counts")

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._rows_max = rows_max
        self._values: dict[int, Hashable] = {}
        self._stamps: deque[int] = deque()  # as they came
        self._newest_ms: int | None = None
        self.counts: Counter[str] = Counter()

    def judge(self, stamp_ms: int, value: Hashable) -> str:
        """The kind of a row, or "" for one that is to be judged. `value` is all that the row measured."""
        values = self._values
        if stamp_ms in values:
            kind = DOUBLED if values[stamp_ms] == value else CONFLICT
            self.counts[kind] += 1
            return kind
        values[stamp_ms] = value
        self._stamps.append(stamp_ms)
        if len(self._stamps) > self._rows_max:
            del values[self._stamps.popleft()]
        if self._newest_ms is not None and stamp_ms <= self._newest_ms:
            self.counts[BACK_DATED] += 1
            return BACK_DATED
        self._newest_ms = stamp_ms
        return ""
