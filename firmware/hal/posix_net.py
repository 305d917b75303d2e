"""The board's way to the network on the unix port: one TCP connection that never blocks.

Rules of this file: OSError is the only way in which it fails; times are the machine's, whatever the station's clock
does. `poller` is the one on which the hal waits, `clock_us` a clock that never steps.
"""

import select
import socket

TICKS_MASK = (1 << 30) - 1
_IPPROTO_TCP = 6  # The unix port names neither.
_TCP_NODELAY = 1


class Net:
    """connect, connected, readinto, write, want_write, close; ticks_ms."""

    def __init__(self, poller, clock_us):
        self._clock_us = clock_us
        self._poller = poller
        self._own = select.poll()
        self._socket = None
        self._writing = False

    def ticks_ms(self) -> int:
        """Milliseconds of the network's time, 0..2^30 - 1."""
        return self._clock_us() // 1000 & TICKS_MASK

    def connect(self, host: str, port: int) -> None:
        """Begin to connect to an IPv4 address; see `connected`."""
        self.close()
        address = socket.getaddrinfo(host, port)[0][-1]
        self._socket = made = socket.socket()
        made.setblocking(False)
        made.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        try:
            made.connect(address)
        except OSError as error:
            if error.errno != 115:  # EINPROGRESS
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
