"""A rig from its TOML file, and the whole station around it: what the `rig` fixture gives.

    rig.set("level", "head_mm", 2500)           what a sensor meets; see tools/emulator/rig.py for the rest
    rig.need("power")                           a rig that cannot do it skips the test by name
    rig.station.wait_for(lambda: …, 20, "…")    broker, center and gateway start when `station` is first asked for

Rules of this file: tests never ask which rig they run on.
"""

import contextlib
import sqlite3
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hil_tests.station_text import STATION_ID, station_text
from tools.emulator.rig import BoardSpec, Rig, SensorSpec
from tools.emulator.whole import WholeStation

HERE = Path(__file__).parent
POLL_S = 0.01
ROW_S = 60  # of every definition in boards/


@dataclass(frozen=True)
class RigFile:
    """What stands in a rig's file."""

    kind: str
    rate: float
    rate_max: float
    baud: int
    framing: str
    can: frozenset[str]
    boards: tuple[BoardSpec, ...]
    sensors: tuple[SensorSpec, ...]


def read_rig_file(path: str | Path) -> RigFile:
    """The rig in `path` (relative to here or to hil_tests/). ValueError, KeyError for what is wrong in it."""
    place = next((p for p in (Path(path), HERE / path) if p.exists()), None)
    if place is None:
        raise ValueError(f"there is no rig file {path}")
    document = tomllib.loads(place.read_text(encoding="utf-8"))
    if document["kind"] != "emulated":
        raise ValueError(f'{place}: kind {document["kind"]!r} is not known; only "emulated" is')
    boards = [
        BoardSpec(b["name"], tuple(b["fit"]), b.get("address", 0), b["type"], sleep=b.get("sleep"))
        for b in document.get("board", [])
    ]
    sensors = [SensorSpec(s["name"], s["profile"], s["address"]) for s in document.get("sensor", [])]
    return RigFile(
        kind=document["kind"],
        rate=document["rate"],
        rate_max=document.get("rate_max", document["rate"]),
        baud=document["baud"],
        framing=document["framing"],
        can=frozenset(document["can"]),
        boards=tuple(boards),
        sensors=tuple(sensors),
    )


class Bench(Rig):
    """The rig of `file` in `folder`. Everything of Rig, and `need`, `wait_for`, `station`.

    `row_s` above 0: its boards, and its bought sensors' rows, have that instead of the usual minute. `update_key`: of
    whom station and boards take packages.
    """

    def __init__(self, file: RigFile, folder: Path, row_s: int = 0, update_key: str = "") -> None:
        self.row_s = row_s or ROW_S
        line = {"baud": file.baud, "framing": file.framing}
        told = {"row_s": row_s, "station_id": STATION_ID, "update_key": update_key}
        super().__init__(folder, file.boards, file.sensors, **line, rate=file.rate, **told)
        self.file = file
        self.update_key = update_key
        self.addresses = {spec.name: spec.address for spec in (*file.boards, *file.sensors)}
        self._station: WholeStation | None = None

    @property
    def station(self) -> WholeStation:
        """Broker, center and gateway around the rig; started when it is first asked for."""
        if self._station is None:
            self._station = self.prepare()
            self._station.start()
        return self._station

    def prepare(self, change: Callable[[str], str] = lambda text: text, plant: str = "") -> WholeStation:
        """The station, not started; `change` may edit the text of its station.toml first, `plant` names a fault of its
        center (riverpost center run --plant). Only once in a test.
        """
        if self._station is not None:
            raise RuntimeError("this test has its station already")
        file = self.file
        text = station_text(file.boards, file.sensors, file.baud, file.framing, self.row_s, self.update_key)
        text = change(text)
        self._station = WholeStation(self.folder, self, text, station_id=STATION_ID, plant=plant)
        return self._station

    def channel(self, name: str) -> dict[str, Any]:
        """What the gateway says of channel `name`: value, quality, age_ms, level ...; {} while it says nothing."""
        channels = self.station.status().get("channels", [])
        return next((channel for channel in channels if channel["name"] == name), {})

    def alarm_level(self, rule: str) -> int:
        """The level (0 to 4) at which the alarm of `rule` stands."""
        alarms = self.station.status().get("alarms", [])
        return max((alarm["level"] for alarm in alarms if alarm["rule"] == rule), default=0)

    def wait_for_values(self, timeout_s: float = 30.0) -> None:
        """Until the gateway has a value on every channel."""

        def all_there() -> bool:
            channels = self.station.status().get("channels", [])
            return bool(channels) and all(channel["value"] is not None for channel in channels)

        self.station.wait_for(all_there, timeout_s, "a value on every channel")

    def wait_for_value(self, name: str, value: int, tolerance: int = 0, timeout_s: float = 15.0) -> None:
        """Until the gateway says `value` (give or take `tolerance`) of channel `name`."""

        def there() -> bool:
            seen = self.channel(name).get("value")
            return seen is not None and abs(seen - value) <= tolerance

        self.station.wait_for(there, timeout_s, f"{value} on {name}")

    def made(self) -> set[tuple[bytes, int, int, int]]:
        """(serial, epoch, seq, CRC) of every row that the boards said they had made durable."""
        return {(board.serial, *row) for board in self.every_board() for row in board.ledger}

    def rows_at_gateway(self) -> int:
        """How many rows of boards the gateway has stored: counted in its spool's file."""
        serials = {board.serial for board in self.every_board()}
        with contextlib.closing(sqlite3.connect(f"file:{self.station.spool_file}?mode=ro", uri=True)) as spool:
            return sum(bytes(source) in serials for (source,) in spool.execute("SELECT source FROM rows"))

    def wait_at_center(self, station_s: float, least_s: float) -> set[tuple[bytes, int, int, int]]:
        """Until the center has every row that is made by now; these rows. What the boards make meanwhile is not waited
        for: with a batch that closes just before the full minute there is always something under way.
        """
        made = self.made()
        timeout_s = self.real_s(station_s, least_s)
        self.station.wait_for(lambda: made <= set(self.station.center_rows()), timeout_s, "every row at the center")
        return made

    def need(self, *abilities: str) -> None:
        """Skip the test, by name, on a rig that has not all of `abilities` (the file's `can`)."""
        missing = [ability for ability in abilities if ability not in self.file.can]
        if missing:
            pytest.skip(f"this rig cannot do: {', '.join(missing)}")

    def wait_for(self, condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """The first true value of `condition()`; TimeoutError after `timeout_s` of real time, naming `what`."""
        end_s = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > end_s:
                raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
            time.sleep(POLL_S)
        return value

    def real_s(self, station_s: float, least_s: float = 2.0) -> float:
        """A time-out for what takes `station_s` of the station's time, with room for a busy machine."""
        return least_s + 3 * station_s / self.rate

    def hurry(self) -> None:
        """As fast as the rig honestly runs (`rate_max` of its file), where a test only waits for rows."""
        if self.file.rate_max > self.rate:
            self.set_rate(self.file.rate_max)

    def close(self) -> None:
        """Stop all that was started."""
        if self._station is not None:
            self._station.stop()
        self.stop()
