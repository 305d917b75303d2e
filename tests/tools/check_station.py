"""A station for tests of `riverpost check`: its station.toml, and a gateway that is played: it writes a state and takes
orders. The whole of it, with real boards and a real gateway, is hil_tests/test_check.py.
"""

import asyncio
import contextlib
import copy
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.actions import Action
from gateway.commands import Commands
from gateway.load import load
from gateway.orders import Orders
from wire.telemetry import MODES

UNIX_MS = 1_717_200_000_000  # 2024-06-01 08:00 at the station
STEP_MS = 200  # Every ten milliseconds: twenty times the world's pace.
TOML = """
[station]
id = "CYB01"
name = "菜园坝"
name_en = "Caiyuanba"
time_zone = "Asia/Shanghai"
gateway_serial = "00000000a1100001"

[center]
host = "127.0.0.1"

[spool]
path = "data/spool.db"
cap = "64 MiB"

[siren]
file = "siren.txt"
from = "yellow"

[[bus]]
name = "main"
port = "/dev/ttyAMA1"
baud = 9600
framing = "8N1"
scan = "1 s"

[[bus.board]]
name = "level"
address = 11
type = "esp32-rs485"
fit = ["level"]
calibration.adc.0 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]
calibration.adc.2 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]

[[bus.board.channel]]
name = "river"
quantity = "head_mm"
gauge_zero = "160.00 m"
offset = "0.00 m"
datum = "wusong"

[[bus.board]]
name = "rain"
address = 12
type = "esp32-rs485"
fit = ["rain"]
calibration.adc.2 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]

[[bus.board]]
name = "smoke"
address = 14
type = "esp32-rs485"
fit = ["smoke"]
calibration.adc.1 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]
calibration.adc.2 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]

[[rule]]
name = "flood"
kind = "high"
channel = "river"
datum = "wusong"
yellow = "182.00 m"
red = "191.50 m"

[[rule]]
name = "rain-1h"
kind = "rain_sum"
channel = "rain.rain"
window = "1 h"
yellow = "30 mm"
"""
VALUES = {
    "river": 177_140,
    "level.supply": 12_500,
    "rain.rain": 4_000,
    "rain.supply": 12_500,
    "smoke.smoke": 3,
    "smoke.smoke_contact": 0,
    "smoke.supply": 12_500,
}

HANDS = ("river/staff", "river/move", "rain.rain/tips", "smoke.smoke/smoke", "siren")


