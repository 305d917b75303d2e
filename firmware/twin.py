"""A small file of which every power cut leaves the old content or the new: two copies, each with a number and a CRC.

Rules of this file: only the older copy is ever written, and what was written is read back. A copy that is not whole
does not exist. `path` names both: path.0 and path.1. Layout, big-endian: seq u32 | length u32 | payload | CRC-32 of all
before it.
"""

import os
import struct
from binascii import crc32

BYTES_MAX = 16_384  # Of a payload; a longer file is no copy of ours.
_HEAD = ">II"
_HEAD_BYTES = 8
_CRC_BYTES = 4
_SEQ_MASK = 0xFFFFFFFF
_COPIES = (".0", ".1")


def load(path: str) -> "bytes | None":
    """The payload of the newest copy that is whole; None if none is."""
    found = newest_first(path)
    return found[0] if found else None


def newest_first(path: str) -> list:
    """The payloads of all whole copies: none, one or two."""
    return [payload for _, _, payload in _copies(path)]


def save(path: str, data: bytes) -> None:
    """Write `data` over the older copy. ValueError beyond BYTES_MAX; OSError if it cannot be written or read back."""
    if len(data) > BYTES_MAX:
        raise ValueError("%s holds %d bytes" % (path, BYTES_MAX))
    found = _copies(path)
    seq, newest = (found[0][0] + 1 & _SEQ_MASK, found[0][1]) if found else (1, _COPIES[1])
    name = path + (_COPIES[0] if newest == _COPIES[1] else _COPIES[1])
    packed = pack(seq, data)
    with open(name, "wb") as file:
        file.write(packed)
    if _read(name) != packed:
        raise OSError("%s does not read back what was written" % name)


def pack(seq: int, data: bytes) -> bytes:
    """One copy."""
    body = struct.pack(_HEAD, seq, len(data)) + data
    return body + struct.pack(">I", crc32(body) & 0xFFFFFFFF)


def unpack(copy: bytes) -> "tuple[int, bytes] | None":
    """(seq, payload) of one copy; None unless it is whole."""
    if len(copy) < _HEAD_BYTES + _CRC_BYTES:
        return None
    seq, length = struct.unpack(_HEAD, copy[:_HEAD_BYTES])
    if len(copy) != _HEAD_BYTES + length + _CRC_BYTES:
        return None
    if crc32(copy[:-_CRC_BYTES]) & 0xFFFFFFFF != struct.unpack(">I", copy[-_CRC_BYTES:])[0]:
        return None
    return seq, copy[_HEAD_BYTES:-_CRC_BYTES]


def _copies(path):
    """[(seq, ending, payload), ...] of the whole copies, newest first."""
    found = []
    for ending in _COPIES:
        whole = unpack(_read(path + ending))
        if whole:
            found.append((whole[0], ending, whole[1]))
    if len(found) == 2 and (found[1][0] - found[0][0]) & _SEQ_MASK <= _SEQ_MASK >> 1:
        found.reverse()  # The second is newer; numbers may wrap.
    return found


def _read(name):
    """The file's bytes; none where there is no such file, or one that is too long."""
    try:
        size = os.stat(name)[6]
        if size > _HEAD_BYTES + BYTES_MAX + _CRC_BYTES:
            return b""
        with open(name, "rb") as file:
            return file.read(size)
    except OSError:
        return b""
