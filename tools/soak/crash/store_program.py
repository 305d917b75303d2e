"""`python -m tools.soak.crash.store_program STATION SEED STEPS`: the gateway's store under a small cap, telling what it
promises.

Where a station's cap (16 MiB at least) would take hours to fill, this one fills within a second: what is acknowledged
goes, then what is not, each with its event. The store is the shipped one; only its cap is smaller than station.toml
may say. While it runs with an odd seed, the center is silent. The last step is a kill, unless STEPS is even.

Rules of this file: a line is written when the call has returned, and what the center says before it is handed over.
"""

import asyncio
import os
import random
import signal
import sys
from binascii import crc32
from pathlib import Path

import cbor2
from msgspec.structs import replace

from gateway.clock import Clock
from gateway.commit import StoreError
from gateway.config import Station
from gateway.load import load
from gateway.spool import Spool
from wire.reading import SYNCED
from wire.row import Reading, Row, pack
from wire.telemetry import E_AT_MS, E_DETAIL, E_DETECTED_MS, E_KIND, EVENT_CODES, SOURCE_EVENTS

CAP_MIB = 1
BOARD = bytes.fromhex("b0a2d00000000001")
EPOCH = 0xB0A2D001
GENERATION = 77
START_S = 1_717_200_000
ROWS = (20, 400)  # of one batch of a board
MADE_ROWS = (20, 500)
STATE_BYTES = (20, 3_000)
LONG_STEPS = 50  # So many with a silent center, and it goes on until rows had to go,
FILL_MAX = 200  # but not for more batches than fill the cap several times.


def board_row(seq: int) -> bytes:
    """Row `seq` of the board: the same whenever it is asked for."""
    readings = [Reading(0, 3_000 + seq % 700, low=2_000, high=4_000, spread=seq % 100), Reading(1, 12_000)]
    return pack(Row(seq, 1, SYNCED, START_S + seq, 0, readings), EPOCH)


def small(config: Station, path: Path) -> Station:
    """The station with its spool at `path` and the cap that this program has."""
    spool = replace(config.spool, path=str(path), cap_mib=CAP_MIB, commit_window_ms=1)
    return replace(config, spool=spool)


class Program:
    """The steps, by chance from the seed."""

    def __init__(self, spool: Spool, sensor: str, seed: int) -> None:
        self._spool = spool
        self._sensor = sensor
        self._chance = random.Random(seed)
        self._steps = [self._board] * 6 + [self._event, self._state]
        self._steps += [self._made] * 8 if seed % 2 else [self._made] * 4 + [self._center] * 3

    async def step(self) -> None:
        try:
            await self._chance.choice(self._steps)()
        except StoreError as error:
            print(f"refused {error}", flush=True)

    async def fill(self) -> None:
        """Make rows that nobody else has, until the store has to drop some."""
        for _ in range(FILL_MAX):
            if any(log.gone for log in self._spool.all_logs()):
                return
            await self._made()

    async def _board(self) -> None:
        first = self._next_of_board()
        last = first + self._chance.randint(*ROWS)
        await self._spool.append_rows(BOARD, EPOCH, "level", [board_row(seq) for seq in range(first, last + 1)])
        print(f"board {first} {last}", flush=True)

    async def _made(self) -> None:
        count = self._chance.randint(*MADE_ROWS)
        row = (START_S, 0, SYNCED, [Reading(0, self._chance.randint(1_000, 9_000))])
        await self._spool.append_made(self._sensor, [row] * count)
        log = next(log for log in self._spool.all_logs() if log.info.name == self._sensor)
        last = log.held.last
        print(f"made {log.key[0].hex()} {log.key[1]} {last - count + 1} {last}", flush=True)

    async def _event(self) -> None:
        detail = "x" * self._chance.randint(0, 60)
        event = {E_KIND: EVENT_CODES["sensor fault"], E_AT_MS: 1, E_DETECTED_MS: 1, E_DETAIL: detail}
        seq = await self._spool.append_event(event)
        log = next(log for log in reversed(self._spool.all_logs()) if log.info.kind == SOURCE_EVENTS)
        crc = crc32(cbor2.dumps(event, canonical=True), log.key[1])
        print(f"event {log.key[0].hex()} {log.key[1]} {seq} {crc}", flush=True)

    async def _state(self) -> None:
        self._spool.keep_state("alarms", self._chance.randbytes(self._chance.randint(*STATE_BYTES)))

    async def _center(self) -> None:
        """The center has some log so far, or nearly."""
        log = self._chance.choice([log for log in self._spool.all_logs() if log.held])
        last = log.held.last - self._chance.choice((0, 0, 1, 50))
        if last >= 1:
            print(f"center {log.key[0].hex()} {log.key[1]} {last}", flush=True)
            self._spool.acknowledge(GENERATION, [(*log.key, last, [])])

    def _next_of_board(self) -> int:
        log = next((log for log in self._spool.all_logs() if log.key == (BOARD, EPOCH)), None)
        return 1 if log is None else max(log.held.last, log.acked.last, log.gone.last) + 1


async def main(station: Path, seed: int, steps: int) -> None:
    config = load(station)
    spool = Spool(small(config, Path(config.spool.path)), Clock())
    await spool.open()
    sensor = next(source.name for source in config.sources if source.profile)
    program = Program(spool, sensor, seed)
    for _ in range(steps):
        await program.step()
    if seed % 2 and steps >= LONG_STEPS:
        await program.fill()
    if steps % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    await spool.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
