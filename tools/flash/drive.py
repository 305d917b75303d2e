"""The drive that an RP2040 shows while it waits for a program, and the file that goes onto it.

Rules of this file: another chip's drive gets nothing. The chip starts and the drive goes when the last block is there:
that is all that it says, so nothing is read back.
"""

import glob
import os
import time
from collections.abc import Callable
from pathlib import Path

from tools.faults import PARTLY, fault

BOARD_ID = "RPI-RP2"
INFO = "INFO_UF2.TXT"
FILE = "riverpost.uf2"
INFO_BYTES_MAX = 4_096
PLACES = (f"/media/{BOARD_ID}", f"/media/*/{BOARD_ID}", f"/run/media/*/{BOARD_ID}", f"/mnt/{BOARD_ID}")
PIECE_BYTES = 64 * 1024
GONE_LIMIT_S = 15.0
LOOK_S = 0.1


def find(named: str | None, chip: str, board: str, lang: str) -> Path:
    """The drive's folder: `named`, or the only one that is mounted. `Failure`."""
    found = [named] if named else sorted(path for place in PLACES for path in glob.glob(place))
    if not found:
        raise fault("no_drive", lang, seen=" ".join(PLACES))
    if len(found) > 1:
        raise fault("many_ports", lang, seen="\n".join(found))
    folder = Path(found[0])
    try:
        with (folder / INFO).open(encoding="ascii", errors="replace") as file:
            text = file.read(INFO_BYTES_MAX)
    except OSError as error:
        raise fault("no_drive", lang, seen=f"{folder / INFO}: {error.strerror}") from None
    told = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    identity = told.get("Board-ID", "").strip()
    if identity != BOARD_ID:
        raise fault("wrong_chip", lang, seen=f"Board-ID: {identity or '-'}", chip=chip.upper(), board=board)
    return folder


def copy(folder: Path, data: bytes, progress: Callable[[int, int], None], lang: str) -> None:
    """Write the file and wait until the chip has taken it. `Failure` says that a part of it is there."""
    done = 0
    try:
        descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            while done < len(data):
                done += os.write(descriptor, data[done : done + PIECE_BYTES])
                if done < len(data):
                    os.fsync(descriptor)
                progress(done, len(data))
        finally:
            os.close(descriptor)
        _flushed(folder)
    except OSError as error:
        raise fault("pulled", lang, seen=f"{folder}: {error.strerror}", state=PARTLY, port=folder) from None
    limit_s = time.monotonic() + GONE_LIMIT_S
    while (folder / INFO).exists():
        if time.monotonic() > limit_s:
            raise fault("drive_stays", lang, seen=f"{folder / INFO}, {GONE_LIMIT_S:.0f} s")
        time.sleep(LOOK_S)


def _flushed(folder: Path) -> None:
    """Have the system write what it holds back; the chip may be gone before it says so, which is right."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY)
    except OSError:
        return  # Gone with its last block.
    try:
        os.fsync(descriptor)
    except OSError:
        return  # The same.
    finally:
        os.close(descriptor)
