"""UF2: a program for a chip's flash as a file that is copied onto the drive which the chip shows.

Rules of this file: 256 bytes a block, one block behind another, family RP2040; what was written reads back equal.
Source: Microsoft, "USB Flashing Format (UF2)"; Raspberry Pi, "RP2040 Datasheet" 2.8.4.2.
"""

import struct

BLOCK_BYTES = 512
PAGE_BYTES = 256
SECTOR_BYTES = 4096
FLASH_AT = 0x1000_0000  # Where the RP2040 sees its flash.
FAMILY = 0xE48B_FF56
BLOCKS_MAX = 65_536  # 16 MiB of flash.
_HEAD = struct.Struct("<8I")
_START = (0x0A32_4655, 0x9E5D_5157)
_END = struct.pack("<I", 0x0AB1_6F30)
_HAS_FAMILY = 0x2000
_NOT_FOR_FLASH = 0x0001


class WrongUf2(ValueError):
    """Bytes that are no UF2 file for an RP2040; the text says why."""


def pack(pieces: list[tuple[int, bytes]]) -> bytes:
    """The UF2 file that writes each (offset in the flash, bytes). ValueError for an offset that is on no sector.

    A chip erases a sector when its first page comes, so pieces are filled up to whole sectors.
    """
    pages: list[tuple[int, bytes]] = []
    for offset, data in pieces:
        if offset % SECTOR_BYTES:
            raise ValueError(f"{offset:#x} is not the beginning of a sector")
        whole = data.ljust(-(-len(data) // SECTOR_BYTES) * SECTOR_BYTES, b"\xff")
        pages += [(offset + at, whole[at : at + PAGE_BYTES]) for at in range(0, len(whole), PAGE_BYTES)]
    blocks = []
    for number, (offset, page) in enumerate(pages):
        head = _HEAD.pack(*_START, _HAS_FAMILY, FLASH_AT + offset, PAGE_BYTES, number, len(pages), FAMILY)
        blocks.append((head + page).ljust(BLOCK_BYTES - 4, b"\0") + _END)
    return b"".join(blocks)


def unpack(file: bytes) -> dict[int, bytes]:
    """{offset in the flash: page} of a UF2 file. `WrongUf2` unless every block is whole, and an RP2040's."""
    if not file or len(file) % BLOCK_BYTES:
        raise WrongUf2(f"{len(file):,} bytes are no whole blocks of {BLOCK_BYTES}")
    if len(file) // BLOCK_BYTES > BLOCKS_MAX:
        raise WrongUf2("larger than any flash")
    pages: dict[int, bytes] = {}
    for at in range(0, len(file), BLOCK_BYTES):
        block = file[at : at + BLOCK_BYTES]
        *start, flags, target, length, number, count, family = _HEAD.unpack_from(block)
        if tuple(start) != _START or block[-4:] != _END:
            raise WrongUf2(f"block {at // BLOCK_BYTES} has no UF2 marks")
        if flags & _NOT_FOR_FLASH:
            continue
        if not flags & _HAS_FAMILY or family != FAMILY:
            raise WrongUf2(f"block {at // BLOCK_BYTES} is for another chip (family {family:#x})")
        if number != at // BLOCK_BYTES or count != len(file) // BLOCK_BYTES:
            raise WrongUf2(f"block {at // BLOCK_BYTES} says it is {number} of {count}")
        if length != PAGE_BYTES or target % PAGE_BYTES or not 0 <= target - FLASH_AT < BLOCKS_MAX * PAGE_BYTES:
            raise WrongUf2(f"block {number} writes {length} bytes at {target:#x}")
        pages[target - FLASH_AT] = block[_HEAD.size : _HEAD.size + length]
    return pages


def program(pages: dict[int, bytes]) -> bytes:
    """What `pages` are from offset 0 on, 0xFF between them. `WrongUf2` if nothing lies at 0."""
    if 0 not in pages:
        raise WrongUf2("writes nothing at the beginning of the flash")
    end = max(pages) + PAGE_BYTES
    flash = bytearray(b"\xff" * end)
    for offset, page in pages.items():
        flash[offset : offset + PAGE_BYTES] = page
    return bytes(flash)
