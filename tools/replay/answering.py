"""Devices of a recording at a port: requests in, answers out.

Rules of this file: an answer goes out when the recording says, or at once; nothing is sent that nobody asked for.
"""

import os
import select
import time
from typing import Protocol

from tools.record.splitter import REQUEST, Splitter
from tools.replay.devices import RECORDED, Devices

TURN_S = 0.05
READ_MAX = 4_096


class Line(Protocol):
    """What is needed of a port (tools.scan.port.Port)."""

    def send(self, data: bytes) -> None: ...

    def hear(self, until_s: float) -> bytes: ...

    def now_s(self) -> float: ...

    def close(self) -> None: ...


class Terminal:
    """Our end of a pseudo-terminal; its other end is kept open, so that users may come and go."""

    def __init__(self, master: int, slave: int) -> None:
        self._master = master
        self._slave = slave

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def hear(self, until_s: float) -> bytes:
        ready, _, _ = select.select([self._master], [], [], max(0.0, until_s - self.now_s()))
        return os.read(self._master, READ_MAX) if ready else b""

    def now_s(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class Answering:
    """`run(devices)` answers on `line` for ever. KeyboardInterrupt ends it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._splitter = Splitter()
        self._begin_s: float | None = None

    def run(self, devices: Devices) -> None:
        while True:
            self.turn(devices)

    def turn(self, devices: Devices) -> None:
        """Answer what comes within TURN_S."""
        data = self._line.hear(self._line.now_s() + TURN_S)
        now_s = self._line.now_s()
        pieces = self._splitter.feed(data, round(now_s * 1e6)) if data else self._splitter.silent()
        for piece in pieces:
            if piece.kind == REQUEST:
                self._answer(piece.data, devices)
            self._splitter.answered()

    def _answer(self, request: bytes, devices: Devices) -> None:
        now_s = self._line.now_s()
        self._begin_s = now_s if self._begin_s is None else self._begin_s
        said = devices.answer(request, round((now_s - self._begin_s) * 1e6))
        if said is None:
            return
        if devices.pace == RECORDED:
            time.sleep(said.delay_us / 1e6)
        self._line.send(said.data)

    def close(self) -> None:
        self._line.close()
