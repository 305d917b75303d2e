"""A foreign Modbus simulator (pymodbus's own server) with bought sensors only: no board of ours is needed."""

import asyncio
import os
import tty
from pathlib import Path

import pytest
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from gateway.clock import Clock
from gateway.load import load
from gateway.rs485 import BusPoller
from tests.gateway.fake_bus import FakeStation, FakeStore
from wire.reading import GOOD

pytestmark = pytest.mark.long

STATION = """
[station]
id = "F1"
name = "F1"
time_zone = "UTC"
[[bus]]
name = "main"
port = "{port}"
baud = 115200
scan = "0.3 s"
[[bus.sensor]]
name = "radar"
address = 21
profile = "radar-60ghz"
[[bus.sensor]]
name = "probe"
address = 22
profile = "level-485"
"""
DEVICES = [
    SimDevice(21, [SimData(1, values=4321, datatype=DataType.UINT16), SimData(16, values=0, datatype=DataType.UINT16)]),
    SimDevice(22, [SimData(2, values=3210, datatype=DataType.UINT32)]),
]


class Cable:
    """Two pseudo-terminals, connected."""

    def __enter__(self) -> tuple[str, str]:
        self._files = [os.openpty(), os.openpty()]
        loop = asyncio.get_running_loop()
        for (master, slave), (other, _) in zip(self._files, self._files[::-1], strict=True):
            tty.setraw(slave)
            loop.add_reader(master, lambda master=master, other=other: os.write(other, os.read(master, 4096)))
        return os.ttyname(self._files[0][1]), os.ttyname(self._files[1][1])

    def __exit__(self, *_: object) -> None:
        for master, slave in self._files:
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)
            os.close(slave)


def test_bought_sensors_on_a_foreign_simulator_are_polled(tmp_path: Path):
    async def main() -> FakeStation:
        with Cable() as (ours, theirs):
            path = tmp_path / "station.toml"
            path.write_text(STATION.format(port=ours))
            server = ModbusSerialServer(DEVICES, port=theirs, baudrate=115_200)
            await server.serve_forever(background=True)
            station = FakeStation()
            (bus,) = load(path).buses
            poller = BusPoller(bus, Clock(), station, FakeStore(station))
            task = asyncio.create_task(poller.run())
            try:
                await station.until(lambda: _good(station, "radar") and _good(station, "probe"))
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await server.shutdown()
            assert set(+poller.counters) <= {"ok", "overrun"}
            return station

    station = asyncio.run(main())
    assert _good(station, "radar")[-1] == 4_321
    assert _good(station, "probe")[-1] == 3_210
    assert not station.told


def _good(station: FakeStation, source: str) -> list[int | None]:
    return [values[0].value for values in station.now.get(source, []) if values[0].quality == GOOD]
