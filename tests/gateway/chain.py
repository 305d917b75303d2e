"""A station's spool and uplink, a center, and a listener, for tests against a real broker."""

import asyncio
import gc
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

import aiomqtt

from gateway.catalogue import Catalogue
from gateway.link import Link
from gateway.spool import Spool
from gateway.uplink import Uplink
from tests.gateway.small_station import BOARD, EPOCH, HandClock, packed_row, small_station
from tools.center.consume import Consumer
from tools.center.store import Store
from wire.reading import SYNCED
from wire.row import Reading
from wire.telemetry import E_AT_MS, E_CHANNEL, E_DETECTED_MS, E_KIND, E_LEVEL, E_RULE, EVENT_CODES

COLUMNS = ("head_mm", "supply_mv")
LIMIT_S = 20.0
ALARM = {E_KIND: EVENT_CODES["alarm raised"], E_RULE: "flood", E_CHANNEL: "river", E_LEVEL: 2}


class Chain:
    """Spool, catalogue and uplink of one station, and a center's database beside it."""

    def __init__(self, folder, port, clock=None, **center):
        self.folder = folder
        self.clock = clock or HandClock()
        self.config = small_station(folder, commit_window_ms=5, host="127.0.0.1", port=port, **center)
        self.port = port
        self.rows = 0
        self.on_open: Callable[[], Awaitable[None]] | None = None
        self.log: tuple[bytes, int] = (BOARD, EPOCH)  # Of the board that answers when the station starts.

    async def open(self):
        self.spool = Spool(self.config, self.clock)
        await self.spool.open()
        self.spool.seen("level", *self.log, COLUMNS)
        self.catalogue = Catalogue(self.config, self.spool)
        await until(lambda: self.catalogue.layout(self.log, 0))
        if self.on_open is not None:
            await self.on_open()  # Before anybody is connected.
        self.uplink = Uplink(self.config, self.spool, self.clock, self.catalogue)
        self.task = asyncio.create_task(self.uplink.run())

    async def close(self):
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.spool.close()

    async def append(self, count=5, minutes_ago=5):
        """Rows of the board and of the bought sensor, `minutes_ago` old at first and one a minute."""
        begin_s = self.clock.unix_ms() // 1000 - minutes_ago * 60
        packed = [packed_row(self.rows + n, 20_000 + n, begin_s + 60 * n) for n in range(1, count + 1)]
        self.rows += count
        await self.spool.append_rows(BOARD, EPOCH, "level", packed)
        await self.append_radar(count, minutes_ago)

    async def append_radar(self, count=5, minutes_ago=5):
        """Rows of the bought sensor alone."""
        begin_s = self.clock.unix_ms() // 1000 - minutes_ago * 60
        made = [(begin_s + 60 * n, 0, SYNCED, [Reading(0, 4_000 - n)]) for n in range(1, count + 1)]
        await self.spool.append_made("radar", made)

    async def alarm(self):
        now_ms = self.clock.unix_ms()
        self.uplink.flush_now()
        await self.spool.append_event({E_AT_MS: now_ms, E_DETECTED_MS: now_ms} | ALARM)

    async def settled(self):
        """Wait until the center has acknowledged all."""
        await until(lambda: not self.spool.depth())

    def cut(self):
        """Close the socket below MQTT, as a power cut would."""
        (link,) = [found for found in gc.get_objects() if isinstance(found, Link) and found._client.is_connected()]
        wire = link._client.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)

    def made(self):
        with closing(sqlite3.connect(self.folder / "spool.db")) as db:
            return set(db.execute("SELECT source, epoch, seq, crc FROM rows"))


def stored(path):
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT source, epoch, seq, crc FROM rows"))


@asynccontextmanager
async def running(chain):
    await chain.open()
    try:
        yield chain
    finally:
        await chain.close()


@asynccontextmanager
async def center(folder, port, name="center.db"):
    """A center that is there; `store` and `consumer` of it."""
    store = Store(folder / name)
    consumer = Consumer(store, "127.0.0.1", port, identifier=f"center-{name}")
    task = asyncio.create_task(consumer.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            await consumer.ready.wait()
        yield consumer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        store.close()


@asynccontextmanager
async def listener(port, *topics):
    """A list that fills with (leaf, payload, retained) of what is published."""
    heard = []
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe([(topic, 1) for topic in topics or ("rp/1/+/+",)])

        async def listen():
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                heard.append((message.topic.value.rpartition("/")[2], message.payload, message.retain))

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - another process, or the spool's thread, makes it true
            await asyncio.sleep(0.005)
