"""What is kept of each recorded value: samples for the plot, flags by kind, and the rows that nobody may judge.

Rules of this file: a row is taken once; one whose stamp is not later than the newest is counted as what it is (doubled,
conflict, back-dated) and goes no further.
"""

from array import array

from gateway.points import Point
from gateway.quality import names
from gateway.row_order import Order
from wire.reading import SUSPECT


class Flag:
    """How often a kind occurred, and when first and last."""

    __slots__ = ("count", "first_ms", "last_ms")

    def __init__(self, unix_ms: int) -> None:
        self.count = 0
        self.first_ms = self.last_ms = unix_ms


class Lane:
    """One recorded value. `point` is its channel in the station; `times` ascend."""

    def __init__(self, label: str, point: Point) -> None:
        self.label = label
        self.point = point
        self.times = array("q")
        self.values = array("q")
        self.qualities = array("b")
        self.flags: dict[str, Flag] = {}
        self._order = Order()

    def admit(self, unix_ms: int, cell: int | str) -> bool:
        """May this cell be judged? If not it is counted."""
        kinds = (cell,) if isinstance(cell, str) else self._order.judge(unix_ms, cell)
        for kind in kinds:
            self.flag(kind, unix_ms)
        return not kinds

    def keep(self, unix_ms: int, value: int, kinds: int) -> None:
        """A sample that was judged, with the kinds of flags that it was given."""
        if kinds:
            for kind in names(kinds):
                if kind == "spike" and self.times:  # Known one sample late: it is the sample before.
                    self.qualities[-1] = max(self.qualities[-1], SUSPECT)
                    self.flag(kind, self.times[-1])
                else:
                    self.flag(kind, unix_ms)
        self.times.append(unix_ms)
        self.values.append(value)
        self.qualities.append(self.point.quality)

    def flag(self, kind: str, unix_ms: int) -> None:
        flag = self.flags.get(kind)
        if flag is None:
            flag = self.flags[kind] = Flag(unix_ms)
        flag.count += 1
        flag.first_ms = min(flag.first_ms, unix_ms)
        flag.last_ms = max(flag.last_ms, unix_ms)
