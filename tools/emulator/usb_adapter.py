"""A USB adapter between a host and the port of a rig: `path` is there while it is plugged in, and may be pulled.

    with UsbAdapter(folder / "ttyUSB0", rig.port) as adapter:
        adapter.unplug_after(40)   # bytes from the host
        adapter.plug()

Rules of this file: it hands bytes on as they come, in a thread of its own; pulled, whoever has it open meets what an
adapter leaves behind that is pulled: a terminal that hung up, under a name that is gone.
"""

import os
import select
import termios
import threading
import tty
from pathlib import Path

READ_BYTES = 4_096
WAIT_S = 10.0


class UsbAdapter:
    """`path`: the host's side; `far`: the port that it is wired to. A context manager, plugged in when it begins."""

    def __init__(self, path: Path, far: str) -> None:
        self.path = path
        self._far = far
        self._thread: threading.Thread | None = None
        self._stop_read, self._stop_write = os.pipe()
        self._left: int | None = None  # Bytes from the host until it is pulled.
        self.sent_bytes = 0  # From the host since it was plugged in.

    def __enter__(self) -> "UsbAdapter":
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def plug(self) -> None:
        """Plug it in; first out, if it is in."""
        self.unplug()
        self._left = None
        self.sent_bytes = 0
        host, slave = os.openpty()
        tty.setraw(slave)
        far = os.open(self._far, os.O_RDWR | os.O_NOCTTY)
        termios.tcflush(far, termios.TCIOFLUSH)  # What came meanwhile was heard by nobody.
        self.path.symlink_to(os.ttyname(slave))
        self._thread = threading.Thread(target=self._run, args=(host, slave, far), name="usb adapter", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull it, if it is in."""
        if self._thread is not None:
            os.write(self._stop_write, b"x")
            self._join()
            os.read(self._stop_read, 1)

    def unplug_after(self, sent_bytes: int) -> None:
        """Pull it behind so many more bytes from the host."""
        self._left = sent_bytes

    def wait_unplugged(self) -> None:
        """Until it was pulled by itself. AssertionError if it stays in."""
        self._join()

    def _join(self) -> None:
        assert self._thread is not None
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the adapter was never pulled"
        self._thread = None

    def _run(self, host: int, slave: int, far: int) -> None:
        files = [self._stop_read, host, far]
        try:
            while self._stop_read not in (ready := select.select(files, [], [])[0]):
                if far in ready:
                    os.write(host, os.read(far, READ_BYTES))
                if host in ready and not self._send(os.read(host, READ_BYTES), host, far):
                    return
        finally:
            self.path.unlink()
            for file in (slave, host, far):
                os.close(file)

    def _send(self, data: bytes, host: int, far: int) -> bool:
        """False when it is pulled by that."""
        self.sent_bytes += len(data)
        pulled = self._left is not None and len(data) >= self._left
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        termios.tcsetattr(far, termios.TCSANOW, termios.tcgetattr(host))  # Its UART is set as the host's port is.
        os.write(far, data)
        return not pulled
