"""`python -m tools.bench.backlog_probe FOLDER PORT`: store and uplink of the recorded station, with a backlog to send.

Closes a live batch of one row every now and then, and prints one line of JSON when the center has everything: seconds
from the first attempt to connect, payload bytes by kind, and how long each live batch waited for the acknowledgement.
"""

import argparse
import asyncio
import contextlib
import json
import random
import selectors
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.spool import Spool
from gateway.uplink import Uplink
from tools.bench import recorded
from wire.reading import SYNCED
from wire.row import Reading, Row, pack
from wire.telemetry import SOURCE_EVENTS

LIVE_SOURCE = "smoke"
LIVE_PAUSE_S = (0.1, 0.5)
READY_S = 30.0
LIMIT_S = 600.0
LOOK_S = 0.002


class Probe:
    """`run()` gives the result."""

    def __init__(self, folder: Path, port: int, seed: int = 1) -> None:
        self._folder = folder
        self._clock = Clock()
        self._config = recorded.station(folder, port)
        self._spool = Spool(self._config, self._clock)
        self._dice = random.Random(seed)
        self._enough = asyncio.Event()
        self.live_s: list[float] = []
        self._key = (recorded.serial(LIVE_SOURCE), recorded.EPOCH)

    async def run(self) -> dict[str, Any]:
        await self._spool.open()
        catalogue = Catalogue(self._config, self._spool)
        await _until(lambda: catalogue.version, READY_S)
        uplink = Uplink(self._config, self._spool, self._clock, catalogue)
        began_s = time.monotonic()
        task = asyncio.create_task(uplink.run())
        live = asyncio.create_task(self._live(uplink))
        await _until(lambda: not self._backlog(), LIMIT_S)
        took_s = time.monotonic() - began_s
        self._enough.set()  # A row whose writing was broken off would be stored after the goodbye.
        await live
        await uplink.finish()
        await task
        await self._spool.close()
        bytes_of = {name[6:]: count for name, count in uplink.counters.items() if name.startswith("bytes_")}
        return {"took_s": took_s, "bytes": bytes_of, "live_s": self.live_s, "counters": dict(uplink.counters)}

    async def _live(self, uplink: Uplink) -> None:
        """One row after the other; how long each took from its closing to the center's word."""
        log = next(log for log in self._spool.all_logs() if log.key == self._key)
        seq = log.held.last
        while not self._enough.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._dice.uniform(*LIVE_PAUSE_S)):
                    await self._enough.wait()
            if self._enough.is_set() or not uplink.connected:
                continue
            seq += 1
            now_ms = self._clock.unix_ms()
            row = Row(seq, 3, SYNCED, now_ms // 1000, now_ms % 1000, [Reading(0, seq % 10)])
            await self._spool.append_rows(*self._key, LIVE_SOURCE, [pack(row, recorded.EPOCH)])
            closed_s = time.monotonic()
            uplink.close_batch()
            await _until(lambda seq=seq: seq in log.acked, LIMIT_S)
            self.live_s.append(time.monotonic() - closed_s)

    def _backlog(self) -> bool:
        """Is there a row left that is neither an event nor the newest, live one?"""
        left = 0
        for log in self._spool.all_logs():
            if log.info.kind != SOURCE_EVENTS:
                left += log.unacked().count() - (log.key == self._key and log.held.last not in log.acked)
        return left > 0


async def _until(condition: Callable[[], object], limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - the spool's thread, or the center, makes it true
            await asyncio.sleep(LOOK_S)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.backlog_probe")
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    # As gateway.run does: select() takes microseconds where epoll rounds up to milliseconds.
    loop_factory = lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())  # noqa: E731
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        print(json.dumps(runner.run(Probe(args.folder, args.port).run())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
