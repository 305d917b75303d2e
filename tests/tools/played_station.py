"""A station whose running gateway is played: its station.toml, the state file that is renewed, and what it does.

Rules of this file: the state has the form of gateway.health; orders go through the gateway's own reader of them.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.actions import Action
from gateway.commands import Commands
from gateway.load import load
from gateway.orders import Orders
from tests.gateway.station_toml import GOOD
from wire.reading import GOOD as GOOD_QUALITY

START_MS = 1_591_000_000_000  # 2020-06-01 16:26:40 +08:00
RENEW_S = 0.003
STEP_MS = 1_000  # of the played clock, from one renewal to the next

Told = dict[str, object]


def told(
    name: str, value: int | None, quality: int = GOOD_QUALITY, flags: tuple[str, ...] = (), **more: object
) -> Told:
    """A channel as gateway.snapshot tells it."""
    channel: Told = {"name": name, "value": value, "quality": quality, "flags": list(flags), "calibrate": False}
    return channel | {"age_ms": 200, "quantity": "level_mm"} | more


class PlayedStation:
    """`channels(n)` are those of the n-th renewal; `answers[kind](action)` does an order: "" or why not."""

    def __init__(self, folder: Path, text: str = GOOD) -> None:
        (folder / "data").mkdir()
        self.file = folder / "station.toml"
        self.file.write_text(text)
        self.status = folder / "status.json"
        self.channels: Callable[[int], list[Told]] = lambda n: []
        self.orders: list[Action] = []
        self.answer: Callable[[Action], str] = lambda action: ""
        self.mode = "actual"
        self.alarms: list[Told] = []
        self.runs: dict[str, str] = {}  # board: definition; {} = all run what station.toml means
        self.renewals = 0
        self._lock = threading.Lock()
        self.config = load(self.file)

    def start_anew(self) -> None:
        """The gateway runs what station.toml says now, and its state says so."""
        with self._lock:
            self.config = load(self.file)
        self._write()

    def command(self, *words: object) -> list[str]:
        """A call of `riverpost calibrate` at this station."""
        what, *more = [str(word) for word in words]
        return ["calibrate", what, *more, "--station", str(self.file), "--status", str(self.status)]

    def run(self) -> Iterator["PlayedStation"]:
        """Play until the test is over."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._renew, args=(over,)),
            threading.Thread(target=self._serve, args=(over,)),
        ]
        self._write()
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(RENEW_S):
            self._write()

    def _write(self) -> None:
        with self._lock:
            self.renewals += 1
            document = {"station": self.config.id, "config": self.config.version, "mode": self.mode, "local": None}
            document["alarms"] = self.alarms
            document |= {"unix_ms": START_MS + self.renewals * STEP_MS, "channels": self.channels(self.renewals)}
            runs = self.runs or {source.name: source.definition[:16] for source in self.config.sources}
            document["boards"] = [{"name": name, "definition": definition} for name, definition in runs.items()]
            partial = self.status.with_suffix(".part")
            partial.write_text(json.dumps(document))
            partial.replace(self.status)

    def _serve(self, over: threading.Event) -> None:
        def act(number: int, action: Action) -> tuple[str, str]:
            self.orders.append(action)
            refused = self.answer(action)
            return ("refused", refused) if refused else ("done", "")

        async def serve() -> None:
            while not over.is_set():
                commands = Commands(lambda asked: None, lambda: START_MS, self.config.version)
                commands.act = act
                await Orders(self.config.order_folder, commands).look()
                await asyncio.sleep(RENEW_S)

        asyncio.run(serve())
