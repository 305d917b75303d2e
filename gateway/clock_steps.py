"""When the station's clock is first known, and when it steps.

Rules of this file: no clock, disk or network; times come in. A clock that is slewed never steps: only what changes
between two looks counts, and they are a moment apart.
"""

from typing import NamedTuple

CLOCK_SET_S = 1_704_067_200  # 2024-01-01: before it a machine's clock was never set.
STEP_MS = 5_000  # DESIGN 1: slew below, step from here on.


class Anchor(NamedTuple):
    """ "This start's uptime was that unix time", as an anchor row says it (wire.row); uptime is monotonic time."""

    unix_s: int
    ms: int
    quality: int
    uptime_s: int
    uptime_ms: int


def is_known(unix_ms: int) -> bool:
    """Was the machine's clock ever set?"""
    return unix_ms >= CLOCK_SET_S * 1_000


class StepWatch:
    """`look` at both clocks regularly."""

    def __init__(self) -> None:
        self._offset_ms: int | None = None

    def look(self, unix_ms: int, mono_ms: int) -> int:
        """Milliseconds by which the clock has stepped since the last look; 0 = it has not."""
        offset_ms = unix_ms - mono_ms
        before_ms, self._offset_ms = self._offset_ms, offset_ms
        if before_ms is None or abs(offset_ms - before_ms) < STEP_MS:
            return 0
        return offset_ms - before_ms
