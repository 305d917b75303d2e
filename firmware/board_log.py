"""The board's log: a ring of packed rows in flash. Append is one program operation; blocks are erased ahead.

Rules of this file: only flash.read, program and erase; nothing is programmed twice without an erase between; a row
exists from the moment its last byte is programmed, and its CRC says whether that moment came. Whatever the power cut
left behind is stepped over, never repaired in place. The start reads headers and walks one block; nothing else takes
longer where the ring is longer.

The ring is in the order of the blocks' counters. Counters (watermarks, rows overwritten) stand behind each header, and
are noted at the end of a block before rows that nobody has are erased in the block behind: what a note counts has gone,
whether the erase came about or not.
"""

from log_blocks import ROW_BYTES_MIN, ROWS_AT, LogBlocks, Numbers, pack_counters, pack_header
from modules import let_go

from wire.row_pack import DATA, LENGTH_MAX, pack, shorten

BLOCKS_MIN = 3  # The one being written, the one erased ahead, and one to keep.
ATTEMPTS_MAX = 2  # Places at which a row or a header is tried that did not read back as written.
BLOCKS_BACK_MAX = 8  # So far back the start looks for counters, a boot number and a value.


class BoardLog:
    """The log in `flash`; formats it with `fresh_epoch` if it holds none. ValueError for a flash too small.

    `may_write`: if not, the first `tend` or `append` formats it. `busy`: called while the start takes long.

    `overwritten`: rows erased before the gateway had them. `bites`: a number that the owner may keep here. `damaged`:
    rows that did not read back. OSError from the flash passes through.
    """

    def __init__(self, flash, fresh_epoch: int, may_write: bool = True, busy=None):
        self._io = LogBlocks(flash)
        self._blocks = self._io.count
        if self._blocks < BLOCKS_MIN:
            raise ValueError("a log needs %d blocks" % BLOCKS_MIN)
        # First seq of each block of the ring, ascending from the oldest; 0 = not in it. One whose header is damaged
        # has the same as the block behind it.
        self._first = Numbers(self._blocks)
        self._before = bytearray(LENGTH_MAX)  # The row before, where rows are read as differences.
        self._at = [(0, 0, 0), (0, 0, 0)]  # (seq, block, offset) where the last read began and ended.
        self._ahead = False  # The next block is known to be blank.
        self.epoch = 0
        self.gateway_has = 0
        self.center_has = 0
        self.overwritten = 0
        self.bites = 0
        self.boot = 0  # Of the newest row; 0 = there is none.
        self._next = 1
        self._counter = 0
        self._oldest = self._block = self._blocks - 1
        self._offset = self._io.rows_end
        self._busy = busy or _nobody
        if not self._mount():
            self.epoch = fresh_epoch
            if may_write:
                self._begin_block()

    @property
    def damaged(self) -> int:
        return self._io.damaged

    @property
    def tail(self) -> int:
        """Oldest seq that can be read; 0 = empty."""
        first = self._first[self._oldest]
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
            if self._offset + len(packed) > self._io.rows_end:
                self._begin_block()
            at = self._io.base(self._block) + self._offset
            self._offset += len(packed)
            if self._io.write(at, packed):
                self._next += 1
                return packed
        raise OSError("log does not read back what was written")

    def tend(self) -> bool:
        """Erase ahead if that loses nothing; True if it erased. Slow (a flash erase): call it when nobody waits."""
        if not self._counter:
            self._begin_block()
            return True
        if self._ahead:
            return False
        block = self._behind(self._block)
        if self._first[block] and self._last(block) > self.gateway_has:
            return False  # Kept as long as there is room elsewhere; _begin_block takes it when there is none.
        self._let_go(block)
        return self._make_blank(block)

    def acknowledge(self, epoch: int, gateway: int, center: int) -> bool:
        """Set the watermarks; False for another epoch or for rows that do not exist yet."""
        if epoch != self.epoch or gateway > self.head or center > self.head:
            return False
        self.gateway_has = gateway
        self.center_has = center
        return True

    def read(self, cursor: int, out, at: int, room: int, short: bool = False) -> tuple:
        """Copy packed rows with seq >= cursor to out[at:at + room]; `short`: as differences (wire.short_rows).

        Returns (first seq, bytes copied); (cursor, 0) if there are none.
        """
        if not self.tail or cursor > self.head:
            return cursor, 0
        block, offset = self._find(max(cursor, self.tail))
        wanted = cursor
        first = used = 0
        while True:
            offset = self._good_row(block, offset)
            if offset < 0:
                if block == self._block:
                    break
                block = self._behind(block)
                offset = ROWS_AT
                continue
            length = self._io.row[0]
            seq = self._io.seq()
            if seq >= wanted:
                size = shorten(self._io.row, self._before, out, at + used, room - used) if short and used else 0
                if not size:
                    if used + length > room:
                        break
                    out[at + used : at + used + length] = self._io.view[:length]
                    size = length
                if not used:
                    first = seq
                    self._at[0] = (seq, block, offset)
                if short:
                    self._before[:length] = self._io.view[:length]
                used += size
                wanted = seq + 1
                self._at[1] = (wanted, block, offset + length)
            offset += length
        return first or cursor, used

    def last_value(self, column: int):
        """The value of `column` in the newest row that has one, or None. Walks whole blocks: for the start only."""
        from wire.row import unpack  # Nothing else on a board reads rows as objects.

        try:
            return self._last_value(column, unpack)
        finally:
            let_go("wire.row")

    def _last_value(self, column, unpack):
        for block in self._newest_blocks():
            self._busy()
            newest = None
            offset = self._good_row(block, ROWS_AT)
            while offset >= 0:
                length = self._io.row[0]
                if self._io.row[1] == DATA:
                    readings = unpack(bytes(self._io.view[:length]), self.epoch).readings
                    if column < len(readings) and readings[column].value is not None:
                        newest = readings[column].value
                offset = self._good_row(block, offset + length)
            if newest is not None:
                return newest
        return None

    # The start

    def _mount(self):
        """Find the ring, its newest block and that one's end; False if there is no log here."""
        newest = -1
        for block in range(self._blocks):
            self._busy()
            epoch, first, counter = self._io.header(block)
            if first and counter > self._counter:
                newest = block
                self.epoch, self._next, self._counter = epoch, first, counter
        if newest < 0:
            return False
        self._block = newest
        self._collect()
        self._find_end()
        self._look_behind()
        self._read_counters()
        if not self.boot:
            self._boot_of_older()
        return True

    def _collect(self):
        """The blocks of the ring, newest first; a damaged header hides no rows, and no older block."""
        first = self._next
        for back in range(self._blocks):
            self._busy()
            block = (self._block - back) % self._blocks
            epoch, its_first, counter = self._io.header(block)
            if epoch == self.epoch and counter == self._counter - back and 0 < its_first <= first:
                first = its_first
                self._oldest = block
            self._first[block] = first
        block = self._behind(self._block)
        while block != self._oldest:
            self._first[block] = 0
            block = self._behind(block)

    def _find_end(self):
        """Walk the newest block: its last good row, and the first byte that was never programmed."""
        used = self._io.used(self._block)
        offset = meant = ROWS_AT
        torn = False
        while offset < used:
            if self._io.row_at(self._io.base(self._block) + offset, self._io.rows_end - offset, self.epoch):
                self._take_row()
                offset += self._io.row[0]
                torn = False
                continue
            if not torn and ROW_BYTES_MIN <= self._io.row[0] <= LENGTH_MAX:
                meant = offset + self._io.row[0]  # A row was meant to reach so far.
            torn = True
            offset += self._io.step(used - offset)
        self._offset = min(max(offset, meant), self._io.rows_end)

    def _look_behind(self):
        """Rows in the next block that are newer than ours: its header was lost. They stay, and their seqs are taken."""
        block = self._behind(self._block)
        if self._first[block]:
            return  # The oldest, and whole.
        before = self._next
        offset = self._good_row(block, ROWS_AT)
        while offset >= 0:
            self._take_row()
            offset = self._good_row(block, offset + self._io.row[0])
        if self._next > before:
            self._enter(block, before)
            self._offset = self._io.rows_end

    def _take_row(self):
        """The row in _row exists: its seq is taken, its boot was. Older ones are what an erase left."""
        seq = self._io.seq()
        if seq >= self._next:
            self._next = seq + 1
            self.boot = self._io.boot()

    def _boot_of_older(self):
        """The newest block has no row: the newest row's boot stands in one before."""
        for block in self._newest_blocks():
            offset = self._good_row(block, ROWS_AT)
            while offset >= 0:
                self.boot = self._io.boot()
                offset = self._good_row(block, offset + self._io.row[0])
            if self.boot:
                return

    def _newest_blocks(self):
        """The newest blocks of the ring, newest first."""
        blocks = []
        block = self._block
        while len(blocks) < BLOCKS_BACK_MAX:
            blocks.append(block)
            if block == self._oldest:
                break
            block = (block - 1) % self._blocks
        return blocks

    def _read_counters(self):
        """Take up the newest counters that are whole."""
        for block in self._newest_blocks():
            found, noted = self._io.counters(block, self.epoch)
            if found is None:
                continue
            self.bites, self.gateway_has, self.center_has, self.overwritten = found
            if noted and block == self._block:
                self._forget(self._behind(block))
            return

    # Blocks

    def _begin_block(self):
        """Begin the next block; what stands there is lost, and counted if nobody has it. OSError."""
        for _ in range(ATTEMPTS_MAX):
            block = self._behind(self._block)
            if not self._ahead:
                self._let_go(block)
                self._make_blank(block)
            self._ahead = False
            head = pack_header(self.epoch, self._next, self._counter + 1) + self._counters()
            whole = self._io.write(self._io.base(block), head)
            self._enter(block, self._next)
            self._offset = ROWS_AT if whole else self._io.rows_end  # A block that takes no header is stepped over.
            if whole:
                return
        raise OSError("log does not take a header")

    def _enter(self, block, first):
        """`block` is the newest of the ring now."""
        self._counter += 1
        self._first[block] = first
        self._block = block
        if not self._first[self._oldest]:
            self._oldest = block

    def _let_go(self, block):
        """The rows of `block`, the oldest, are about to be erased: count those that nobody has, durably."""
        if not self._first[block]:
            return
        unseen = self._last(block) - max(self._first[block] - 1, self.gateway_has)
        self._forget(block)
        if unseen > 0:
            self.overwritten += unseen
            self._io.note(self._block, self._counters())

    def _forget(self, block):
        if self._first[block]:
            self._first[block] = 0
            self._oldest = self._behind(block)

    def _counters(self):
        return pack_counters(self.epoch, self.bites, self.gateway_has, self.center_has, self.overwritten)

    def _make_blank(self, block):
        erased = self._io.erase(block)
        self._ahead = True
        return erased

    # Rows

    def _find(self, seq):
        """(block, offset) from which a walk reaches `seq`."""
        for known, block, offset in self._at:
            if known == seq and self._first[block] and self._first[block] <= seq:
                return block, offset
        low = 0
        high = (self._block - self._oldest) % self._blocks
        while low < high:
            middle = (low + high + 1) // 2
            if self._first[(self._oldest + middle) % self._blocks] <= seq:
                low = middle
            else:
                high = middle - 1
        return (self._oldest + low) % self._blocks, ROWS_AT

    def _good_row(self, block, offset):
        """Offset of the first whole row of `block` at or behind `offset`, which is then in _row; -1 if none."""
        end = self._offset if block == self._block else self._io.rows_end
        while offset + ROW_BYTES_MIN <= end:
            if self._io.row_at(self._io.base(block) + offset, end - offset, self.epoch):
                return offset
            offset += self._io.step(end - offset)
        return -1

    def _last(self, block):
        """Last seq of a block: one less than the first of the block behind it."""
        return (self._next if block == self._block else self._first[self._behind(block)]) - 1

    def _behind(self, block):
        return (block + 1) % self._blocks


def _nobody() -> None:
    """Nobody waits for the end of a long start."""
