"""After a start: the rain windows, filled from the rows that the store holds.

Rules of this file: the kept state says most of it already; rows only fill what it does not know (DESIGN 6), so telling
them twice is harmless. A store that cannot be read costs nothing but that. Alarms go on between any few rows.
"""

import asyncio

from gateway.clock import Clock
from gateway.rain import WINDOWS_S
from gateway.spool import Log, Spool
from gateway.station import Station
from wire.telemetry import SOURCE_EVENTS

LOOK_MS = 1_000  # Until a gauge has been seen for the first time.
ROWS_AT_ONCE = 64
ROWS_MAX = 8_192  # 72 h of minutes, and as many again that closed early in the hardest rain.


async def refill(station: Station, spool: Spool, clock: Clock) -> None:
    """Tell the station the stored rows of each rain source, oldest first, as soon as its counter has been seen."""
    told: set[str] = set()
    while told != set(station.gauges()):
        for source, seen in station.gauges().items():
            if seen and source not in told:
                told.add(source)
                await _tell(station, spool, source, clock.unix_ms() // 1000 - WINDOWS_S[-1])
        await clock.sleep_ms(LOOK_MS)


async def _tell(station: Station, spool: Spool, source: str, since_s: int) -> None:
    log = _newest(spool, source)
    here = None if log is None else log.here()
    if log is None or not here:
        return
    key, first, last = log.key, here.first, here.last
    rows = await spool.read(lambda reader: reader.newest(key, first, last, ROWS_MAX))
    rows = [row for row in reversed(rows) if row[2] > since_s]
    for at in range(0, len(rows), ROWS_AT_ONCE):
        station.on_rows(source, key[1], [row[5] for row in rows[at : at + ROWS_AT_ONCE]])
        await asyncio.sleep(0)


def _newest(spool: Spool, source: str) -> Log | None:
    """The log that the source writes now."""
    logs = [log for log in spool.all_logs() if log.info.name == source and log.info.kind != SOURCE_EVENTS]
    return logs[-1] if logs else None
