"""Boards on Wi-Fi over the station's own broker: now-values to the judge, rows to the store, acknowledgements back.

Rules of this file: everything heard may come from anybody and is checked whole (local_messages.py); a row is
acknowledged after its COMMIT, and what the store could not take is simply not acknowledged: the board sends it again.
No trouble of the broker ends this, or waits for anything but its own turn.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from gateway.board_link import LogStore
from gateway.board_status import tell_health
from gateway.bus_link import Judge
from gateway.clock import Clock
from gateway.commit import StoreError
from gateway.config import Center, Local, Station
from gateway.link import Link, LinkError
from gateway.local_messages import MessageError, Rows, ack, read_at, read_rows, read_state
from gateway.update_desk import Desk
from gateway.update_wifi import UpdateTalk
from gateway.wifi_board import WifiBoard
from wire import local as wire

KINDS = (
    "messages",
    "rows",
    "acks",
    "bad",
    "strangers",
    "full",
    "refused",
    "connects",
    "connect_failures",
    "disconnects",
)
UNDERWAY_MAX = 8  # Messages of one board that the store has not committed yet; of a further one the rows are left.
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 10.0  # The broker is on this machine.
LOOK_S = 0.1
KEEPALIVE_S = 10
ACK_ANEW_S = 60.0  # An acknowledgement may be lost: it is told again so often, however little has changed.


class Publisher(Protocol):
    """What a board's answers go through: gateway.link.Link."""

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[int]: ...


class _Answers:
    """The acknowledgements of one board, at most one under way; and what it is sent of an update."""

    def __init__(self, board: WifiBoard, station: str, desk: Desk) -> None:
        self.board = board
        self.topic = wire.topic(station, board.source.serial, wire.ACK)
        self.update_topic = wire.topic(station, board.source.serial, wire.UPDATE)
        self.desk = desk
        self.talk = UpdateTalk(desk, board.source.serial)
        self.underway = 0  # Messages at the store.
        self.echo: tuple[int, int] | None = None  # (its uptime, our mono ms when it came): it is to be told the time.
        self.told: tuple[int, int] | None = None
        self.told_s = 0.0
        self.sending: asyncio.Future[int] | None = None


