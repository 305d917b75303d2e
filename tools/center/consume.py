"""The center's consumer: takes what the stations publish, stores it, and says after COMMIT what it has.

Rules of this file: acknowledge only what the store says is committed; a message that cannot be stored now is not
acknowledged, and the station sends it again. The database works in a thread of its own, several messages a transaction.
"""

import asyncio
import contextlib
import logging
import random
import re
import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import aiomqtt
import cbor2

from tools.center.orders import order_message
from tools.center.schema import CenterStore, Incoming
from tools.center.store import now_ms
from wire.telemetry import K_ACKS, K_AGAIN, K_EXPIRES_MS, K_GENERATION, K_ID, K_MAJOR, MAJOR, topic

log = logging.getLogger("center")

LEAVES = ("event", "live", "late", "state", "catalogue", "reply")
GROUP_MAX = 64  # Messages of one transaction.
QUEUE_MAX = 5_000  # Messages that may wait for the database; more are dropped and come again.
STATEMENTS_MAX = 500  # Of one acknowledgement.
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 15.0
STORE_PAUSE_S = 1.0  # After the database refused.
LOOK_S = 10.0  # From one look for what is missing to the next.
ORDERS_S = 0.25  # From one look for what people ordered to the next.
STATION = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Consumer:
    """`run()` until cancelled. `ready` is set while it is connected and subscribed. Counters as attributes."""

    def __init__(
        self,
        store: CenterStore,
        host: str,
        port: int,
        station: str = "+",
        identifier: str = "",
        client: Callable[..., aiomqtt.Client] = aiomqtt.Client,
    ) -> None:
        self.ready = asyncio.Event()
        self.messages = 0
        self.commits = 0
        self.store_failures = 0
        self.asks = 0
        self._store = store
        self._host = host
        self._port = port
        self._station = station
        self._client = client
        self._identifier = identifier or f"rp-center-{store.generation:08x}"
        self._connected: aiomqtt.Client | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="center-store")

    async def run(self) -> None:
        """Stay connected; every trouble of the network is answered by trying again."""
        backoff_s = BACKOFF_FIRST_S
        try:
            while True:
                try:
                    await self._session()
                except (aiomqtt.MqttError, OSError) as error:
                    if _is_cancelled():
                        raise asyncio.CancelledError from None  # The library below made an error of our own stop.
                    if self.ready.is_set():
                        backoff_s = BACKOFF_FIRST_S
                    log.info("broker %s:%d: %s", self._host, self._port, error)
                self.ready.clear()
                await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        finally:
            self.ready.clear()
            self._thread.shutdown()

    async def send_orders(self) -> None:
        """Send what people ordered meanwhile. Nothing while there is no connection: it stands in the database."""
        if self._connected is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # The session ends by the same error, and the next one sends.
                await self._order(self._connected, set())

    async def _session(self) -> None:
        client = self._client(
            self._host,
            self._port,
            identifier=self._identifier,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            max_queued_incoming_messages=QUEUE_MAX,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        async with client:
            await client.subscribe([(topic(self._station, leaf), 1) for leaf in LEAVES])
            self._connected = client
            self.ready.set()
            looking = asyncio.create_task(self._look(client), name="center look")
            try:
                async for first in client.messages:
                    group = [first]
                    while len(client.messages) and len(group) < GROUP_MAX:
                        group.append(await anext(client.messages))
                    await self._take(client, group)
                    if _is_cancelled():
                        raise asyncio.CancelledError  # It came together with a PUBACK, and was swallowed.
            finally:
                self._connected = None
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)

    async def _look(self, client: aiomqtt.Client) -> None:
        """Ask for what is missing, from time to time. Ends with the connection."""
        while not _is_cancelled():
            await asyncio.sleep(LOOK_S)
            await self._ask(client, set())

    async def _take(self, client: aiomqtt.Client, group: list[aiomqtt.Message]) -> None:
        incoming = [found for message in group if (found := _incoming(message))]
        self.messages += len(group)
        loop = asyncio.get_running_loop()
        try:
            touched = await loop.run_in_executor(self._thread, self._store.take, incoming)
            self.commits += 1
            for station, keys in touched.items():
                statements = await loop.run_in_executor(self._thread, self._store.statements, station, keys)
                await self._acknowledge(client, station, [list(statement) for statement in statements])
            born = {message.station for message in incoming if message.leaf == "state"}
            if born:
                await self._ask(client, born)
                await self._order(client, born)
        except sqlite3.Error as error:
            self.store_failures += 1
            log.error("nothing of %d messages stored, nothing acknowledged: %s", len(group), error)
            await asyncio.sleep(STORE_PAUSE_S)

    async def _acknowledge(self, client: aiomqtt.Client, station: str, statements: list[list]) -> None:
        for at in range(0, max(len(statements), 1), STATEMENTS_MAX):
            part = statements[at : at + STATEMENTS_MAX]
            message = {K_MAJOR: MAJOR, K_GENERATION: self._store.generation, K_ACKS: part}
            await client.publish(topic(station, "ack"), cbor2.dumps(message, canonical=True), qos=1)

    async def _ask(self, client: aiomqtt.Client, born: set[str]) -> None:
        """What is asked for is noted before it is sent: a command that gets lost is sent again later."""
        try:
            asks = await asyncio.get_running_loop().run_in_executor(self._thread, self._store.asks, now_ms(), born)
        except sqlite3.Error as error:
            self.store_failures += 1
            log.error("what is missing cannot be looked up: %s", error)
            return
        for ask in asks:
            self.asks += 1
            message = {K_MAJOR: MAJOR, K_ID: ask.id, K_EXPIRES_MS: ask.expires_ms, K_AGAIN: ask.wanted}
            await client.publish(topic(ask.station, "command"), cbor2.dumps(message, canonical=True), qos=1)

    async def _order(self, client: aiomqtt.Client, born: set[str]) -> None:
        """What people want done goes out until the station has answered or it has expired."""
        loop = asyncio.get_running_loop()
        try:
            due = await loop.run_in_executor(self._thread, self._store.orders, now_ms(), born)
            for order in due:
                await client.publish(topic(order.station, "command"), order_message(order), qos=1)
            if due:
                await loop.run_in_executor(self._thread, self._store.sent, due, now_ms())
        except sqlite3.Error as error:
            self.store_failures += 1
            log.error("what people ordered cannot be looked up: %s", error)


def _is_cancelled() -> bool:
    """Was this task told to end? Before Python 3.12, asyncio.wait_for below a library may swallow that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _incoming(message: aiomqtt.Message) -> Incoming | None:
    """None for what is on no topic of ours."""
    parts = message.topic.value.split("/")
    if len(parts) != 4 or not STATION.fullmatch(parts[2]) or not isinstance(message.payload, bytes):
        return None
    return Incoming(parts[2], parts[3], message.payload, now_ms())


async def serve(store: CenterStore, host: str, port: int, station: str, stop: asyncio.Event) -> None:
    """Run a consumer until `stop` is set."""
    consumer = Consumer(store, host, port, station)
    task = asyncio.create_task(consumer.run(), name="consumer")
    ordering = asyncio.create_task(_send_orders(consumer), name="orders")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({task, ordering, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for running in (task, ordering, stopped):
        running.cancel()
    await asyncio.gather(ordering, stopped, return_exceptions=True)
    try:
        await task
    except asyncio.CancelledError:
        return


async def _send_orders(consumer: Consumer) -> None:
    while True:
        await asyncio.sleep(ORDERS_S)
        await consumer.send_orders()
