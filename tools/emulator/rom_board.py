"""A board in download mode on a pseudo-terminal: the loader of rom_loader.py with a cable, a baud rate and power.

Rules of this file: one thread owns line and chip; `unplug_after` pulls the cable at that very byte, `chip.cut_after`
takes the power in the middle of a flash operation; what was in the flash stays. What the board says when it starts is
the rig's: it stands in for hal and hardware, after bootloader, table, program and file system were found whole.
"""

import contextlib
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

from tools.emulator.rom_boot import problem
from tools.emulator.rom_chip import ESP32, Chip, Kind, PowerCut
from tools.emulator.rom_loader import ROM_BAUD, RomLoader

READ_BYTES = 1024
CHAR_BITS = 10
WAIT_S = 5.0
CLOSED_S = 0.01  # How often it is looked whether somebody opened the port.
RATES = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name.startswith("B") and name[1:].isdigit()}
BOOT_S = 0.2  # Until the first words: whoever listens at another rate hears nothing.
BOOT_WORDS = "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
READY_WORDS = "ready {'boot': 1} heap 98304\r\n"


class RomBoard:
    """`port`: what a person would call /dev/ttyUSB0. A context manager. `paced`: bytes take their time at the baud."""

    def __init__(
        self, folder: Path, *, flash_bytes: int = 8 << 20, kind: Kind = ESP32, paced: bool = False, silent: bool = False
    ) -> None:
        self.port = folder / "ttyUSB0"
        self.mac = bytes.fromhex("a0b765123456")
        self.chip = Chip(folder / "flash", flash_bytes, self.mac, kind)
        self.loader = RomLoader(self.chip)
        self.unplug_after: int | None = None  # Bytes from the host, counted from when it was plugged in.
        self.at_byte: tuple[int, Callable[[], object]] | None = None  # What to do when so many have come.
        self.received = 0
        self.garbled = 0  # Bytes that came at another baud rate than the chip's.
        self.console = ""
        self._paced = paced
        self._silent = silent
        self._free_s = 0.0
        self._master = -1
        self._thread: threading.Thread | None = None
        self._stop_read, self._stop_write = os.pipe()

    def __enter__(self) -> "RomBoard":
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self.chip.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def plug(self) -> None:
        """Power on, in download mode: as with BOOT held. What was plugged in is unplugged first."""
        self.unplug()
        self.loader = RomLoader(self.chip)
        self.received = 0
        self.unplug_after = None
        self.console = ""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(slave))
        os.close(slave)  # Held by the host alone: somebody looks who else has it open.
        self._thread = threading.Thread(target=self._run, name="emulated board", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the cable, if it is in."""
        if self._thread is not None:
            os.write(self._stop_write, b"x")
            self.wait_unplugged()
            os.read(self._stop_read, 1)

    def wait_unplugged(self) -> None:
        """Wait until the cable is out. AssertionError if it stays in."""
        if self._thread is not None:
            self._thread.join(WAIT_S)
            assert not self._thread.is_alive(), "the board was never unplugged"
            self._thread = None

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except PowerCut:
            pass  # As a cable that is pulled: the line is dead, too.
        finally:
            self.port.unlink(missing_ok=True)
            os.close(self._master)

    def _turn(self) -> bool:
        """Answer what the host sent; False when the cable is out."""
        ready, _, _ = select.select([self._master, self._stop_read], [], [])
        if self._stop_read in ready:
            return False
        try:
            data = os.read(self._master, READ_BYTES)
        except OSError:  # Nobody has it open.
            return not select.select([self._stop_read], [], [], CLOSED_S)[0]
        if self.unplug_after is not None:
            data = data[: max(0, self.unplug_after - self.received)]
        self.received += len(data)
        if self.at_byte is not None and self.received >= self.at_byte[0]:
            _, act = self.at_byte
            self.at_byte = None
            act()
        if self._host_baud() != self.loader.baud:
            self.garbled += len(data)
            data = b""
        self._pace(len(data))
        answer = b"" if self._silent or self.loader.left else self.loader.feed(data)
        self._pace(len(answer))
        if self.unplug_after is not None and self.received >= self.unplug_after:
            return False
        self._say(answer)
        return self._start() if self.loader.left and not self.console else True

    def _start(self) -> bool:
        """The loader was left: the chip starts what is in its flash. False when the cable is out."""
        if select.select([self._stop_read], [], [], BOOT_S)[0]:
            return False
        wrong = problem(self.chip.read(0, self.chip.flash_bytes))
        self.console = BOOT_WORDS + (f"{wrong}\r\n" if wrong else READY_WORDS)
        if self._host_baud() == ROM_BAUD:
            self._say(self.console.encode())
        return True

    def _say(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # The host has gone.
            while data:
                data = data[os.write(self._master, data) :]

    def _host_baud(self) -> int:
        return RATES.get(termios.tcgetattr(self._master)[5], 0)

    def _pace(self, count: int) -> None:
        """Let `count` bytes have their time on the line."""
        if self._paced:
            self._free_s = max(self._free_s, time.monotonic()) + count * CHAR_BITS / self.loader.baud
            time.sleep(max(0.0, self._free_s - time.monotonic()))
