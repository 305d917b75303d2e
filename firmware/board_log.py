"""The board's log: a ring of packed rows in flash. Append is one program operation; blocks are erased ahead.

Rules of this file: only flash.read, program and erase; nothing is programmed twice without an erase between; a row
exists from the moment its last byte is programmed, and its CRC says whether that moment came. Whatever the power cut
left behind is stepped over, never repaired in place.

A block: header 20 bytes (magic, epoch, first seq, block counter, CRC-32 of these 16 bytes), rows packed one behind
another, 0xFF = free, and in its last 20 bytes, written when the next block is begun, a trailer that begins with 0xFE
(no row is 254 bytes long): version, watchdog bites, watermarks of gateway and center, rows overwritten, CRC-32 seeded
with the epoch.
"""

import struct
from array import array
from binascii import crc32

from wire.row import DATA, LENGTH_MAX, pack, unpack

MAGIC = b"RPL1"
_HEADER = ">4sIII"
_TRAILER = ">BBHIII"
TRAILER_MARK = 0xFE
TRAILER_VERSION = 1
EDGE_BYTES = 20  # Header and trailer, each with its CRC.
ROW_BYTES_MIN = 19
BLOCKS_MIN = 3  # The one being written, the one erased ahead, and one to keep.
ATTEMPTS_MAX = 2  # Places at which a row is tried that did not read back as written.
_FREE = 0xFF


