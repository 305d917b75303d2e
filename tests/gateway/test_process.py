"""`python -m gateway station.toml` as a process: with bought sensors on a foreign simulator; with a wrong file."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from pymodbus.server import ModbusSerialServer

from tests.gateway.test_rs485_foreign import DEVICES, STATION, Cable
from tools.broker import end_with_parent

RULES = """
[[bus.sensor.channel]]
name = "river"
quantity = "head_mm"
gauge_zero = "160.00 m"
offset = "0.00 m"
datum = "wusong"
[spool]
path = "spool.db"
[siren]
file = "siren.txt"
from = "yellow"
[[rule]]
name = "flood"
kind = "high"
channel = "river"
datum = "wusong"
red = "163.00 m"
"""
TIMEOUT_S = 20
TOP = Path(__file__).resolve().parents[2]


async def until(condition, what: str):
    """The first true value of `condition()`, asked at every turn of the loop that also feeds the line."""
    async with asyncio.timeout(TIMEOUT_S):
        while not (value := condition()):
            await asyncio.get_running_loop().run_in_executor(None, os.sched_yield)
    assert value, what
    return value


def siren(folder: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return (folder / "siren.txt").read_text().split()[0]
    return ""


@pytest.mark.parametrize(("status", "told"), [("status.json", True), ("no folder/status.json", False)])
def test_a_gateway_with_bought_sensors_alone_polls_judges_sounds_and_stores(tmp_path, status, told):
    async def main() -> int:
        with Cable() as (ours, theirs):
            (tmp_path / "station.toml").write_text(STATION.format(port=ours) + RULES)
            server = ModbusSerialServer(DEVICES, port=theirs, baudrate=115_200)
            await server.serve_forever(background=True)
            command = [sys.executable, "-m", "gateway", str(tmp_path / "station.toml"), "--status"]
            command += [str(tmp_path / status)]
            gateway = await asyncio.create_subprocess_exec(*command, cwd=TOP, preexec_fn=end_with_parent())
            try:
                await until(lambda: siren(tmp_path) == "red", "163.21 m sounds the siren")  # 160.00 m + 3,210 mm
                await until(lambda: not told or (tmp_path / status).exists(), "the gateway tells its state")
            finally:
                gateway.send_signal(signal.SIGTERM)
                code = await gateway.wait()
                await server.shutdown()
            return code

    assert asyncio.run(main()) == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.db")) as spool:
        assert spool.execute("SELECT count(*) FROM rows WHERE kind = 3").fetchone()[0] >= 2  # started, alarm raised


def test_a_wrong_file_is_told_whole_and_nothing_starts(tmp_path):
    file = tmp_path / "station.toml"
    file.write_text('[station]\nid = "a b"\ncolour = 3\n')
    command = [sys.executable, "-m", "gateway", str(file)]
    told = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "station.toml:2 station.id" in told.stderr
    assert "station.toml:3 station.colour" in told.stderr
    assert not (tmp_path / "spool.db").exists()
