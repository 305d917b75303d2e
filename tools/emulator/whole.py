"""A whole emulated station with its center: rig, broker, gateway and center as the processes they are in the field.

Used by `riverpost demo`, the benches and hil_tests. Rules of this file: it starts, stops and looks; it never reaches
inside a
process. What it knows of them it reads where an operator would: the siren, the center's database, files and topics.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.broker import Broker, end_with_parent
from tools.emulator.rig import Rig

ROOT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 20.0
POLL_S = 0.02


class Child:
    """One process of the station, with its log in a file."""

    def __init__(
        self,
        name: str,
        arguments: Callable[[], list[str]],  # asked at each start: a broker's port is not known before
        folder: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments(),
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(),
            )

    def stop(self) -> int:
        """End in order (SIGTERM); killed if it does not within STOP_TIMEOUT_S. The exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """As a power cut would: no chance to write anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def last_lines(self, count: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:]) if self.log.exists() else ""


class WholeStation:
    """A rig with everything around it. `station_toml` is the text of its configuration, with {port}, {siren}, {spool},
    {broker} where those paths and the port of the center's broker go, {local} for that of the station's own and
    {local_password} for the file with the gateway's password there."""

    def __init__(self, folder: Path, rig: Rig, station_toml: str, *, station_id: str, plant: str = "") -> None:
        self.folder = folder
        self.rig = rig
        self.station_id = station_id
        self.siren_file = folder / "siren.txt"
        self.data_folder = folder / "data"  # all that the gateway keeps
        self.spool_file = self.data_folder / "spool.db"
        self.center_db = folder / "center.db"
        self.station_file = folder / "station.toml"
        self.status_file = folder / "status.json"
        self.broker = Broker(folder / "broker")
        self._toml = station_toml
        self._plant = plant
        self.center = Child("center", self._center_arguments, folder)
        self.gateway = Child("gateway", self._gateway_arguments, folder, {"RIVERPOST_CLOCK": str(rig.clock_path)})

    def start(self) -> None:
        """Broker, center, rig, gateway, in this order."""
        self.broker.start()
        self.center.start()
        self.rig.start()
        self.write_station()
        self.gateway.start()

    def write_station(self) -> None:
        """Write station.toml with the port, files and broker as they are now."""
        local = self.rig.local.port if self.rig.local is not None else 0
        places = {"port": self.rig.port, "siren": self.siren_file, "spool": self.spool_file}
        places |= {"local_password": self.rig.password_file}
        self.station_file.write_text(self._toml.format(**places, broker=self.broker.port, local=local))

    def stop(self) -> None:
        """Everything, in order; safe to call twice and after a failed start."""
        self.gateway.stop()
        self.center.stop()
        self.rig.stop()
        self.broker.stop()

    def __enter__(self) -> "WholeStation":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def status(self) -> dict[str, Any]:
        """The gateway's own state; {} until it wrote one."""
        try:
            return json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return {}

    def siren(self) -> tuple[str, int]:
        """(level word, unix ms of the station's clock) of the siren's output; ("none", 0) before it was ever set."""
        try:
            word, _, at_ms = self.siren_file.read_text().split()
        except FileNotFoundError:
            return "none", 0
        return word, int(at_ms)

    def center_rows(self) -> list[tuple[bytes, int, int, int]]:
        """(source, epoch, seq, CRC) of every row in the center's database."""
        rows = self.center_query("SELECT source, epoch, seq, crc FROM rows")
        return [(bytes(source), epoch, seq, crc) for source, epoch, seq, crc in rows]

    def center_query(self, sql: str, *values: object) -> list[Any]:
        """Rows of a query on the center's database, read-only; [] while it has no tables yet."""
        if not self.center_db.exists():
            return []
        connection = sqlite3.connect(f"file:{self.center_db}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def wait_for(self, condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """The first true value of `condition()`; TimeoutError that says `what` was awaited and what the gateway
        logged.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end_s:
                ends = f"the gateway's log ends:\n{self.gateway.last_lines()}"
                raise TimeoutError(f"waited {timeout_s:.0f} s for {what}; {ends}")
            time.sleep(POLL_S)

    def _gateway_arguments(self) -> list[str]:
        return [sys.executable, "-m", "gateway", str(self.station_file), "--status", str(self.status_file)]

    def _center_arguments(self) -> list[str]:
        command = [sys.executable, "-m", "tools", "center", "run", "--host", "127.0.0.1"]
        command += ["--port", str(self.broker.port), "--db", str(self.center_db)]
        return command + (["--plant", self._plant] if self._plant else [])
