"""How full the store is, in the figures that people are told."""

import asyncio
import logging

from gateway.spool import Spool
from gateway.spool_figures import MEASURE_MS, StoreFigures
from tests.gateway.faulty import FaultyDisk
from tests.gateway.small_station import BOARD, EPOCH, HandClock, packed_row, small_station


def test_rows_that_the_center_has_count_as_room_and_the_days_come_from_the_rate_of_rows(tmp_path):
    async def main():
        clock, disk = HandClock(), FaultyDisk()
        config = small_station(tmp_path, cap_mib=16, commit_window_ms=2)
        spool = Spool(config, clock, connect=disk.connect)
        await spool.open()
        figures = StoreFigures(config, spool, clock)
        room = 16 * 2**20 * 900 // 1000 // 200
        assert figures.document()["days_of_room"] == (room - spool.depth()) // 2_880, "two sources, a row a minute each"
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq) for seq in range(1, 1_001)])
        clock.now_ms += MEASURE_MS
        told = figures.document()
        assert told["to_send"] == spool.depth() >= 1_000
        assert told["days_of_room"] == (room - spool.depth()) // 24_000, "a thousand in an hour"
        assert (told["failed"], told["in_memory"], told["nearly_full"], told["cap_mib"]) == ("", 0, False, 16)
        spool.acknowledge(7, [(BOARD, EPOCH, 1_000, [])])
        assert figures.document()["to_send"] == spool.depth() < 100
        disk.error = "disk I/O error"
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1_001)])
        told = figures.document()
        assert (told["failed"], told["in_memory"]) == ("disk I/O error", 2)
        disk.error = ""
        await spool.close()

    asyncio.run(main())


def test_a_store_that_is_nearly_full_says_so_and_a_cap_above_the_disk_is_told(tmp_path, caplog):
    async def main():
        config = small_station(tmp_path, cap_mib=1 << 20, commit_window_ms=2)
        spool = Spool(config, HandClock())
        with caplog.at_level(logging.WARNING):
            await spool.open()
        assert "spool.cap is more than the disk" in caplog.text
        spool.disk.cap_pages = 64
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq) for seq in range(1, 1_101)])
        told = StoreFigures(config, spool, HandClock()).document()
        assert (told["used_percent"] >= 80, told["nearly_full"]) == (True, True)
        await spool.close()

    asyncio.run(main())
