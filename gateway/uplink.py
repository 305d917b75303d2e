"""To the center: events first, then live batches, then the backlog; resent until the center says that it stored them.

Rules of this file: it only reads the spool, and waits for nothing but its own turn; no trouble of the network ends it.
Link time is real, batch time is the station's. Whatever is sent twice is stored once: the key makes it so.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

from gateway import batches
from gateway.acks import AckError, read_ack
from gateway.batches import Judge, Want
from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.config import Station
from gateway.flight import EVENT, LATE, LIVE, Flight, Flights
from gateway.link import REFUSED, UNHEARD, Link, LinkError
from gateway.ranges import Ranges
from gateway.spool import Spool, StoreError
from gateway.spool_reader import Reader, Stored
from gateway.spool_schema import Changes, Key
from wire.telemetry import MODES, topic

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 30.0
STEADY_S = 10.0  # A connection that held so long starts the backoff anew.
REFUSED_S = 5.0  # A broker that refuses a message is left alone so long.
LOOK_S = 1.0  # A clock of a rig may change its rate: no wait is longer,
LOOK_STEADY_S = 60.0  # and with any other no longer than this.
STATE_S = 3_600  # How far the logs reach is told at least so often (station time).
FINISH_S = 3.0  # An orderly stop waits so long for the last acknowledgements,
DEATH_S = 1.0  # and so long for the broker to take the goodbye.
EVENTS_MAX = 32  # Events fetched at a time.


class Uplink:
    """Counters: event, live, late (messages), bytes_<kind>, readings, resent, refused, unheard, bad_acks, connects,
    connect_failures, disconnects, store_errors. `acked_rows`: rows that the center has acknowledged since the start."""

    def __init__(
        self, config: Station, spool: Spool, clock: Clock, catalogue: Catalogue, link: Callable[..., Link] = Link
    ) -> None:
        self.connected = False
        self.acked_rows = 0
        self.counters: Counter[str] = Counter()
        self.judge: Judge | None = None  # The gateway's quality of a stored row; set by whoever has a station.
        self.mode = MODES.index(config.mode)
        self._config = config
        self._center = config.center
        self._spool = spool
        self._clock = clock
        self._catalogue = catalogue
        self._link = link
        self._flights = Flights()
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()
        self._landed = asyncio.Event()
        self._flush = False
        self._backlog = True
        self._told_version = 0
        self._told_state_ms = 0
        self._close_ms = clock.mono_ms() + self._batch_ms
        self._hold_until_s = 0.0
        spool.on_commit.append(self._on_commit)
        catalogue.on_change.append(self._on_catalogue)

    @property
    def _batch_ms(self) -> int:
        return self._center.live_batch_s * 1000

    async def run(self) -> None:
        """Keep a connection until `finish()`; returns at once where no center is configured."""
        backoff_s = BACKOFF_FIRST_S
        while self._center.host and not self._stop.is_set():
            began_s = _now_s()
            try:
                await self._session()
            except (LinkError, OSError):
                if _is_cancelled():
                    raise asyncio.CancelledError from None
                self.counters["disconnects" if self.connected else "connect_failures"] += 1
            self.connected = False
            if _now_s() - began_s > STEADY_S:
                backoff_s = BACKOFF_FIRST_S
            if not self._stop.is_set():
                await _wait_for(self._stop, backoff_s * random.uniform(0.5, 1.0))
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        self._ended.set()

    def flush_now(self) -> None:
        """Close the live batch with the next commit: an alarm changed, and its event goes first."""
        self._flush = True

    async def finish(self) -> None:
        """Send what is here, wait some seconds for the acknowledgements, say goodbye; then `run()` returns."""
        self._flush = True
        self._wake.set()
        deadline_s = _now_s() + FINISH_S
        while self.connected and self._spool.depth() and _now_s() < deadline_s:
            self._landed.clear()
            await _wait_for(self._landed, deadline_s - _now_s())
        self._stop.set()
        self._wake.set()
        if self._center.host:
            await _wait_for(self._ended, FINISH_S)

    # A connection

    async def _session(self) -> None:
        identifier = f"rp-{self._config.id}-{self._config.gateway_serial}"
        death = batches.state_message(False, 0, [], 0)
        link = self._link(self._center, identifier, self._topic("state"), death)
        async with link:
            self.connected = True
            self.counters["connects"] += 1
            tasks: list[asyncio.Task[None]] = []
            try:
                await link.hear(self._topic("ack"))
                self._told_version = -1  # A birth follows.
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
                self._flights.lose_link()

    async def _receive(self, link: Link) -> None:
        async for message in link.messages:
            before = self._spool.depth()
            try:
                generation, statements = read_ack(message.payload)
                self.acked_rows += self._spool.acknowledge(generation, statements)
            except (AckError, ValueError):
                self.counters["bad_acks"] += 1
                continue
            self._flights.land({log.key: log.acked for log in self._spool.all_logs()})
            # Somebody listens again, or another generation asks for what we thought to be there.
            if self._flights.give_up_unheard() or self._spool.depth() > before:
                self._flush = True
            self._backlog = True
            self._wake.set()
            self._landed.set()

    # Sending

    async def _send(self, link: Link) -> None:
        self._backlog = True
        while not self._stop.is_set():
            self._wake.clear()
            try:
                busy = await self._step(link)
            except StoreError:
                self.counters["store_errors"] += 1
                busy = False
            if not busy:
                await _wait_for(self._wake, self._pause_s())
        goodbye = link.send(self._topic("state"), batches.state_message(False, 0, [], 0), retain=True)
        await asyncio.wait([goodbye], timeout=DEATH_S)

    async def _step(self, link: Link) -> bool:
        """Send the most urgent thing; False when there is nothing to do until woken."""
        now_s = _now_s()
        if self._flights.give_up(now_s, self._center.ack_timeout_s):
            self.counters["resent"] += 1
            self._backlog = self._flush = True
        if now_s < self._hold_until_s:
            return False
        self._tell_state(link)
        if await self._send_events(link):
            return True
        if not self._catalogue.version:
            return False
        if (self._flush or self._clock.mono_ms() >= self._close_ms) and self._flights.has_room(LIVE):
            self._flush = False
            self._close_ms = self._clock.mono_ms() + self._batch_ms
            self._backlog = True  # What this batch leaves is late.
            await self._send_rows(link, LIVE)
            return True
        if self._backlog and self._flights.has_room(LATE):
            self._backlog = await self._send_rows(link, LATE)
            return self._backlog
        return False

    def _tell_state(self, link: Link) -> None:
        """Birth, and again when the catalogue changed or the last one is old."""
        version = self._catalogue.version
        now_ms = self._clock.mono_ms()
        if version == self._told_version and now_ms - self._told_state_ms < STATE_S * 1000:
            return
        if version and version != self._told_version:
            self._publish(link, "catalogue", self._catalogue.content)
        self._told_version, self._told_state_ms = version, now_ms
        self._publish(link, "state", batches.state_message(True, version, self._spool.logs(), self.mode))

    async def _send_events(self, link: Link) -> bool:
        """Send the oldest events that are not under way; True if any went."""
        sent = False
        for log, unacked in self._spool.unsent(events=True):
            for first, last in unacked.minus(self._flights.carried(log.key)):
                if not self._flights.has_room(EVENT):
                    return sent
                rows = await self._spool.read(partial(_events, key=log.key, first=first, last=last))
                for seq, _, _, stamped, _, content in rows:
                    if not self._flights.has_room(EVENT):
                        return sent
                    self._fly_event(link, log.key, seq, content, stamped)
                    sent = True
        return sent

    async def _send_rows(self, link: Link, leaf: str) -> bool:
        """Send a live batch, or one piece of the backlog; True if any went."""
        names = {source.name for source in self._config.sources}
        wants = []
        for log, unacked in self._spool.unsent(events=False):
            ranges = unacked.minus(self._flights.carried(log.key))
            if ranges:
                judge = self.judge if log.info.name in names else None
                wants.append(Want(log.key, ranges, self._catalogue.layout, judge))
        if not wants:
            return False
        now_s, span_s = self._clock.unix_ms() // 1000, 2 * self._center.live_batch_s
        ages = batches.Ages(now_s - span_s, now_s + span_s)
        made = await self._spool.read(
            partial(batches.collect, wants=wants, live=leaf == LIVE, ages=ages, mode=self.mode)
        )
        for batch in made:
            self.counters["readings"] += batch.readings
            self._fly(link, leaf, batch.payload, batch.parts)
        return bool(made)

    def _fly_event(self, link: Link, key: Key, seq: int, content: bytes, catalogue: int) -> None:
        message = batches.event_message(key, seq, content, catalogue, self._clock.unix_ms())
        self._fly(link, EVENT, message, [(key, Ranges([(seq, seq)]))])

    def _fly(self, link: Link, leaf: str, payload: bytes, parts: list) -> None:
        flight = Flight(leaf, parts, _now_s())
        confirmed = self._publish(link, leaf, payload)
        self._flights.add(flight)
        confirmed.add_done_callback(partial(self._on_puback, flight))

    def _publish(self, link: Link, leaf: str, payload: bytes) -> asyncio.Future[int]:
        self.counters[leaf] += 1
        self.counters[f"bytes_{leaf}"] += len(payload)
        confirmed = link.send(self._topic(leaf), payload, retain=leaf in ("state", "catalogue"))
        confirmed.add_done_callback(self._count_refusal)
        return confirmed

    def _count_refusal(self, confirmed: asyncio.Future[int]) -> None:
        self.counters["refused"] += not confirmed.cancelled() and confirmed.result() >= REFUSED

    def _on_puback(self, flight: Flight, confirmed: asyncio.Future[int]) -> None:
        if confirmed.cancelled() or flight not in self._flights:
            return
        flight.confirmed = True
        if confirmed.result() >= REFUSED:
            self._flights.remove(flight)
            self._hold_until_s = _now_s() + REFUSED_S
            self._backlog = self._flush = True
        elif self._center.ack == "broker":
            for key, ranges in flight.parts:
                self.acked_rows += self._spool.acknowledge_rows(key, ranges)
            self._flights.remove(flight)
            self._landed.set()
        elif confirmed.result() == UNHEARD:
            self.counters["unheard"] += 1
            flight.nobody_listens()
        self._wake.set()

    def _on_catalogue(self) -> None:
        self._flush = self._backlog = True  # Rows that no version named yet have waited for this one.
        self._wake.set()

    def _on_commit(self, changes: Changes) -> None:
        if changes.events or self._flush:
            self._wake.set()

    def _pause_s(self) -> float:
        """Real seconds until something is due by itself; what waits for room is woken by what makes it."""
        now_s = _now_s()
        if now_s < self._hold_until_s:
            return self._hold_until_s - now_s
        waits = [LOOK_STEADY_S if self._clock.steady else LOOK_S]
        if self._catalogue.version and self._flights.has_room(LIVE):
            waits.append((self._close_ms - self._clock.mono_ms()) / 1000 / self._clock.rate())
        timeout_s = self._flights.next_s(self._center.ack_timeout_s)
        if timeout_s is not None:
            waits.append(timeout_s - now_s)
        return max(min(waits), 0.001)

    def _topic(self, leaf: str) -> str:
        return topic(self._config.id, leaf)


def _events(reader: Reader, key: Key, first: int, last: int) -> list[Stored]:
    return reader.rows(key, first, last, EVENTS_MAX)


async def _wait_for(event: asyncio.Event, limit_s: float) -> None:
    # Not asyncio.wait_for: before Python 3.12 it can swallow a cancellation that comes together with the event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()


def _now_s() -> float:
    """Link time: the loop's, so that whoever drives the loop drives all of it."""
    return asyncio.get_running_loop().time()


def _is_cancelled() -> bool:
    """Was this task told to end? A library below may have turned that into an error of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
