"""The backlog as messages: all sources of one UTC day together, oldest first, deflated.

Rules of this file: it only reads the spool, slice by slice, so that an event or a live batch waits for one slice at
most. A day is cut shorter where link or center would take too long over it.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from gateway.batches import Ages, Batch, Taken, Want, messages, take
from gateway.mode_log import StandOf
from gateway.ranges import Ranges
from gateway.spool_reader import Reader, Stored
from gateway.spool_schema import Key

DAY_S = 86_400
SOURCE_ROWS_MAX = 1_440  # Of one source in one message: a day of minutes.
ROWS_MAX = 11_520  # Of one message: a day of eight sources. The center takes 20,000.
SLICE_ROWS = 720  # Read and unpacked at once: some 5 ms on a PC, some 30 ms on a Raspberry Pi.
LOOKED_MAX = 2_880  # Rows of one log looked at for one message.
FIRST_LOOK = 32
CADENCE_S = 60  # Of a source that no catalogue names yet.


T = TypeVar("T")


class Spool(Protocol):
    """All that is needed of `gateway.spool.Spool`."""

    async def read(self, function: Callable[[Reader], T]) -> T: ...


class Aim(NamedTuple):
    """How large the next message should be, and how large it may be as it is sent."""

    rows: int
    bytes_max: int


class Made(NamedTuple):
    """Messages, and rows that cannot be sent as they are: they need not be looked at again until something changes."""

    batches: list[Batch]
    unfit: list[tuple[Key, Ranges]]


async def make(spool: Spool, wants: list[Want], ages: Ages, stand_of: StandOf, aim: Aim) -> Made:
    """The next messages: mostly one, more where rows took more bytes than expected. StoreError."""
    begins = []
    for want in wants:
        oldest = await spool.read(partial(_oldest, want=want, ages=ages))
        if oldest is not None:
            begins.append((oldest, want))
    if not begins:
        return Made([], [])
    begin_s = min(oldest_s for oldest_s, _ in begins)
    until_s = min((begin_s // DAY_S + 1) * DAY_S, begin_s + _span_s([want for _, want in begins], aim.rows))
    taken: list[Taken] = []
    unfit: list[tuple[Key, Ranges]] = []
    for oldest_s, want in begins:
        if oldest_s < until_s and len(taken) < ROWS_MAX:
            most = min(SOURCE_ROWS_MAX, ROWS_MAX - len(taken))
            of_log, not_fit = await _gather(spool, want, ages, until_s, most)
            taken += of_log
            unfit += [(want.key, not_fit)] if not_fit else []
    made = await spool.read(lambda _: messages(taken, stand_of, aim.bytes_max, deflated=True))
    return Made(made, unfit)


async def _gather(spool: Spool, want: Want, ages: Ages, until_s: int, most: int) -> tuple[list[Taken], Ranges]:
    """At most `most` of the oldest late rows of a log before unix second `until_s`, in order of seq."""
    taken: list[Taken] = []
    unfit = Ranges()
    left = want.ranges
    looked = 0
    while left and len(taken) < most and looked < LOOKED_MAX:
        found, not_fit, seen, ended, left = await spool.read(
            partial(_slice, want=want, ranges=left, ages=ages, until_s=until_s, most=most - len(taken))
        )
        taken += found
        unfit.update(not_fit)
        looked += seen
        if ended:
            break
    return taken, unfit


def _slice(
    reader: Reader, want: Want, ranges: Ranges, ages: Ages, until_s: int, most: int
) -> tuple[list[Taken], Ranges, int, bool, Ranges]:
    """Late rows of one slice; those that do not fit; how many were looked at; was `until_s` met; what is left."""
    limit = min(SLICE_ROWS, most)
    stored: list[Stored] = []
    seen = 0
    left = ranges.copy()
    for first, last in ranges:
        rows = reader.rows(want.key, first, last, limit - seen)
        seen += len(rows)
        late = [row for row in rows if not ages.is_live(row[2])]
        for place, row in enumerate(late):
            if row[2] >= until_s:
                return *take(want, stored + late[:place]), seen, True, left
        stored += late
        if seen >= limit:
            left.remove(first, rows[-1][0])
            break
        left.remove(first, last)
    return *take(want, stored), seen, False, left


def _oldest(reader: Reader, want: Want, ages: Ages) -> int | None:
    """Unix second of the first late row of a log; None if it has none within reach."""
    looked = 0
    limit = FIRST_LOOK
    for first, last in want.ranges:
        while first <= last and looked < LOOKED_MAX:
            rows = reader.rows(want.key, first, last, limit)
            for row in rows:
                if not ages.is_live(row[2]):
                    return row[2]
            looked += max(len(rows), 1)
            if len(rows) < limit:
                break
            first, limit = rows[-1][0] + 1, SLICE_ROWS
    return None


def _span_s(wants: list[Want], rows: int) -> int:
    """How many seconds these sources take to write so many rows; full minutes, at least one."""
    rate = 0.0
    for want in wants:
        layout = want.layout(want.key, 0)
        rate += 1 / max(layout.cadence_s if layout else CADENCE_S, 1)
    return max(int(rows / rate) // 60 * 60, 60)
