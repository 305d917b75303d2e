"""A gateway from configuration to orderly stop: makes the parts, connects them, runs them as named tasks.

Rules of this file: the order of DESIGN 6 is decided here once: the station judges and sounds the siren, the sink
stores the event, and what is stored is published. A task that dies takes the process with it; the service manager
starts it again.
"""

import asyncio
import contextlib
import logging
import selectors
import signal
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from gateway import commands, late
from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.clock_steps import StepWatch
from gateway.commit import Committer
from gateway.config import Bus
from gateway.config import Station as StationConfig
from gateway.duty import STATE as MODES_STATE
from gateway.duty import Duty
from gateway.health import Health
from gateway.late import LateRows
from gateway.line import Line
from gateway.link import Link
from gateway.local import LocalListener
from gateway.orders import Orders
from gateway.refill import refill
from gateway.rs485 import BusPoller
from gateway.siren import Driver, Siren
from gateway.spool import Spool
from gateway.spool_figures import StoreFigures
from gateway.spool_schema import Changes
from gateway.station import Station
from gateway.updates import Updates
from gateway.uplink import Uplink
from wire.telemetry import E_AT_MS, E_DETAIL, E_DETECTED_MS, E_KIND, EVENT_CODES

log = logging.getLogger("gateway")

RESTORED_EVENTS = 200  # Events after the kept state that a start looks at: what was told is not told again.
STORE_MS = 10_000  # How full the store is, is judged this often.
TICK_MS = 200  # Delays and "lost" are judged this often between readings.
_ALARM_KINDS = frozenset(EVENT_CODES[name] for name in EVENT_CODES if name.startswith("alarm "))


class Parts(NamedTuple):
    """What touches disk, line and network; a simulation of the station brings its own."""

    committer: Callable[..., Committer[Changes]] = Committer
    line: Callable[[Bus, Clock], Line] = Line
    link: Callable[..., Link] = Link
    siren: Driver | None = None  # None: what station.toml names


REAL = Parts()


class Sink:
    """Where the station's events go: stored at once, or kept in memory, then published. Handing over never waits."""

    def __init__(self, spool: Spool, uplink: Uplink) -> None:
        self.mark: Callable[[dict[int, object]], dict[int, object]] | None = None  # adds what all events carry
        self._spool = spool
        self._uplink = uplink
        self._running: set[asyncio.Future[int]] = set()

    def event(self, event: dict[int, object]) -> None:
        stored = self._spool.submit_event(event if self.mark is None else self.mark(event))
        self._running.add(stored)
        stored.add_done_callback(self._stored)
        if event[E_KIND] in _ALARM_KINDS:
            self._uplink.flush_now()

    def keep_state(self, name: str, data: bytes) -> None:
        self._spool.keep_state(name, data)

    def note_state(self, name: str, data: bytes) -> None:
        self._spool.note_state(name, data)

    async def drain(self) -> None:
        """Wait for the events that are on their way to the disk."""
        if self._running:
            await asyncio.wait(set(self._running))

    def _stored(self, stored: asyncio.Future[int]) -> None:
        self._running.discard(stored)
        if not stored.cancelled() and stored.exception() is not None:
            log.error("event neither stored nor kept: %s", stored.exception())


