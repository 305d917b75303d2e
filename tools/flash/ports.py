"""The port of a board: found where only one fits, and everything that may be in its way, before it is opened.

Rules of this file: nothing is written to a port.
"""

import fcntl
import grp
import os
import struct
import sys
import termios
from pathlib import Path

from tools.failure import Failure
from tools.faults import fault

PROC = Path("/proc")


def candidates() -> list[str]:
    """Serial ports with a USB device behind them, sorted."""
    from serial.tools import list_ports

    return sorted(port.device for port in list_ports.comports() if port.vid is not None)


def choose(named: str | None, lang: str) -> str:
    """`named`, or the only port there is; asked by number where several fit and a person is there. `Failure`."""
    if named:
        return named
    found = candidates()
    if not found:
        raise fault("no_port", lang, seen="/dev/ttyUSB*, /dev/ttyACM*: -")
    if len(found) == 1:
        return found[0]
    listed = [f"{number}  {name}" for number, name in enumerate(found, 1)]
    if not sys.stdin.isatty():
        raise fault("many_ports", lang, seen="\n".join(found))
    print("\n".join(listed), file=sys.stderr)
    print(f"1-{len(found)}? ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if not answer.isdigit() or not 1 <= int(answer) <= len(found):
        raise fault("many_ports", lang, seen="\n".join(found))
    return found[int(answer) - 1]


def check(port: str, lang: str) -> None:
    """`Failure` when the port is not there, may not be opened, or is another program's."""
    check_access(port, lang)
    holders = users_of(Path(port))
    if holders:
        raise busy(port, "\n".join(holders), lang)


def check_access(port: str, lang: str) -> None:
    """`Failure` when the port is not there or may not be opened."""
    if not Path(port).exists():
        raise fault("no_such_port", lang, seen=f"{port}: -", port=port)
    if not os.access(port, os.R_OK | os.W_OK):
        raise no_permission(port, lang)


def no_permission(port: str, lang: str) -> Failure:
    """Names the group that owns the port, and the command that adds somebody to it."""
    status = os.stat(port)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    seen = f"{port}: {oct(status.st_mode & 0o777)[2:]}, {group}"
    return fault("no_permission", lang, seen=seen, port=port, group=group if group != "root" else "dialout")


def busy(port: str, seen: str, lang: str) -> Failure:
    return fault("busy", lang, seen=seen, port=port)


def users_of(path: Path) -> list[str]:
    """Other programs that have `path` open, as far as we may look: "name (pid)"."""
    target = os.path.realpath(path)
    found = []
    for folder in PROC.glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == target for link in (folder / "fd").iterdir()):
                found.append(f"{(folder / 'comm').read_text().strip()} ({folder.name})")
        except OSError:
            continue  # Ended meanwhile, or another person's.
    return found


def has_lines(descriptor: int) -> bool:
    """Has the port the lines by which an adapter resets a board? A pseudo-terminal has none."""
    try:
        fcntl.ioctl(descriptor, termios.TIOCMGET, struct.pack("I", 0))
    except OSError:
        return False
    return True
