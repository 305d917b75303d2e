"""A board on a pseudo-terminal: the loader of rom_loader.py, then what was flashed; with a cable, a rate and power.

Rules of this file: one thread owns line, chip and program; `unplug_after` pulls the cable at that very byte,
`cut_power_after` takes the power in the middle of a flash operation; what was in the flash stays. After bootloader,
table, program and file system were found whole, the board runs the application in its flash (`runs`), or only says that
it is ready.
"""

import contextlib
import os
import queue
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.emulator.rom_boot import problem
from tools.emulator.rom_chip import ESP32, Chip, Kind, PowerCut
from tools.emulator.rom_loader import ROM_BAUD, RomLoader
from tools.emulator.rom_program import BY_ITSELF, POWER_ON, Program, Surroundings

READ_BYTES = 1024
CHAR_BITS = 10
WAIT_S = 5.0
TURN_S = 0.1  # How often it is looked at the program's watchdog.
CLOSED_S = 0.01  # How often it is looked whether somebody opened the port.
JOBS_MAX = 1_000
CONSOLE_CHARS_MAX = 100_000
RATES = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name.startswith("B") and name[1:].isdigit()}
BOOT_S = 0.2  # Until the first words: whoever listens at another rate hears nothing.
BOOT_WORDS = {
    POWER_ON: "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
    BY_ITSELF: "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
}
READY_WORDS = "ready {'boot': 1} heap 98304\r\n"


