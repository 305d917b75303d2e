"""How a port may be set, and which addresses are asked: the usual ones, and what a person writes.

Rules of this file: no port; the most usual come first, so that what is found is found early.
"""

import argparse
from typing import NamedTuple

from wire.modbus import ADDRESS_MAX, t35_us

BAUDS = (9_600, 19_200, 115_200, 38_400, 57_600, 4_800, 2_400)
FRAMINGS = ("8N1", "8E1", "8O1", "8N2")
ADDRESSES = tuple(range(1, ADDRESS_MAX + 1))


class Setting(NamedTuple):
    """A rate and a framing, as a bus has them."""

    baud: int
    framing: str

    def __str__(self) -> str:
        return f"{self.baud} {self.framing}"

    @property
    def char_bits(self) -> int:
        return 10 if self.framing == "8N1" else 11

    def chars_s(self, count: int) -> float:
        """What `count` characters take."""
        return count * self.char_bits / self.baud

    @property
    def silence_s(self) -> float:
        """t3.5."""
        return t35_us(self.baud, self.char_bits) / 1e6


USUAL = Setting(BAUDS[0], FRAMINGS[0])


def every(first: Setting) -> list[Setting]:
    """All usual settings, `first` before the others; 8N2 comes last, for most devices cannot be told from 8N1 by it."""
    settings = [Setting(baud, framing) for framing in FRAMINGS for baud in BAUDS]
    return [first, *(setting for setting in settings if setting != first)]


def addresses(text: str) -> tuple[int, ...]:
    """ "1-247", "11,12,20-30": the addresses in it, each once, ascending. For argparse."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not first.isdigit() or not last.isdigit():
            raise argparse.ArgumentTypeError(f"{part!r} is no address; write 1-247, or 11,12,20-30")
        low, high = int(first), int(last)
        if not 1 <= low <= high <= ADDRESS_MAX:
            raise argparse.ArgumentTypeError(f"{part!r}: addresses go from 1 to {ADDRESS_MAX}")
        found |= set(range(low, high + 1))
    return tuple(sorted(found))


def shown(numbers: tuple[int, ...]) -> str:
    """The same the other way: (1, 2, 3, 7) is "1-3,7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][-1:] = [runs[-1][0], number] if len(runs[-1]) == 1 else [number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)
