"""The station's side of a board's link in tests: a listener at a real broker that may keep and acknowledge rows."""

import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.local_messages import MessageError, Rows, State, ack, read_rows, read_state
from tests.firmware.board_process import LIMIT_S, SERIAL
from wire import local
from wire.row import crc_of

STATION = "CYB01"
ACK = local.topic(STATION, SERIAL, local.ACK)


class Listener:
    """What the board says at a real broker, and a way to answer it; `keeps`: a gateway that stores and acknowledges.

    Every row that came is in `kept` under its key; the same key with other content is an error.
    """

    def __init__(
        self,
        port: int,
        keeps: bool = False,
        login: tuple[str, str] | None = None,
        unix_ms: Callable[[], int] | None = None,
    ) -> None:
        self.rows: list[Rows] = []
        self.states: list[bool] = []
        self.kept: dict[tuple[int, int], int] = {}
        self.again = 0  # Rows that came more than once.
        self.bad = 0  # Messages that were none.
        self.births: list[State] = []
        self._keeps = keeps
        self._unix_ms = unix_ms  # It tells the time as well.
        self._news = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=True)
        self._client.reconnect_delay_set(1, 1)
        if login:
            self._client.username_pw_set(*login)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say_ack(self, *numbers: Any) -> None:
        self._client.publish(ACK, ack(*numbers))

    def until(self, condition) -> None:
        with self._news:
            assert self._news.wait_for(condition, LIMIT_S), (self.rows[-3:], self.states)

    def crcs(self) -> set[tuple[int, int, int]]:
        """(epoch, seq, CRC) of every row that came, as the board reports them."""
        return {(r.epoch, int.from_bytes(p[2:6], "big"), crc_of(p)) for r in self.rows for p in r.packed}

    def _subscribe(self, client, *_: object) -> None:
        client.subscribe(local.topic(STATION, SERIAL, "+"), 1)

    def _take(self, client, userdata, received) -> None:
        with self._news:
            if received.topic.endswith(local.ROWS):
                try:
                    self.rows.append(read_rows(received.payload))
                except MessageError:
                    self.bad += 1
                    return
                if self._keeps:
                    self._keep(self.rows[-1])
            elif received.topic.endswith(local.STATE):
                self.births.append(read_state(received.payload))
                self.states.append(self.births[-1].alive)
            self._news.notify_all()

    def _keep(self, message: Rows) -> None:
        for packed in message.packed:
            key = (message.epoch, int.from_bytes(packed[2:6], "big"))
            self.again += key in self.kept
            if self.kept.setdefault(key, crc_of(packed)) != crc_of(packed):
                raise AssertionError(f"{key} came with other content")
        if message.first:
            has = 0
            while (message.epoch, has + 1) in self.kept:
                has += 1
            echo = (message.up_ms, self._unix_ms()) if self._unix_ms else None
            self.say_ack(message.epoch, has, 0, echo)
