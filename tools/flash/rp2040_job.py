"""Flash an RP2040: its image is copied onto the drive that it shows, then it starts.

Rules of this file: the drive tells neither what the board holds nor how large its flash is; the log is never part of
the file, so rows stay.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import serial
from serial.tools import list_ports

from tools.console import BAD, READY, UNSET
from tools.failure import Failure
from tools.faults import fault
from tools.flash import drive
from tools.flash.label import Label
from tools.flash.work import SelfTest, Source, test_over
from tools.phrases import phrase
from tools.steps import Steps

VENDOR = 0x2E8A  # Raspberry Pi.
CONSOLE_LIMIT_S = 20.0
LOOK_S = 0.2
LISTEN_S = 5.0
WORDS_MAX = 4_096
WORDS_SHOWN = 200


class Rp2040Job:
    """See work.Job."""

    def __init__(self, args: argparse.Namespace, source: Source, lang: str) -> None:
        self._args = args
        self._source = source
        self._lang = lang
        self._steps = Steps(4, lang)
        self._folder = Path()
        self._serial = ""
        self._port = ""
        self._words = b""
        self.touched = False

    def look(self, dry_run: bool) -> None:
        board = self._source.image.board
        with self._steps.step("connect"):
            self._folder = drive.find(self._args.port, board.chip, board.type, self._lang)

    def facts(self) -> list[tuple[str, str]]:
        told = [*self._source.facts(), ("Port", str(self._folder))]
        for piece in self._source.image.pieces:
            size, at = f"{len(piece.data):,}", f"{piece.offset:#08x}"
            told.append(("Writes", phrase("region", self._lang, at=at, size=size, name=piece.name)))
        return [*told, ("Lost", phrase("files_before", self._lang)), ("Kept", phrase("rows_kept", self._lang))]

    def document(self) -> dict[str, Any]:
        return {**self._source.document(), "port": str(self._folder), "serial": self._serial, "log": {"kept": True}}

    def write(self) -> None:
        with self._steps.step("write"):
            self.touched = True
            drive.copy(self._folder, self._source.image.file, self._steps.show, self._lang)

    def start(self) -> bool:
        """Wait for the board's console. Its first words may be over by then: only a traceback is bad."""
        with self._steps.step("start"):
            limit_s = time.monotonic() + CONSOLE_LIMIT_S
            while time.monotonic() < limit_s:
                found = next((port for port in list_ports.comports() if port.vid == VENDOR), None)
                if found is not None and self._listen(found.device):
                    self._port = found.device
                    self._serial = (found.serial_number or "").lower()
                    return BAD not in self._words
                time.sleep(LOOK_S)
            return False

    def _listen(self, port: str) -> bool:
        """Take what comes for a while; False where the console cannot be opened yet."""
        limit_s = time.monotonic() + LISTEN_S
        try:
            with serial.Serial(port, timeout=LOOK_S, exclusive=True) as link:
                while time.monotonic() < limit_s and READY not in self._words:
                    self._words = (self._words + link.read(256))[-WORDS_MAX:]
        except OSError:
            return False
        return True

    def test(self) -> SelfTest:
        with self._steps.step("test"):
            wanted = (READY,) if self._source.setting else UNSET
            return test_over(self._port, self._source.image.board, self._lang, wanted)

    def words(self) -> str:
        return self._words.decode(errors="replace")[-WORDS_SHOWN:].strip()

    def silent(self) -> Failure:
        seen = self.words() or "/dev/ttyACM*: -"
        return fault("no_console", self._lang, seen=seen, board=self._source.image.board.type)

    def label(self) -> Label:
        return self._source.label(self._serial)

    def close(self) -> None:
        return


def open_job(args: argparse.Namespace, lang: str) -> Rp2040Job:
    """The job that the arguments mean. `Failure`."""
    return Rp2040Job(args, Source(args, lang), lang)
