"""A broker and its links: what MQTT promises, and everything that it does not.

Rules of this file: within one topic and subscriber nothing overtakes (unless it is sent again); a PUBACK is given when
the broker has a message, whatever becomes of it then; what was under way when a connection ends may have arrived.
"""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiomqtt

from gateway.config import Center
from gateway.link import HEARD_MAX, PACKET_BYTES_MAX, RECEIVE_MAX, REFUSED, UNHEARD
from tools.soak.simulated.loop import LIFE

QUOTA = 0x97  # MQTT 5: quota exceeded
RETRY_S = 5.0  # How long a connection that nobody answers is waited for.


class SimBroker:
    """`up` and `way` (of either side) say who reaches it. Faults: `refusing` (a reason code), `swallows` and `repeats`
    (permil of messages that are confirmed and lost, or delivered again), `delay_s` (a range)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, chance: random.Random, note: Callable[..., None]) -> None:
        self.up = True
        self.refusing = 0
        self.swallows = 0
        self.repeats = 0
        self.delay_s = (0.01, 0.2)
        self.sessions: dict[Session, None] = {}
        self.retained: dict[str, bytes] = {}
        self.messages = 0
        self.chance = chance
        self.note = note
        self._loop = loop

    def later(self, call: Callable[..., None], *args: Any) -> None:
        self._loop.call_later(self.chance.uniform(*self.delay_s), call, *args)

    def restart(self) -> None:
        """It forgets everything, as one without persistence does."""
        self.retained.clear()
        for session in list(self.sessions):
            session.drop()

    def attach(self, session: "Session") -> None:
        for other in list(self.sessions):
            if other.identifier == session.identifier:
                other.drop()
        self.sessions[session] = None

    def detach(self, session: "Session", *, will: bool) -> None:
        if self.sessions.pop(session, session) is None and will and session.will and self.up:
            self.spread(session.will.topic, session.will.payload, retain=True)

    def receive(self, session: "Session", topic: str, payload: bytes, retain: bool, confirm: Callable) -> None:
        """A publication has come; `confirm(code)` is its PUBACK."""
        if session not in self.sessions:
            return
        code = self.refusing if topic.endswith(("/event", "/live", "/late")) else 0
        if not code:
            swallowed = self.chance.randrange(1_000) < self.swallows
            heard = swallowed or self.spread(topic, payload, retain=retain)
            code = 0 if heard else UNHEARD
        self.later(confirm, code)

    def spread(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Deliver to whoever subscribed; True if anybody did."""
        self.messages += 1
        if retain:
            self.retained[topic] = payload
        heard = False
        for session in list(self.sessions):
            if session.wants(topic):
                heard = True
                session.deliver(topic, payload, retain=False)
                if self.chance.randrange(1_000) < self.repeats:
                    self.later(session.deliver, topic, payload)
        return heard


