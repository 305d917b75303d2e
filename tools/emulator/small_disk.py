"""A small file system of its own for the gateway's data, to be filled, freed, and made read-only.

Rules of this file: it is a tmpfs that is mounted, so it takes the right to mount: without it PermissionError says so.
"""

import errno
import os
import subprocess
from pathlib import Path

PIECE_BYTES = 65_536
PIECE_BYTES_MIN = 512
FOREIGN = "somebody-elses.log"


class SmallDisk:
    """`size_mib` at `place`, mounted while the context lasts. PermissionError where this user may not mount."""

    def __init__(self, place: Path, size_mib: int) -> None:
        self.place = place
        self._size_mib = size_mib

    def __enter__(self) -> "SmallDisk":
        self.place.mkdir(parents=True, exist_ok=True)
        told = _run("mount", "-t", "tmpfs", "-o", f"size={self._size_mib}m", "riverpost-test", str(self.place))
        if told:
            raise PermissionError(f"mount a file system ({told})")
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.place))

    def fill(self, leave_bytes: int = 0) -> None:
        """Somebody else writes until the disk is full, then gives `leave_bytes` back."""
        with (self.place / FOREIGN).open("ab", buffering=0) as file:
            piece = PIECE_BYTES
            while piece >= PIECE_BYTES_MIN:
                try:
                    if file.write(bytes(piece)) == piece:
                        continue
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                piece //= 2
            file.truncate(max(0, file.tell() - leave_bytes))

    def free(self) -> None:
        """Somebody tidies up."""
        (self.place / FOREIGN).unlink()

    def free_bytes(self) -> int:
        room = os.statvfs(self.place)
        return room.f_bavail * room.f_frsize

    def set_read_only(self, on: bool) -> None:
        """OSError while somebody has a file of it open for writing."""
        told = _run("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.place))
        if told:
            raise OSError(told)


def _run(*command: str) -> str:
    """What it said against it; "" = done."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        return f"no {command[0]}"
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}"
