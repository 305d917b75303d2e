"""How full the store is, and for how long it has room: figures for the health document and whoever tells people.

Rules of this file: acknowledged rows count as room, because they go when it is needed. Days of room are those that rows
would take if the center acknowledged none from now on, at the rate at which they came lately.
"""

from typing import Any

from gateway.clock import Clock
from gateway.config import Station
from gateway.spool import Spool
from gateway.spool_room import BOARD_PERMIL, ROW_BYTES
from gateway.spool_schema import PAGE_BYTES

MEASURE_MS = 3_600_000  # A rate is believed after so long; until then the configuration's cadences are.
NEARLY_FULL_PERCENT = 80
DAY_MS = 86_400_000


class StoreFigures:
    """`document()` gives the figures; it measures from its making on."""

    def __init__(self, config: Station, spool: Spool, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._begun_ms = clock.mono_ms()
        self._begun_rows = spool.counters["rows"]
        self._planned_per_day = sum(86_400 // source.row_s for source in config.sources)

    def document(self) -> dict[str, Any]:
        """to_send (rows), used_percent, nearly_full, days_of_room (None: no rows come), failed ("" = the disk takes
        rows), in_memory (rows that wait for it), bad_rows, dropped (from memory), cap_mib, salvaging (files).
        """
        spool = self._spool
        room_rows = self._room_rows()
        waiting = spool.depth()
        used_percent = min(100 * waiting // room_rows, 100) if room_rows else 100
        per_day = self._rows_per_day()
        return {
            "to_send": waiting,
            "used_percent": used_percent,
            "nearly_full": used_percent >= NEARLY_FULL_PERCENT,
            "days_of_room": max(room_rows - waiting, 0) // per_day if per_day else None,
            "failed": spool.failed,
            "in_memory": len(spool.memory),
            "bad_rows": spool.counters["bad_rows"],
            "dropped": spool.memory.dropped,
            "cap_mib": spool.disk.cap_pages * PAGE_BYTES // 2**20,
            "salvaging": len(spool.disk.aside),
        }

    def used_permil(self) -> int | None:
        """The same share in 0.1 %, for rules; None while the disk takes no rows: then it is not known."""
        spool = self._spool
        room_rows = self._room_rows()
        if spool.failed or not room_rows:
            return None
        return min(1000 * spool.depth() // room_rows, 1000)

    def _room_rows(self) -> int:
        return self._spool.disk.cap_pages * PAGE_BYTES * BOARD_PERMIL // 1000 // ROW_BYTES

    def _rows_per_day(self) -> int:
        passed_ms = self._clock.mono_ms() - self._begun_ms
        if passed_ms < MEASURE_MS:
            return self._planned_per_day
        return (self._spool.counters["rows"] - self._begun_rows) * DAY_MS // passed_ms