async def serve(
    config: StationConfig, clock: Clock, status: Path | None, stop: asyncio.Event, parts: Parts = REAL
) -> None:
    """Run the station until `stop` is set; on return everything accepted is on disk and the center knows we left."""
    spool = Spool(config, clock, parts.committer)
    await spool.open()
    catalogue = Catalogue(config, spool)
    uplink = Uplink(config, spool, clock, catalogue, parts.link)
    siren = Siren(config.siren, clock, parts.siren)
    sink = Sink(spool, uplink)
    station = Station(config, clock, siren, sink)
    uplink.judge = station.gateway_quality
    spool.on_rows = station.on_rows
    saved = spool.load_state("alarms")
    station.restore(saved, await spool.events_after("alarms", RESTORED_EVENTS))
    duty = Duty(config, clock, station, uplink.modes, sink.event, spool.keep_state, spool.note_state)
    updates = Updates(config, clock, station, sink.event)
    pollers = [BusPoller(bus, clock, station, spool, parts.line, updates.desks) for bus in config.buses]
    local = LocalListener(config, config.local, clock, station, spool, updates.desks) if config.local else None
    health = Health(config, clock, station, duty, pollers, spool, uplink, updates, local)
    await _take_over(duty, uplink, spool, sink, clock)
    late_rows = LateRows(config, clock, station, spool, sink)
    told = await spool.events_after(late.STATE, RESTORED_EVENTS)
    if not late_rows.restore(spool.load_state(late.STATE), saved, told):
        sink.event(_event(clock, "store failed", "kept outages not readable"))
    duty.on_modes = lambda: _apply(duty, uplink, pollers)
    duty.on_modes()
    sink.event(_event(clock, "gateway started", f"version {version('riverpost')}"))

    async with asyncio.TaskGroup() as group:
        inward = [group.create_task(poller.run(), name=f"bus {poller.bus.name}") for poller in pollers]
        if local is not None:
            inward.append(group.create_task(local.run(), name="local"))
        inward.append(group.create_task(updates.run(), name="updates"))
        orders = Orders(config.order_folder, uplink.commands)
        inward.append(group.create_task(orders.run(), name="orders"))
        inward.append(group.create_task(refill(station, spool, clock), name="refill"))
        inward.append(group.create_task(_judge_late(late_rows, clock), name="late rows"))
        inward.append(group.create_task(_tick(station, duty, health.store, clock, sink), name="tick"))
        outward = [group.create_task(uplink.run(), name="uplink")]
        if status:
            outward.append(group.create_task(health.write_to(status), name="health"))
        await stop.wait()
        log.info("stopping")
        for task in inward:
            task.cancel()
        sink.event(_event(clock, "gateway stopped", "orderly"))
        station.close()
        await sink.drain()
        await uplink.finish()
        for task in outward:
            task.cancel()
    siren.close()
    await spool.close()


def run(config: StationConfig, status: Path | None = None) -> int:
    """Run the gateway in this process until SIGTERM or SIGINT; 0 after an orderly stop."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await serve(config, Clock.from_environment(), status, stop)

    # select() takes microseconds where epoll rounds up to milliseconds: the wire's t3.5 needs them.
    loop_factory = lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())  # noqa: E731
    with contextlib.suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    return 0


async def _take_over(duty: Duty, uplink: Uplink, spool: Spool, sink: Sink, clock: Clock) -> None:
    """What people set before this start: modes, and the ids of the commands that were carried out."""
    sink.mark = duty.mark
    uplink.commands.act = duty.act
    told = await spool.events_after(commands.STATE, RESTORED_EVENTS)
    whole = duty.restore(spool.load_state(MODES_STATE))
    if not uplink.commands.restore(spool.load_state(commands.STATE), told) or not whole:
        sink.event(_event(clock, "store failed", "kept modes or commands not readable"))
    duty.tick()


def _apply(duty: Duty, uplink: Uplink, pollers: list[BusPoller]) -> None:
    """Other modes hold: measure and report as they want it."""
    now = duty.modes.now
    uplink.report_every(now.report_s)
    for poller in pollers:
        poller.measure_every(now.scan_ms, now.row_s)
    uplink.tell_modes()


async def _tick(station: Station, duty: Duty, store: StoreFigures, clock: Clock, sink: Sink) -> None:
    """Let the station's own times pass, on the monotonic clock; tell it when the other one steps."""
    watch = StepWatch()
    store_ms = clock.mono_ms()
    while True:
        mono_ms = clock.mono_ms()
        station.tick(mono_ms)
        if mono_ms >= store_ms:
            store_ms = mono_ms + STORE_MS
            station.on_storage(store.used_permil(), mono_ms)
        stepped_ms = watch.look(*clock.both())
        if stepped_ms:
            sink.event(_event(clock, "clock stepped", f"by {stepped_ms / 1000:+.3f} s"))
        duty.tick(stepped=bool(stepped_ms))
        await clock.sleep_ms(TICK_MS)


async def _judge_late(late_rows: LateRows, clock: Clock) -> None:
    """Judge for the record what boards wrote while nobody looked."""
    while True:
        late_rows.look()
        await late_rows.judge()
        await clock.sleep_ms(late.LOOK_MS)


def _event(clock: Clock, kind: str, detail: str) -> dict[int, object]:
    now_ms = clock.unix_ms()
    return {E_KIND: EVENT_CODES[kind], E_AT_MS: now_ms, E_DETECTED_MS: now_ms, E_DETAIL: detail}
