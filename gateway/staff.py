"""What a person reads at the staff gauge, against what the sensor said at that time.

Rules of this file: no clock, no disk, no network; millimetres over the channel's datum. A reading changes no offset and
no alarm: it is told with its difference, and where that is too much the channel is suspect until a reading agrees again
or somebody calibrates: its zero is another one then. A sensor is compared by its median over two minutes: ship wakes
are no error.
"""

from collections import deque
from typing import Any

EVERY_MS = 5_000  # A level is remembered so often,
KEPT = 720  # so many of them: an hour, as long as a person may take to type in what was read.
AROUND_MS = 60_000  # The median over this on both sides is what the sensor said at a time.
LIMIT_MM = 50


class Staff:
    """Remembers the levels of a channel, as one of its judges; `off` = the last reading was beyond the limit."""

    __slots__ = ("_kept", "_last_ms", "_zero_mm", "limit_mm", "moved", "off")

    def __init__(self, limit_mm: int, zero_mm: int = 0) -> None:
        """`zero_mm`: of the channel's elevation, by which a calibration is known."""
        self._zero_mm = zero_mm
        self.limit_mm = limit_mm
        self.off = False
        self.moved = False
        self._kept: deque[tuple[int, int]] = deque(maxlen=KEPT)  # (unix ms, level)
        self._last_ms = 0

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        if mono_ms - self._last_ms >= EVERY_MS or not self._kept:
            self._last_ms = mono_ms
            self._kept.append((unix_ms, value))

    def hold(self) -> None:
        """What is not known is not remembered."""

    def compare(self, staff_mm: int, unix_ms: int) -> int | None:
        """Sensor minus staff at that time; None where the sensor said nothing then. Sets `off`."""
        near = sorted(level for at_ms, level in self._kept if abs(at_ms - unix_ms) <= AROUND_MS)
        if not near:
            return None
        difference_mm = near[(len(near) - 1) // 2] - staff_mm
        self.off = abs(difference_mm) > self.limit_mm
        self.moved = True
        return difference_mm

    def save(self, mono_ms: int) -> object:
        return [self.off, self._zero_mm]

    def restore(self, saved: Any, mono_ms: int, down_ms: int) -> None:
        off, zero_mm = saved if isinstance(saved, list) else (saved, self._zero_mm)
        if not isinstance(off, bool):
            raise ValueError("not a flag")
        self.off = off and zero_mm == self._zero_mm
