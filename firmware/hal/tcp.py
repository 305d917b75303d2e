"""One TCP connection that never blocks, as every port with sockets makes it.

Rules of this file: OSError is the only way in which it fails; no name is ever looked up, that could block for seconds.
`poller` is the one on which the hal waits, `ticks_ms` counts the network's milliseconds, 0..2^30 - 1.
"""

import select
import socket

TICKS_MASK = (1 << 30) - 1
_IPPROTO_TCP = 6  # Not every port names these two.
_TCP_NODELAY = 1
_EINPROGRESS = (115, 119)  # Linux; lwIP on an ESP32.


class Net:
    """connect, connected, readinto, write, want_write, close; ticks_ms."""

    def __init__(self, poller, ticks_ms):
        self.ticks_ms = ticks_ms
        self._poller = poller
        self._own = select.poll()
        self._socket = None
        self._writing = False

    def connect(self, host: str, port: int) -> None:
        """Begin to connect to an IPv4 address; see `connected`. OSError where there is no way there, or no address."""
        self.close()
        address = address_of(host, port)
        self._socket = made = socket.socket()
        made.setblocking(False)
        made.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        try:
            made.connect(address)
        except OSError as error:
            if error.errno not in _EINPROGRESS:
                raise
        self._writing = True
        self._poller.register(made, select.POLLIN | select.POLLOUT)
        self._own.register(made, select.POLLOUT)

    def connected(self) -> bool:
        """Has it connected? OSError if it never will."""
        for _, event in self._own.ipoll(0):
            if event & ~(select.POLLIN | select.POLLOUT):
                raise OSError("refused")
            self.want_write(False)
            return True
        return False

    def readinto(self, view) -> int:
        """Bytes moved into `view`; 0 when there are none. OSError when the other side has closed."""
        count = self._open().readinto(view)
        if count == 0:
            raise OSError("closed")
        return count or 0

    def write(self, view) -> int:
        """How many bytes of `view` were taken; 0 when there is no room."""
        return self._open().write(view) or 0

    def want_write(self, wanted: bool) -> None:
        """Wake the loop when there is room to write again."""
        if self._socket is not None and wanted != self._writing:
            self._writing = wanted
            self._poller.modify(self._socket, select.POLLIN | select.POLLOUT if wanted else select.POLLIN)

    def close(self) -> None:
        if self._socket is not None:
            self._poller.unregister(self._socket)
            self._own.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _open(self):
        if self._socket is None:
            raise OSError("not connected")
        return self._socket


def address_of(host: str, port: int):
    """What connect() takes, without asking anybody. OSError for what is no IPv4 address."""
    parts = host.split(".")
    if len(parts) != 4 or not all(part.isdigit() and int(part) <= 255 for part in parts):
        raise OSError("no IPv4 address")
    return socket.getaddrinfo(host, port)[0][-1]  # Digits are only put together.
