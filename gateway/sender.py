"""What goes to the center next: events first, then live batches, then the backlog.

Rules of this file: it only reads the spool, and waits for nothing but its own turn. Link time is real, batch time is
the station's. Backlog is made beside, and handed over only as fast as link and center work it off.
"""

import asyncio
from collections import Counter, deque
from functools import partial

from gateway import backlog, batches
from gateway.backlog import Aim
from gateway.batches import Ages, Batch, Judge, Want
from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.config import Station
from gateway.flight import EVENT, LATE, LIVE, Flight, Flights
from gateway.link import REFUSED, UNHEARD, Link
from gateway.mode_log import ModeLog, Stand
from gateway.pace import CENTER_FIRST, CENTER_MESSAGE_MIN, LINK_FIRST, LINK_MESSAGE_MIN, Pace
from gateway.ranges import Ranges
from gateway.refusals import Refusals
from gateway.spool import Spool, StoreError
from gateway.spool_reader import Reader, Stored
from gateway.spool_schema import Changes, Key
from wire.telemetry import MESSAGE_BYTES_MAX, MODES, topic

LOOK_S = 1.0  # A clock of a rig may change its rate: no wait is longer,
LOOK_STEADY_S = 60.0  # and with any other no longer than this.
STATE_S = 3_600  # How far the logs reach is told at least so often (station time).
EVENTS_MAX = 32  # Events fetched at a time.
URGENT_ROOM = 2  # So many of the messages that a broker takes at once are kept for what is more urgent than backlog.
ALLOWANCE = 4  # A message may take so many times as long as the link should take for it, before its time-out begins.
ROW_BYTES_FIRST = 1.0  # What a row of backlog takes of a message, before one was made.


