"""What an emulated ESP32 has around its program: console, flash, RTC memory, pins, and the rig that feeds them.

Rules of this file: runs under MicroPython's unix port and stands where the chip would be; all time is real. What the
chip does to itself (reset, sleep, a watchdog that is not fed, a power cut) is told to the rig, which ends the process:
nothing of the program runs behind it. A program hears Ctrl-C where it waits or feeds the watchdog.
"""

import json
import os
import select
import sys

SETUP = "EMULATED_ESP32"  # The variable that holds it: an argument of this port is no longer than 255 bytes.
CONSOLE_BYTES = 260  # As the port's ring buffer; what finds no room is lost.
READ_BYTES = 256
BLOCK_BYTES = 4096
CTRL_C = b"\x03"
_BLANK = b"\xff" * 256
_HELD_MS = 1000


class Flash:
    """NOR flash in the file `path`: programming only clears bits. Each operation may be the one where power fails."""

    def __init__(self, path, chip):
        self._file = open(path, "r+b")  # noqa: SIM115 - open for life
        self._chip = chip
        self.cut_after = -1  # Operations that are still done; -1 = the power stays.

    def read(self, at, buffer):
        self._file.seek(at)
        self._file.readinto(buffer)

    def program(self, at, data):
        """OSError where a 0 would have to become 1."""
        old = bytearray(len(data))
        self.read(at, old)
        for i in range(len(data)):
            if data[i] & ~old[i] & 0xFF:
                raise OSError(f"{at + i:#x} was not erased before")
        self._do(at, data)

    def erase(self, at):
        """Blank one block."""
        self._do(at, b"\xff" * BLOCK_BYTES)

    def _do(self, at, data):
        cut = self.cut_after == 0
        self._file.seek(at)
        self._file.write(bytes(data)[: len(data) // 2] if cut else data)
        self._file.flush()
        if cut:
            self._chip.halt("cut")
        if self.cut_after > 0:
            self.cut_after -= 1


class Chip:
    """`setup`: what the rig gave. `look()` takes what came from console and rig."""

    def __init__(self, setup):
        self.setup = setup
        self.flash = Flash(setup["flash"], self)
        self.parts = setup["parts"]
        self.uv = {}  # Pin -> microvolt; None = the converter refuses.
        self.levels = {}
        self.handlers = {}  # Pin -> its interrupt's handler.
        self.uarts = {}
        self.spi = {}  # Unit -> what its chip measures.
        self.running = False  # Else the console's bytes are the REPL's.
        self._rtc = open(setup["rtc"], "r+b")  # noqa: SIM115 - open for life
        self._control = open(setup["control"], "r+b", 0)  # noqa: SIM115
        self._console = open(0, "rb", 0)  # noqa: SIM115
        self._typed = bytearray()
        self._line = b""
        self._edges = []
        self._wake = select.poll()
        self.listen(self._wake)

    def listen(self, poller):
        """Let `poller` wake for console and rig, too."""
        poller.register(self._console, select.POLLIN)
        poller.register(self._control, select.POLLIN)

    def is_ours(self, stream):
        return stream is self._console or stream is self._control

    def tell(self, words):
        """One line for the rig."""
        self._control.write(words.encode() + b"\n")

    def halt(self, words):
        """Tell the rig what becomes of the chip now; nothing of the program runs any more."""
        self.tell(words)
        while True:
            for _ in self._wake.ipoll(_HELD_MS):
                if self._console.read(READ_BYTES) == b"" or self._control.read(READ_BYTES) == b"":
                    sys.exit()  # The rig is gone, too.

    def look(self, wait_ms=0):
        """Take what has come, within `wait_ms`. KeyboardInterrupt where somebody typed Ctrl-C at a program."""
        for stream, _ in self._wake.ipoll(wait_ms):
            data = stream.read(READ_BYTES)
            if data == b"":
                sys.exit()
            if data and stream is self._console:
                self._typed.extend(data[: CONSOLE_BYTES - len(self._typed)])
            elif data:
                self._obey(data)
        while self._edges:
            pin = self._edges.pop(0)
            if pin in self.handlers:
                self.handlers[pin](pin)
        if self.running and CTRL_C in self._typed:
            self._typed = self._typed[self._typed.rfind(CTRL_C) + 1 :]
            raise KeyboardInterrupt()

    def typed(self, wait_ms=_HELD_MS):
        """The next byte of the console, -1 if none comes in time."""
        if not self._typed:
            self.look(wait_ms)
        if not self._typed:
            return -1
        byte = self._typed[0]
        self._typed = self._typed[1:]
        return byte

    def rtc(self, data=None):
        """What RTC memory holds; `data` is put there."""
        self._rtc.seek(0)
        if data is None:
            return self._rtc.read()[2:][: self._rtc_length()]
        self._rtc.write(bytes((len(data) >> 8, len(data) & 0xFF)) + bytes(data))
        self._rtc.flush()
        return None

    def _rtc_length(self):
        self._rtc.seek(0)
        head = self._rtc.read(2)
        return head[0] << 8 | head[1] if len(head) == 2 else 0

    def _obey(self, data):
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            self.uv.update({int(pin): uv for pin, uv in told.get("uv", {}).items()})
            self.levels.update({int(pin): level for pin, level in told.get("levels", {}).items()})
            for unit, state in told.get("spi", {}).items():
                self.spi.setdefault(int(unit), {}).update(state)
            for number, sent in told.get("uart", {}).items():
                if int(number) in self.uarts:
                    self.uarts[int(number)].feed(bytes.fromhex(sent))
            self._edges += told.get("edges", [])
            self.flash.cut_after = told.get("cut", self.flash.cut_after)


CHIP = Chip(json.loads(os.getenv(SETUP)))
