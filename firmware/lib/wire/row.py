"""The packed row: what a source wrote at one storage time, byte for byte the same in flash and on the bus.

Rules of this file: big-endian; a row carries a CRC-32 that is seeded with the log's epoch, so a row of an
older log never passes for a new one; packing is deterministic, so the center can compute the same CRC again.

     0  length    u8   bytes of the whole row, CRC included (19..234)
     1  kind      u8   DATA, ANCHOR
     2  seq       u32  from 1, never reused
     6  boot      u16  count of starts of the board
     8  quality of time u8
     9  t_s       u32  unix seconds; uptime in seconds while the time quality is NEVER
    13  ms        u16  0..999
    15  body
    -4  crc       u32  CRC-32 (ISO 3309, as zlib) of everything before, seeded with the epoch

DATA body: n u8, then n readings of (channel u8, flags u8, value i32[, low i32, high i32, spread u32]);
flags = quality in the low four bits, STATS where low, high and spread follow. Then tips: n u8 and pairs
(age_s u16 before t_s, count u8). A channel number is the position in the source's list of channels.
ANCHOR body: unix_s u32, ms u16, quality u8, uptime_s u32, uptime ms u16: "this boot's uptime was that unix time".
"""

import struct
from binascii import crc32

from wire.row_pack import (
    ANCHOR,
    CHANNELS_MAX,
    DATA,
    HEAD,
    HEAD_BYTES,
    LENGTH_MAX,
    NO_VALUE,
    STATS,
    TIP_AGE_MAX_S,
    TIP_COUNT_MAX,
    TIPS_MAX,
    Reading,
    Row,
    RowError,
    check,
    crc_of,
    pack,
)

__all__ = [
    "ANCHOR",
    "CHANNELS_MAX",
    "DATA",
    "LENGTH_MAX",
    "TIPS_MAX",
    "TIP_AGE_MAX_S",
    "TIP_COUNT_MAX",
    "Reading",
    "Row",
    "RowError",
    "crc_of",
    "measure",
    "pack",
    "split",
    "unpack",
]


def unpack(data: bytes, epoch: int) -> Row:
    """The row in `data` (bytes of exactly one row) of the log `epoch`. RowError for anything else."""
    length = measure(data)
    if length != len(data):
        raise RowError("row says %d bytes, got %d" % (length, len(data)))
    (crc,) = struct.unpack(">I", data[-4:])
    if crc != crc32(bytes(data[:-4]), epoch) & 0xFFFFFFFF:
        raise RowError("CRC of the row does not fit")
    _, kind, seq, boot, time_quality, t_s, ms = struct.unpack(HEAD, data[:HEAD_BYTES])
    body = data[HEAD_BYTES:-4]
    row = Row(seq, boot, time_quality, t_s, ms, kind=kind)
    if kind == ANCHOR:
        row.anchor = _unpack_anchor(body)
    elif kind == DATA:
        row.readings, row.tips = _unpack_data(body)
    check(row)
    return row


def measure(data: bytes) -> int:
    """Length of the row that begins `data`. RowError if no row can begin so."""
    if not data:
        raise RowError("no bytes")
    length = data[0]
    if not HEAD_BYTES + 4 <= length <= LENGTH_MAX:
        raise RowError("no row is %d bytes long" % length)
    return length


def split(data: bytes) -> list[bytes]:
    """Packed rows that stand one behind another in `data`; a zero length byte ends them. RowError for a torn one."""
    rows = []
    at = 0
    while at < len(data) and data[at]:
        length = measure(data[at:])
        if at + length > len(data):
            raise RowError("row cut at byte %d" % at)
        rows.append(bytes(data[at : at + length]))
        at += length
    return rows


def _unpack_data(body):
    readings = []
    count = _byte(body, 0)
    at = 1
    for _ in range(count):
        channel, flags, value = struct.unpack(">BBi", _take(body, at, 6))
        at += 6
        low = high = spread = None
        if flags & STATS:
            low, high, spread = struct.unpack(">iiI", _take(body, at, 12))
            at += 12
        if flags & 0xE0:
            raise RowError("unknown reading flags")
        readings.append(Reading(channel, None if value == NO_VALUE else value, flags & 0x0F, low, high, spread))
    tips = []
    count = _byte(body, at)
    at += 1
    for _ in range(count):
        tips.append(struct.unpack(">HB", _take(body, at, 3)))
        at += 3
    if at != len(body):
        raise RowError("bytes behind the row's body")
    return readings, tips


def _byte(body, at):
    if at >= len(body):
        raise RowError("row body too short")
    return body[at]


def _take(body, at, count):
    if at + count > len(body):
        raise RowError("row body too short")
    return body[at : at + count]


def _unpack_anchor(body):
    if len(body) != 13:
        raise RowError("an anchor body has 13 bytes")
    return struct.unpack(">IHBIH", body)