class RomBoard:
    """`port`: what a person would call /dev/ttyUSB0. A context manager. `paced`: bytes take their time at the baud.

    `runs`: it runs what was flashed, in `around`; `own_supply`: it goes on when the cable is pulled.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flash_bytes: int = 8 << 20,
        kind: Kind = ESP32,
        mac: str = "a0b765123456",
        paced: bool = False,
        silent: bool = False,
        runs: bool = False,
        own_supply: bool = False,
        around: Surroundings | None = None,
    ) -> None:
        self.port = folder / "ttyUSB0"
        self.mac = bytes.fromhex(mac)
        self.chip = Chip(folder / "flash", flash_bytes, self.mac, kind)
        self.loader = RomLoader(self.chip)
        self.program = Program(folder, self.chip, around or Surroundings())
        self.unplug_after: int | None = None  # Bytes from the host, counted from when it was plugged in.
        self.at_byte: tuple[int, Callable[[], object]] | None = None  # What to do when so many have come.
        self.each_turn: Callable[[], dict[str, Any]] | None = None  # What comes to its pins by itself.
        self.received = 0
        self.garbled = 0  # Bytes that came at another baud rate than the chip's.
        self.console = ""
        self._paced = paced
        self._silent = silent
        self._runs = runs
        self._own_supply = own_supply
        self._free_s = 0.0
        self._master = -1
        self._closed_until_s = 0.0
        self._in_loader = True
        self._thread: threading.Thread | None = None
        self._plugged = threading.Event()
        self._jobs: queue.Queue[Callable[[], bool]] = queue.Queue(JOBS_MAX)
        self._stop_read, self._stop_write = os.pipe()

    def __enter__(self) -> "RomBoard":
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.switch_off()
        self.chip.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def plug(self, *, boot_held: bool = True) -> None:
        """Plug it in: in download mode, or as any board is. What was plugged in is unplugged first.

        A board that has its own supply, and runs, goes on as it was.
        """
        self.unplug()
        self.received = 0
        self.unplug_after = None
        self.console = ""
        self._open()
        if self._alive:
            self._do(lambda: True)
            return
        self._jobs = queue.Queue(JOBS_MAX)
        self.loader = RomLoader(self.chip)
        self._in_loader = boot_held
        self._thread = threading.Thread(target=self._run, name="emulated board", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the cable, if it is in."""
        if self._alive and self._plugged.is_set():
            self._do(self._pulled)
        self.wait_unplugged()

    def switch_off(self) -> None:
        """Take all power, and the cable."""
        if self._alive:
            self._do(lambda: False)
        self._join()

    def wait_unplugged(self) -> None:
        """Wait until the cable is out. AssertionError if it stays in."""
        end_s = time.monotonic() + WAIT_S
        while self._plugged.is_set() and time.monotonic() < end_s:
            time.sleep(CLOSED_S)
        assert not self._plugged.is_set(), "the board was never unplugged"
        if not self._own_supply or self._in_loader:
            self._join()

    def cut_power_after(self, operations: int) -> None:
        """The power fails in the middle of the flash operation behind the next `operations`."""
        self.chip.cut_after = operations
        if self._alive:
            self._do(lambda: self._tell({"cut": operations}))

    def set_pins(self, **pins: dict[str, Any]) -> None:
        """What its pins meet from now on: see esp32/chip.py."""
        for name, values in pins.items():
            self.program.around.pins.setdefault(name, {}).update(values)
        if self._alive:
            self._do(lambda: self._tell(pins))

    @property
    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _tell(self, message: dict[str, Any]) -> bool:
        self.program.send(message)
        return True

    def _do(self, job: Callable[[], bool]) -> None:
        """Have the thread call `job`; it ends where that says False."""
        self._jobs.put_nowait(job)
        os.write(self._stop_write, b"x")

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join(WAIT_S)
            assert not self._thread.is_alive(), "the board goes on for ever"
            self._thread = None

    def _open(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(slave))
        os.close(slave)  # Held by the host alone: somebody looks who else has it open.
        self._master = master
        self._plugged.set()

    def _pulled(self) -> bool:
        """The cable is out; False where that was the supply, too."""
        if self._plugged.is_set():
            self.port.unlink(missing_ok=True)
            os.close(self._master)
            self._master = -1
            self._plugged.clear()
        return self._own_supply and not self._in_loader

    def _run(self) -> None:
        try:
            if self._in_loader or self._start(POWER_ON):
                while self._turn():
                    pass
        except PowerCut:
            pass  # As a cable that is pulled: the line is dead, too.
        finally:
            self.program.off()
            self._pulled()

    def _turn(self) -> bool:
        """Do what is due; False when there is no power any more."""
        files = [self._stop_read, *self.program.files()]
        if self._master >= 0 and time.monotonic() >= self._closed_until_s:
            files.append(self._master)
        hurried = self._master >= 0 and self._master not in files
        ready, _, _ = select.select(files, [], [], CLOSED_S if hurried else TURN_S)
        if self._stop_read in ready:
            os.read(self._stop_read, 1)
            return self._jobs.get_nowait()()
        if self.each_turn is not None:
            self.program.send(self.each_turn())
        self._say(self.program.take(ready))
        return self._take() if self._master in ready else True

    def _take(self) -> bool:
        """Answer what the host sent; False when there is no power any more."""
        try:
            data = os.read(self._master, READ_BYTES)
        except OSError:  # Nobody has it open.
            self._closed_until_s = time.monotonic() + CLOSED_S
            return True
        if self.unplug_after is not None:
            data = data[: max(0, self.unplug_after - self.received)]
        self.received += len(data)
        if self.at_byte is not None and self.received >= self.at_byte[0]:
            _, act = self.at_byte
            self.at_byte = None
            act()
        if self._host_baud() != (self.loader.baud if self._in_loader else ROM_BAUD):
            self.garbled += len(data)
            data = b""
        self._pace(len(data))
        answer = b""
        if self._in_loader and not self._silent:
            answer = self.loader.feed(data)
        elif not self._in_loader:
            self.program.type(data)
        if self.unplug_after is not None and self.received >= self.unplug_after:
            return self._pulled()
        self._say(answer)
        if self._in_loader and self.loader.left:
            return self._start(BY_ITSELF)
        return True

    def _start(self, cause: int) -> bool:
        """The chip starts what is in its flash."""
        self._in_loader = False
        time.sleep(BOOT_S)
        wrong = problem(self.chip.read(0, self.chip.flash_bytes))
        self.console = BOOT_WORDS[cause]
        if wrong or not self._runs:
            self.console += f"{wrong}\r\n" if wrong else READY_WORDS
        else:
            self.program.power(cause)
        self._send(self.console.encode())
        return True

    def _say(self, data: bytes) -> None:
        if not self._in_loader:
            self.console = (self.console + data.decode(errors="replace"))[-CONSOLE_CHARS_MAX:]
        self._send(data)

    def _send(self, data: bytes) -> None:
        """To the host; at another rate it understands nothing."""
        if self._master < 0 or not data or (not self._in_loader and self._host_baud() != ROM_BAUD):
            return
        self._pace(len(data))
        with contextlib.suppress(OSError):  # The host has gone.
            while data:
                data = data[os.write(self._master, data) :]

    def _host_baud(self) -> int:
        return RATES.get(termios.tcgetattr(self._master)[5], 0)

    def _pace(self, count: int) -> None:
        """Let `count` bytes have their time on the line."""
        if self._paced:
            baud = self.loader.baud if self._in_loader else ROM_BAUD
            self._free_s = max(self._free_s, time.monotonic()) + count * CHAR_BITS / baud
            time.sleep(max(0.0, self._free_s - time.monotonic()))
