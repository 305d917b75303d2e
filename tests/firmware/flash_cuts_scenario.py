"""Runs under MicroPython: cuts the power at every program and erase of the board's log, torn in many ways.

Arguments: FIRST_SEED WORLDS [BROKEN]. A world is one seed: a small ring, what lay in the flash before, rows of many
lengths, acknowledgements that follow, lag or fail. At each flash operation the flash is copied once for each way in
which the cut may leave it, the copy is started, and everything is checked that a log promises; then the copy goes on,
is cut once more at random, and is checked again. The oracle is a list of what was written, and where.

Prints a line "FAIL ..." for each broken promise (FAILURES_MAX at most), and at the end "cuts N rows N overwritten N".
"""

import sys
from binascii import crc32

from board_log import BoardLog
from flash_cuts_model import BLOCK_BYTES, Broken, Nor, Random, Truth  # pyright: ignore[reportMissingImports]
from log_blocks import ROW_BYTES_MIN, LogBlocks

from wire.reading import SYNCED
from wire.row import ANCHOR, LENGTH_MAX, Reading, Row

FAILURES_MAX = 5
PARTS = (0, 25, 50, 75, 100, -1)  # Percent of the bytes done; -1 = any of the bits.
ACTIONS_AFTER = 9
ROOMS = (LENGTH_MAX, 237, 250)


class PowerCut(Exception):
    """The power failed inside a flash operation."""


