"""Gateway, center, broker, boards and their troubles in one loop; starts them, kills them, and starts them again."""

import asyncio
import hashlib
import random
import secrets
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from gateway import spool_disk
from gateway.ranges import Ranges
from gateway.run import Parts, serve
from tools.center import consume
from tools.center.consume import Consumer
from tools.center.restore import backup, restore
from tools.center.store import Store
from tools.soak.simulated import site
from tools.soak.simulated.boards import SimBoard, SimRadar
from tools.soak.simulated.broker import SimBroker, SimClient, SimLink
from tools.soak.simulated.disk import GOOD, Disk, SimCommitter
from tools.soak.simulated.ledger import Key, Ledger
from tools.soak.simulated.line import SimLine, Wire
from tools.soak.simulated.loop import Life, SimClock, VirtualLoop

UNIX_S = 1_767_225_600  # 2026-01-01
RESTART_S = 5.0  # What the service manager waits.
CALM_SAMPLES = 3  # An alarm falls level by level.


class Trace:
    """A fingerprint of everything that happened, in its order."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._hash = hashlib.blake2b(digest_size=8)
        self._loop = loop
        self.count = 0

    def __call__(self, *what: object) -> None:
        self.count += 1
        self._hash.update(repr((self._loop.now_s, *what)).encode())

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class SimSiren:
    """The siren's output: `level` as it sounds."""

    def __init__(self, trace: Trace) -> None:
        self.level = 0
        self._trace = trace

    def show(self, level: int, pattern: tuple[int, float, float], unix_ms: int) -> None:
        self.level = level
        self._trace("siren", level, pattern, unix_ms)

    def close(self) -> None:
        """It stays as it is."""


class World:
    """One seed's world. `scan_s`: the gateway's scan. Used inside `loop`."""

    def __init__(self, loop: VirtualLoop, folder: Path, seed: int, hours: float, scan_s: int) -> None:
        self.loop = loop
        self.folder = folder
        self.scan_s = scan_s
        self.trace = Trace(loop)
        self.fault_s_max = hours * 900.0  # No fault takes more than a quarter of a run.
        self.end_s = loop.now_s + hours * 3_600
        self.chances = {
            name: random.Random(f"{seed}-{name}")
            for name in ("boards", "line", "net", "disk", "center", "faults", "river", "epochs")
        }
        self.river = site.River(self.chances["river"], loop.now_s, self.end_s)
        self.ledger = Ledger(loop.time, self.trace)
        self.level, self.rain = (self._board(*what) for what in (("head_mm", 0), ("rain_um", 1)))
        self.boards = (self.level, self.rain)
        self.radar = SimRadar(lambda: self.river.gap_mm(loop.now_s))
        self.wire = Wire(
            {site.LEVEL_ADDRESS: self.level, site.RAIN_ADDRESS: self.rain, site.RADAR_ADDRESS: self.radar},
            self.chances["line"],
        )
        self.broker = SimBroker(loop, self.chances["net"], self.trace)
        self.link_up = True  # The gateway's way to the broker.
        self.disk_latency_s = (0.001, 0.03)
        (folder / "gateway").mkdir(parents=True)
        (folder / "center").mkdir()
        self.disk = Disk(folder / "gateway", self.chances["disk"], self.ledger.spooled)
        self.center_disk = Disk(folder / "center", self.chances["center"], self.ledger.stored)
        self.config = site.station(folder / "gateway", scan_s)
        self.offset_ms = UNIX_S * 1_000
        self.gateway: Gateway | None = None
        self.center: Center | None = None
        self.floods_heard: Counter[int] = Counter()  # Samples above a threshold, by the number of the flood.
        self._calm_heard = 0  # Samples since the last flood.
        self.doubtful: set[int] = set()  # Floods in which a gateway lost what it knew of them.
        self.forgotten: set[int] = set()  # Floods of which a center put back may have lost what nobody holds any more.
        self.crashes: list[str] = []  # Of the code under test, by itself.
        self.database = folder / "center" / "center.db"
        self._copies = 0
        self.kept: dict[Key, Ranges] = {}  # What the copy of the center's database holds.

    def _board(self, first: str, number: int) -> SimBoard:
        ring = self.chances["boards"].choice((60, 150, 400))
        value = (self.river.head_mm, self.river.rain_um)[number]
        return SimBoard(
            (first, "supply_mv"), self.chances["boards"], self.loop.time, value, self.ledger.written,
            self.ledger.acknowledged, self.ledger.overwritten, cadence_s=site.RADAR_ROW_S, ring=ring,
        )  # fmt: skip

    # The gateway

    async def start_gateway(self) -> None:
        if self.gateway is None:
            self.gateway = Gateway(self)

    async def kill_gateway(self) -> None:
        """As kill -9, or as a power cut: what no COMMIT made durable is gone."""
        gateway, self.gateway = self.gateway, None
        if gateway is not None:
            self._doubt(gateway)
            await gateway.life.end()
            self.disk.close_all()

    def _doubt(self, gateway: "Gateway") -> None:
        """A kill between the first crossing and its COMMIT: what comes next may take it for another episode."""
        number = self.river.flood(self.loop.now_s)
        fresh = self.floods_heard[number] <= 2 or not gateway.heard or self.disk.state != GOOD
        if number and fresh:
            self.doubtful.add(number)

    async def stop_gateway(self) -> None:
        """An orderly stop."""
        if self.gateway is not None:
            await self.gateway.finish()

    async def replace_card(self) -> None:
        """A gateway with an empty card."""
        await self.kill_gateway()
        for path in (self.folder / "gateway").iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.doubtful.add(self.river.flood(self.loop.now_s))
        self.ledger.lose_spool(self.boards)
        await self.start_gateway()

    def note_level(self, level_mm: int) -> None:
        """A gateway was told this level. Floods between which none of them saw calm water are one episode."""
        if level_mm < site.YELLOW_MM:
            self._calm_heard += 1
            return
        number = self.river.flood(self.loop.now_s)
        if number not in self.floods_heard and self._calm_heard < CALM_SAMPLES:
            self.doubtful.add(number)
        self._calm_heard = 0
        self.floods_heard[number] += 1

    def center_ms(self) -> int:
        """Unix milliseconds of the center's clock, which is right."""
        return int(self.loop.now_s * 1_000) + UNIX_S * 1_000

    def set_clock(self, offset_ms: int) -> None:
        """The gateway's unix time is `offset_ms` ahead of the loop's."""
        self.offset_ms = offset_ms
        if self.gateway is not None:
            self.gateway.clock.offset_ms = offset_ms

    # The center

    async def start_center(self) -> None:
        if self.center is None:
            self.center = Center(self)

    async def kill_center(self) -> None:
        center, self.center = self.center, None
        if center is not None:
            await center.life.end()
            center.store.close()  # The lock, above all: a process that ended holds none.
            self.center_disk.close_all()

    def copy_center(self) -> bool:
        """Back the center's database up as it is now; False where there is none yet."""
        if self.database.exists():
            self._copies += 1
            backup(self.database, self.folder / f"backup-{self._copies}.db")
            self.kept = {key: ranges.copy() for key, ranges in self.ledger.center.items()}
        return self._copies > 0

    async def restore_center(self, *, new_generation: bool) -> None:
        """Put the last backup in the place of the center's database; or, telling nobody, the file itself."""
        await self.kill_center()
        copy = self.folder / f"backup-{self._copies}.db"
        if new_generation:
            restore(self.database, copy)
        else:
            for suffix in ("", "-wal", "-shm"):
                self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
            shutil.copy(copy, self.database)
        self.ledger.set_center({key: ranges.copy() for key, ranges in self.kept.items()}, self.boards)
        self.forgotten.update(self.floods_heard)
        await self.start_center()


