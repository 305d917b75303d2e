"""An ESP32 in download mode, reached with esptool: who it is, what it holds, and writing it.

Rules of this file: the only one that imports esptool. Chip and flash are looked at before anything is erased. What
esptool says goes into `told`, for -v; its bars are ours.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import serial
from esp_pylib.logger import EspLog, EspLogBase
from esptool import cmds
from esptool.util import FatalError, flash_size_bytes

from boards import Board
from tools.console import READY, UNSET
from tools.failure import Failure
from tools.faults import PARTLY, fault
from tools.flash import ports
from tools.flash.plan import Plan
from tools.image.make import Image

CHIP = "ESP32"
ROM_BAUD = 115_200
SERIAL_DIGITS = 16
FRAME_END = b"\xc0"
TOLD_MAX = 500
START_LIMIT_S = 20.0
WORDS_MAX = 4_096

Progress = Callable[[int, int], None]


class _Told(EspLogBase):
    """Keeps what esptool says, and hands its progress on. `total`: bytes of all that is written."""

    def __init__(self, progress: Progress) -> None:
        self.lines: list[str] = []
        self.total = 0
        self._done = 0
        self._progress = progress

    def print(self, *args: Any, **_: Any) -> None:
        self.lines = [*self.lines[-TOLD_MAX:], " ".join(str(arg) for arg in args)]

    err = warn = note = hint = debug = print

    def set_verbosity(self, mode: Any) -> None:
        return

    def progress_bar(self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 0):
        return

    @contextlib.contextmanager
    def progress(self, total: int, *_: Any, **__: Any) -> Iterator[Any]:  # type: ignore[override]
        yield self

    def update(self, advance: int = 0, **_: Any) -> None:
        """Of the task that `progress` gives."""
        self._done += advance
        self._progress(self._done, max(self.total, self._done))


class Session:
    """One connection. `serial`: the chip's number as the board tells it; `flash_bytes`: of its flash."""

    def __init__(self, port: str, lang: str, progress: Progress) -> None:
        self.port = port
        self.lang = lang
        self._told = _Told(progress)
        EspLog.instance = self._told  # As esptool's own set_logger, which an instance of ours has not.
        self._esp: Any = None
        self._lines = False
        self._touched = False
        self.serial = ""
        self.flash_bytes = 0
        self.words = b""

    def close(self) -> None:
        """Let go of the port; a chip that stays in its loader goes back to the rate at which it is looked for."""
        if self._esp is None:
            return
        link = self._esp._port
        if link.is_open and link.baudrate != ROM_BAUD:
            with contextlib.suppress(FatalError, OSError):  # Gone, or in the middle of something: RESET will do.
                link.write(FRAME_END)  # A command that was cut off in the middle ends here, and so does its answer.
                self._esp.flush_input()
                self._esp.change_baud(ROM_BAUD)
        link.close()

    @property
    def told(self) -> list[str]:
        return self._told.lines

    @property
    def touched(self) -> bool:
        """Has anything been erased?"""
        return self._touched

    @property
    def resets(self) -> bool:
        """Can the cable restart the board? Without it the ROM's loader can, but no stub."""
        return self._lines or not self._esp.IS_STUB

    def connect(self, board: Board, *, stub: bool, baud: int) -> None:
        """Find the chip and see that it is the board's. `Failure`, with nothing written."""
        with self._explained("no_answer"):
            link = serial.Serial(self.port, ROM_BAUD, exclusive=True)
            self._lines = ports.has_lines(link.fileno())
            link.close()
            self._esp = cmds.detect_chip(self.port, ROM_BAUD, "default-reset" if self._lines else "no-reset")
            self._esp.WRITE_FLASH_ATTEMPTS = 1  # A pulled cable is told at once: the same command repairs it.
        if self._esp.CHIP_NAME != CHIP:
            raise fault("wrong_chip", self.lang, seen=self._esp.CHIP_NAME, chip=CHIP, board=board.type)
        with self._explained("no_answer"):
            cmds.attach_flash(self._esp)
            size = cmds.detect_flash_size(self._esp)
            self.flash_bytes = (flash_size_bytes(size) or 0) if size else 0
            self.serial = bytes(self._esp.read_mac()).hex().rjust(SERIAL_DIGITS, "0")
        if self.flash_bytes < board.flash_bytes:
            seen = f"{self.flash_bytes >> 20} MiB"
            raise fault("small_flash", self.lang, seen=seen, size=f"{board.flash_bytes >> 20} MiB", board=board.type)
        with self._explained("no_answer"):
            self._esp.flash_set_parameters(self.flash_bytes)
            if stub:
                self._esp = cmds.run_stub(self._esp)
            if baud != ROM_BAUD:
                self._esp.change_baud(baud)

    def read(self, offset: int, length: int) -> bytes:
        with self._explained("pulled"):
            return self._esp.read_flash(offset, length, None)

    def md5(self, offset: int, length: int) -> str:
        with self._explained("pulled"):
            return self._esp.flash_md5sum(offset, length)

    def erase(self, plan: Plan) -> None:
        """Blank what the plan blanks."""
        self._touched = True
        with self._explained("pulled"):
            for offset, size in plan.erase:
                if self._esp.IS_STUB:
                    self._esp.erase_region(offset, size)
                else:
                    self._esp.flash_begin(size, offset, logging=False)  # The ROM erases when a write begins.

    def write(self, plan: Plan) -> None:
        """Write what the plan writes; esptool compares the MD5 of each piece."""
        self._touched = True
        self._told.total = plan.sent_bytes
        with self._explained("pulled"):
            cmds.write_flash(self._esp, list(plan.write), flash_size="keep")

    def verify(self, image: Image, erased_log: bool) -> None:
        """See that the flash holds the image, every byte, and a blank log. `Failure`."""
        wanted = [(image.at, image.file)]
        if erased_log:
            wanted.append((image.log[0], b"\xff" * image.log[1]))
        for offset, data in wanted:
            if self.md5(offset, len(data)) != hashlib.md5(data).hexdigest():
                raise fault("not_equal", self.lang, seen=f"{offset:#x}, {len(data):,} bytes", state=self._state())

    def start(self, with_settings: bool) -> bool:
        """Restart the board and wait for its first words; False if they did not come. `words`: all that came."""
        wanted = (READY,) if with_settings else UNSET
        with self._explained("pulled"):
            if self._lines:
                self._esp.hard_reset()
            elif not self._esp.IS_STUB:
                self._esp.soft_reset(False)
            link = self._esp._port
            link.baudrate = ROM_BAUD
            link.timeout = 0.2
            limit_s = time.monotonic() + START_LIMIT_S
            while time.monotonic() < limit_s:
                self.words = (self.words + link.read(256))[-WORDS_MAX:]
                if any(word in self.words.rpartition(b"\n")[0] for word in wanted):
                    return True
            return False

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """What esptool or the port raise, as a failure that says which state is left."""
        try:
            yield
        except (FatalError, OSError) as error:  # serial.SerialException is an OSError.
            raise self._failure(key, error) from error

    def _failure(self, key: str, error: Exception) -> Failure:
        seen = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, PermissionError) or "Permission denied" in str(error):
            return ports.no_permission(self.port, self.lang)
        if "exclusively lock" in str(error) or "busy" in str(error):
            return ports.busy(self.port, seen, self.lang)
        if key == "no_answer" and isinstance(error, FatalError) and "Failed to connect" not in str(error):
            key = "pulled"
        return fault(key, self.lang, seen=f"{self.port}: {seen}", state=self._state(), port=self.port)

    def _state(self) -> str:
        return PARTLY if self._touched else ""
