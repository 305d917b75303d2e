"""The speed of sound over a river: an ultrasonic sensor's gap, corrected by the air's temperature.

Rules of this file: no clock, no disk, no network; integers, exact to half a millimetre. The raw gap stays what it is.
Without a temperature of the present the gap may be wrong by 1.7 % for 10 degC, 0.135 m at 8 m: it is shown and judged
by nothing (FIELD.md 7).
"""

from math import isqrt

ZERO_CDEG = 27_315  # 0 degC over absolute zero, in 0.01 degC
COLDEST_CDEG, HOTTEST_CDEG = -6_000, 8_500  # Outside this it is no air by a river.
TEMPERATURE_MS_MAX = 600_000  # Air does not change by a degree in less.


def corrected_mm(gap_mm: int, air_cdeg: int, assumed_cdeg: int) -> int:
    """The true gap where a sensor that assumes air of `assumed_cdeg` says `gap_mm`.

    Sound runs at 331.3 m/s * sqrt(1 + T / 273.15), so the gap goes with the square root of absolute temperatures.
    """
    square = 4 * gap_mm * gap_mm * (ZERO_CDEG + air_cdeg) // (ZERO_CDEG + assumed_cdeg)
    return (isqrt(square) + 1) // 2


class Air:
    """The air of one source's place: a judge of its temperature channel."""

    __slots__ = ("_at_ms", "_cdeg", "assumed_cdeg", "column")

    def __init__(self, assumed_cdeg: int, column: int) -> None:
        self.column = column  # of the temperature in the source's rows
        self.assumed_cdeg = assumed_cdeg
        self._cdeg = 0
        self._at_ms: int | None = None

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        if COLDEST_CDEG <= value <= HOTTEST_CDEG:
            self._cdeg, self._at_ms = value, mono_ms

    def hold(self) -> None:
        """The newest temperature counts for a while."""

    def known(self, mono_ms: int) -> bool:
        return self._at_ms is not None and mono_ms - self._at_ms <= TEMPERATURE_MS_MAX

    def gap_mm(self, gap_mm: int) -> int:
        """The gap as the newest temperature corrects it; as measured where there was none."""
        return gap_mm if self._at_ms is None else corrected_mm(gap_mm, self._cdeg, self.assumed_cdeg)


def stored_gap_mm(gap_mm: int, air_cdeg: int | None, assumed_cdeg: int) -> int | None:
    """The gap of a stored row by the temperature in the same row; None where that cannot be."""
    if air_cdeg is None or not COLDEST_CDEG <= air_cdeg <= HOTTEST_CDEG:
        return None
    return corrected_mm(gap_mm, air_cdeg, assumed_cdeg)
