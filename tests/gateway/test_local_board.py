"""A real board under MicroPython, a real broker, and the gateway's listener between them."""

import asyncio

from msgspec.structs import replace

from gateway import config
from gateway.clock import Clock, write_clock_file
from gateway.local import LocalListener
from tests.firmware.board_process import SERIAL, BoardProcess
from tests.gateway.fake_bus import FakeStation, FakeStore
from tests.gateway.small_station import small_station
from wire.reading import SYNCED
from wire.row import crc_of, unpack

COLUMNS = ("head_mm", "rain_um", "supply_mv")
RATE = 60
UNIX_MS = 1_717_200_000_000


class World:
    """The listener of the gateway `serial` on a clock as fast as the board's."""

    def __init__(self, folder, port: int, serial: str) -> None:
        channels = tuple(config.Channel(f"gauge.{name}", "gauge", n, name) for n, name in enumerate(COLUMNS))
        source = config.Source("gauge", "local", 0, board_type="esp32-wifi", serial=SERIAL, channels=channels)
        local = config.Local("127.0.0.1", port, "", "", "127.0.0.1", 1_000, (source,))
        self.station = FakeStation()
        self.store = FakeStore(self.station)
        self._parts = (
            replace(small_station(folder), gateway_serial=serial),
            local,
            Clock(str(folder / "clock")),
            self.station,
        )

    async def __aenter__(self) -> "World":
        self.listener = LocalListener(*self._parts, self.store)
        self._task = asyncio.create_task(self.listener.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def stored(self) -> set[tuple[int, int, int]]:
        """(epoch, seq, CRC) of every row in the store."""
        logs = self.store.rows.items()
        return {(epoch, seq, crc_of(packed)) for (_, epoch), rows in logs for seq, packed in rows.items()}


def made(board: BoardProcess) -> set[tuple[int, int, int]]:
    return {(epoch, seq, crc) for epoch, seq, crc in board.rows}


def test_rows_values_time_and_acknowledgements_go_the_whole_way_and_a_second_gateway_gets_all_too(tmp_path, broker):
    write_clock_file(tmp_path / "clock", UNIX_MS, 1_000_000, RATE)
    link = {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "station": "CYB01"}

    async def main(board: BoardProcess) -> None:
        async with World(tmp_path, broker.port, "01" * 8) as world:
            await asyncio.to_thread(board.expect_rows, 5)
            await world.station.until(lambda: world.stored() >= made(board))
            assert world.station.now["gauge"][-1][2].value is not None
            newest = max(world.store.rows[bytes.fromhex(SERIAL), board.epoch].items())[1]
            row = unpack(newest, board.epoch)
            assert row.time_quality == SYNCED
            assert abs(row.t_s * 1_000 - Clock(str(tmp_path / "clock")).unix_ms()) < 120_000
            while (await asyncio.to_thread(board.stats))["gateway_has"] < 5:
                pass
            board.kill()
            await world.station.until(lambda: world.station.has("lost", "gauge"))
            await asyncio.to_thread(board.start)
            await world.station.until(lambda: world.station.has("back", "gauge"))
            async with World(tmp_path, broker.port, "02" * 8) as second:
                await second.station.until(lambda: second.stored() >= made(board))
                await world.station.until(lambda: world.stored() >= made(board))
                assert world.store.lost == second.store.lost == []

    with BoardProcess(tmp_path, rate=RATE, row_s=10, link=link) as board:
        asyncio.run(main(board))
