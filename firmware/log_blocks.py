"""What stands where in a block of a board's log: read and checked, without knowing the ring.

Rules of this file: offsets are bytes in the flash; nothing here decides what is kept.

A block: header 20 bytes (magic, epoch, first seq, block counter, CRC-32 of these 16 bytes), counters 20 bytes (0xFE,
version, watchdog bites, watermarks of gateway and center, rows overwritten, CRC-32 seeded with the epoch), rows packed
one behind another, 0xFF = free; its last 40 bytes are two further places for counters.
"""

import struct
from array import array
from binascii import crc32

from wire.row_pack import ANCHOR, DATA, LENGTH_MAX

MAGIC = b"RPL2"
_HEADER = ">4sIII"
_COUNTERS = ">BBHIII"
_MARK = 0xFE  # No row is 254 bytes long.
_VERSION = 2
_FREE = 0xFF
EDGE_BYTES = 20  # A header, and counters, each with its CRC.
ROWS_AT = 2 * EDGE_BYTES  # In a block; as much is kept at its end.
ROW_BYTES_MIN = 19
_PIECE = 256
_NUMBERS = 256  # In one piece of memory.


class LogBlocks:
    """The blocks in `flash`. `row`: the bytes that `row_at` read last, `view` on it. `damaged`: failed read-backs."""

    def __init__(self, flash):
        self._flash = flash
        self._block_bytes = flash.block
        self.count = flash.size // flash.block
        self.rows_end = flash.block - ROWS_AT
        self.row = bytearray(LENGTH_MAX)
        self.view = memoryview(self.row)
        self.damaged = 0
        self._edge = bytearray(EDGE_BYTES)

    def base(self, block):
        return block * self._block_bytes

    def erase(self, block):
        """Erase `block` unless it is blank; True if it was erased."""
        part = bytearray(_PIECE)
        free = bytes([_FREE]) * _PIECE
        for offset in range(0, self._block_bytes, _PIECE):
            self._flash.read(self.base(block) + offset, part)
            if part != free:
                self._flash.erase(block)
                return True
        return False

    def write(self, at, data):
        """Program `data`; does it read back?"""
        self._flash.program(at, data)
        self._flash.read(at, self.view[: len(data)])
        good = self.row[: len(data)] == data
        if not good:
            self.damaged += 1
        return good

    def header(self, block):
        """(epoch, first seq, counter) of a block, zeros if its header is not whole."""
        self._flash.read(self.base(block), self._edge)
        magic, epoch, first, counter = struct.unpack(_HEADER, self._edge[:16])
        if magic != MAGIC or not first or not self._edge_crc_fits(0):
            return 0, 0, 0
        return epoch, first, counter

    def counters(self, block, epoch):
        """((counters), are they a note at the block's end?): the newest that are whole; (None, False) if none are."""
        for at in (self._block_bytes - EDGE_BYTES, self.rows_end, EDGE_BYTES):
            self._flash.read(self.base(block) + at, self._edge)
            found = struct.unpack(_COUNTERS, self._edge[:16])
            if found[:2] == (_MARK, _VERSION) and self._edge_crc_fits(epoch):
                return found[2:], at >= self.rows_end
        return None, False

    def note(self, block, packed):
        """Write packed counters at the end of `block`; where both places are used, only the next header will tell."""
        for at in (self.rows_end, self._block_bytes - EDGE_BYTES):
            self._flash.read(self.base(block) + at, self._edge)
            if all(byte == _FREE for byte in self._edge):
                self._flash.program(self.base(block) + at, packed)
                return

    def used(self, block):
        """Offset in `block` behind the last programmed byte of its rows."""
        offset = self.rows_end
        while offset > ROWS_AT:
            start = max(ROWS_AT, offset - len(self.row))
            part = self.view[: offset - start]
            self._flash.read(self.base(block) + start, part)
            for i in range(len(part) - 1, -1, -1):
                if part[i] != _FREE:
                    return start + i + 1
            offset = start
        return ROWS_AT

    def row_at(self, at, room, epoch):
        """Read what stands at `at` into `row`; is it a whole row of `epoch` within `room` bytes?"""
        self._flash.read(at, self.view[: min(room, LENGTH_MAX)])
        length = self.row[0]
        if not ROW_BYTES_MIN <= length <= min(room, LENGTH_MAX):
            return False
        crc = crc32(self.view[: length - 4], epoch) & 0xFFFFFFFF
        return crc == struct.unpack(">I", self.view[length - 4 : length])[0]

    def step(self, room):
        """Bytes from the beginning of `row`, which holds no row, to the next place where one may begin."""
        row = self.row
        last = min(room, LENGTH_MAX) - 1
        for i in range(1, last):
            kind = row[i + 1]
            if ROW_BYTES_MIN <= row[i] <= LENGTH_MAX and (kind == DATA or kind == ANCHOR):  # noqa: SIM109
                return i
        return max(1, last)

    def seq(self):
        """Of the row in `row`."""
        return struct.unpack(">I", self.view[2:6])[0]

    def boot(self):
        return self.row[6] << 8 | self.row[7]

    def _edge_crc_fits(self, seed):
        return crc32(self._edge[:16], seed) & 0xFFFFFFFF == struct.unpack(">I", self._edge[16:])[0]


class Numbers:
    """`count` numbers of 32 bits, at first 0, in pieces: few boards have 4 KB left side by side."""

    def __init__(self, count):
        self._pieces = [array("I", bytes(4 * _NUMBERS)) for _ in range(0, count, _NUMBERS)]

    def __getitem__(self, index):
        return self._pieces[index // _NUMBERS][index % _NUMBERS]

    def __setitem__(self, index, number):
        self._pieces[index // _NUMBERS][index % _NUMBERS] = number


def pack_header(epoch, first, counter):
    head = struct.pack(_HEADER, MAGIC, epoch, first, counter)
    return head + struct.pack(">I", crc32(head) & 0xFFFFFFFF)


def pack_counters(epoch, bites, gateway, center, overwritten):
    packed = struct.pack(_COUNTERS, _MARK, _VERSION, bites & 0xFFFF, gateway, center, overwritten)
    return packed + struct.pack(">I", crc32(packed, epoch) & 0xFFFFFFFF)
