"""A row as objects, and the bytes of it: as much of wire.row and wire.short_rows, which say what stands where, as a
board needs to write.

Rules of this file: those of both. A board measures for months and reads rows back as objects at its start alone.
"""

import struct
from binascii import crc32

from wire.reading import GOOD, HOLDOVER, MISSING, QUALITIES, SYNCED, TIME_QUALITIES, VALUE_MAX, VALUE_MIN

DATA = 1
ANCHOR = 2

LENGTH_MAX = 234  # One row fits one answer of function 20: 245 bytes less sub-header, epoch and first seq.
CHANNELS_MAX = 16  # A board of ours has up to registers.SLOTS; a bought sensor may have one of each quantity.
TIPS_MAX = 32  # (age, count) pairs; a row that would need more closes early.
TIP_COUNT_MAX = 255
TIP_AGE_MAX_S = 65_535

HEAD = ">BBIHBIH"
HEAD_BYTES = 15
STATS = 0x10
NO_VALUE = -0x80000000
DIFFERENCE = 1
MISSING_ONLY = "a reading without value is quality 9 (missing), and only that"


class RowError(ValueError):
    """Bytes that are not a row of this log, or values that no row can carry. `reason` says which."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class Reading:
    """One channel's value in a row: `value` in its sub-unit or None, `quality`, and low, high, spread: all or none."""

    __slots__ = ("channel", "high", "low", "quality", "spread", "value")

    def __init__(self, channel, value, quality=GOOD, low=None, high=None, spread=None):
        if (value is None) != (quality == MISSING):
            raise RowError(MISSING_ONLY)
        self.channel = channel
        self.value = value
        self.quality = quality
        self.low = low
        self.high = high
        self.spread = spread

    def key(self):
        return (self.channel, self.value, self.quality, self.low, self.high, self.spread)

    def __eq__(self, other):
        return isinstance(other, Reading) and self.key() == other.key()

    def __hash__(self):
        return hash(self.key())

    def __repr__(self):
        return "Reading" + repr(self.key())


class Row:
    """A row as objects. `t_s`, `ms`: unix time, or uptime while `time_quality` is NEVER. `tips`: [(age_s, count)]."""

    __slots__ = ("anchor", "boot", "kind", "ms", "readings", "seq", "t_s", "time_quality", "tips")

    def __init__(self, seq, boot, time_quality, t_s, ms=0, readings=(), tips=(), kind=DATA, anchor=None):
        self.kind = kind
        self.seq = seq
        self.boot = boot
        self.time_quality = time_quality
        self.t_s = t_s
        self.ms = ms
        self.readings = list(readings)
        self.tips = [tuple(pair) for pair in tips]
        self.anchor = anchor  # (unix_s, ms, quality, uptime_s, uptime_ms) in an ANCHOR row

    def key(self):
        when = (self.boot, self.time_quality, self.t_s, self.ms)
        return (self.kind, self.seq, when, tuple(r.key() for r in self.readings), tuple(self.tips), self.anchor)

    def __eq__(self, other):
        return isinstance(other, Row) and self.key() == other.key()

    def __hash__(self):
        return hash(self.key())

    def __repr__(self):
        return "Row" + repr(self.key())


def pack(row: Row, epoch: int) -> bytes:
    """The bytes of `row` in a log of `epoch` (u32). RowError where a value does not fit its field."""
    check(row)
    body = _pack_anchor(row.anchor) if row.kind == ANCHOR else _pack_data(row)
    length = HEAD_BYTES + len(body) + 4
    if length > LENGTH_MAX:
        raise RowError("row of %d bytes, more than %d" % (length, LENGTH_MAX))
    head = struct.pack(HEAD, length, row.kind, row.seq, row.boot, row.time_quality, row.t_s, row.ms)
    packed = head + body
    return packed + struct.pack(">I", crc32(packed, epoch) & 0xFFFFFFFF)


def crc_of(packed: bytes) -> int:
    """The CRC-32 at the end of a packed row: with source, epoch and seq it names the row and its content."""
    (crc,) = struct.unpack(">I", packed[-4:])
    return crc


