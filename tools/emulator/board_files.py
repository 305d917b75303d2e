"""What an emulated board starts from: the flash with its files as it was provisioned, and a line without old bytes.

Rules of this file: the layout is a real board's; what is blank at the end is left out.
"""

import contextlib
import signal
import socket
import time
from pathlib import Path
from typing import Any

from boards.definition import canonical
from tools.emulator.board_spec import Place
from tools.image import files

ROOT = "/flash"
START = Path(__file__).with_name("start_board.py")
LINE_BYTES_MAX = 65_536
HEAP = "512k"
FILES_BLOCKS = 352  # As an RP2040 board has for its files.
WATCHDOG_LIMIT_S = 10  # Of firmware/hal/posix_watchdog.py.
EXIT_WATCHDOG = 11
_WATCHDOG_BIT = 2  # hal.WATCHDOG


def files_image(definition: dict[str, Any]) -> bytes:
    """The flash with the files of a board that was just provisioned, up to where all behind it is blank."""
    made = files.pack("posix", files.content("posix", canonical(definition)).files, FILES_BLOCKS * files.BLOCK_BYTES)
    used = len(made.rstrip(b"\xff"))
    return made[: -(-used // files.BLOCK_BYTES) * files.BLOCK_BYTES]


def command(
    place: Place, control: int, kept: tuple[Path, Path, Path], serial: bytes, cut: str, watchdog_limit_s: int
) -> list[str]:
    """The words that start a board process. `kept`: flash of the log, kept memory, flash of the files; `cut` as
    start_board.py wants it.
    """
    flash, keep, image = kept
    line = "-" if place.line_end is None else str(place.line_end.fileno())
    words = [ROOT, line, str(control), str(flash), str(keep), serial.hex(), str(image), str(FILES_BLOCKS), cut]
    return [str(place.interpreter), "-X", f"heapsize={HEAP}", str(START), *words, str(watchdog_limit_s)]


def ended_with(code: int, keep_file: Path) -> int:
    """The exit code of a board process that ended with `code`; what a process that the kernel's alarm clock has bitten
    could not write into its kept memory, the chip writes: here.
    """
    if code != -signal.SIGALRM:
        return code
    with contextlib.suppress(FileNotFoundError), keep_file.open("r+b") as keep:
        keep.write(bytes([_WATCHDOG_BIT]))
    return EXIT_WATCHDOG


def drain(sock: socket.socket) -> None:
    """Read away what waits in a non-blocking socket."""
    end_s = time.monotonic() + 1.0
    with contextlib.suppress(BlockingIOError):
        while time.monotonic() < end_s and sock.recv(LINE_BYTES_MAX):
            pass
