"""Packages for boards, from a folder: who gets one, when it may restart, and what is told about it.

Rules of this file: what is ordered is a file, and what has become of it stands in a note beside it; a gateway that is
killed finds both. An event goes out before its note is written, so that none is lost and one may come twice. One board
of the station restarts at a time, and none while an alarm of its channels stands, unless that lasts too long.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

import boards
from gateway.bought import plan
from gateway.clock import Clock
from gateway.config import Source, Station
from gateway.events import Event, plain_event
from gateway.update_check import Refused, check, check_gap
from gateway.update_course import (
    CONFIRMED,
    ENDS,
    INSTALLING,
    READY,
    REFUSED,
    ROLLED_BACK,
    STATES,
    TRIAL,
    UNDER_WAY,
    Course,
    Order,
    Progress,
)
from gateway.update_desk import Desk
from gateway.update_shelf import File, Shelf
from gateway.words import update_reason

log = logging.getLogger("gateway.updates")

LOOK_S = 1.0  # A file is taken when two looks have found it the same.
ALARM_WAIT_MS = 86_400_000  # So long a standing alarm keeps a board from restarting.
TURN_WAIT_MS = 1_800_000  # So long another board that is on trial does.
ALARM, TURN = WAITS = ("alarm", "turn")  # An alarm of its channels stands; another board has its turn.
BLIND = ("lost", "fault", "storage")  # Rules whose alarms a restart takes nothing from.
_EVENTS = {
    TRIAL: "update on trial",
    CONFIRMED: "update confirmed",
    ROLLED_BACK: "update rolled back",
    REFUSED: "update refused",
}


class Judge(Protocol):
    """What is asked of gateway.station.Station."""

    @property
    def mode(self) -> str: ...

    def alarms(self) -> list[dict[str, object]]: ...


class Updates:
    """`desks` are for the links of boards; `tell(event)` takes events over."""

    def __init__(self, config: Station, clock: Clock, station: Judge, tell: Callable[[Event], None]) -> None:
        self.desks = {source.name: Desk(source) for source in config.sources if source.board_type}
        self._config = config
        self._clock = clock
        self._station = station
        self._tell_event = tell
        self._shelf = Shelf(config.update_folder)
        self._buses = {bus.name: bus for bus in config.buses}
        self._seen: dict[str, File] = {}
        self._told: dict[Course, Progress] = {}
        self._failed = ""

    def document(self) -> list[dict[str, Any]]:
        """Every board of ours: what runs on it, and the update under way or the last one."""
        return [_document(desk) for desk in self.desks.values()]

    async def run(self) -> None:
        """Look after the folder until cancelled. A disk that refuses is told once, and tried again."""
        while True:
            try:
                await self.look()
                self._failed = ""
            except OSError as error:
                if str(error) != self._failed:
                    log.error("updates: %s", error)
                self._failed = str(error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take what was dropped, follow what is under way. OSError."""
        found = await asyncio.to_thread(self._shelf.packages)
        seen, self._seen = self._seen, found
        for name, desk in self.desks.items():
            if desk.last is None:
                note = await asyncio.to_thread(self._shelf.note, name)
                forsaken = name not in found and note.get("state") in UNDER_WAY
                desk.last = await self._forsaken(name, note) if forsaken else note
        for name, file in found.items():
            desk = self.desks.get(name)
            under_way = desk is not None and desk.course is not None and desk.course.order.file == file
            if not under_way and seen.get(name) == file:
                await self._take(name, desk, file)
        for desk in self.desks.values():
            if desk.course is not None:
                await self._follow(desk, desk.course, found.get(desk.source.name))

    # A file that was dropped

    async def _take(self, name: str, desk: Desk | None, file: File) -> None:
        """Begin with the package of `name`, or go on with it after a kill."""
        if desk is not None and desk.course is not None:
            desk.course.replaced("replaced")
            await self._follow(desk, desk.course, file)
            if desk.course is not None:
                return
        note = await asyncio.to_thread(self._shelf.note, name)
        progress = _progress(note, file)
        if progress.state in ENDS:  # Killed before it was put away.
            await asyncio.to_thread(self._shelf.put_away, name, file, keep=progress.state != CONFIRMED)
            return
        data = await asyncio.to_thread(self._shelf.read, name)
        try:
            if desk is None:
                raise Refused("no board", f"no board of this station is called {name}")
            order = self._order(desk.source, data, file)
        except Refused as refused:
            await self._refuse(name, desk, file, refused)
            return
        desk.course = Course(order, progress)
        self._told[desk.course] = progress
        await self._note(desk, desk.course)

    def _order(self, source: Source, data: bytes, file: File) -> Order:
        """What the package is, if its board may get it. Refused."""
        key = bytes.fromhex(self._config.update_key) or None
        manifest = check(data, boards.load_board(source.board_type).chip, key)
        if source.bus in self._buses:
            check_gap(self._buses[source.bus], sensor_reads)
        return Order(source.name, data, manifest.version, manifest.counter, file)

    async def _refuse(self, name: str, desk: Desk | None, file: File, refused: Refused) -> None:
        """A file that never began."""
        progress = Progress(REFUSED, reason=refused.reason, detail=refused.detail)
        self._tell(_EVENTS[REFUSED], name if desk is not None else "", _sentence(progress))
        note = {"board": name, "file": list(file), **_said(progress), "unix_ms": self._clock.unix_ms()}
        await asyncio.to_thread(self._shelf.write_note, name, note)
        await asyncio.to_thread(self._shelf.put_away, name, file, keep=True)
        if desk is not None:
            desk.last = note

    async def _forsaken(self, name: str, note: dict[str, Any]) -> dict[str, Any]:
        """The last note of a package whose file was taken back while no gateway ran."""
        progress = Progress(REFUSED, reason="withdrawn")
        self._tell(_EVENTS[REFUSED], name, _sentence(progress))
        note = {**note, **_said(progress), "unix_ms": self._clock.unix_ms()}
        await asyncio.to_thread(self._shelf.write_note, name, note)
        return note

    # What is under way

    async def _follow(self, desk: Desk, course: Course, file: File | None) -> None:
        """Let it restart when it may, tell what has come of it, and put away what has ended."""
        state = course.progress.state
        if file is None and state not in (INSTALLING, TRIAL):
            course.replaced("withdrawn")
        elif state == READY:
            desk.waits = self._waits(desk, course)
            if not desk.waits:
                course.install()
        if course.progress != course.saved:
            self._tell_of(desk, course)
            await self._note(desk, course)
        if course.ended and course.progress == course.saved:
            keep = course.progress.state != CONFIRMED
            await asyncio.to_thread(self._shelf.put_away, desk.source.name, course.order.file, keep=keep)
            desk.course = None
            del self._told[course]

    def _waits(self, desk: Desk, course: Course) -> str:
        """For what it does not restart yet: one of WAITS, or ""."""
        waited_ms = self._clock.mono_ms() - (course.ready_ms or 0)
        others = [other.course for other in self.desks.values() if other is not desk and other.course]
        if any(other.progress.state in (INSTALLING, TRIAL) for other in others) and waited_ms < TURN_WAIT_MS:
            return TURN
        return ALARM if waited_ms < ALARM_WAIT_MS and self._stands(desk.source) else ""

    def _stands(self, source: Source) -> bool:
        """Does an alarm stand that needs this board's values?"""
        names = {channel.name for channel in source.channels}
        names |= {fusion.name for fusion in self._config.fusions if {fusion.low, fusion.high} & names}
        standing = [alarm for alarm in self._station.alarms() if alarm["level"] and alarm["kind"] not in BLIND]
        return any(alarm["channel"] in names for alarm in standing)

    def _tell(self, kind: str, source: str, detail: str) -> None:
        desk = self.desks.get(source)
        serial = desk.status.serial if desk is not None and desk.status is not None else b""
        now_ms = self._clock.unix_ms()
        self._tell_event(plain_event(kind, now_ms, self._station.mode, source, detail, "", serial))

    def _tell_of(self, desk: Desk, course: Course) -> None:
        """The events that its progress since the last time is worth."""
        before, now = self._told[course], course.progress
        name, order = desk.source.name, course.order
        if now.begun and not before.begun:
            self._tell("update begun", name, f"{order.name}, {len(order.data)} bytes")
        if now.state != before.state and now.state in _EVENTS:
            slot = f", slot {desk.status.slot}" if desk.status and now.state in (TRIAL, CONFIRMED) else ""
            why = f": {_sentence(now)}" if now.reason else ""
            self._tell(_EVENTS[now.state], name, f"{order.name}{slot}{why}")
        self._told[course] = now

    async def _note(self, desk: Desk, course: Course) -> None:
        """Write down how far it is. OSError."""
        progress, order = course.progress, course.order
        note = {
            "board": order.board,
            "version": ".".join(map(str, order.version)),
            "counter": order.counter,
            "bytes": len(order.data),
            "file": list(order.file),
            **_said(progress),
            "unix_ms": self._clock.unix_ms(),
        }
        await asyncio.to_thread(self._shelf.write_note, order.board, note)
        course.saved = progress
        desk.last = note


