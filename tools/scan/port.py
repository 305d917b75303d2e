"""The serial port of a scan: bytes out, bytes in, and what the UART counted, at one setting after the other.

Rules of this file: it is had alone or not at all; what comes is handed on as it came, with nothing taken for an answer.
"""

import contextlib
import fcntl
import select
import struct
import termios
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tools.faults import fault
from tools.flash import ports
from tools.scan.settings import Setting

TIOCGICOUNT = 0x545D  # asm-generic/ioctls.h
READ_MAX = 4_096
COUNTERS = "20i"  # struct serial_icounter_struct of linux/serial.h: cts dsr rng dcd rx tx frame overrun parity brk …
FRAME, PARITY, BREAK = 6, 8, 9  # places in it


class CannotSet(Exception):
    """This port knows no such rate or framing."""


class PortLost(Exception):
    """The adapter is gone, or answers with errors."""


class Errors(NamedTuple):
    """What the UART counted since the port was opened."""

    framing: int
    parity: int
    breaks: int

    def since(self, before: "Errors") -> "Errors":
        return Errors(*(now - then for now, then in zip(self, before, strict=True)))


class Port(Protocol):
    """What a scan needs of a port. Times are those of its own clock."""

    def use(self, setting: Setting) -> None:
        """Set it; what waited is thrown away. CannotSet, PortLost."""
        ...

    def send(self, data: bytes) -> None:
        """Begin to send. PortLost."""
        ...

    def hear(self, until_s: float) -> bytes:
        """What came: at once if something waits, else when something comes; b"" at `until_s`. PortLost."""
        ...

    def now_s(self) -> float: ...

    def errors(self) -> Errors | None:
        """None where the driver does not count."""
        ...

    def close(self) -> None: ...


class SerialPort:
    """`path`: a device, or a URL of pyserial such as "socket://host:port", whose rate stands at the serial server."""

    def __init__(self, path: str, lang: str) -> None:
        self.path = path
        self._lang = lang
        self._serial: Any = None
        self._setting: Setting | None = None
        self._is_url = "://" in path
        if not self._is_url:
            ports.check_access(path, lang)

    def use(self, setting: Setting) -> None:
        import serial

        if self._is_url and self._setting not in (None, setting):
            raise CannotSet(self.path)
        self.close()
        more = {} if self._is_url else {"exclusive": True}
        size, parity, stops = int(setting.framing[0]), setting.framing[1], int(setting.framing[2])
        try:
            self._serial = serial.serial_for_url(
                self.path, baudrate=setting.baud, bytesize=size, parity=parity, stopbits=stops, timeout=0, **more
            )
        except (termios.error, ValueError) as error:
            raise CannotSet(str(error)) from error
        except OSError as error:  # SerialException is one.
            if "lock" in str(error):
                raise busy(self.path, str(error), self._lang) from None
            raise PortLost(str(error)) from error
        self._setting = setting

    def send(self, data: bytes) -> None:
        with self._lost_if_it_fails():
            self._serial.write(data)

    def hear(self, until_s: float) -> bytes:
        with self._lost_if_it_fails():  # Not pyserial's time-out: each change of it sets the whole port anew.
            ready, _, _ = select.select([self._serial.fileno()], [], [], max(0.0, until_s - self.now_s()))
            return self._serial.read(READ_MAX) if ready else b""

    def now_s(self) -> float:
        return time.monotonic()

    def errors(self) -> Errors | None:
        try:
            found = fcntl.ioctl(self._serial.fileno(), TIOCGICOUNT, bytes(struct.calcsize(COUNTERS)))
        except (OSError, AttributeError):
            return None
        counted = struct.unpack(COUNTERS, found)
        return Errors(counted[FRAME], counted[PARITY], counted[BREAK])

    def close(self) -> None:
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    @contextlib.contextmanager
    def _lost_if_it_fails(self):
        try:
            yield
        except (OSError, TypeError, ValueError) as error:  # The latter two: of a port that was closed under it.
            raise PortLost(str(error)) from error


def busy(path: str, seen: str, lang: str) -> Exception:
    """Another program has it, a gateway most likely."""
    holders = ports.users_of(Path(path))
    return fault("bus_busy", lang, seen="\n".join(holders) or seen, port=path)
