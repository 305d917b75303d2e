"""What a bench measured: figures with their limits, and the wire's arithmetic that they are held against.

Rules of this file: arithmetic only; nothing of gateway/ is used, so that a mistake there cannot hide here. A figure is
the median of its runs; it is never better than it was measured.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FAST_BAUD = 19_200  # Above it the silence between frames is fixed (MODBUS over Serial Line V1.02, 2.5.1.1).
FAST_SILENCE_S = 0.001_75
NAME_WIDTH = 44
LIMIT_WIDTH = 16


@dataclass(frozen=True)
class Figure:
    """One line of the result. `samples`: one a run, at least one. `limit` None: measured, not judged.

    `least`: the limit is the least that is good, else the most.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    limit: float | None = None
    least: bool = False
    decimals: int = 1
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def good(self) -> bool:
        if self.limit is None:
            return True
        return self.median >= self.limit if self.least else self.median <= self.limit

    @property
    def verdict(self) -> str:
        return "ok" if self.good else "look"

    def text(self) -> str:
        """The figure as one line."""

        def number(value: float) -> str:
            return f"{value:.{self.decimals}f}"

        sign = ">=" if self.least else "<="
        limit = "-" if self.limit is None else f"{sign} {self.limit:g} {self.unit}"
        span = f"{number(min(self.samples))}..{number(max(self.samples))}"
        measured = f"{number(self.median)} {self.unit}".rstrip()
        line = f"{self.name:<{NAME_WIDTH}}{limit:<{LIMIT_WIDTH}}{measured:<14}{span:<16}{self.verdict:<6}{self.note}"
        return line.rstrip()

    def document(self) -> dict[str, Any]:
        """The figure for a machine to read."""
        return {
            "name": self.name,
            "unit": self.unit,
            "limit": self.limit,
            "limit_is": "least" if self.least else "most",
            "median": round(self.median, 6),
            "min": round(min(self.samples), 6),
            "max": round(max(self.samples), 6),
            "samples": [round(sample, 6) for sample in self.samples],
            "verdict": self.verdict,
            "note": self.note,
        }


HEAD = f"{'figure':<{NAME_WIDTH}}{'limit':<{LIMIT_WIDTH}}{'median':<14}{'min..max':<16}{'':<6}".rstrip()


def char_bits(framing: str) -> int:
    """Bits of a character: start, 8 data, parity, stops. ValueError for a framing that no bus of ours has."""
    bits = {"8N1": 10, "8E1": 11, "8O1": 11, "8N2": 11}
    if framing not in bits:
        raise ValueError(f"no such framing: {framing}")
    return bits[framing]


def silence_s(baud: int, bits: int) -> float:
    """t3.5 in seconds."""
    return FAST_SILENCE_S if baud > FAST_BAUD else 3.5 * bits / baud


def exchange_s(registers: int, baud: int, bits: int) -> float:
    """T(n) = (13 + 2n)·b/baud + 2·t3.5: request of 8 characters, answer of 5 + 2n, a silence before each."""
    return (13 + 2 * registers) * bits / baud + 2 * silence_s(baud, bits)


def wire_use(exchanges: int, registers: int, baud: int, framing: str, elapsed_s: float) -> float:
    """Share of `elapsed_s` that so many reads of `registers` registers take on the wire. ValueError without time."""
    if elapsed_s <= 0:
        raise ValueError("no time has passed")
    return exchanges * exchange_s(registers, baud, char_bits(framing)) / elapsed_s


def kept(before: dict[str, int], after: dict[str, int], before_s: float, after_s: float) -> dict[str, float]:
    """For each name its rate in `after` (counts in `after_s`) as a share of its rate in `before`.

    ValueError for a name that was never seen before, or without time.
    """
    if before_s <= 0 or after_s <= 0:
        raise ValueError("no time has passed")
    never = [name for name, count in before.items() if count <= 0]
    if never:
        raise ValueError(f"never seen: {', '.join(never)}")
    return {name: (after.get(name, 0) / after_s) / (count / before_s) for name, count in before.items()}


def percentile(samples: Sequence[float], percent: float) -> float:
    """The sample below or at which `percent` of all lie (nearest rank). ValueError of nothing."""
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
