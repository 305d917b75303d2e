"""The way between boards and their broker, as networks are: it cuts, stalls, garbles and drips.

    with BadNetwork(lambda: broker.port, [Fate("cut", after=40), Fate("stall", up=False, after=4)]) as way:
        # a board that connects to way.port meets one fate after another, and a good way behind them

Rules of this file: one thread, no timers; nothing is lost or changed that a fate does not say.
"""

import contextlib
import selectors
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

HOST = "127.0.0.1"
CHUNK_BYTES = 4_096
SEND_S = 5.0
JOIN_S = 5.0
KINDS = ("good", "cut", "reset", "stall", "half", "garble", "drip", "silent")


@dataclass(frozen=True)
class Fate:
    """What becomes of one connection once `after` bytes have passed: of the board if `up`, else of the broker.

    "cut" closes it, "reset" without a word; "stall" passes nothing more in either direction and stays open, "half"
    only in this one; "garble" puts `data` in between, "drip" passes the rest byte by byte; "silent" takes the
    connection and never answers. "good" does nothing.
    """

    kind: str
    up: bool = True
    after: int = 0
    data: bytes = b""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fate {self.kind!r}; there are {', '.join(KINDS)}")


GOOD = Fate("good")


class _Way:
    """One connection: `board` and `broker` are its ends; `broker` is None where nobody answers."""

    def __init__(self, board: socket.socket, broker: socket.socket | None, fate: Fate) -> None:
        self.board = board
        self.broker = broker
        self.fate = fate
        self.passed = 0  # Bytes of the direction that the fate counts.
        self.fulfilled = False

    def ends(self) -> list[socket.socket]:
        return [end for end in (self.board, self.broker) if end is not None]


class BadNetwork:
    """Listens on `port` and passes on to the port that `broker_port` tells. `fates` are met in order; behind them every
    connection meets `then`. Counters: `connections`, `broken` (by fate).
    """

    def __init__(self, broker_port: Callable[[], int], fates: Iterable[Fate] = ()) -> None:
        self.fates = deque(fates)
        self.then = GOOD
        self.connections = 0
        self.broken = 0
        self._broker_port = broker_port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._orders: deque[Callable[[], None]] = deque()
        self._ways: list[_Way] = []
        self._thread = threading.Thread(target=self._run, name="bad network", daemon=True)

    def __enter__(self) -> "BadNetwork":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """Close everything; safe to call twice."""
        if self._thread.is_alive():
            self._order(lambda: None)
            self._wake.close()
            self._thread.join(JOIN_S)

    def strike(self, fate: Fate) -> None:
        """Every connection that is there meets `fate` with its next bytes, and each new one too, until `heal`."""
        self.then = fate
        self._order(lambda: self._change(fate))

    def heal(self) -> None:
        """From now on connections are good; those that were spoilt are cut."""
        self.then = GOOD
        self._order(self._cut_spoilt)

    # In the thread.

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        with contextlib.suppress(OSError):
            self._wake.send(b"!")

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    if not self._woken.recv(CHUNK_BYTES):
                        self._close_all()
                        return
                    while self._orders:
                        self._orders.popleft()()
                elif key.fileobj is self._listener:
                    self._accept()
                elif key.data in self._ways and isinstance(key.fileobj, socket.socket):
                    self._pass_on(key.data, key.fileobj)

    def _accept(self) -> None:
        board, _ = self._listener.accept()
        self.connections += 1
        fate = self.fates.popleft() if self.fates else self.then
        broker = None
        if fate.kind != "silent":
            try:
                broker = socket.create_connection((HOST, self._broker_port()), SEND_S)
            except OSError:
                board.close()  # The broker is away: to the board as if it had hung up.
                return
        way = _Way(board, broker, fate)
        self._ways.append(way)
        for end in way.ends():
            end.settimeout(SEND_S)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ, way)
        if fate.kind in ("cut", "reset") and not fate.after:
            self._break(way)

    def _pass_on(self, way: _Way, end: socket.socket) -> None:
        up = end is way.board
        other = way.broker if up else way.board
        if other is None:
            self._selector.unregister(end)  # Silent: what it says stays in its own buffer.
            return
        try:
            data = end.recv(CHUNK_BYTES)
            if not data:
                self._close(way)
            elif up != way.fate.up or way.fate.kind == "good":
                other.sendall(data)
            else:
                self._pass_by_fate(way, end, other, data)
        except OSError:
            self._close(way)

    def _pass_by_fate(self, way: _Way, end: socket.socket, other: socket.socket, data: bytes) -> None:
        fate = way.fate
        left = max(0, fate.after - way.passed)
        way.passed += len(data)
        if fate.kind == "drip":
            other.sendall(data[:left])
            for at in range(left, len(data)):
                other.sendall(data[at : at + 1])
            return
        if way.passed < fate.after:
            other.sendall(data)
            return
        other.sendall(data[:left])
        if fate.kind == "garble":
            if not way.fulfilled:
                self.broken += 1
                other.sendall(fate.data)
            way.fulfilled = True
            other.sendall(data[left:])
        elif fate.kind in ("cut", "reset"):
            self._break(way)
        else:
            self.broken += 1
            for stalled in [end] if fate.kind == "half" else way.ends():
                self._selector.unregister(stalled)

    def _break(self, way: _Way) -> None:
        self.broken += 1
        if way.fate.kind == "reset":
            for end in way.ends():
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(way)

    def _change(self, fate: Fate) -> None:
        for way in list(self._ways):
            way.fate, way.passed = fate, 0
            if fate.kind in ("cut", "reset"):
                self._break(way)

    def _cut_spoilt(self) -> None:
        for way in list(self._ways):
            if way.fate.kind != "good":
                self._close(way)

    def _close(self, way: _Way) -> None:
        if way in self._ways:
            self._ways.remove(way)
        for end in way.ends():
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()

    def _close_all(self) -> None:
        for way in list(self._ways):
            self._close(way)
        self._selector.close()
        self._listener.close()
        self._woken.close()
