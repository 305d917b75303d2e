"""The log's flash: what is blank there, how it takes bytes, and a log that is opened again.

Rules of this file: only blocks that are blank are written, never at their beginning, where the board's log looks for
its own, and they are blank again afterwards. Where the log leaves too few of them the test is skipped.
"""

from board_log import BoardLog
from contract import SkipTest, TestCase, definition, hal

from wire.reading import SYNCED
from wire.row import Reading, Row

ASIDE = 256  # A page: what stands at a block's beginning makes it a part of the log.
PIECE = 256
BLOCKS = 3
EPOCH, OTHER_EPOCH = 0x5C7A_7C41, 0x5C7A_7C42
ROWS = 60


def blank_blocks(flash, wanted):
    """`wanted` blocks without a programmed byte. Those behind the log's newest are the first to be so."""
    part, blank = bytearray(PIECE), b"\xff" * PIECE
    found = []
    for block in range(flash.size // flash.block - 1, -1, -1):
        hal().wdt_feed()
        for at in range(0, flash.block, PIECE):
            flash.read(block * flash.block + at, part)
            if part != blank:
                break
        else:
            found.append(block)
            if len(found) == wanted:
                return found
    raise SkipTest("the log leaves %d blank blocks, %d are needed" % (len(found), wanted))


class Scratch:
    """Blank blocks as a flash of their own."""

    def __init__(self, flash, blocks):
        self._flash = flash
        self._blocks = blocks
        self.block = flash.block - ASIDE
        self.size = self.block * len(blocks)

    def read(self, offset, buffer):
        done = 0
        view = memoryview(buffer)
        while done < len(buffer):
            count = min(len(buffer) - done, self.block - (offset + done) % self.block)
            self._flash.read(self._place(offset + done), view[done : done + count])
            done += count

    def program(self, offset, data):
        self._flash.program(self._place(offset), data)

    def erase(self, block):
        hal().wdt_feed()
        self._flash.erase(self._blocks[block])

    def _place(self, offset):
        return self._blocks[offset // self.block] * self._flash.block + ASIDE + offset % self.block


class Flash(TestCase):
    def setUp(self):
        self.flash = hal().blocks("log", definition()["log_blocks"])
        self.taken = []

    def tearDown(self):
        for block in self.taken:
            hal().wdt_feed()
            self.flash.erase(block)

    def take(self, count):
        self.taken = blank_blocks(self.flash, count)
        return Scratch(self.flash, self.taken)

    def test_bits_are_cleared_by_programming_and_set_by_erasing_alone(self):
        scratch = self.take(1)
        for offset, data in ((10, b"\xf0\xff\x00"), (12, b"\x00"), (10, b"\x30"), (PIECE - 2, b"\x01\x02\x03\x04")):
            scratch.program(offset, data)
        seen = bytearray(5)
        scratch.read(9, seen)
        self.assertEqual(bytes(seen), b"\xff\x30\xff\x00\xff")
        over = bytearray(4)
        scratch.read(PIECE - 2, over)  # Across two pages.
        self.assertEqual(bytes(over), b"\x01\x02\x03\x04")
        scratch.erase(0)
        scratch.read(9, seen)
        self.assertEqual(bytes(seen), b"\xff" * 5)

    def test_nothing_outside_the_log_is_touched(self):
        for offset in (-1, self.flash.size - 1):
            with self.assertRaises(OSError):
                self.flash.read(offset, bytearray(2))
            with self.assertRaises(OSError):
                self.flash.program(offset, b"\xff\xff")
        with self.assertRaises(OSError):
            self.flash.erase(self.flash.size // self.flash.block)

    def test_rows_are_there_when_a_log_is_opened_again(self):
        scratch = self.take(BLOCKS)
        log = BoardLog(scratch, EPOCH)
        packed = [log.append(self.row(number)) for number in range(ROWS)]
        again = BoardLog(scratch, OTHER_EPOCH)
        self.assertEqual((again.epoch, again.tail, again.head), (EPOCH, 1, ROWS))
        out = bytearray(1_024)
        cursor, seen = 1, []
        while cursor <= ROWS:
            hal().wdt_feed()
            first, used = again.read(cursor, out, 0, len(out))
            self.assertEqual(first, cursor)
            at = 0
            while at < used:
                seen.append(bytes(out[at : at + out[at]]))
                at += out[at]
                cursor += 1
        self.assertTrue(seen == packed)

    def test_a_row_that_is_cut_off_is_no_row(self):
        scratch = self.take(BLOCKS)
        log = BoardLog(scratch, EPOCH)
        log.append(self.row(1))
        whole = log.append(self.row(2))
        cut = Scratch(self.flash, self.taken)
        cut.program = lambda offset, data: scratch.program(offset, data[: len(data) // 2])
        torn = BoardLog(cut, OTHER_EPOCH)
        with self.assertRaises(OSError):
            torn.append(self.row(3))
        again = BoardLog(scratch, OTHER_EPOCH)
        self.assertEqual((again.epoch, again.head), (EPOCH, 2))
        out = bytearray(512)
        _, used = again.read(2, out, 0, len(out))
        self.assertEqual(bytes(out[:used]), whole)

    def row(self, number):
        return Row(0, 1, SYNCED, 1_800_000_000 + number, 0, [Reading(0, 2_500 + number), Reading(1, -number)])
