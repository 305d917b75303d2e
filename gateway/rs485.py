"""The poller of one RS-485 line: every device once a scan, everything else in the gaps.

Rules of this file: alarm channels are asked first; who is silent gets no place in the scan, only probes that cost the
others nothing; logs, acknowledgements and clocks wait for a gap that holds them. Nothing here waits for the disk.
Times are the station's.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pymodbus.pdu.register_message import WriteMultipleRegistersRequest

import boards
from gateway.board_link import BoardLink, LogStore, Piece
from gateway.bus_link import Judge, Link, Work
from gateway.clock import Clock
from gateway.clock_steps import is_known
from gateway.commit import StoreError
from gateway.config import Bus
from gateway.line import BusError, Line
from gateway.sensor_link import MadeStore, SensorLink
from gateway.update_bus import Share
from gateway.update_desk import Desk
from wire.registers import find

KINDS = ("ok", "no_answer", "crc", "truncated", "wrong_id", "exception", "overrun", "late", "duplicate", "row", "port")
REOPEN_S = 1.0
WORKS_MAX = 64  # Things done in one gap.
STARVED_SCANS = 10  # After so many scans without a gap that is long enough, one thing is done all the same.
CLOCK_EVERY_US = 600_000_000
CLOCK_AGAIN_US = 30_000_000
CLOCK_STEP_MS = 500
CLOCK_SETTLE_US = 20_000
CLOCK_REQUEST = 9 + 6
SLEEP_REAL_S = 0.02  # The clock's rate may change: look again.
USE_WINDOW_US = 60_000_000


class Store(LogStore, MadeStore, Protocol):
    """gateway.spool.Spool, as far as a poller needs it."""


class BusPoller:
    """Polls `bus` until cancelled. For health: `counters` by kind, `scans`, `scans_skipped`, `bus_use_permil()`."""

    def __init__(
        self, bus: Bus, clock: Clock, station: Judge, store: Store, line: Callable[[Bus, Clock], Line] = Line,
        desks: Mapping[str, Desk] | None = None,
    ) -> None:  # fmt: skip
        self.bus = bus
        self.scans = 0
        self.scans_skipped = 0
        self.line = line(bus, clock)
        self.counters: Counter[str] = self.line.counters
        self.counters.update(dict.fromkeys(KINDS, 0))
        self._clock = clock
        self._station = station
        self._store = store
        self._scan_us = bus.scan_ms * 1_000
        self._boards: list[BoardLink] = []
        self._sensors: list[SensorLink] = []
        self._links: list[Link] = []
        for source in sorted(bus.sources, key=lambda source: not source.alarmed):
            if source.board_type:
                desk = (desks or {}).get(source.name) or Desk(source)
                board = BoardLink(source, self.line, clock, station, store, self._keep, desk)
                self._boards.append(board)
                self._links.append(board)
            else:
                sensor = SensorLink(source, boards.load_profile(source.profile), self.line, clock, station)
                self._sensors.append(sensor)
                self._links.append(sensor)
        self._by_address = {link.source.address: link for link in self._links}
        self._tasks: asyncio.TaskGroup | None = None
        self._turn = 0
        self._share = Share()
        self._starved = 0
        self._clock_us = 0
        self._clock_again_us = 0
        self._offset_ms: int | None = None
        self._use: deque[tuple[int, int]] = deque(maxlen=1_024)

    def measure_every(self, scan_ms: int, row_s: int) -> None:
        """Scan and close bought sensors' rows at least so often from now on; 0 = as station.toml says.

        A board closes its rows as its definition says: nothing on the line tells it otherwise.
        """
        self._scan_us = min(scan_ms or self.bus.scan_ms, self.bus.scan_ms) * 1_000
        for sensor in self._sensors:
            sensor.row_s = min(row_s or sensor.source.row_s, sensor.source.row_s)

    def bus_use_permil(self) -> int:
        """Share of the last minute in which the line was in use, silences included."""
        if len(self._use) < 2:
            return 0
        (first_us, first_wire_us), (last_us, last_wire_us) = self._use[0], self._use[-1]
        return min(1_000, (last_wire_us - first_wire_us) * 1_000 // max(1, last_us - first_us))

    def sources(self) -> list[dict[str, Any]]:
        """Every device of the line, for the status."""
        return [link.document() for link in self._links]

    async def run(self) -> None:
        """Open the port, scan, and open it again when it was lost; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                while True:
                    try:
                        await self.line.open()
                        await self._scan_on()
                    except BusError as error:
                        self.counters["port"] += 1
                        self._lose_all(error)
                    self.line.close()
                    await asyncio.sleep(REOPEN_S)
            finally:
                self.line.close()

    async def _scan_on(self) -> None:
        """Scan after scan, each on its time. BusError when the port is gone."""
        due_us = self._clock.mono_us()
        while True:
            await self._scan()
            self.scans += 1
            due_us += self._scan_us
            late_us = self._clock.mono_us() - due_us
            if late_us >= self._scan_us:
                skipped = late_us // self._scan_us
                self.scans_skipped += skipped
                self.counters["overrun"] += skipped
                due_us += skipped * self._scan_us
            self._close_rows()
            await self._use_gap(due_us)
            await self._sleep_until(due_us)
            self._note_use()

    async def _scan(self) -> None:
        """Look at every device that has a place in the scan, in order, as soon as each may be asked."""
        looks = [link for link in self._links if not link.presence.silent]
        for link in looks:
            link.begin()
        while looks:
            now_us = self._clock.mono_us()
            link = next((link for link in looks if link.ready_us <= now_us), None)
            if link is None:
                await self._sleep_until(min(link.ready_us for link in looks))
            elif await self._step(link):
                looks.remove(link)

    async def _step(self, link: Link) -> bool:
        """Take one step of a look; True if the look has ended, well or not."""
        try:
            if not await link.step():
                return False
            link.looks += 1
            self._good(link)
            error = None
        except BusError as failed:
            self._failed(link, failed)
            error = failed
        finally:
            self._sort_strays()
        link.twins.look(error)
        self._judge_twins(link)
        return True

    def _good(self, link: Link) -> None:
        if link.presence.good():
            self._station.on_back(link.source.name, self._clock.mono_ms())

    def _failed(self, link: Link, error: BusError) -> None:
        if error.kind == "port":
            raise error
        link.looks += 1
        link.errors[error.kind] += 1
        if error.kind == "exception":
            link.tell_missing()
        now_us = self._clock.mono_us()
        if link.presence.failed(error.kind, now_us, self._scan_us, link.silent_us):
            self._station.on_lost(link.source.name, error.reason, now_us // 1_000)
        link.failed_look(error)

    def _lose_all(self, error: BusError) -> None:
        for link in self._links:
            link.presence.failures = 0
            if not link.presence.lost:
                link.presence.lost = True
                self._station.on_lost(link.source.name, error.reason, self._clock.mono_ms())

    # Two devices with one address, and answers that come too late

    def _sort_strays(self) -> None:
        """A whole answer that nobody waited for came late, or from a second device with that address."""
        for address, at_us in self.line.strays():
            link = self._by_address.get(address)
            if link is not None and link.answered_us > link.asked_us:
                self.counters["duplicate"] += 1
                link.twins.sign()
                continue
            self.counters["late"] += 1
            if link is not None and link.presence.doubt:
                link.patience.late(at_us - link.asked_us)
                link.presence.probe_us = link.presence.forced_us = 0

    def _judge_twins(self, link: Link) -> None:
        others = [other for other in self._links if other is not link and not other.presence.silent]
        if link.twins.judge(sum(other.twins.garbled for other in others), len(others)):
            detail = f"two devices seem to answer at address {link.source.address}; give one of them another"
            self._station.on_fault("duplicate address", link.source.name, detail)

    # What waits for a gap

    async def _use_gap(self, end_us: int) -> None:
        """Do what fits before `end_us`, one device after another; what never fits is done now and then all the same."""
        done = False
        for _ in range(WORKS_MAX):
            now_us = self._clock.mono_us()
            gap_us = end_us - now_us
            works = self._works(now_us, gap_us)
            fitting = next((work for work in works if work[1].cost_us <= gap_us), None)
            if fitting is None:
                works = [work for work in works if not work[1].update]
                if not works or done or self._starved < STARVED_SCANS:
                    self._starved += bool(works)
                    return
                fitting = works[0]
            await self._do(*fitting)
            self._share.done(fitting[1], any(work.update for _, work in works))
            done = True
            self._starved = 0

    def _works(self, now_us: int, gap_us: int) -> list[tuple[Link | None, Work]]:
        """What there is to do, the most urgent first; the boards take turns."""
        found: list[tuple[Link | None, Work]] = []
        if self._clock_is_due(now_us):
            cost_us = self.line.chars_us(CLOCK_REQUEST) + CLOCK_SETTLE_US
            found.append((None, Work(cost_us, self._broadcast_clock)))
        for link in self._links:
            if link.twins.suspected and not link.presence.silent and now_us >= max(link.twin_check_us, link.ready_us):
                found.append((link, Work(link.twin_check_cost_us, link.look_for_twin)))
        found += self._board_works(now_us, gap_us)
        for link in self._links:
            presence = link.presence
            if presence.silent and now_us >= presence.probe_us:
                cost_us = 0 if now_us >= presence.forced_us else link.silent_us
                found.append((link, Work(cost_us, link.probe)))
        return found

    def _board_works(self, now_us: int, gap_us: int) -> list[tuple[Link | None, Work]]:
        """Logs before updates, unless those have waited for their share; the boards take turns."""
        self._turn += 1
        logs: list[tuple[Link | None, Work]] = []
        chunks: list[tuple[Link | None, Work]] = []
        for i in range(len(self._boards)):
            board = self._boards[(self._turn + i) % len(self._boards)]
            if not board.presence.lost:
                if work := board.work(now_us, gap_us):
                    logs.append((board, work))
                if chunk := board.update_work(now_us):
                    chunks.append((board, chunk))
        return chunks + logs if any(self._share.is_due(chunk) for _, chunk in chunks) else logs + chunks

    async def _do(self, link: Link | None, work: Work) -> None:
        try:
            await work.run()
        except BusError as error:
            if error.kind == "port" or link is None:
                raise
            link.errors[error.kind] += 1
            if link.presence.silent:
                link.patience.silent()
                link.presence.failed(error.kind, self._clock.mono_us(), self._scan_us, link.silent_us)
            elif error.kind in ("no_answer", "late"):
                link.presence.doubt = True
        else:
            if link is not None and link.presence.silent:
                link.presence.silent = False  # It has its place again; a good look makes it be back.
        finally:
            self._sort_strays()
        if link is not None and link.twins.suspected:
            self._judge_twins(link)

    # Clocks

    def _clock_is_due(self, now_us: int) -> bool:
        if not self._boards or not is_known(self._clock.unix_ms()):
            return False
        offset_ms = self._clock.unix_ms() - now_us // 1_000
        stepped = self._offset_ms is not None and abs(offset_ms - self._offset_ms) > CLOCK_STEP_MS
        self._offset_ms = offset_ms
        wrong = any(board.clock_wrong and not board.presence.lost for board in self._boards)
        return stepped or now_us >= self._clock_us or (wrong and now_us >= self._clock_again_us)

    async def _broadcast_clock(self) -> None:
        """Tell every board the time at which this frame's last bit leaves the wire; each is read back afterwards."""
        await self.line.until_free()
        at_ms = self._clock.unix_ms() + self.line.chars_us(CLOCK_REQUEST) // 1_000
        words = [at_ms // 1_000 >> 16, at_ms // 1_000 & 0xFFFF, at_ms % 1_000]
        request = WriteMultipleRegistersRequest(address=find("clock_unix_s")[0], registers=words, dev_id=0)
        await self.line.broadcast(request, CLOCK_REQUEST, CLOCK_SETTLE_US)
        now_us = self._clock.mono_us()
        self._clock_us = now_us + CLOCK_EVERY_US
        self._clock_again_us = now_us + CLOCK_AGAIN_US
        for board in self._boards:
            board.clock_due = True
            board.clock_wrong = False

    # The store

    def _keep(self, board: BoardLink, piece: Piece) -> None:
        self._begin(self._store_piece(board, piece), f"rows of {board.source.name}")

    async def _store_piece(self, board: BoardLink, piece: Piece) -> None:
        serial, epoch = piece.who.serial, piece.who.epoch
        try:
            if piece.gone:
                await self._store.gone(serial, epoch, piece.first - piece.gone, piece.first - 1)
            if piece.rows:
                await self._store.append_rows(serial, epoch, board.source.name, piece.rows)
        except StoreError:
            board.refused()
        else:
            board.stored()

    def _close_rows(self) -> None:
        unix_ms, mono_ms = self._clock.both()
        for sensor in self._sensors:
            sensor.close_row(unix_ms, mono_ms)
            if sensor.rows and not sensor.storing:
                sensor.storing = True
                self._begin(sensor.store(self._store), f"rows of {sensor.source.name}")

    def _begin(self, work, name: str) -> None:
        if self._tasks is None:
            raise RuntimeError("the poller does not run")
        self._tasks.create_task(work, name=name)

    # Time

    async def _sleep_until(self, at_us: int) -> None:
        """Return at `at_us`, or at once if it has passed."""
        while True:
            left_s = (at_us - self._clock.mono_us()) / 1e6 / self._clock.rate()
            if left_s <= 0:
                await asyncio.sleep(0)
                return
            await asyncio.sleep(left_s if self._clock.steady else min(left_s, SLEEP_REAL_S))

    def _note_use(self) -> None:
        now_us = self._clock.mono_us()
        self._use.append((now_us, self.line.wire_us))
        while len(self._use) > 2 and now_us - self._use[0][0] > USE_WINDOW_US:
            self._use.popleft()
