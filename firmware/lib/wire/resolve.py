"""When a row was written: from a log's rows to unix times, where the log itself says it.

Rules of this file: a pure function of the rows, whatever their order; seconds and milliseconds kept apart, integers
only; a time that the log does not prove is None, never a guess.

A row stamped with unix time keeps its stamp for ever. A row of a boot whose clock was not set yet carries its uptime,
and an anchor row of the same boot says which unix time one uptime was. Several anchors mean that the clock was stepped:
the newest is believed, and of those that agree with it the earliest is taken, since it lies nearest to the rows.
"""

from wire.reading import NEVER

VERSION = 1  # Of this derivation: a higher one replaces what a lower one found.
AGREE_S = 5  # A board steps its clock from here on (DESIGN 1), so anchors closer than this tell the same time,
DRIFT_S = 5_000  # with a second more for so many seconds between them: 200 ppm, ten cheap crystals.
UNIX_S_MAX = 0xFFFFFFFF


def resolve(rows: list) -> list:
    """(unix seconds, ms) of each of `rows` (wire.row.Row, one log, any order), or None where the log says none."""
    by_boot = {}
    for row in rows:
        if row.anchor is not None:
            by_boot.setdefault(row.boot, []).append((row.seq, row.anchor))
    anchors = {}
    for boot, told in by_boot.items():
        told.sort()
        anchors[boot] = anchor_of([anchor for _, anchor in told])
    out = []
    for row in rows:
        if row.time_quality != NEVER:
            out.append((row.t_s, row.ms))
        else:
            anchor = anchors.get(row.boot)
            out.append(None if anchor is None else unix_of(row.t_s, row.ms, anchor))
    return out


def anchor_of(anchors: list):
    """The anchor (of wire.row: unix_s, ms, quality, uptime_s, ms) that stands for a boot, of all that its log has in
    order of seq; None if it has none."""
    if not anchors:
        return None
    newest = anchors[-1]
    for anchor in anchors:
        if _agree(anchor, newest):
            return anchor
    return newest


def unix_of(uptime_s: int, uptime_ms: int, anchor: tuple):
    """(unix seconds, ms) of an uptime of the anchor's boot; None where that is no u32 second."""
    unix_s, ms, _, anchor_s, anchor_ms = anchor
    ms += uptime_ms - anchor_ms
    unix_s += uptime_s - anchor_s + ms // 1000
    return (unix_s, ms % 1000) if 0 <= unix_s <= UNIX_S_MAX else None


def _agree(anchor, newest):
    """Do two anchors of one boot tell the same time, save for drift?"""
    passed_s = newest[3] - anchor[3]
    off_s = newest[0] - anchor[0] - passed_s
    return abs(off_s) <= AGREE_S + abs(passed_s) // DRIFT_S
