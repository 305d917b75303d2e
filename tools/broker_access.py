"""Who may do what at a station's broker: mosquitto's password file and its list of rights, from the station's boards.

Rules of this file: a board says what is its own and hears its own answers, nothing else; a gateway hears and answers
all boards; anybody else is refused. Passwords lie on this disk only as PBKDF2 hashes, readable by their owner alone.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from wire import local

PASSWORD_BYTES = (
    18  # 144 random bits: nobody guesses them, so few rounds are enough, as many as mosquitto itself makes.
)
ROUNDS = 101
SALT_BYTES = 12  # All that mosquitto 2.0 reads.
PASSWORDS, RIGHTS = "passwords", "rights"
BOARD_SAYS = (local.ROWS, local.STATE, local.UPDATE_AT)
BOARD_HEARS = (local.ACK, local.UPDATE)
_SERIAL = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PASSWORD = re.compile(r"[!-~]{8,64}")


def new_password() -> str:
    """A password for one board or gateway."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def write_access(folder: Path, station: str, boards: Mapping[str, str], gateways: Mapping[str, str]) -> str:
    """Write both files into `folder`; the lines for mosquitto.conf. A running broker takes them up on SIGHUP.

    `boards`: {serial: password}; `gateways`: {name: password}, a name for each, since one name is one connection.
    ValueError for a name that could be read as something else.
    """
    _check(station, boards, gateways)
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    passwords = [password_line(name, password) for name, password in sorted({**gateways, **boards}.items())]
    _write(folder / PASSWORDS, passwords)
    _write(folder / RIGHTS, rights(station, boards, gateways))
    return (
        "allow_anonymous false\n"
        f"password_file {folder / PASSWORDS}\n"
        f"acl_file {folder / RIGHTS}\n"
        "use_username_as_clientid true\n"  # Or one board could end the connection of another by taking its name.
    )


def rights(station: str, boards: Mapping[str, str], gateways: Mapping[str, str]) -> list[str]:
    """The lines of the list of rights. Who is named in it has no others."""
    lines = []
    for name in sorted(gateways):
        lines.append(f"user {name}")
        lines += [f"topic read {local.topic(station, '+', leaf)}" for leaf in BOARD_SAYS]
        lines += [f"topic write {local.topic(station, '+', leaf)}" for leaf in BOARD_HEARS]
    for serial in sorted(boards):
        lines.append(f"user {serial}")
        lines += [f"topic write {local.topic(station, serial, leaf)}" for leaf in BOARD_SAYS]
        lines += [f"topic read {local.topic(station, serial, leaf)}" for leaf in BOARD_HEARS]
    return lines


def password_line(name: str, password: str, salt: bytes | None = None) -> str:
    """`name` in mosquitto's password file: $7$, PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"{name}:$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


def _check(station: str, boards: Mapping[str, str], gateways: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(station):
        raise ValueError(f"{station!r} is no station's id")
    check_names(boards, gateways)


def check_names(boards: Mapping[str, str], gateways: Mapping[str, str]) -> None:
    """ValueError, which tells no password, for a name or a password that could be read as something else."""
    for serial in boards:
        if not _SERIAL.fullmatch(serial):
            raise ValueError(f"{serial!r} is no board's serial: 16 hex digits")
    for name in gateways:
        if not _NAME.fullmatch(name) or _SERIAL.fullmatch(name):
            raise ValueError(f"{name!r} is no gateway's name: letters, digits, - and _, not 16 hex digits")
    for name, password in {**boards, **gateways}.items():
        if not _PASSWORD.fullmatch(password):
            raise ValueError(f"the password of {name} is not 8 to 64 letters, digits and signs")


def _write(path: Path, lines: list[str]) -> None:
    """Whole or not at all: a broker that starts meanwhile reads the old one."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