class Session:
    """One client of the broker, as the classes below use it. `way()`: does the network carry anything?"""

    _numbers = itertools.count(1)

    def __init__(self, broker: SimBroker, identifier: str, will: Any, way: Callable[[], bool]) -> None:
        self.identifier = identifier
        self.will = will
        self.messages = Inbox()
        self.alive = False
        self.broker = broker
        self._way = way
        self._filters: list[list[str]] = []
        self._next_s: dict[str, float] = {}
        self._life = LIFE.get()
        self._number = next(Session._numbers)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    async def __aenter__(self) -> "Session":
        await asyncio.sleep(self.broker.chance.uniform(*self.broker.delay_s))
        if not self.broker.up or not self._way():
            await asyncio.sleep(RETRY_S)
            raise aiomqtt.MqttError("no connection")
        self.alive = True
        self.broker.attach(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        killed = self._life is not None and self._life.dead
        if self.alive:
            self.alive = False
            self.broker.detach(self, will=killed)

    def drop(self) -> None:
        """The connection is gone; both sides notice."""
        if self.alive:
            self.alive = False
            self.broker.detach(self, will=True)
            self.messages.end()

    def wants(self, topic: str) -> bool:
        parts = topic.split("/")
        return any(_fits(wanted, parts) for wanted in self._filters)

    def deliver(self, topic: str, payload: bytes, retain: bool = False) -> None:
        loop = asyncio.get_running_loop()
        at_s = loop.time() + self.broker.chance.uniform(*self.broker.delay_s)
        at_s = max(at_s, self._next_s.get(topic, 0.0) + 1e-6)
        self._next_s[topic] = at_s
        loop.call_at(at_s, self._arrive, topic, payload, retain)

    def _arrive(self, topic: str, payload: bytes, retain: bool) -> None:
        if self.alive and self._way():
            self.messages.put(SimpleNamespace(topic=aiomqtt.Topic(topic), payload=payload, retain=retain, qos=1))

    def put(self, topic: str, payload: bytes, retain: bool, confirm: Callable[[int], None]) -> None:
        """Send; order within a topic is kept."""
        if not self.alive:
            raise aiomqtt.MqttCodeError(4, "could not publish")
        if isinstance(self, SimLink) and len(self._sent_now) >= RECEIVE_MAX:
            raise AssertionError("more unconfirmed messages than the broker takes")
        self.broker.note("mqtt", topic, payload)
        loop = asyncio.get_running_loop()
        key = f"> {topic}"
        at_s = max(loop.time() + self.broker.chance.uniform(*self.broker.delay_s), self._next_s.get(key, 0.0) + 1e-6)
        self._next_s[key] = at_s
        loop.call_at(at_s, self._sent, topic, payload, retain, confirm)

    def _sent(self, topic: str, payload: bytes, retain: bool, confirm: Callable[[int], None]) -> None:
        if self._way():
            self.broker.receive(self, topic, payload, retain, confirm)

    def listen(self, wanted: str) -> None:
        self._filters.append(wanted.split("/"))
        for topic, payload in self.broker.retained.items():
            if _fits(wanted.split("/"), topic.split("/")):
                self.deliver(topic, payload, retain=True)


class SimLink(Session):
    """In place of gateway.link.Link."""

    def __init__(
        self, broker: SimBroker, way: Callable[[], bool], center: Center, identifier: str, topic: str, will: bytes
    ) -> None:
        super().__init__(broker, identifier, SimpleNamespace(topic=topic, payload=will), way)
        self._sent_now: list[asyncio.Future[int]] = []
        self.receive_max = RECEIVE_MAX

    @property
    def room(self) -> int:
        return self.receive_max - len(self._sent_now)

    def payload_max(self, topic: str) -> int:
        return PACKET_BYTES_MAX - len(topic)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.put(topic, payload, retain, lambda code: self._confirm(future, code))
        self._sent_now.append(future)
        return future

    def ask_to_hear(self, topic: str) -> asyncio.Future[int]:
        self.listen(topic)  # Before anything that is sent from now on, as on one connection.
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        loop.call_later(self.broker.chance.uniform(*self.broker.delay_s), self._confirm, future, 1)
        return future

    def forget(self) -> None:
        for future in self._sent_now:
            future.cancel()
        self._sent_now.clear()

    def _confirm(self, future: asyncio.Future[int], code: int) -> None:
        if not self.alive or not self._way():
            return
        if future in self._sent_now:
            self._sent_now.remove(future)
        if not future.done():
            future.set_result(code)


class SimClient(Session):
    """In place of aiomqtt.Client, as far as the center's consumer uses it."""

    def __init__(
        self, broker: SimBroker, way: Callable[[], bool], host: str, port: int, *, identifier: str, **_: object
    ) -> None:
        super().__init__(broker, identifier, None, way)

    async def subscribe(self, topics: list[tuple[str, int]], **_: object) -> list[int]:
        await asyncio.sleep(self.broker.chance.uniform(*self.broker.delay_s))
        if not self.alive:
            raise aiomqtt.MqttError("disconnected")
        for topic, _qos in topics:
            self.listen(topic)
        return [1] * len(topics)

    async def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False, **_: object) -> None:
        confirmed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.put(topic, payload, retain, lambda code: None if confirmed.done() else confirmed.set_result(code))
        try:
            async with asyncio.timeout(10.0):
                code = await confirmed
        except TimeoutError:
            raise aiomqtt.MqttError("no PUBACK") from None
        if code >= REFUSED:
            raise aiomqtt.MqttCodeError(code, "refused")


class Inbox:
    """aiomqtt's `messages`: ends with MqttError when the link is lost; more than HEARD_MAX are dropped."""

    def __init__(self) -> None:
        self._waiting: deque[SimpleNamespace] = deque()
        self._news = asyncio.Event()
        self._ended = False

    def put(self, message: SimpleNamespace) -> None:
        if len(self._waiting) < HEARD_MAX:
            self._waiting.append(message)
            self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __aiter__(self) -> "Inbox":
        return self

    async def __anext__(self) -> SimpleNamespace:
        while not self._waiting:
            if self._ended:
                raise aiomqtt.MqttError("disconnected during message iteration")
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


def _fits(wanted: list[str], parts: list[str]) -> bool:
    return len(wanted) == len(parts) and all(a in ("+", b) for a, b in zip(wanted, parts, strict=True))