class Gateway:
    """A gateway process: `gateway.run.serve` with simulated disk, line and link."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.life = Life()
        loop = world.loop
        boot_ms = world.chances["disk"].randrange(1 << 31)
        self.clock = SimClock(loop, boot_ms, world.offset_ms, world.scan_s * 500)
        self.siren = SimSiren(world.trace)
        self.heard: list[int] = []  # Levels that the gateway was told, since the last that it was not.
        self._stop = asyncio.Event()
        disk, net = world.chances["disk"], world.broker
        line: Any = partial(SimLine, world.wire, self._hear)
        link: Any = partial(SimLink, net, lambda: world.link_up and world.broker.up)
        committer = partial(SimCommitter, self.life, lambda: disk.uniform(*world.disk_latency_s))
        parts = Parts(committer=committer, line=line, link=link, siren=self.siren)
        self._task = self.life.adopt(serve(world.config, self.clock, None, self._stop, parts))
        self._task.add_done_callback(self._ended)

    async def finish(self) -> None:
        self._stop.set()
        await asyncio.wait([self._task])
        await self.life.end()
        self.world.disk.close_all()
        self.world.gateway = None

    def _hear(self, address: int, register: int, words: list[int]) -> None:
        if address == site.LEVEL_ADDRESS and len(words) > 12 and register == 4:
            level_mm = (words[6] << 16 | words[7]) + site.ZERO_MM
            self.heard.append(level_mm)
            self.world.note_level(level_mm)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Did it end by a defect of its own? The service manager starts it again."""
        error = None if task.cancelled() else task.exception()
        if error is None or self.life.dead:
            return
        world = self.world
        world.crashes.append(f"at {world.loop.now_s:.1f} s the gateway ended: {_leaf(error)}")
        world.loop.create_task(_again(world.kill_gateway, world.start_gateway))


class Center:
    """A center process: the consumer and its store."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.life = Life()
        client: Any = partial(SimClient, world.broker, lambda: world.broker.up)
        self.store = Store(world.database)
        self.consumer = Consumer(self.store, "simulated", 1883, client=client)
        self._task = self.life.adopt(self.consumer.run())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None or self.life.dead:
            return
        world = self.world
        world.crashes.append(f"at {world.loop.now_s:.1f} s the center ended: {_leaf(error)}")
        world.loop.create_task(_again(world.kill_center, world.start_center))


async def _again(kill: Callable, start: Callable) -> None:
    await kill()
    await asyncio.sleep(RESTART_S)
    await start()


def _leaf(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place = error.__traceback__
    where = ""
    while place is not None:
        where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
        place = place.tb_next
    return f"{type(error).__name__}: {error} ({where})"


def patches(world: World) -> list[mock._patch]:
    """Chance and time that the code under test takes from the system."""

    def time_ns() -> int:
        return world.center_ms() * 1_000_000

    return [
        mock.patch.object(secrets, "randbits", world.chances["epochs"].getrandbits),
        mock.patch.object(consume, "now_ms", world.center_ms),
        mock.patch.object(consume, "LOOK_S", float(max(world.scan_s, 10))),  # As coarse as everything else.
        mock.patch.object(spool_disk, "time", SimpleNamespace(monotonic=world.loop.time, time_ns=time_ns)),
    ]