class Sender:
    """Used by `gateway.uplink`: `begin` and `end` with a link, `step` as long as it says so, `acknowledged` on the
    center's word. `wake` is set when there may be something to do."""

    def __init__(
        self, config: Station, spool: Spool, clock: Clock, catalogue: Catalogue, counters: Counter[str]
    ) -> None:
        self.wake = asyncio.Event()
        self.landed = asyncio.Event()
        self.acked_rows = 0
        self.judge: Judge | None = None
        self.modes = ModeLog(Stand(MODES.index(config.mode)))
        self.report_s = 0  # of an intensified mode; 0 = as station.toml says
        self.refusals = Refusals()
        self._config = config
        self._center = config.center
        self._spool = spool
        self._clock = clock
        self._catalogue = catalogue
        self._counters = counters
        self._flights = Flights()
        self._link: Link | None = None
        self._link_pace = Pace(LINK_FIRST, LINK_MESSAGE_MIN)
        self._center_pace = Pace(CENTER_FIRST, CENTER_MESSAGE_MIN)
        self._flush = False
        self._backlog = True
        self._made: deque[Batch] = deque()  # Backlog that is ready to go.
        self._making: asyncio.Task[None] | None = None
        self._row_bytes = ROW_BYTES_FIRST
        self._unfit: dict[Key, Ranges] = {}  # Rows and events that cannot be sent as they are.
        self._due: list[str] = []  # "catalogue", "state": what is to be told as soon as there is room.
        self._told_version = 0
        self._told_state_ms = 0
        self._close_ms = clock.mono_ms() + self._batch_ms
        spool.on_commit.append(self._on_commit)
        catalogue.on_change.append(self._on_catalogue)

    @property
    def _batch_ms(self) -> int:
        usual_s = self._center.live_batch_s
        return min(self.report_s or usual_s, usual_s) * 1000

    # A connection

    def begin(self, link: Link) -> None:
        self._link = link
        self._link_pace = Pace(LINK_FIRST, LINK_MESSAGE_MIN)  # It may be another network than before.
        self._told_version = -1  # A birth follows.
        self._unfit.clear()
        self._backlog = True

    async def end(self) -> None:
        """The link is gone: whatever is under way may have reached nobody."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
            self._making = None
        self._made.clear()
        self._flights.lose_link()
        self._link = None

    # What the world says

    def flush_now(self) -> None:
        """Close the live batch at the next look."""
        self._flush = True

    def tell_modes(self) -> None:
        """Other modes hold: close the live batch, and say so in the state."""
        self._flush = True
        self._told_version = -1
        self.wake.set()

    def acknowledged(self, *, again: bool) -> None:
        """The center has spoken; `again`: it wants what we thought to be there."""
        now_s = _now_s()
        acked = {log.key: log.acked for log in self._spool.all_logs()}
        for flight in self._flights.land(acked, now_s):
            self._center_pace.saw(now_s - flight.taken_s)
            if flight.leaf == LATE:
                self._center_pace.confirm(flight.rows, flight.taken_s, now_s)
        if self._flights.give_up_unheard() or again:
            self._flush = True  # Somebody listens again, or another generation asks.
        self._backlog = True
        self.wake.set()
        self.landed.set()

    # Sending

    async def step(self) -> bool:
        """Send the most urgent thing; False when there is nothing to do until woken. LinkError, StoreError."""
        if self._making is not None and self._making.done():
            making, self._making = self._making, None
            making.result()
        now_s = _now_s()
        if self._flights.give_up(now_s, self._center.ack_timeout_s):
            self._counters["resent"] += 1
            self._backlog = self._flush = True
        self._tell_state()
        if await self._send_events():
            return True
        if not self._catalogue.version:
            return False
        if (self._flush or self._clock.mono_ms() >= self._close_ms) and self._may_send(LIVE):
            self._flush = False
            self._close_ms = self._clock.mono_ms() + self._batch_ms
            self._backlog = True  # What this batch leaves is late.
            await self._send_live()
            return True
        return self._send_backlog()

    def pause_s(self) -> float:
        """Real seconds until something is due by itself; what waits for room is woken by what makes it."""
        now_s = _now_s()
        waits = [LOOK_STEADY_S if self._clock.steady else LOOK_S]
        if self._catalogue.version and self._may_send(LIVE):
            waits.append((self._close_ms - self._clock.mono_ms()) / 1000 / self._clock.rate())
        timeout_s = self._flights.next_s(self._center.ack_timeout_s)
        if timeout_s is not None:
            waits.append(timeout_s - now_s)
        free_s = self.refusals.next_s(now_s)
        if free_s is not None:
            waits.append(free_s)
        return max(min(waits), 0.001)

    def publish(self, leaf: str, payload: bytes) -> asyncio.Future[int] | None:
        """Send a message that carries no rows; None where the broker would not take one so large. LinkError."""
        link = self._link
        assert link is not None
        name = topic(self._config.id, leaf)
        if len(payload) > link.payload_max(name):
            self._counters["too_big"] += 1
            return None
        self._counters[leaf] += 1
        self._counters[f"bytes_{leaf}"] += len(payload)
        confirmed = link.send(name, payload, retain=leaf in ("state", "catalogue"))
        confirmed.add_done_callback(partial(self._on_code, leaf, _now_s()))
        return confirmed

    def _may_send(self, leaf: str) -> bool:
        assert self._link is not None
        kept = URGENT_ROOM if leaf == LATE and self._link.receive_max > URGENT_ROOM else 0
        free = self.refusals.free_s(leaf, _now_s()) == 0
        return free and self._link.room > kept and self._flights.has_room(leaf)

    def _tell_state(self) -> None:
        """Birth, and again when the catalogue changed or the last one is old."""
        assert self._link is not None
        version = self._catalogue.version
        now_ms = self._clock.mono_ms()
        if version != self._told_version or now_ms - self._told_state_ms >= STATE_S * 1000:
            self._due = ["catalogue", "state"] if version and version != self._told_version else ["state"]
            self._told_version, self._told_state_ms = version, now_ms
        while self._due and self._link.room > 0 and self.refusals.free_s(self._due[0], _now_s()) == 0:
            leaf = self._due.pop(0)
            state = batches.state_message(version, self._spool.logs(), self.modes.now, self._config.version)
            self.publish(leaf, self._catalogue.content if leaf == "catalogue" else state)

    async def _send_events(self) -> bool:
        """Send the oldest events that are not under way; True if any went."""
        sent = False
        for log, unacked in self._spool.unsent(events=True):
            for first, last in unacked.minus(self._flights.carried(log.key), self._unfit.get(log.key, Ranges())):
                if not self._may_send(EVENT):
                    return sent
                rows = await self._spool.read(partial(_events, key=log.key, first=first, last=last))
                for seq, _, _, stamped, _, content in rows:
                    if not self._may_send(EVENT):
                        return sent
                    sent |= self._fly_event(log.key, seq, content, stamped)
        return sent

    async def _send_live(self) -> None:
        wants, ages = self._wants()
        if wants:
            collect = partial(
                batches.live_batches, wants=wants, ages=ages, stand_of=self.modes.at, bytes_max=self._most(LIVE)
            )
            for batch in await self._spool.read(collect):
                self._fly(LIVE, batch)

    def _send_backlog(self) -> bool:
        """Hand over what is ready, if link and center would soon have done with it; have more made."""
        sent = False
        while self._made and self._may_send(LATE):
            rows = sum(ranges.count() for _, ranges in self._made[0].parts)
            if not self._link_pace.allows(self._flights.unconfirmed_bytes(), len(self._made[0].payload)):
                break
            if self._center.ack == "center" and not self._center_pace.allows(self._flights.waiting_rows(), rows):
                break
            self._fly(LATE, self._made.popleft())
            sent = True
        if self._backlog and not self._made and self._making is None:
            self._backlog = False
            self._making = asyncio.create_task(self._make(), name="uplink backlog")
            self._making.add_done_callback(lambda _: self.wake.set())
        return sent

    async def _make(self) -> None:
        """Make the next backlog ready."""
        try:
            rows = self._link_pace.message / self._row_bytes
            if self._center.ack == "center":
                rows = min(rows, self._center_pace.message)
            wants, ages = self._wants()
            version = self._catalogue.version
            most = min(self._most(LATE), 2 * self._link_pace.message)
            made = await backlog.make(
                self._spool, wants, ages, self.modes.at, Aim(min(int(rows), backlog.ROWS_MAX), most)
            )
            if version == self._catalogue.version:  # Otherwise a new one may name what was unfit by the old.
                for key, unfit in made.unfit:
                    self._set_unfit(key, unfit)
            self._made.extend(made.batches)
            self._backlog |= bool(made.batches or made.unfit)
            rows = sum(ranges.count() for batch in made.batches for _, ranges in batch.parts)
            if rows:
                self._row_bytes = max(sum(len(batch.payload) for batch in made.batches) / rows, 0.1)
        except StoreError:
            self._counters["store_errors"] += 1

    def _wants(self) -> tuple[list[Want], Ages]:
        """What of which log is neither at the center nor under way; and which of it is live."""
        names = {source.name for source in self._config.sources}
        wants = []
        for log, unacked in self._spool.unsent(events=False):
            ranges = unacked.minus(self._flights.carried(log.key), self._unfit.get(log.key, Ranges()))
            if ranges:
                judge = self.judge if log.info.name in names else None
                wants.append(Want(log.key, ranges, self._catalogue.layout, judge))
        return wants, self._ages()

    def _ages(self) -> Ages:
        now_s, span_s = self._clock.unix_ms() // 1000, 2 * self._center.live_batch_s
        return Ages(now_s - span_s, now_s + span_s)

    def _most(self, leaf: str) -> int:
        assert self._link is not None
        return min(MESSAGE_BYTES_MAX, self._link.payload_max(topic(self._config.id, leaf)))

    def _fly_event(self, key: Key, seq: int, content: bytes, catalogue: int) -> bool:
        message = batches.event_message(key, seq, content, catalogue, self._clock.unix_ms())
        return self._fly(EVENT, Batch(message, [(key, Ranges([(seq, seq)]))], 0))

    def _fly(self, leaf: str, batch: Batch) -> bool:
        confirmed = self.publish(leaf, batch.payload)
        if confirmed is None:
            for key, ranges in batch.parts:
                self._set_unfit(key, ranges)
            return False
        size = len(batch.payload)
        flight = Flight(leaf, batch.parts, _now_s(), size, ALLOWANCE * size / self._link_pace.rate)
        self._counters["readings"] += batch.readings
        self._flights.add(flight)
        confirmed.add_done_callback(partial(self._on_puback, flight))
        return True

    def _set_unfit(self, key: Key, ranges: Ranges) -> None:
        self._counters["unfit"] += ranges.count()
        self._unfit.setdefault(key, Ranges()).update(ranges)

    # What the broker says

    def _on_code(self, leaf: str, sent_s: float, confirmed: asyncio.Future[int]) -> None:
        if confirmed.cancelled():
            return
        now_s = _now_s()
        self._link_pace.saw(now_s - sent_s)
        self._flights.carry_on(sent_s, now_s)
        code = confirmed.result()
        if code < REFUSED and not (code == UNHEARD and self._center.ack == "broker"):
            self.refusals.take(leaf)
        elif code >= REFUSED:
            self._counters["refused"] += 1
            self._counters[f"refused_{leaf}"] += 1
            self.refusals.refuse(leaf, code, now_s)
            if leaf in ("catalogue", "state"):
                self._due.append(leaf)
        self.wake.set()

    def _on_puback(self, flight: Flight, confirmed: asyncio.Future[int]) -> None:
        if confirmed.cancelled() or flight not in self._flights:
            return
        now_s = _now_s()
        self._flights.confirm(flight, now_s)
        if flight.leaf == LATE:
            self._link_pace.confirm(flight.size, flight.sent_s, now_s)
        if confirmed.result() >= REFUSED:
            self._flights.remove(flight)
            self._backlog = self._flush = True
        elif self._center.ack == "broker" and confirmed.result() == UNHEARD:
            self._counters["unheard"] += 1  # It kept nothing: there is nobody to keep it for.
            self._flights.remove(flight)
            self.refusals.refuse(flight.leaf, UNHEARD, now_s)
            self._backlog = self._flush = True
        elif self._center.ack == "broker":
            for key, ranges in flight.parts:
                self.acked_rows += self._spool.acknowledge_rows(key, ranges)
            self._flights.remove(flight)
            self._backlog = True
            self.landed.set()
        elif confirmed.result() == UNHEARD:
            self._counters["unheard"] += 1
            flight.nobody_listens()
        self.wake.set()

    def _on_catalogue(self) -> None:
        self._unfit.clear()
        self._flush = self._backlog = True  # Rows that no version named yet have waited for this one.
        self.wake.set()

    def _on_commit(self, changes: Changes) -> None:
        # Rows of the past, from a board's log, begin a backlog; where one is under way, its landing asks for more.
        if changes.oldest_s < self._ages().oldest_s and not self._flights.waiting_rows():
            self._backlog = True
            self.wake.set()
        if changes.events or self._flush:
            self.wake.set()


def _events(reader: Reader, key: Key, first: int, last: int) -> list[Stored]:
    return reader.rows(key, first, last, EVENTS_MAX)


def _now_s() -> float:
    """Link time: the loop's, so that whoever drives the loop drives all of it."""
    return asyncio.get_running_loop().time()