class World:
    """One log and its truth. `on_operation(truth, block, at, data)` looks at each operation before it is done."""

    def __init__(self, random, flash, truth, boot, on_operation):
        self.random = random
        self.flash = flash
        self.truth = truth
        self.boot = boot
        self.on_operation = on_operation
        self._erasing = False
        flash.before = self._before
        self.log = BoardLog(flash, random.below(0x7FFFFFFF) + 1)
        self._settle()
        truth.epoch = self.log.epoch

    def _before(self, block, at, data):
        self._settle()
        self.truth.operation(getattr(self, "log", None), block, at, data, self.flash.size // BLOCK_BYTES)
        self.on_operation(self.truth, block, at, data)
        self._erasing = data is None

    def _settle(self):
        """The operation before has ended well."""
        if self._erasing:
            self.truth.erased()
            self._erasing = False

    def append(self):
        random, truth = self.random, self.truth
        value = random.below(1 << 30)
        if random.below(8) == 0:
            row = Row(0, self.boot, SYNCED, value, kind=ANCHOR, anchor=(value, 1, SYNCED, 5, 6))
        else:
            tips = [(i, 1) for i in range(random.below(33) if random.below(6) == 0 else 0)]
            row = Row(0, self.boot, SYNCED, value, readings=[Reading(i, value + i) for i in range(1 + random.below(3))])
            row.tips = tips
        truth.appending = True
        packed = self.log.append(row)
        truth.appending = False
        self._settle()
        if row.seq <= truth.newest:
            raise Broken(f"gives seq {row.seq} again")
        if row.seq != truth.newest + 1 and truth.newest:
            raise Broken(f"leaves out a seq: {row.seq} after {truth.newest}")
        truth.rows[row.seq] = (packed, truth.place)
        truth.newest = row.seq
        truth.pending = None

    def act(self, lag):
        """Append, and what a board does between rows."""
        random, log = self.random, self.log
        self.append()
        if lag >= 0 and random.below(3) == 0 and log.head > lag:
            gateway = log.head - lag
            log.acknowledge(log.epoch, gateway, random.below(gateway + 1))
        if random.below(2):
            log.tend()
            self._settle()


def read_all(log, room):
    """{seq: bytes} of every row that function 20 would give, chunk by chunk. Broken where they do not ascend."""
    rows = {}
    out = bytearray(room)
    cursor = 0
    while True:
        first, used = log.read(cursor, out, 0, room)
        if not used:
            return rows
        at = 0
        while at < used:
            packed = bytes(out[at : at + out[at]])
            seq = int.from_bytes(packed[2:6], "big")
            if seq < cursor or (at == 0 and seq != first):
                raise Broken(f"rows do not ascend at seq {seq}")
            rows[seq] = packed
            cursor = seq + 1
            at += out[at]


def check(log, truth, room):
    """Everything that a log promises after a start."""
    found = read_all(log, room)
    for seq, (packed, _) in truth.rows.items():
        if seq not in found:
            if seq not in truth.leaving:
                raise Broken(f"row {seq} is lost")
        elif found[seq] != packed:
            raise Broken(f"row {seq} has other content")
    for seq, packed in found.items():
        if seq not in truth.rows and packed != truth.pending:
            raise Broken(f"row {seq} was never written")
        if crc32(packed[:-4], log.epoch) & 0xFFFFFFFF != int.from_bytes(packed[-4:], "big"):
            raise Broken(f"row {seq} is garbage")
    if found and (log.head != max(found) or log.tail > min(found)):
        raise Broken(f"says {log.tail}..{log.head}, holds {min(found)}..{max(found)}")
    if truth.rows and log.epoch != truth.epoch:
        raise Broken("has another epoch")
    if log.gateway_has > log.head or log.center_has > log.gateway_has:
        raise Broken("claims acknowledgements that it never had")
    taken = truth.leaving and truth.leaving_unseen and log.tail > max(truth.leaving)
    expected = truth.unseen + (truth.leaving_unseen if taken else 0)
    if log.overwritten != expected:
        raise Broken(f"says {log.overwritten} rows overwritten, it is {expected}")
    return found, taken


def adopt(truth, found, log, taken):
    """The truth after a start: what is there counts, also a row of which nobody heard."""
    for seq in truth.leaving:
        if seq not in found or taken or seq < log.tail:
            del truth.rows[seq]
    truth.unseen = log.overwritten
    for seq, packed in found.items():
        if seq not in truth.rows:
            truth.rows[seq] = (packed, truth.place)
            truth.newest = max(truth.newest, seq)
    truth.leaving = ()
    truth.leaving_unseen = 0
    truth.pending = None
    truth.appending = False


class Cuts:
    """Cuts at each operation of a world."""

    def __init__(self, seed):
        self.seed = seed
        self.cuts = 0
        self.failures = 0
        self.operations = 0
        random = self._random = Random(seed)
        self.flash = Nor(before_first_start(random, 3 + random.below(4)))
        self.lag = (0, 0, 3, 40, -1, -1)[random.below(6)]

    def run(self):
        rows = 20 + self._random.below(120)
        world = World(self._random, self.flash, Truth(), 1, self.at_operation)
        for count in range(rows):
            world.act(self.lag if count > rows // 4 else -1)
        return world

    def at_operation(self, truth, block, at, data):
        self.operations += 1
        for part in PARTS:
            if self.failures >= FAILURES_MAX:
                return
            random = Random(self.seed * 1_000_003 + self.operations * 11 + part)
            flash = Nor(self.flash.bytes)
            flash.tear(block, at, data, part, random)
            try:
                self.after_cut(flash, truth.copy(), random)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                self.failures += 1
                what = f"erase of block {block}" if data is None else f"program of {len(data)} at {at}"
                print(f"FAIL seed {self.seed} operation {self.operations} ({what}) done to {part}: {error!r}")

    def after_cut(self, flash, truth, random):
        """Start, check, go on, be cut again, start, check."""
        self.cuts += 1
        left = [1 + random.below(2 * ACTIONS_AFTER)]

        def again(truth, block, at, data):
            left[0] -= 1
            if left[0] == 0:
                flash.tear(block, at, data, PARTS[random.below(len(PARTS))], random)
                raise PowerCut

        room = ROOMS[random.below(len(ROOMS))]
        fresh = truth.epoch is None
        try:
            truth = self.start(flash, truth, random, again, room, fresh)
        except PowerCut:
            self.cuts += 1
            flash.before = None
            log = BoardLog(flash, 77)
            truth = self.now
            found, taken = check(log, truth, room)
            adopt(truth, found, log, taken)
        flash.before = None
        log = BoardLog(flash, 78)
        check(log, truth, room)

    def start(self, flash, truth, random, again, room, fresh):
        self.now = truth
        log = BoardLog(Nor(flash.bytes), 5)  # A start that is only looked at.
        found, taken = check(log, truth, room)
        adopt(truth, found, log, taken)
        world = World(random, flash, truth, 2, again)
        if not fresh and truth.rows and world.log.head != max(found or (0,)):
            raise Broken("starts differ")
        for _ in range(ACTIONS_AFTER):
            world.act(self.lag)
        return truth


def before_first_start(random, blocks):
    """What lies in the flash: nothing, noise, or something that was a log once."""
    size = blocks * BLOCK_BYTES
    kind = random.below(4)
    if kind < 2:
        return b"\xff" * size
    noise = bytearray(random.below(256) for _ in range(size))
    if kind == 2:
        return noise
    old = Nor(b"\xff" * size)
    log = BoardLog(old, 0x01D)
    for seq in range(30):
        log.append(Row(0, 1, SYNCED, seq, readings=[Reading(0, seq)]))
    for block in range(blocks):
        old.bytes[block * BLOCK_BYTES + 17] ^= 1  # Its headers have gone, its rows have not.
    return old.bytes


def break_it(how):
    """Plant a mistake that the checks must find."""
    if how == "crc":
        whole = LogBlocks.row_at

        def row_at(self, at, room, epoch):
            return whole(self, at, room, epoch) or ROW_BYTES_MIN <= self.row[0] <= min(room, LENGTH_MAX)

        LogBlocks.row_at = row_at
    elif how == "ahead":

        def tend(self):
            block = self._behind(self._block)
            self._let_go(block)
            return False if self._ahead else self._make_blank(block)

        BoardLog.tend = tend
    elif how == "seq":

        def take_row(self):
            self._next = self._io.seq()

        BoardLog._take_row = take_row
    elif how == "note":
        LogBlocks.note = lambda self, block, packed: None
    elif how == "erase":
        LogBlocks.erase = lambda self, block: False
    elif how:
        raise ValueError("nothing to break: " + how)


def main(first, worlds, how):
    break_it(how)
    cuts = rows = overwritten = failures = 0
    for seed in range(first, first + worlds):
        run = Cuts(seed)
        try:
            world = run.run()
            rows += world.truth.newest
            overwritten += world.log.overwritten
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            run.failures += 1
            print(f"FAIL seed {seed} without a cut: {error!r}")
        cuts += run.cuts
        failures += run.failures
        if failures >= FAILURES_MAX:
            break
    print(f"cuts {cuts} rows {rows} overwritten {overwritten}")


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