class BoardLog:
    """The log in `flash`; formats it with `fresh_epoch` if it holds none. ValueError for a flash too small.

    `overwritten`: rows erased before the gateway had them. `bites`: a number that the owner may keep here. `damaged`:
    rows that did not read back. OSError from the flash passes through.
    """

    def __init__(self, flash, fresh_epoch: int):
        self._flash = flash
        self._block_bytes = flash.block
        self._blocks = flash.size // flash.block
        if self._blocks < BLOCKS_MIN:
            raise ValueError("a log needs %d blocks" % BLOCKS_MIN)
        self._data_end = self._block_bytes - EDGE_BYTES
        self._first = array("I", [0] * self._blocks)  # First seq of each block of this log; 0 = not one.
        self._row = bytearray(LENGTH_MAX)
        self._view = memoryview(self._row)
        self._edge = bytearray(EDGE_BYTES)
        self._at = [(0, 0, 0), (0, 0, 0)]  # (seq, block, offset) where the last read began and ended.
        self._ahead = False  # The next block is known to be blank.
        self.epoch = 0
        self.gateway_has = 0
        self.center_has = 0
        self.overwritten = 0
        self.bites = 0
        self.damaged = 0
        self.boot = 0  # Of the newest row; 0 = there is none.
        self._next = 1
        self._counter = 0
        self._block = self._blocks - 1
        self._offset = EDGE_BYTES
        if not self._mount():
            self._format(fresh_epoch)

    @property
    def tail(self) -> int:
        """Oldest seq that can be read; 0 = empty."""
        first = self._first[self._oldest()]
        return first if first < self._next else 0

    @property
    def head(self) -> int:
        """Newest seq; 0 = empty."""
        return self._next - 1 if self.tail else 0

    def append(self, row) -> bytes:
        """Give `row` its seq, write it, return its packed bytes; it is durable then. RowError, OSError."""
        row.seq = self._next
        packed = pack(row, self.epoch)
        for _ in range(ATTEMPTS_MAX):
            if self._offset + len(packed) > self._data_end:
                self._begin_block()
            at = self._base(self._block) + self._offset
            self._offset += len(packed)
            self._flash.program(at, packed)
            self._flash.read(at, self._view[: len(packed)])
            if self._row[: len(packed)] == packed:
                self._next += 1
                return packed
            self.damaged += 1
        raise OSError("log does not read back what was written")

    def tend(self) -> bool:
        """Erase ahead if that loses nothing; True if it erased. Slow (a flash erase): call it when nobody waits."""
        if self._ahead:
            return False
        block = (self._block + 1) % self._blocks
        if self._first[block] and self._last(block) > self.gateway_has:
            return False  # Kept as long as there is room elsewhere; _begin_block takes it when there is none.
        return self._make_blank(block)

    def acknowledge(self, epoch: int, gateway: int, center: int) -> bool:
        """Set the watermarks; False for another epoch or for rows that do not exist yet."""
        if epoch != self.epoch or gateway > self.head or center > self.head:
            return False
        self.gateway_has = gateway
        self.center_has = center
        return True

    def read(self, cursor: int, out, at: int, room: int) -> tuple:
        """Copy packed rows with seq >= cursor to out[at:at + room].

        Returns (first seq, bytes copied); (cursor, 0) if there are none.
        """
        if not self.tail or cursor > self.head:
            return cursor, 0
        block, offset = self._find(max(cursor, self.tail))
        first = used = 0
        while True:
            offset = self._good_row(block, offset)
            if offset < 0:
                if block == self._block:
                    break
                block = (block + 1) % self._blocks
                offset = EDGE_BYTES
                continue
            length = self._row[0]
            seq = self._seq()
            if seq >= cursor:
                if used + length > room:
                    break
                if not used:
                    first = seq
                    self._at[0] = (seq, block, offset)
                out[at + used : at + used + length] = self._view[:length]
                used += length
                self._at[1] = (seq + 1, block, offset + length)
            offset += length
        return first or cursor, used

    def last_value(self, column: int):
        """The value of `column` in the newest row that has one, or None. Walks whole blocks: for the start only."""
        for back in range(self._blocks):
            block = (self._block - back) % self._blocks
            newest = None
            offset = self._good_row(block, EDGE_BYTES)
            while offset >= 0:
                length = self._row[0]
                if self._row[1] == DATA:
                    readings = unpack(bytes(self._view[:length]), self.epoch).readings
                    if column < len(readings) and readings[column].value is not None:
                        newest = readings[column].value
                offset = self._good_row(block, offset + length)
            if newest is not None:
                return newest
        return None

    def _mount(self):
        """Find the newest block and its end; False if there is no log here."""
        headers = [self._header(block) for block in range(self._blocks)]
        newest = -1
        for block, (_, first, counter) in enumerate(headers):
            if first and (newest < 0 or counter > headers[newest][2]):
                newest = block
        if newest < 0:
            return False
        self.epoch, self._next, self._counter = headers[newest]
        self._block = newest
        for block, (epoch, first, counter) in enumerate(headers):
            if first and epoch == self.epoch and counter == self._counter - (newest - block) % self._blocks:
                self._first[block] = first
        first = self._next
        self._find_end()
        if self._next == first or not self.boot:
            self._boot_of_older(newest)
        self._read_trailers(newest)
        return True

    def _find_end(self):
        """Walk the newest block: its last good row, and the first byte that was never programmed."""
        used = self._used()
        offset = EDGE_BYTES
        torn = False
        end = offset
        while offset < used:
            if self._row_at(offset + self._base(self._block), self._data_end - offset):
                self._next = self._seq() + 1
                self.boot = self._row[6] << 8 | self._row[7]
                offset += self._row[0]
                torn = False
            else:
                if not torn and ROW_BYTES_MIN <= self._row[0] <= LENGTH_MAX:
                    end = max(end, offset + self._row[0])  # A row was meant to reach so far.
                torn = True
                offset += 1
        self._offset = min(max(offset, end), self._data_end)

    def _boot_of_older(self, newest):
        """The newest block has no row: the newest row's boot stands in the one before."""
        block = (newest - 1) % self._blocks
        offset = self._good_row(block, EDGE_BYTES)
        while offset >= 0:
            self.boot = self._row[6] << 8 | self._row[7]
            offset = self._good_row(block, offset + self._row[0])

    def _used(self):
        """Offset behind the last programmed byte of the newest block's rows."""
        step = len(self._row)
        offset = self._data_end
        while offset > EDGE_BYTES:
            start = max(EDGE_BYTES, offset - step)
            part = self._view[: offset - start]
            self._flash.read(self._base(self._block) + start, part)
            for i in range(len(part) - 1, -1, -1):
                if part[i] != _FREE:
                    return start + i + 1
            offset = start
        return EDGE_BYTES

    def _read_trailers(self, newest):
        """Take up the counters of the newest trailer that is whole."""
        for back in range(self._blocks):
            block = (newest - back) % self._blocks
            if not self._first[block]:
                continue
            self._flash.read(self._base(block) + self._data_end, self._edge)
            mark, version, bites, gateway, center, overwritten = struct.unpack(_TRAILER, self._edge[:16])
            if (mark, version) == (TRAILER_MARK, TRAILER_VERSION) and self._edge_crc_fits(self.epoch):
                self.bites, self.gateway_has, self.center_has, self.overwritten = bites, gateway, center, overwritten
                return

    def _format(self, epoch):
        self.epoch = epoch
        self._make_blank(0)
        self._write_header(0)

    def _begin_block(self):
        """Close the full block and begin the next; what stands there is lost, and counted if nobody has it."""
        self._write_trailer()
        block = (self._block + 1) % self._blocks
        if not self._ahead:
            self._make_blank(block)
        self._write_header(block)

    def _write_header(self, block):
        self._counter += 1
        head = struct.pack(_HEADER, MAGIC, self.epoch, self._next, self._counter)
        self._flash.program(self._base(block), head + struct.pack(">I", crc32(head) & 0xFFFFFFFF))
        self._first[block] = self._next
        self._block = block
        self._offset = EDGE_BYTES
        self._ahead = False

    def _write_trailer(self):
        at = self._base(self._block) + self._data_end
        self._flash.read(at, self._edge)
        if any(byte != _FREE for byte in self._edge):
            return  # Written before a power cut; flash takes it only once.
        counters = (self.bites & 0xFFFF, self.gateway_has, self.center_has, self.overwritten)
        trailer = struct.pack(_TRAILER, TRAILER_MARK, TRAILER_VERSION, *counters)
        self._flash.program(at, trailer + struct.pack(">I", crc32(trailer, self.epoch) & 0xFFFFFFFF))

    def _make_blank(self, block):
        """Erase `block` unless it is blank; True if it was erased."""
        if self._first[block]:
            unseen = self._last(block) - max(self._first[block] - 1, self.gateway_has)
            self.overwritten += max(0, unseen)
            self._first[block] = 0
        blank = self._is_blank(block)
        if not blank:
            self._flash.erase(block)
        self._ahead = True
        return not blank

    def _is_blank(self, block):
        part = bytearray(256)
        free = bytes([_FREE]) * 256
        for offset in range(0, self._block_bytes, 256):
            self._flash.read(self._base(block) + offset, part)
            if part != free:
                return False
        return True

    def _header(self, block):
        """(epoch, first seq, counter) of a block, zeros if its header is not whole."""
        self._flash.read(self._base(block), self._edge)
        magic, epoch, first, counter = struct.unpack(_HEADER, self._edge[:16])
        if magic != MAGIC or not first or not self._edge_crc_fits(0):
            return 0, 0, 0
        return epoch, first, counter

    def _edge_crc_fits(self, seed):
        return crc32(self._edge[:16], seed) & 0xFFFFFFFF == struct.unpack(">I", self._edge[16:])[0]

    def _find(self, seq):
        """(block, offset) from which a walk reaches `seq`."""
        for known, block, offset in self._at:
            if known == seq and self._first[block] and self._first[block] <= seq:
                return block, offset
        found = self._oldest()
        for back in range(self._blocks):
            block = (self._block - back) % self._blocks
            if self._first[block] and self._first[block] <= seq:
                found = block
                break
        return found, EDGE_BYTES

    def _good_row(self, block, offset):
        """Offset of the first whole row of `block` at or behind `offset`, which is then in _row; -1 if none."""
        end = self._offset if block == self._block else self._data_end
        if not self._first[block]:
            return -1
        while offset + ROW_BYTES_MIN <= end:
            if self._row_at(self._base(block) + offset, end - offset):
                return offset
            offset += 1
        return -1

    def _row_at(self, address, room):
        """Read what stands at `address` into _row; is it a whole row of this epoch?"""
        self._flash.read(address, self._view[: min(room, LENGTH_MAX)])
        length = self._row[0]
        if not ROW_BYTES_MIN <= length <= min(room, LENGTH_MAX):
            return False
        crc = crc32(self._view[: length - 4], self.epoch) & 0xFFFFFFFF
        return crc == struct.unpack(">I", self._view[length - 4 : length])[0]

    def _seq(self):
        return struct.unpack(">I", self._view[2:6])[0]

    def _oldest(self):
        for ahead in range(1, self._blocks):
            block = (self._block + ahead) % self._blocks
            if self._first[block]:
                return block
        return self._block

    def _last(self, block):
        """Last seq of a block: one less than the first of the block behind it."""
        for ahead in range(1, self._blocks):
            first = self._first[(block + ahead) % self._blocks]
            if first > self._first[block]:
                return first - 1
        return self._next - 1

    def _base(self, block):
        return block * self._block_bytes
