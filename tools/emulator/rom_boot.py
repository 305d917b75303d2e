"""Would an ESP32 start from this flash? What its bootloader checks, and what MicroPython's start script looks for.

Rules of this file: no line is shared with tools/image, so that a mistake there shows here. Not asked: whether the code
runs.
"""

import hashlib
import struct
from typing import Any

from littlefs import LittleFS, LittleFSError

BOOTLOADER_AT, TABLE_AT, TABLE_BYTES = 0x1000, 0x8000, 0xC00
SIZES = {0: 1 << 20, 1: 2 << 20, 2: 4 << 20, 3: 8 << 20, 4: 16 << 20}


def problem(flash: bytes) -> str:
    """What would keep a board from starting, as its console would say it; "" if nothing."""
    if flash[BOOTLOADER_AT] != 0xE9:
        return f"invalid header: 0x{flash[BOOTLOADER_AT : BOOTLOADER_AT + 4][::-1].hex()}"
    if not _whole(flash[BOOTLOADER_AT:TABLE_AT]):
        return "csum err"
    flash_bytes = SIZES.get(flash[BOOTLOADER_AT + 3] >> 4, 0)
    rows = partitions(flash[TABLE_AT : TABLE_AT + TABLE_BYTES])
    if not rows:
        return "Failed to verify partition table"
    for name, (_, offset, size) in rows.items():
        if offset + size > flash_bytes:
            return f"partition {name} invalid - exceeds flash chip size 0x{flash_bytes:x}"
    kind, offset, size = next(row for row in rows.values() if row[0] == 0)
    if not _whole(flash[offset : offset + size]):
        return "No bootable app partitions in the partition table"
    if "vfs" not in rows:
        return "no file system partition"
    _, offset, size = rows["vfs"]
    sizes: dict[str, Any] = {
        "block_size": 4096,
        "block_count": size // 4096,
        "read_size": 32,
        "prog_size": 32,
        "cache_size": 128,
    }
    system = LittleFS(mount=False, lookahead_size=32, **sizes)
    system.context.buffer[:] = flash[offset : offset + size]
    try:
        system.mount()
        with system.open("main.py", "rb"):
            return ""
    except (LittleFSError, OSError) as error:
        return f"The filesystem appears to be corrupted: {error}"


def _whole(image: bytes) -> bool:
    """Is there an image whose appended SHA-256 is right?"""
    if image[0] != 0xE9 or not image[23]:
        return False
    at = 24
    for _ in range(image[1]):
        if at + 8 > len(image):
            return False
        at += 8 + struct.unpack_from("<I", image, at + 4)[0]
    end = at // 16 * 16 + 16
    return hashlib.sha256(image[:end]).digest() == image[end : end + 32]


def partitions(table: bytes) -> dict[str, tuple[int, int, int]]:
    """{label: (type, offset, size)}; empty when the table's MD5 is not right."""
    rows = {}
    for at in range(0, len(table), 32):
        magic, kind, _, offset, size, label, _ = struct.unpack_from("<HBBII16sI", table, at)
        if magic == 0xEBEB:
            return rows if hashlib.md5(table[:at]).digest() == table[at + 16 : at + 32] else {}
        if magic != 0x50AA:
            return {}
        rows[label.rstrip(b"\0").decode("ascii", "replace")] = (kind, offset, size)
    return {}
