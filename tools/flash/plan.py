"""What is written to an ESP32, in which order, and what is only erased.

Rules of this file: pure. Only sectors that hold something are sent; all others of the image are erased. The bootloader
is erased first and written last: a board whose cable was pulled in between starts nothing, and says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from tools.image.esp32 import BOOTLOADER_AT, SECTOR_BYTES, TABLE_AT
from tools.image.make import Image

PACKET_BYTES = 1024  # What the ROM's loader takes at once: the blank end of a piece is not sent.
_BLANK = b"\xff" * SECTOR_BYTES


@dataclass(frozen=True)
class Plan:
    """`erase`: (offset, size), first; `write`: (offset, data), in this order, each erased by its own write."""

    erase: tuple[tuple[int, int], ...]
    write: tuple[tuple[int, bytes], ...]

    @property
    def sent_bytes(self) -> int:
        return sum(len(data) for _, data in self.write)


def plan(image: Image, erase_log: bool) -> Plan:
    """How `image` gets onto its board."""
    runs = list(_runs(image))
    erase = [(BOOTLOADER_AT, TABLE_AT - BOOTLOADER_AT)]
    erase += [(offset, len(data)) for blank, offset, data in runs if blank and offset >= TABLE_AT]
    if erase_log:
        erase.append(image.log)
    used = [(offset, _cut(data)) for blank, offset, data in runs if not blank]
    behind = [piece for piece in used if piece[0] >= TABLE_AT]
    return Plan(tuple(erase), (*behind, *(piece for piece in used if piece[0] < TABLE_AT)))


def _runs(image: Image) -> Iterator[tuple[bool, int, bytes]]:
    """(is it blank, offset, data) of sectors in a row that are alike; the bootloader is never one with the table."""
    places = range(0, len(image.file), SECTOR_BYTES)
    sectors = [(image.at + at, image.file[at : at + SECTOR_BYTES]) for at in places]
    for (blank, _), group in groupby(sectors, lambda one: (one[1] == _BLANK, one[0] >= TABLE_AT)):
        alike = list(group)
        yield blank, alike[0][0], b"".join(data for _, data in alike)


def _cut(data: bytes) -> bytes:
    """`data` without the packets at its end that are blank."""
    used = len(data.rstrip(b"\xff"))
    return data[: -(-used // PACKET_BYTES) * PACKET_BYTES]
