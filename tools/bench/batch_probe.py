"""`python -m tools.bench.batch_probe STATION`: the gateway's store and uplink alone, told to send one row at a time.

Prints a line of JSON for each row: its seq and when its commit was known, by time.monotonic(). Ends when it is stopped.
"""

import argparse
import asyncio
import json
import selectors
import sys
import time
from pathlib import Path

from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.config import Station
from gateway.load import load
from gateway.spool import Spool
from gateway.spool_schema import Changes
from gateway.uplink import Uplink
from wire.reading import SYNCED
from wire.row import Reading

PAUSE_S = 0.1
READY_TIMEOUT_S = 30.0
LOOK_S = 0.05


async def probe(config: Station) -> None:
    clock = Clock()
    spool = Spool(config, clock)
    await spool.open()
    catalogue = Catalogue(config, spool)
    commits: list[float] = []

    def committed(changes: Changes) -> None:
        if changes.rows:
            commits.append(time.monotonic())
            uplink.flush_now()  # The batch closes with this commit.

    spool.on_commit.append(committed)  # Before the uplink's own.
    uplink = Uplink(config, spool, clock, catalogue)
    source = config.sources[0]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(uplink.run(), name="uplink")
        await _store(spool, source.name, len(source.channels), clock)
        async with asyncio.timeout(READY_TIMEOUT_S):  # The first row of a log waits for the catalogue that names it.
            while spool.depth() or not catalogue.version:
                uplink.flush_now()
                await asyncio.sleep(LOOK_S)
        seq = 1
        while True:
            await asyncio.sleep(PAUSE_S)
            seq += 1
            await _store(spool, source.name, len(source.channels), clock)
            print(json.dumps({"seq": seq, "committed_s": commits[-1]}), flush=True)


async def _store(spool: Spool, source: str, channels: int, clock: Clock) -> None:
    now_ms = clock.unix_ms()
    readings = [Reading(column, now_ms % 1_000) for column in range(channels)]
    await spool.append_made(source, [(now_ms // 1_000, now_ms % 1_000, SYNCED, readings)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.batch_probe")
    parser.add_argument("station", type=Path)
    config = load(parser.parse_args().station)
    # As gateway.run does: select() takes microseconds where epoll rounds up to milliseconds.
    loop_factory = lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())  # noqa: E731
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(probe(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
