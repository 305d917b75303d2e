"""Nothing that the spool said to be stored is lost when its process is killed."""

import asyncio
import signal
import subprocess
import sys

from gateway.spool import Spool
from tests.gateway.small_station import BOARD, EPOCH, HandClock, small_station
from wire.row import unpack

KEY = (BOARD, EPOCH)
WRITER = """
import asyncio, sys, pathlib
from gateway.spool import Spool
from gateway.clock import Clock
from tests.gateway.small_station import BOARD, EPOCH, packed_row, small_station
from wire.telemetry import E_AT_MS, E_DETECTED_MS, E_KIND

async def main():
    spool = Spool(small_station(pathlib.Path(sys.argv[1])), Clock())
    await spool.open()
    begin = spool.watermark(BOARD, EPOCH)
    for seq in range(begin + 1, begin + 100_000):
        rows = spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq)])
        _, event_seq = await asyncio.gather(rows, spool.append_event({E_KIND: 40, E_AT_MS: seq, E_DETECTED_MS: seq}))
        print(seq, event_seq, flush=True)

asyncio.run(main())
"""


def test_nothing_that_was_said_to_be_stored_is_lost_when_the_process_is_killed(tmp_path):
    said, said_events = set(), []
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(150):
            seq, event_seq = map(int, child.stdout.readline().split())
            said.add(seq)
            said_events.append(event_seq)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()

    async def check(spool):
        rows = await spool.read(lambda reader: reader.rows(KEY, 1, 10**6, 10**6))
        held = {unpack(row[5], EPOCH).seq for row in rows}
        assert said <= held
        assert held == set(range(1, max(held) + 1))
        assert spool.watermark(BOARD, EPOCH) == max(held)

    assert len(said) == 300
    assert len(set(said_events)) == 300, "a seq was given twice"

    async def main():
        spool = Spool(small_station(tmp_path), HandClock())
        await spool.open()
        await check(spool)
        await spool.close()

    asyncio.run(main())