def shorten(row, before, out, at: int, room: int) -> int:
    """Write `row` into out[at:at + room] as its difference from `before`; both packed, row[0] bytes long.

    Bytes written; 0 if they are of different length, or it would not fit or not be shorter than the row itself.
    """
    length = row[0]
    used = 1 + (length + 7) // 8
    most = min(room, length - 1)
    if before[0] != length or used > most:
        return 0
    out[at] = DIFFERENCE
    mask_at = at + 1
    mask = 0
    bit = 0x80
    i = 0
    while i < length:
        differs = row[i] ^ before[i]
        if differs:
            if used == most:
                return 0
            mask |= bit
            out[at + used] = differs
            used += 1
        bit >>= 1
        i += 1
        if not bit or i == length:
            out[mask_at] = mask
            mask_at += 1
            mask = 0
            bit = 0x80
    return used


def check(row):
    # Where a number is too large, struct raises its own error on CPython and cuts it silently on MicroPython.
    if not _within(row.seq, 1, 0xFFFFFFFF) or not _within(row.boot, 0, 0xFFFF):
        raise RowError("seq or boot out of range")
    if not _within(row.time_quality, TIME_QUALITIES[0], TIME_QUALITIES[-1]):
        raise RowError("no such time quality")
    if not _within(row.t_s, 0, 0xFFFFFFFF) or not _within(row.ms, 0, 999):
        raise RowError("time out of range")
    if row.kind == DATA:
        _check_data(row)
    elif row.kind == ANCHOR:
        _check_anchor(row)
    else:
        raise RowError("row of unknown kind %r" % (row.kind,))


def _check_data(row):
    if row.anchor is not None:
        raise RowError("a data row has no anchor")
    if not 1 <= len(row.readings) <= CHANNELS_MAX:
        raise RowError("a row has 1 to %d readings" % CHANNELS_MAX)
    for reading in row.readings:
        _check_reading(reading)
    if len(row.tips) > TIPS_MAX:
        raise RowError("more than %d tip pairs" % TIPS_MAX)
    for age_s, count in row.tips:
        if not _within(age_s, 0, TIP_AGE_MAX_S) or not _within(count, 1, TIP_COUNT_MAX):
            raise RowError("tip pair out of range")


def _check_reading(reading):
    if not _within(reading.channel, 0, 0xFF):
        raise RowError("channel out of range")
    if not _within(reading.quality, QUALITIES[0], QUALITIES[-1]) or reading.quality not in QUALITIES:
        raise RowError("no such quality: %r" % (reading.quality,))
    if (reading.value is None) != (reading.quality == MISSING):
        raise RowError(MISSING_ONLY)
    if reading.value is not None and not _within(reading.value, VALUE_MIN, VALUE_MAX):
        raise RowError("value outside 32 bits")
    if reading.low is None and reading.high is None and reading.spread is None:
        return
    if not _within(reading.low, VALUE_MIN, VALUE_MAX) or not _within(reading.high, VALUE_MIN, VALUE_MAX):
        raise RowError("low or high missing or outside 32 bits")
    if not _within(reading.spread, 0, 0xFFFFFFFF):
        raise RowError("spread missing or outside 32 bits")


def _check_anchor(row):
    if row.readings or row.tips:
        raise RowError("an anchor row has no readings and no tips")
    if row.anchor is None or len(row.anchor) != 5:
        raise RowError("an anchor row needs its anchor")
    unix_s, ms, quality, uptime_s, uptime_ms = row.anchor
    if not _within(quality, HOLDOVER, SYNCED):
        raise RowError("an anchor names a time")
    for number, highest in ((unix_s, 0xFFFFFFFF), (ms, 999), (uptime_s, 0xFFFFFFFF), (uptime_ms, 999)):
        if not _within(number, 0, highest):
            raise RowError("time of the anchor out of range")


def _within(number, lowest, highest):
    return isinstance(number, int) and lowest <= number <= highest


def _pack_data(row):
    parts = [bytes((len(row.readings),))]
    for r in row.readings:
        value = NO_VALUE if r.value is None else r.value
        stats = r.low is not None
        parts.append(struct.pack(">BBi", r.channel, r.quality | (STATS if stats else 0), value))
        if stats:
            parts.append(struct.pack(">iiI", r.low, r.high, r.spread))
    parts.append(bytes((len(row.tips),)))
    for age_s, count in row.tips:
        parts.append(struct.pack(">HB", age_s, count))
    return b"".join(parts)


def _pack_anchor(anchor):
    return struct.pack(">IHBIH", *anchor)
