"""Rows one behind another, those like the row before as their difference: how function 20 gives a log in bulk.

Rules of this file: integers and buffers only; a row comes back byte for byte; what is not known to be shorter is sent
whole. A row of a minute differs from the one before in a fifth to a third of its bytes.

    whole       the packed row; its first byte is its length, 19 or more
    difference  1, then a bit for each byte of the row (as long as the row before; high bit first), then the bytes that
                differ, each as its exclusive or with the one before
    end         0, or the end of the data
"""

from wire.row import RowError, measure
from wire.row_pack import DIFFERENCE, shorten

__all__ = ["DIFFERENCE", "shorten", "split_short"]


def split_short(data: bytes) -> list[bytes]:
    """The packed rows in `data`. RowError where it is torn; nothing is said about the rows' own CRCs."""
    rows = []
    at = 0
    while at < len(data) and data[at]:
        if data[at] != DIFFERENCE:
            length = measure(data[at:])
            if at + length > len(data):
                raise RowError("row cut at byte %d" % at)
            rows.append(bytes(data[at : at + length]))
            at += length
            continue
        if not rows:
            raise RowError("a difference without a row before")
        row = bytearray(rows[-1])
        mask_at = at + 1
        at = mask_at + (len(row) + 7) // 8
        for i in range(len(row)):
            if mask_at + i // 8 >= len(data):
                raise RowError("difference cut at byte %d" % len(data))
            if data[mask_at + i // 8] & 0x80 >> i % 8:
                if at >= len(data):
                    raise RowError("difference cut at byte %d" % at)
                row[i] ^= data[at]
                at += 1
        rows.append(bytes(row))
    return rows