class Played:
    """A gateway in a thread. Change `state` and `values`, and start programs, under `lock`; `orders` are those it took.

    (A fork while a thread hands work to another breaks a lock of Python's own.)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.station_file = folder / "station.toml"
        self.station_file.write_text(TOML, encoding="utf-8")
        self.config = load(self.station_file)
        self.status_file = folder / "status.json"
        self.orders: list[Action] = []
        self.refuse: dict[str, str] = {}  # kind of order -> why it is refused
        self.values: dict[str, int | None] = dict(VALUES)
        self.scanning = True
        self.deaf = False  # It takes no orders.
        self.coming: dict[str, list[int | None]] = {}  # channel -> values that it takes, one every third pass
        self._passes = 0
        self.lock = threading.Lock()
        self.state = self._state()
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def arguments(self) -> list[str]:
        return ["check", "--station", str(self.station_file), "--status", str(self.status_file)]

    @property
    def mode(self) -> str:
        return self.state["mode"]

    def __enter__(self) -> "Played":
        self.config.order_folder.mkdir(parents=True, exist_ok=True)
        self.write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def board(self, name: str) -> dict[str, Any]:
        return next(board for board in self.state["boards"] if board["name"] == name)

    def source(self, name: str) -> dict[str, Any]:
        return next(source for source in self.state["buses"][0]["sources"] if source["name"] == name)

    def channel(self, name: str) -> dict[str, Any]:
        return next(channel for channel in self.state["channels"] if channel["name"] == name)

    async def _serve(self) -> None:
        commands = Commands(lambda asked: None, lambda: self.state["unix_ms"], self.config.version)
        commands.act = self._act
        orders = Orders(self.config.order_folder, commands)
        while not self._over.is_set():
            with self.lock:
                if not self.deaf:
                    await orders.look()
                self._pass()
                self.write()
            await asyncio.sleep(0.01)

    def _act(self, number: int, action: Action) -> tuple[str, str]:
        self.orders.append(action)
        if action.kind in self.refuse:
            return "refused", self.refuse[action.kind]
        if action.kind == "mode":
            until_ms = action.until_ms or (self.state["unix_ms"] + action.duration_ms if action.duration_ms else 0)
            name = MODES[action.mode or 0]
            self.state |= {"mode": name, "mode_by": "" if name == "actual" else action.actor}
            self.state |= {"mode_until_s": until_ms // 1000 or None, "mode_siren": action.siren or name == "actual"}
        return "done", ""

    def _pass(self) -> None:
        """STEP_MS of the station's time, and one scan."""
        self.state["unix_ms"] += STEP_MS
        self.state["up_s"] += STEP_MS / 1000
        self._passes += 1
        for channel, values in self.coming.items() if self._passes % 3 == 0 else ():
            if values:
                self.values[channel] = values.pop(0)
        (bus,) = self.state["buses"]
        bus["scans"] += self.scanning
        for source in bus["sources"]:
            source["looks"] += 0 if source["lost"] else 1
        for channel in self.state["channels"]:
            name = channel["name"]
            channel["value"] = self.values[name]
            channel["quality"] = 9 if channel["value"] is None else channel["quality"]

    def write(self) -> None:
        """Let the state be seen."""
        partial = self.status_file.with_suffix(".part")
        partial.write_text(json.dumps(self.state, ensure_ascii=False), encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            partial.replace(self.status_file)

    def _state(self) -> dict[str, Any]:
        sources = self.config.sources
        channels = [channel for source in sources for channel in source.channels]
        return {
            "station": "CYB01", "name": "菜园坝", "name_en": "Caiyuanba", "version": "0.1.0",
            "config": self.config.version, "pid": 4711, "unix_ms": UNIX_MS, "up_s": 100.0,
            "mode": "actual", "mode_by": "", "mode_until_s": None, "mode_siren": True,
            "operating": "normal", "operating_by": "", "operating_until_s": None, "clock_known": True,
            "channels": [_channel(channel) for channel in channels],
            "alarms": [],
            "rules": [{"rule": rule.name, "kind": rule.kind, "value": 0} for rule in self.config.rules],
            "siren": {"level": "none", "sounding": False, "silenced": False, "failed": ""},
            "buses": [{
                "name": "main", "scan_ms": 1_000, "scans": 50, "scans_skipped": 0, "use_permil": 300,
                "counters": {"late": 0, "duplicate": 0, "row": 0, "port": 0},
                "sources": [_source(one) for one in sources],
            }],
            "local": None,
            "boards": [_board(source) for source in sources],
            "store": {
                "to_send": 3, "used_percent": 0, "nearly_full": False, "days_of_room": 34, "failed": "", "in_memory": 0,
                "bad_rows": 0, "dropped": 0, "cap_mib": 64, "salvaging": 0,
            },
            "connected": True,
            "refused": {},
        }  # fmt: skip


def _source(source: Any) -> dict[str, Any]:
    return {"name": source.name, "address": source.address, "lost": False, "looks": 50, "errors": {}}


def _channel(channel: Any) -> dict[str, Any]:
    judged = "level_mm" if channel.level else channel.quantity
    return {
        "name": channel.name, "source": channel.source, "quantity": judged, "measured": channel.quantity,
        "value": VALUES[channel.name], "datum": channel.level.datum if channel.level else None, "calibrate": False,
        "quality": 1, "flags": [], "age_ms": 400, "late": False, "level": 0,
    }  # fmt: skip


def _board(source: Any) -> dict[str, Any]:
    return {
        "name": source.name, "bus": "main", "serial": (source.name.encode().hex() + "0" * 16)[:16], "version": "0.1.0",
        "version_counter": 0, "slot": "a", "trial": False, "boot": 1, "failed_starts": 0, "last_words": "",
        "row_errors": 0, "rows_withheld": 0, "definition": source.definition[:16], "update": None,
    }  # fmt: skip


def played_in(folder: Path, monkeypatch: Any) -> Iterator[Played]:
    """A played station in `folder`, which becomes the working folder; nothing is waited for as on a riverbank."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("tools.check.person.POLL_S", 0.01)
    for name in ("still.ANSWER_S", "devices.STATUS_S", "devices.SETTLE_S", "rules.WAIT_S", "ending.CALM_S"):
        monkeypatch.setattr(f"tools.check.{name}", 0.3)
    monkeypatch.setattr("tools.check.moving.COME_THROUGH_S", 0.2)
    with Played(folder) as played:
        yield played


def step_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The step `name` of what --json says."""
    return next(one for one in found["steps"] if one["id"] == name)


def alarm(rule: str, level: int, **more: Any) -> dict[str, Any]:
    """An alarm as the state has it."""
    words = ("none", "blue", "yellow", "orange", "red")
    found = {"rule": rule, "kind": "high", "channel": "river", "level": level, "word": words[level], "mode": "actual"}
    return copy.deepcopy(found | {"state": "unacknowledged"} | more)