class LocalListener:
    """Hears the boards of `config.local` until cancelled. For health: `connected`, `counters`, `boards`."""

    def __init__(
        self, config: Station, local: Local, clock: Clock, judge: Judge, store: LogStore,
        desks: Mapping[str, Desk] | None = None,
    ) -> None:  # fmt: skip
        self.connected = False
        self.counters: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.boards = [WifiBoard(source, local.scan_ms, clock, judge) for source in local.sources]
        self._station = config.id
        self._clock = clock
        self._judge = judge
        self._store = store
        self._answers = {
            board.source.serial: _Answers(board, config.id, (desks or {}).get(board.source.name) or Desk(board.source))
            for board in self.boards
        }
        self._identifier = f"rp-{config.id}-{config.gateway_serial}-local"
        self._broker = Center(
            host=local.host,
            port=local.port,
            username=local.username,
            password_file=local.password_file,
            keepalive_s=KEEPALIVE_S,
        )
        self._link: Link | None = None
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Keep a connection, and look after who is silent; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._watch(), name="local watch")
            backoff_s = BACKOFF_FIRST_S
            while True:
                with contextlib.suppress(LinkError, OSError):
                    await self._session()
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError  # A library below may have turned it into an error of its own.
                self.counters["disconnects" if self.connected else "connect_failures"] += 1
                backoff_s = BACKOFF_FIRST_S if self.connected else min(backoff_s * 2, BACKOFF_MAX_S)
                self.connected = False
                await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))

    async def _session(self) -> None:
        link = Link(self._broker, self._identifier, "", b"")
        try:
            async with link:
                for leaf in (wire.ROWS, wire.STATE, wire.UPDATE_AT):
                    await link.hear(wire.topic(self._station, "+", leaf))
                self.connected = True
                self.counters["connects"] += 1
                self._link = link
                for answers in self._answers.values():
                    answers.told = None
                async for message in link.messages:
                    self._take(str(message.topic), message.payload)
        finally:
            self._link = None
            link.forget()

    def _take(self, topic: str, payload: object) -> None:
        serial, _, leaf = topic.partition("/board/")[2].partition("/")
        self.counters["messages"] += 1
        answers = self._answers.get(serial)
        if answers is None:
            self.counters["strangers"] += 1
            return
        try:
            if leaf == wire.ROWS:
                self._take_rows(answers, read_rows(payload))
            elif leaf == wire.UPDATE_AT:
                self._take_update(answers, payload)
            else:
                self._take_state(answers, payload)
        except MessageError:
            self.counters["bad"] += 1

    def _take_state(self, answers: _Answers, payload: object) -> None:
        state = read_state(payload)
        board = answers.board
        if not state.alive:
            board.death("it has left the station's broker")
            return
        board.birth(state)
        self._store.seen(board.source.name, board.serial, state.epoch, board.columns, state.tail, state.head)
        board.epoch = state.epoch
        answers.told = None

    def _take_rows(self, answers: _Answers, message: Rows) -> None:
        board = answers.board
        if board.hear(message):
            answers.told = None
        self._store.seen(board.source.name, board.serial, message.epoch, board.columns, message.tail, message.head)
        if board.needs_time(message):
            answers.echo = (message.up_ms, self._clock.mono_ms())
        if message.first:
            self._keep(answers, message)
        self._answer(answers)

    # Updates

    def _take_update(self, answers: _Answers, payload: object) -> None:
        before = answers.desk.status
        answers.talk.heard(read_at(payload), self._clock.mono_ms())
        if answers.desk.status is not None:
            tell_health(self._judge, answers.board.source.name, before, answers.desk.status)
        self._send_update(answers)

    def _send_update(self, answers: _Answers) -> None:
        """What is next of an update, for a board that is there."""
        if self._link is None or answers.board.lost:
            return
        message = answers.talk.next(self._clock.mono_ms(), time.monotonic_ns() // 1_000_000)
        if message is not None:
            with contextlib.suppress(LinkError):
                self._link.send(answers.update_topic, message)

    # The store

    def _keep(self, answers: _Answers, message: Rows) -> None:
        if answers.underway >= UNDERWAY_MAX or self._tasks is None:
            self.counters["full"] += 1
            return
        answers.underway += 1
        self._tasks.create_task(self._store_rows(answers, message), name=f"rows of {answers.board.source.name}")

    async def _store_rows(self, answers: _Answers, message: Rows) -> None:
        board = answers.board
        try:
            for first, last in message.gone:
                if last >= message.tail:  # What lies below, the store knows by `seen`.
                    await self._store.gone(board.serial, message.epoch, max(first, message.tail), last)
            if message.packed:
                await self._store.append_rows(board.serial, message.epoch, board.source.name, message.packed)
                self.counters["rows"] += len(message.packed)
        except StoreError:
            self.counters["refused"] += 1
        finally:
            answers.underway -= 1
        self._answer(answers)

    # Acknowledgements

    def _answer(self, answers: _Answers) -> None:
        """Tell the board what is here, if that is news to it or it needs the time."""
        board, link = answers.board, self._link
        if link is None or board.epoch is None or (answers.sending is not None and not answers.sending.done()):
            return
        has = (
            self._store.watermark(board.serial, board.epoch),
            self._store.center_has(board.serial, board.epoch),
        )
        now_s = time.monotonic()
        if has == answers.told and answers.echo is None and now_s - answers.told_s < ACK_ANEW_S:
            return
        echo = None
        if answers.echo is not None:
            up_ms, came_ms = answers.echo
            # What passed here since it came is no part of the way, so it is not in the time that is told.
            echo = (up_ms + self._clock.mono_ms() - came_ms, self._clock.unix_ms())
        with contextlib.suppress(LinkError):
            answers.sending = link.send(answers.topic, ack(board.epoch, *has, echo))
            answers.told, answers.told_s, answers.echo = has, now_s, None
            self.counters["acks"] += 1

    async def _watch(self) -> None:
        """Who is silent, and what the center has acknowledged meanwhile."""
        while True:
            why = "it is not heard" if self.connected else "the station's broker does not answer"
            for answers in self._answers.values():
                answers.board.look(why)
                self._answer(answers)
                self._send_update(answers)
            await asyncio.sleep(LOOK_S)
