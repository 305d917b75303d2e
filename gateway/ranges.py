"""Sets of sequence numbers as ranges: what a hop holds, what the next hop has acknowledged.

Rules of this file: no clock, disk or network. Ranges are inclusive, ascending, and never touch each other, so that two
equal sets are equal lists.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of integers >= 1, cheap as long as it has few holes."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in pairs:
            self.add(first, last)

    @classmethod
    def from_flat(cls, flat: list[int]) -> "Ranges":
        """The set of [first, last, first, last ...]. ValueError if it is not pairs in order."""
        if len(flat) % 2:
            raise ValueError("ranges are pairs")
        return cls(zip(flat[::2], flat[1::2], strict=True))

    def flat(self) -> list[int]:
        """[first, last, first, last ...]"""
        return [number for pair in self for number in pair]

    def add(self, first: int, last: int) -> None:
        """Put `first`..`last` into the set. ValueError for a range that is none."""
        _check(first, last)
        low = bisect_left(self._lasts, first - 1)  # The first range that touches or follows.
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take `first`..`last` out of the set. ValueError for a range that is none."""
        _check(first, last)
        low = bisect_left(self._lasts, first)
        high = bisect_right(self._firsts, last)
        if low >= high:
            return
        kept = []
        if self._firsts[low] < first:
            kept.append((self._firsts[low], first - 1))
        if self._lasts[high - 1] > last:
            kept.append((last + 1, self._lasts[high - 1]))
        self._firsts[low:high] = [pair[0] for pair in kept]
        self._lasts[low:high] = [pair[1] for pair in kept]

    def update(self, other: "Ranges") -> None:
        for first, last in other:
            self.add(first, last)

    def minus(self, *others: "Ranges") -> "Ranges":
        """A new set: this one without what the others hold."""
        left = self.copy()
        for other in others:
            for first, last in other:
                left.remove(first, last)
        return left

    def within(self, first: int, last: int) -> "Ranges":
        """A new set: what of this one lies in `first`..`last`."""
        return Ranges((max(a, first), min(b, last)) for a, b in self if a <= last and b >= first)

    def copy(self) -> "Ranges":
        twin = Ranges()
        twin._firsts = self._firsts[:]
        twin._lasts = self._lasts[:]
        return twin

    def covers(self, first: int, last: int) -> bool:
        """Is all of `first`..`last` in the set?"""
        at = bisect_right(self._firsts, first) - 1
        return at >= 0 and self._lasts[at] >= last

    def contiguous(self, after: int = 0) -> int:
        """The highest number up to which nothing is missing behind `after`: the watermark."""
        at = bisect_right(self._firsts, after + 1) - 1
        return max(after, self._lasts[at]) if at >= 0 else after

    @property
    def first(self) -> int:
        """The lowest number; 0 = the set is empty."""
        return self._firsts[0] if self._firsts else 0

    @property
    def last(self) -> int:
        """The highest number; 0 = the set is empty."""
        return self._lasts[-1] if self._lasts else 0

    def count(self) -> int:
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    def __contains__(self, number: int) -> bool:
        return self.covers(number, number)

    def __len__(self) -> int:
        """How many ranges, not how many numbers."""
        return len(self._firsts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    def __hash__(self) -> int:
        raise TypeError("a set that changes has no hash")

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"


def _check(first: int, last: int) -> None:
    if not 1 <= first <= last:
        raise ValueError(f"no range: {first}..{last}")
