"""How far back a board's log reaches: the arithmetic of its ring.

Rules of this file: the longest rows count, as if every reading were there; a log that reaches less than DAYS_MIN is no
log for a station whose line may be dead for weeks.
"""

from collections.abc import Sequence

from wire.reading import GOOD, NOT_EVALUATED, QUANTITY_CODES, SYNCED, WITH_STATS
from wire.row import Reading, Row, pack

DAYS_MIN = 30
BLOCK_BYTES = 4_096  # What a flash erases at a time, on every chip of ours.
BLOCK_EDGES_BYTES = 80  # Header and counters before and behind the rows (firmware/log_blocks.py).
BLOCKS_SPARE = 3  # The one being written, the one erased ahead, and anchor rows.
TIP_BYTES = 3
TIPS_MAX = 20_000  # In DAYS_MIN: four metres of rain by fifths of a millimetre.
_DAY_S = 86_400
_HOUR_S = 3_600  # Rows are not further apart.
STEPS_S = (60, 120, 300, 600, 720, 900, 1_200, 1_800, _HOUR_S)  # Each goes into the hour, so rows keep to its minutes.


def row_bytes(columns: Sequence[str]) -> int:
    """Bytes of a row with a value in each of `columns` (names of quantities) and no tips."""
    readings = []
    for index, name in enumerate(columns):
        stats = (0, 0, 0) if QUANTITY_CODES[name] in WITH_STATS else ()
        readings.append(Reading(index, 0, GOOD if stats else NOT_EVALUATED, *stats))
    return len(pack(Row(1, 1, SYNCED, 0, readings=readings), 1))


def blocks_wanted(columns: Sequence[str], row_s: int, days: int = DAYS_MIN) -> int:
    """Blocks that hold `days` of rows, one every `row_s` seconds."""
    room = BLOCK_BYTES - BLOCK_EDGES_BYTES
    length = row_bytes(columns)
    rows = -(-days * _DAY_S // row_s)
    tips = TIPS_MAX * days // DAYS_MIN * TIP_BYTES if "rain_um" in columns else 0
    return -(-rows // (room // length)) + -(-tips // (room - length)) + BLOCKS_SPARE


def stretched(size: int, columns: Sequence[str], row_s: int, most_s: int) -> int:
    """Seconds between rows, `row_s` or the next step up to `most_s` with which `size` bytes reach back DAYS_MIN."""
    for step_s in (row_s, *(step_s for step_s in STEPS_S if row_s < step_s <= most_s)):
        if blocks_wanted(columns, step_s) <= size // BLOCK_BYTES:
            return step_s
    return max(row_s, most_s)


def too_short(size: int, columns: Sequence[str], row_s: int) -> str:
    """Why a log of `size` bytes is too small, with what to do; "" when it is not."""
    wanted = blocks_wanted(columns, row_s)
    have = size // BLOCK_BYTES
    if have >= wanted:
        return ""
    enough_s = row_s
    while blocks_wanted(columns, enough_s) > have and enough_s < _HOUR_S:
        enough_s += 60 - enough_s % 60
    length = row_bytes(columns)
    per_block = (BLOCK_BYTES - BLOCK_EDGES_BYTES) // length
    return (
        f"{have} blocks of {per_block} rows ({length} bytes, one every {row_s} s) reach back "
        f"{reach(have, columns, row_s)} days, {DAYS_MIN} are wanted; "
        f"make it {wanted * BLOCK_BYTES:#x} bytes, or write row_s = {enough_s}"
    )


def reach(blocks: int, columns: Sequence[str], row_s: int) -> int:
    """Whole days that `blocks` blocks reach back."""
    days = 0
    while days < 10 * 365 and blocks_wanted(columns, row_s, days + 1) <= blocks:
        days += 1
    return days
