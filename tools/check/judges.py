"""What a stimulus must look like in the values of a channel: it moved and came back, it counted right, it rose.

Rules of this file: pure: no clock, no file, no words. Values are integers in the quantity's sub-unit.
"""

from dataclasses import dataclass


class Rest:
    """Where a channel stands before anybody touches it: the median of its first values."""

    def __init__(self, count: int = 4) -> None:
        self._count = count
        self._values: list[int] = []

    def feed(self, value: int | None) -> None:
        if value is not None and len(self._values) < self._count:
            self._values.append(value)

    @property
    def value(self) -> int | None:
        """None until there are enough."""
        if len(self._values) < self._count:
            return None
        return sorted(self._values)[(self._count - 1) // 2]


@dataclass
class Motion:
    """It moves by `need` (in the direction `sign`, 0 = either) from `rest`, and comes back to within `back`."""

    rest: int
    need: int
    back: int
    sign: int = 0
    most: int = 0  # furthest from rest in the right direction, signed
    wrong: int = 0  # furthest in the wrong one, signed
    now: int = 0

    def feed(self, value: int) -> None:
        self.now = value - self.rest
        if self.sign and self.now * self.sign < 0:
            self.wrong = max(self.wrong, self.now, key=abs)
        else:
            self.most = max(self.most, self.now, key=abs)

    @property
    def moved(self) -> bool:
        return abs(self.most) >= self.need

    @property
    def is_back(self) -> bool:
        return abs(self.now) <= self.back

    @property
    def passed(self) -> bool:
        return self.moved and self.is_back


@dataclass
class Tips:
    """A cumulative rain counter must rise by `wanted`, give or take `slack`, and by nothing more afterwards."""

    begin_um: int
    wanted_um: int
    slack_um: int = 0
    risen_um: int = 0

    def feed(self, total_um: int) -> None:
        """The counter's newest value, already across a wrap."""
        self.risen_um = total_um - self.begin_um

    @property
    def enough(self) -> bool:
        return self.risen_um >= self.wanted_um - self.slack_um

    @property
    def passed(self) -> bool:
        return abs(self.risen_um - self.wanted_um) <= self.slack_um


@dataclass
class Smoke:
    """The chamber rises by `need` over `rest`, or the contact closes; then both are as they were."""

    rest: int | None  # None: there is no chamber
    need: int
    back: int
    most: int = 0  # of the chamber, over rest
    closed: bool = False  # the contact, at any time
    now: int = 0
    now_closed: bool = False

    def feed(self, chamber: int | None, contact: int | None) -> None:
        if chamber is not None and self.rest is not None:
            self.now = chamber - self.rest
            self.most = max(self.most, self.now)
        if contact is not None:
            self.now_closed = bool(contact)
            self.closed = self.closed or self.now_closed

    @property
    def rose(self) -> bool:
        return self.closed or (self.rest is not None and self.most >= self.need)

    @property
    def is_back(self) -> bool:
        return not self.now_closed and self.now <= self.back

    @property
    def passed(self) -> bool:
        return self.rose and self.is_back
