"""A broker and a gateway by hand behind a network with fates, for the board's link in CPython.

Rules of this file: no clock of its own and no socket; what breaks the standard ends the connection, as at a real
broker.
"""

from collections import deque
from dataclasses import dataclass

from gateway.local_messages import MessageError, ack, read_rows
from tests.firmware.fake_hal import FakeHal
from tests.firmware.fake_net import CONNACK, PINGRESP, message, puback
from wire import local


class Gateway:
    """Stores rows by their key and acknowledges; the same key with other content is an error."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int], bytes] = {}
        self.deaf = 0  # Messages with rows whose acknowledgement is not sent.

    def take(self, payload: bytes) -> bytes:
        """The acknowledgement; empty where there is none."""
        try:
            rows = read_rows(payload)
        except MessageError:
            return b""  # Garbled under way.
        for packed in rows.packed:
            key = (rows.epoch, int.from_bytes(packed[2:6], "big"))
            assert self.kept.setdefault(key, packed) == packed, f"{key} came with other content"
        if not rows.first:
            return b""
        if self.deaf:
            self.deaf -= 1
            return b""
        has = 0
        while (rows.epoch, has + 1) in self.kept:
            has += 1
        return ack(rows.epoch, has, 0, None)


@dataclass(frozen=True)
class NetFate:
    """One connection: see tools/emulator/bad_network.py; also "refused", "unreachable", "silent"."""

    kind: str
    up: bool = True
    after: int = 0
    data: bytes = b""


class FateNet:
    """The board's network: connection by connection as `fates` say, then good. `dead` is what its wills told."""

    def __init__(self, hal: FakeHal, gateway: Gateway, ack_topic: bytes, fates: list[NetFate]) -> None:
        self.attempts = 0
        self.dead = 0
        self.open = False
        self._hal = hal
        self._gateway = gateway
        self._ack_topic = ack_topic
        self._fates = deque(fates)
        self._fate = NetFate("good")
        self._passed = {True: 0, False: 0}
        self._stalled: set[bool] = set()
        self._said = b""  # by the board, as far as the broker has it.
        self._coming = b""
        self._ended = False
        self._greeted = False

    @property
    def fates_left(self) -> int:
        return len(self._fates)

    # What the hal promises.

    def ticks_ms(self) -> int:
        return self._hal.ticks_ms()

    def connect(self, host: str, port: int) -> None:
        self.attempts += 1
        self._fate = self._fates.popleft() if self._fates else NetFate("good")
        self._passed = {True: 0, False: 0}
        self._stalled = set()
        self._said = self._coming = b""
        self._ended = self._greeted = False
        if self._fate.kind == "unreachable":
            raise OSError("no way there")
        self.open = True

    def connected(self) -> bool:
        if self._fate.kind == "refused":
            raise OSError("refused")
        return self._fate.kind != "silent"

    def readinto(self, view) -> int:
        if not self._coming and self._ended:
            raise OSError("closed")
        count = min(len(view), len(self._coming), 3 if self._fate.kind == "drip" else 1 << 20)
        view[:count] = self._coming[:count]
        self._coming = self._coming[count:]
        return count

    def write(self, view) -> int:
        if self._ended:
            raise OSError("closed")
        if True in self._stalled:
            return 0
        count = min(len(view), 41) if self._fate.kind == "drip" else len(view)
        self._pass(True, bytes(view[:count]))
        return count

    def want_write(self, wanted: bool) -> None:
        """Nobody waits here."""

    def close(self) -> None:
        self.open = False
        self._hang_up()

    # What passes.

    def _pass(self, up: bool, data: bytes) -> None:
        fate = self._fate
        if up in self._stalled or self._ended:
            return
        before, self._passed[up] = self._passed[up], self._passed[up] + len(data)
        if fate.up != up or self._passed[up] < fate.after or fate.kind in ("good", "drip"):
            self._deliver(up, data)
            return
        left = max(0, fate.after - before)
        self._deliver(up, data[:left])
        if fate.kind == "garble":
            if before <= fate.after:
                self._deliver(up, fate.data)
            self._deliver(up, data[left:])
        elif fate.kind == "cut":
            self._hang_up()
        elif fate.kind == "stall":
            self._stalled = {True, False}
        elif fate.kind == "half":
            self._stalled = {up}

    def _deliver(self, up: bool, data: bytes) -> None:
        if not up:
            self._coming += data
            return
        self._said += data
        while not self._ended and (packet := self._packet()) is not None:
            self._answer(*packet)

    def _packet(self) -> tuple[int, bytes] | None:
        length = 0
        for at in range(1, min(len(self._said), 5)):
            byte = self._said[at]
            length |= (byte & 0x7F) << 7 * (at - 1)
            if byte < 0x80:
                end = at + 1 + length
                if len(self._said) < end:
                    return None
                head, body = self._said[0], self._said[at + 1 : end]
                self._said = self._said[end:]
                return head, body
        if len(self._said) >= 5:
            self._hang_up()
        return None

    def _answer(self, head: int, body: bytes) -> None:
        if head == 0x10 and not self._greeted and body.startswith(b"\x00\x04MQTT\x04"):
            self._greeted = True
            self._pass(False, CONNACK)
        elif head == 0x82 and self._greeted and len(body) > 4:
            self._pass(False, b"\x90\x03" + body[:2] + b"\x00")
        elif head & 0xF6 == 0x32 and self._greeted and len(body) >= 4:
            size = int.from_bytes(body[:2], "big")
            topic, number, payload = body[2 : 2 + size], body[2 + size : 4 + size], body[4 + size :]
            self._pass(False, puback(int.from_bytes(number, "big")))
            if topic.endswith(local.ROWS.encode()):
                answer = self._gateway.take(payload)
                if answer:
                    self._pass(False, message(self._ack_topic, answer))
        elif head == 0xC0 and self._greeted:
            self._pass(False, PINGRESP)
        elif head == 0xE0 and self._greeted:
            self._greeted = False
            self._hang_up()
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        if not self._ended and self._greeted:
            self.dead += 1
        self._ended = True
