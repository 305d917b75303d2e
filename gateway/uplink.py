"""To the center: a connection as long as there can be one, what it says, and what goes there (gateway.sender).

Rules of this file: no trouble of the network ends it. Whatever is sent twice is stored once: the key makes it so.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

from gateway import batches
from gateway.acks import AckError, read_ack
from gateway.batches import Judge
from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.commands import CommandError, Commands
from gateway.config import Station
from gateway.link import BAD_CREDENTIALS, Link, LinkError, code_of
from gateway.sender import Sender
from gateway.spool import Spool, StoreError
from wire.telemetry import topic

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 30.0
REFUSED_S = 5.0  # A broker that refuses the connection is left alone at least so long,
CREDENTIALS_S = 60.0  # and so long where it is not going to change its mind by itself.
STEADY_S = 10.0  # A connection that held so long starts the backoff anew.
FINISH_S = 3.0  # An orderly stop waits so long for the last acknowledgements,
DEATH_S = 1.0  # and so long for the broker to take the goodbye.
REPLIES_MAX = 32  # Replies that may wait for room; the center asks again.


class Uplink:
    """Counters: event, live, late, state, catalogue, reply (messages), bytes_<kind>, readings, resent, refused,
    refused_<kind>, unheard, unfit (rows that cannot be sent as they are), too_big, bad_acks, bad_commands, commands,
    connects, connect_failures, connect_refused, disconnects, store_errors."""

    def __init__(
        self, config: Station, spool: Spool, clock: Clock, catalogue: Catalogue, link: Callable[..., Link] = Link
    ) -> None:
        self.connected = False
        self.counters: Counter[str] = Counter()
        self._config = config
        self._center = config.center
        self._spool = spool
        self._link = link
        self._sender = Sender(config, spool, clock, catalogue, self.counters)
        self.modes = self._sender.modes
        self.commands = Commands(spool.ask_again, clock.unix_ms, config.version, spool.keep_state)
        self._replies: list[bytes] = []
        self._refused = ""
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def judge(self) -> Judge | None:
        """The gateway's quality of a stored row; set by whoever has a station."""
        return self._sender.judge

    @judge.setter
    def judge(self, judge: Judge | None) -> None:
        self._sender.judge = judge

    @property
    def acked_rows(self) -> int:
        """Rows that the center has acknowledged since the start."""
        return self._sender.acked_rows

    @property
    def refusals(self) -> dict[str, str]:
        """What the broker refuses now, and why, by topic; "connection" for all of it."""
        return self._sender.refusals.told | ({"connection": self._refused} if self._refused else {})

    async def run(self) -> None:
        """Keep a connection until `finish()`; returns at once where no center is configured."""
        backoff_s = BACKOFF_FIRST_S
        while self._center.host and not self._stop.is_set():
            began_s = asyncio.get_running_loop().time()
            least_s = 0.0
            try:
                await self._session()
            except (LinkError, OSError) as error:
                if _is_cancelled():
                    raise asyncio.CancelledError from None
                least_s = self._on_failure(error)
            self.connected = False
            if asyncio.get_running_loop().time() - began_s > STEADY_S:
                backoff_s = BACKOFF_FIRST_S
            if not self._stop.is_set():
                await _wait_for(self._stop, max(backoff_s, least_s) * random.uniform(0.5, 1.0))
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        self._ended.set()

    def flush_now(self) -> None:
        """Close the live batch with the next commit: an alarm changed, and its event goes first."""
        self._sender.flush_now()

    def report_every(self, report_s: int) -> None:
        """Close live batches after so many seconds from now on; 0 = as station.toml says."""
        self._sender.report_s = report_s

    def tell_modes(self) -> None:
        """Other modes hold: what came before goes out under the old ones, and the state says the new."""
        self._sender.tell_modes()

    def close_batch(self) -> None:
        """Close the live batch now."""
        self._sender.flush_now()
        self._sender.wake.set()

    async def finish(self) -> None:
        """Send what is here, wait some seconds for the acknowledgements, say goodbye; then `run()` returns."""
        sender = self._sender
        self.close_batch()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                while self.connected and self._spool.depth():
                    sender.landed.clear()
                    await sender.landed.wait()
        self._stop.set()
        sender.wake.set()
        if self._center.host:
            await _wait_for(self._ended, FINISH_S)

    # A connection

    async def _session(self) -> None:
        identifier = f"rp-{self._config.id}-{self._config.gateway_serial}"
        link = self._link(self._center, identifier, self._topic("state"), batches.death_message())
        async with link:
            self.connected = True
            self._refused = ""
            self.counters["connects"] += 1
            tasks: list[asyncio.Task[None]] = []
            try:
                for leaf in ("ack", "command"):  # Where it may not hear, it still may speak, and health tells.
                    link.ask_to_hear(self._topic(leaf)).add_done_callback(partial(self._on_heard, leaf))
                self._sender.begin(link)
                tasks = [
                    asyncio.create_task(self._receive(link), name="uplink receive"),
                    asyncio.create_task(self._send(link), name="uplink send"),
                ]
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                link.forget()
                await self._sender.end()

    def _on_failure(self, error: Exception) -> float:
        """Count why there is no connection (any more); seconds that the broker is to be left alone at least."""
        code = code_of(error)
        self.counters["disconnects" if self.connected else "connect_failures"] += 1
        if not code:
            return 0.0
        self.counters["connect_refused"] += 1
        self._refused = str(error)
        return CREDENTIALS_S if code in BAD_CREDENTIALS else REFUSED_S

    async def _send(self, link: Link) -> None:
        sender = self._sender
        while not self._stop.is_set():
            sender.wake.clear()
            try:
                busy = await sender.step()
            except StoreError:
                self.counters["store_errors"] += 1
                busy = False
            while self._replies and link.room > 0:
                sender.publish("reply", self._replies.pop(0))
            if not busy:
                await _wait_for(sender.wake, sender.pause_s())
        goodbye = link.send(self._topic("state"), batches.death_message(), retain=True)
        await asyncio.wait([goodbye], timeout=DEATH_S)

    def _on_heard(self, leaf: str, answered: asyncio.Future[int]) -> None:
        if not answered.cancelled():
            self._sender.refusals.hear(leaf, answered.result())

    # What the center says

    async def _receive(self, link: Link) -> None:
        async for message in link.messages:
            if message.topic.value == self._topic("command"):
                self._on_command(message.payload)
            else:
                self._on_ack(message.payload)

    def _on_ack(self, payload: object) -> None:
        before = self._spool.depth()
        try:
            generation, statements = read_ack(payload)
            self._sender.acked_rows += self._spool.acknowledge(generation, statements)
        except (AckError, ValueError):
            self.counters["bad_acks"] += 1
            return
        self._sender.acknowledged(again=self._spool.depth() > before)

    def _on_command(self, payload: object) -> None:
        try:
            self.commands.answer(payload, self._reply)
        except CommandError:
            self.counters["bad_commands"] += 1
            return
        self.counters["commands"] += 1
        self._sender.acknowledged(again=True)

    def _reply(self, reply: bytes) -> None:
        if len(self._replies) < REPLIES_MAX:
            self._replies.append(reply)
        self._sender.wake.set()

    def _topic(self, leaf: str) -> str:
        return topic(self._config.id, leaf)


async def _wait_for(event: asyncio.Event, limit_s: float) -> None:
    # Not asyncio.wait_for: before Python 3.12 it can swallow a cancellation that comes together with the event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()


def _is_cancelled() -> bool:
    """Was this task told to end? A library below may have turned that into an error of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