def _said(progress: Progress) -> dict[str, Any]:
    """Progress as a note has it; `why` is for people."""
    return {**progress._asdict(), "why": _sentence(progress)}


def _sentence(progress: Progress) -> str:
    return update_reason(progress.reason, progress.detail) if progress.reason else ""


def _progress(note: dict[str, Any], file: File) -> Progress:
    """How far the package in `file` had come by its note; from the beginning if that is of another, or not ours."""
    blank = Progress()
    kept: dict[str, Any] = {key: note.get(key) for key in Progress._fields}
    alike = all(type(value) is type(getattr(blank, key)) for key, value in kept.items())
    if note.get("file") != list(file) or not alike or kept["state"] not in STATES:
        return blank
    return Progress(**kept)


def sensor_reads(source: Source) -> tuple[int, ...]:
    """As gateway.update_check wants them."""
    return tuple(count for _, _, count in plan(boards.load_profile(source.profile)))


def _document(desk: Desk) -> dict[str, Any]:
    """One board in the status."""
    said = desk.status.document() if desk.status is not None else {"serial": desk.source.serial}
    update = None
    if desk.last:
        shown = ("state", "version", "counter", "bytes", "reason", "detail", "why", "unix_ms")
        update = {key: desk.last.get(key) for key in shown}
        update["offset"] = desk.course.offset if desk.course is not None else None
        update["waits"] = desk.waits if update["state"] == READY else ""
    return {"name": desk.source.name, "bus": desk.source.bus, **said, "update": update}
