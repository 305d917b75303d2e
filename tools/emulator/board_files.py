"""What an emulated board starts from: the flash with its files as it was provisioned, and a line without old bytes.

Rules of this file: the layout is a real board's; what is blank at the end is left out.
"""

import contextlib
import socket
import time
from pathlib import Path
from typing import Any

from boards.definition import canonical
from tools.image import files

ROOT = "/flash"
START = Path(__file__).with_name("start_board.py")
LINE_BYTES_MAX = 65_536
FILES_BLOCKS = 352  # As an RP2040 board has for its files.


def files_image(definition: dict[str, Any]) -> bytes:
    """The flash with the files of a board that was just provisioned, up to where all behind it is blank."""
    made = files.pack("posix", files.content("posix", canonical(definition)).files, FILES_BLOCKS * files.BLOCK_BYTES)
    used = len(made.rstrip(b"\xff"))
    return made[: -(-used // files.BLOCK_BYTES) * files.BLOCK_BYTES]


def drain(sock: socket.socket) -> None:
    """Read away what waits in a non-blocking socket."""
    end_s = time.monotonic() + 1.0
    with contextlib.suppress(BlockingIOError):
        while time.monotonic() < end_s and sock.recv(LINE_BYTES_MAX):
            pass
