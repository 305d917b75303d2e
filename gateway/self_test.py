"""When the siren's self-test is due: a time of day in the station's zone, every day or on one day of the week.

Rules of this file: no clock of its own. A time that was missed is not made up for: nobody expects a siren then.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.clock_steps import is_known

LATE_MS_MAX = 300_000
_DAYS = 8  # Any schedule comes round within.
_MARGIN_MS = 3_600_000


class SelfTest:
    """`at`: day of the week (0 = Monday, -1 = every day) and minute of the day; None = never."""

    def __init__(self, at: tuple[int, int] | None, zone: ZoneInfo) -> None:
        self._at = at
        self._zone = zone
        self._next_ms: int | None = None

    def due(self, unix_ms: int) -> bool:
        """Is it due now? True once for each time."""
        if self._at is None or not is_known(unix_ms):
            return False
        next_ms = self._next_ms
        if next_ms is None or next_ms - unix_ms > _DAYS * 86_400_000 + _MARGIN_MS:
            self._next_ms = self._after(unix_ms, *self._at)  # The clock was set back, or this is the start.
            return False
        if unix_ms < next_ms:
            return False
        self._next_ms = self._after(unix_ms, *self._at)
        return unix_ms - next_ms <= LATE_MS_MAX

    def _after(self, unix_ms: int, weekday: int, minute: int) -> int:
        today = datetime.fromtimestamp(unix_ms // 1000, UTC).astimezone(self._zone).date()
        for days in range(_DAYS + 1):
            day = today + timedelta(days=days)
            local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self._zone)
            at_ms = int(local.timestamp()) * 1000
            if at_ms > unix_ms and weekday in (-1, day.weekday()):
                return at_ms
        raise AssertionError("a week has every day of the week")
