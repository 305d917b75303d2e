"""The gateway's own state as one JSON document, for people, tools and the local page.

Rules of this file: it only reads; it writes to the path it was given and nowhere else (a card is not worn out by a
status).
"""

import asyncio
import contextlib
import json
import logging
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.config import Station as StationConfig
from gateway.duty import Duty
from gateway.local import LocalListener
from gateway.rs485 import BusPoller
from gateway.spool import Spool
from gateway.spool_figures import StoreFigures
from gateway.station import Station
from gateway.updates import Updates
from gateway.uplink import Uplink

log = logging.getLogger("gateway.health")

PERIOD_S = 0.5


class Health:
    """Collects what the parts count; `document()` is the state now."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        station: Station,
        duty: Duty,
        pollers: list[BusPoller],
        spool: Spool,
        uplink: Uplink,
        updates: Updates,
        local: LocalListener | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._station = station
        self._duty = duty
        self._pollers = pollers
        self._spool = spool
        self._uplink = uplink
        self._updates = updates
        self._local = local
        self.store = StoreFigures(config, spool, clock)
        self._started_s = time.monotonic()
        self._version = version("riverpost")

    def document(self) -> dict[str, Any]:
        return {
            "station": self._config.id,
            "name": self._config.name,
            "name_en": self._config.name_en,
            "version": self._version,
            "config": self._config.version,
            "pid": os.getpid(),
            "unix_ms": self._clock.unix_ms(),
            "up_s": round(time.monotonic() - self._started_s, 1),
            **self._duty.document(),
            "channels": self._station.channels(),
            "alarms": self._station.alarms(),
            "rules": self._station.rules(),
            "siren": self._station.siren(),
            "buses": [
                {
                    "name": poller.bus.name,
                    "scan_ms": poller.bus.scan_ms,
                    "scans": poller.scans,
                    "scans_skipped": poller.scans_skipped,
                    "use_permil": poller.bus_use_permil(),
                    "counters": dict(poller.counters),
                    "sources": poller.sources(),
                }
                for poller in self._pollers
            ],
            "local": _local(self._local),
            "boards": self._updates.document(),
            "store": self.store.document(),
            "unacknowledged_rows": self._spool.depth(),
            "acknowledged_rows": self._uplink.acked_rows,
            "center": bool(self._config.center.host),  # Is one configured?
            "connected": self._uplink.connected,
            "uplink": dict(self._uplink.counters),
            "refused": self._uplink.refusals,
        }

    async def write_to(self, path: Path) -> None:
        """Write the document to `path` every PERIOD_S, whole or not at all, until cancelled. A path that cannot be
        written is told once and tried again: a status is not worth a siren.
        """
        partial = path.with_suffix(".part")
        told = False
        try:
            while True:
                try:
                    partial.write_text(json.dumps(self.document(), ensure_ascii=False))
                    partial.replace(path)
                    told = False
                except OSError as error:
                    if not told:
                        log.error("status not written: %s", error)
                    told = True
                await asyncio.sleep(PERIOD_S)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


def _local(listener: LocalListener | None) -> dict[str, Any] | None:
    """The station's own broker and the boards on Wi-Fi; None where there are none."""
    if listener is None:
        return None
    boards = [
        {"name": b.source.name, "lost": b.lost, "asleep": b.asleep, "definition": b.definition}
        | {"clock_off_ms": b.clock_off_ms}
        for b in listener.boards
    ]
    return {"connected": listener.connected, "boards": boards, "counters": dict(listener.counters)}
