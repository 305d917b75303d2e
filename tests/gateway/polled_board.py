"""A board as the poller sees it, without a bus: packed rows that the spool may read at any time."""

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress

from gateway.commit import StoreError
from tests.gateway.chain import COLUMNS
from tests.gateway.small_station import BOARD, START_S, packed_row
from wire.row import crc_of

CHUNK_MAX = 10  # Rows of one reading, as the gap between two polls allows.


class PolledBoard:
    """Holds rows `tail`..`head` of its log, whatever gateway comes."""

    def __init__(self, serial=BOARD):
        self.serial = serial
        self.epoch = secrets.randbits(32)  # The broker still has the state of the last test's station.
        self.tail = 1
        self.rows = {}

    @property
    def head(self):
        return max(self.rows, default=0)

    def write(self, count, minutes_ago=600):
        for seq in range(self.head + 1, self.head + count + 1):
            t_s = START_S - minutes_ago * 60 + 60 * seq
            self.rows[seq] = packed_row(seq, 20_000 + seq, t_s, self.epoch)

    def wrap(self, tail):
        """The ring overwrites everything below `tail`."""
        self.tail = tail
        self.rows = {seq: packed for seq, packed in self.rows.items() if seq >= tail}

    @property
    def log(self):
        return self.serial, self.epoch

    def keys(self):
        """(source, epoch, seq, CRC) of every row on it."""
        return {(self.serial, self.epoch, seq, crc_of(packed)) for seq, packed in self.rows.items()}

    async def serve(self, spool, name="level"):
        """Be polled for ever, as gateway/board_link does it."""
        while True:
            spool.seen(name, self.serial, self.epoch, COLUMNS, self.tail, self.head)
            found = spool.wanted(self.serial, self.epoch, self.tail, self.head)
            if found:
                first, last = found
                wanted = range(first, min(last, first + CHUNK_MAX - 1) + 1)
                with suppress(StoreError):
                    await spool.append_rows(self.serial, self.epoch, name, [self.rows[seq] for seq in wanted])
            await asyncio.sleep(0 if found else 0.01)


@asynccontextmanager
async def polled(chain, *boards):
    tasks = [asyncio.create_task(board.serve(chain.spool)) for board in boards]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
