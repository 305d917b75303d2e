"""A board's file system as it leaves our hands: which files, and the LittleFS that holds them.

Rules of this file: the same files give the same bytes: one order, no time stamps. Sizes are those with which
MicroPython's start script mounts the file system on that chip; a file that lies in its folder's own block may be no
larger than its cache, so they are no matter of taste.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from littlefs import LittleFS, LittleFSError

from tools import firmware_build

BLOCK_BYTES = 4096
DISK_VERSION = 0x0002_0000  # What MicroPython writes itself; every later reader takes it.
NEWEST_VERSION = 0  # littlefs's own word for the latest that it knows.
NAME_MAX = 255
LOOKAHEAD_BYTES = 32
BLOCK_CYCLES = 100
FACTORY, FIRST, SECOND = "safe", "a", "b"  # The copy that is never updated; the slot that runs first; the empty one.
SOURCE = "main.py"
BOARD, BOARD_COPY = "board.0", "board.1"  # The pair of copies, alike at first.
FACTORY_BOARD = "safe/board.json"  # What the safe application takes where both copies of the pair have gone.
_READ_BYTES = 32
_PROGRAM_BYTES = {"esp32": 32, "rp2040": 256, "posix": 256}  # As ports/esp32, ports/rp2 and the rig mount.
_CACHE_PARTS = 4  # MicroPython's cache, in the larger of the two.
_TWIN_HEAD = struct.Struct(">II")


class NoRoom(ValueError):
    """Files that are too large for the board's file system."""


@dataclass(frozen=True)
class Content:
    """{path: bytes} of a board's file system. `application_bytes`: of one copy."""

    files: dict[str, bytes]
    application_files: int
    application_bytes: int


def content(chip: str, definition: bytes | None, build: Path = firmware_build.BUILD) -> Content:
    """What a board with `chip` gets; `definition` is its board.json, None = it will be provisioned. `Failure`."""
    firmware_build.build(build)
    names = [str(name) for name in firmware_build.files_of(chip)]
    application = {name: (build / name).read_bytes() for name in names}
    files = {SOURCE: (firmware_build.FIRMWARE / firmware_build.START).read_bytes()}
    for slot in (FACTORY, FIRST):
        files |= {f"{slot}/{name}": data for name, data in application.items()}
    if definition is not None:
        files |= {name: pack_twin(seq, definition) for seq, name in enumerate((BOARD, BOARD_COPY), 1)}
        files[FACTORY_BOARD] = definition
    return Content(files, len(application), sum(len(data) for data in application.values()))


def pack_twin(seq: int, payload: bytes) -> bytes:
    """One copy of a file of which the board keeps two: number, length, payload, CRC-32, all big-endian."""
    body = _TWIN_HEAD.pack(seq, len(payload)) + payload
    return body + struct.pack(">I", crc32(body))


def unpack_twin(copy: bytes) -> bytes | None:
    """The payload of one copy; None unless it is whole."""
    if len(copy) < _TWIN_HEAD.size + 4:
        return None
    _, length = _TWIN_HEAD.unpack_from(copy)
    whole = len(copy) == _TWIN_HEAD.size + length + 4 and copy[-4:] == struct.pack(">I", crc32(copy[:-4]))
    return copy[_TWIN_HEAD.size : -4] if whole else None


def check_room(chip: str, files: dict[str, bytes], size: int) -> None:
    """`NoRoom` unless the slot that is empty yet will hold an application, too, half as large again."""
    first = {path: data for path, data in files.items() if path.startswith(f"{FIRST}/")}
    spare = {f"{SECOND}/{path[len(FIRST) + 1 :]}": data + data[: len(data) // 2] for path, data in first.items()}
    pack(chip, {**files, **spare}, size)


def pack(chip: str, files: dict[str, bytes], size: int) -> bytes:
    """A file system of `size` bytes that holds `files`. `NoRoom`."""
    system = _system(chip, size)
    try:
        system.format()
        system.mount()
        for path in sorted(files):
            folder = path.rpartition("/")[0]
            if folder:
                system.makedirs(folder, exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(files[path])
        system.unmount()
    except LittleFSError as error:
        total = sum(len(data) for data in files.values())
        raise NoRoom(f"{len(files)} files, {total:,} bytes, do not fit into {size:,} bytes ({error})") from None
    return bytes(system.context.buffer)


def unpack(chip: str, packed: bytes) -> dict[str, bytes]:
    """{path: bytes} of a file system. ValueError if there is none in `packed`."""
    system = _system(chip, len(packed), NEWEST_VERSION)  # A board may have gone on to write a later one.
    system.context.buffer[:] = packed
    try:
        system.mount()
        found = {}
        for folder, _, names in system.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with system.open(path, "rb") as file:
                    found[path.lstrip("/")] = file.read()
    except LittleFSError as error:
        raise ValueError(f"no file system: {error}") from None
    return found


def _system(chip: str, size: int, disk_version: int = DISK_VERSION) -> LittleFS:
    program_bytes = _PROGRAM_BYTES[chip]
    return LittleFS(
        mount=False,
        block_size=BLOCK_BYTES,
        block_count=size // BLOCK_BYTES,
        read_size=_READ_BYTES,
        prog_size=program_bytes,
        cache_size=_CACHE_PARTS * max(_READ_BYTES, program_bytes),
        lookahead_size=LOOKAHEAD_BYTES,
        block_cycles=BLOCK_CYCLES,
        name_max=NAME_MAX,
        disk_version=disk_version,
    )
