"""The segments of a message as they travel: what a segment shares with the one before it is left out.

Rules of this file: lists in, lists out, no loss: `lengthen(shorten(segments)) == segments`. A station's sources close
their rows together, so start and number of rows are mostly those of the segment before, and seq and boot lie near.

A short segment is [source index, seq less seq before, boot less boot before, column..., flags?]. Its fourth element is
an array, that of a whole segment (wire.telemetry) a number, and a packed row has three: the types tell them apart.
"""

_NUMBER_MAX = 1 << 32  # No seq and no boot is larger; a longer integer would grow with every segment.


def shorten(segments: list) -> list:
    """`segments` of `segments_of`, those of one message in its order, shortened where they can be."""
    out = []
    before = None
    for segment in segments:
        if len(segment) == 3:
            before = None
            out.append(segment)
            continue
        if before is not None and (segment[2], segment[4]) == (before[2], before[4]):
            out.append([segment[0], segment[1] - before[1], segment[3] - before[3]] + segment[5] + segment[6:])
        else:
            out.append(segment)
        before = segment
    return out


def lengthen(segments: list) -> list:
    """What `shorten` made, as it was. A segment that it cannot have made stays as it is: `rows_of` refuses it."""
    out = []
    before = None
    for segment in segments:
        if isinstance(segment, (list, tuple)) and len(segment) > 3 and isinstance(segment[3], (list, tuple)):
            segment = _whole(segment, before)
        before = segment if _is_whole(segment) else None
        out.append(segment)
    return out


def _whole(segment, before):
    if before is None or not _is_number(segment[1]) or not _is_number(segment[2]):
        return segment
    end = 4
    while end < len(segment) and isinstance(segment[end], (list, tuple)):
        end += 1
    head = [segment[0], before[1] + segment[1], before[2], before[3] + segment[2], before[4]]
    return head + [list(segment[3:end])] + list(segment[end:])


def _is_whole(segment):
    return isinstance(segment, (list, tuple)) and len(segment) > 5 and _is_number(segment[1]) and _is_number(segment[3])


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and -_NUMBER_MAX <= value <= _NUMBER_MAX
