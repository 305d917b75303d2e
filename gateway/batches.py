"""Messages to the center, built from stored rows.

Rules of this file: it runs in the spool's reading thread and touches nothing of the loop's; the same rows give the same
bytes, save for the time of publishing. A message never exceeds MESSAGE_BYTES_MAX, nor what the broker takes: it is
halved until it fits.
"""

import zlib
from collections.abc import Callable
from typing import NamedTuple

import cbor2

from gateway.catalogue import Layout
from gateway.mode_log import Stand, StandOf
from gateway.ranges import Ranges
from gateway.spool_reader import Reader, Stored
from gateway.spool_schema import Key
from wire.row import Row, RowError, unpack
from wire.short import shorten
from wire.telemetry import (
    DEFLATE_WBITS,
    F_GATEWAY_QUALITY,
    K_ALIVE,
    K_BASE_S,
    K_CATALOGUE,
    K_CONFIG,
    K_EPOCH,
    K_EVENT,
    K_LOGS,
    K_MAJOR,
    K_PUBLISHED_MS,
    K_SEGMENTS,
    K_SEQ,
    K_SERIAL,
    MAJOR,
    MESSAGE_BYTES_MAX,
    SEGMENTS_MAX,
    run_lengths,
    segments_of,
)

LIVE_ROWS_MAX = 1_000  # Rows of one closing; what is over goes with the next one or late.

Judge = Callable[[str, Row], dict[int, int]]  # {column: flag} where the gateway judges a row otherwise than its board


class Want(NamedTuple):
    """Rows of one log that are to be sent."""

    key: Key
    ranges: Ranges
    layout: Callable[[Key, int], Layout | None]
    judge: Judge | None


class Ages(NamedTuple):
    """Which rows are live, by the unix second of the row. A row from the future, of a wrong clock, is not."""

    oldest_s: int
    newest_s: int

    def is_live(self, t_s: int) -> bool:
        return self.oldest_s <= t_s <= self.newest_s


class Batch(NamedTuple):
    """A message and what of which log it carries."""

    payload: bytes
    parts: list[tuple[Key, Ranges]]
    readings: int


class Taken(NamedTuple):
    """A row that goes into a message."""

    want: Want
    layout: Layout
    row: Row


def live_batches(reader: Reader, wants: list[Want], ages: Ages, stand_of: StandOf, bytes_max: int) -> list[Batch]:
    """Messages of the wanted rows that are live."""
    taken: list[Taken] = []
    share = max(LIVE_ROWS_MAX // max(len(wants), 1), 1)
    for want in wants:
        taken += take(want, _young(reader, want, ages, share))[0]
    return messages(taken, stand_of, bytes_max)


def take(want: Want, stored: list[Stored]) -> tuple[list[Taken], Ranges]:
    """The rows that can be sent, and the seqs of those that cannot: no catalogue names them, or they are no row."""
    taken, unfit = [], Ranges()
    for seq, _, _, stamped, _, packed in stored:
        layout = want.layout(want.key, stamped)
        try:
            if layout is not None:
                taken.append(Taken(want, layout, unpack(packed, want.key[1])))
                continue
        except RowError:
            pass  # Of a kind that we do not know.
        unfit.add(seq, seq)
    return taken, unfit


def messages(taken: list[Taken], stand_of: StandOf, bytes_max: int, *, deflated: bool = False) -> list[Batch]:
    """Messages of these rows, each of at most `bytes_max` bytes as it is sent, oldest first; rows of one mode in each.

    A row that alone is larger goes alone.
    """
    alike: dict[tuple[int, Stand], list[Taken]] = {}
    for one in taken:
        stand = stand_of(one.row.t_s, one.layout.cadence_s)
        alike.setdefault((one.layout.version, stand), []).append(one)
    made = []
    for (version, stand), rows in sorted(alike.items(), key=lambda one: (one[0][0], one[1][0].row.t_s)):
        made += _messages(version, rows, stand, bytes_max, deflated)
    return made


def deflate(message: bytes) -> bytes:
    packer = zlib.compressobj(wbits=DEFLATE_WBITS)
    return packer.compress(message) + packer.flush()


def event_message(key: Key, seq: int, event: bytes, catalogue: int, published_ms: int) -> bytes:
    return cbor2.dumps(
        {
            K_MAJOR: MAJOR,
            K_CATALOGUE: catalogue,
            K_SERIAL: key[0],
            K_EPOCH: key[1],
            K_SEQ: seq,
            K_EVENT: event,
            K_PUBLISHED_MS: published_ms,
        },
        canonical=True,
    )


def state_message(catalogue: int, logs: list[tuple[bytes, int, int, int]], stand: Stand, config: int) -> bytes:
    """Birth: how far each log reaches, which modes hold, which station.toml runs."""
    message: dict[int, object] = {K_MAJOR: MAJOR, K_ALIVE: True, K_CATALOGUE: catalogue, K_CONFIG: config}
    message[K_LOGS] = [list(log) for log in logs]
    return cbor2.dumps(message | stand.keys(), canonical=True)


def death_message() -> bytes:
    message = {K_MAJOR: MAJOR, K_ALIVE: False}
    return cbor2.dumps(message, canonical=True)


def _young(reader: Reader, want: Want, ages: Ages, most: int) -> list[Stored]:
    """The live ones among the newest wanted rows; ascending."""
    found = []
    for first, last in reversed(list(want.ranges)):
        found += reader.newest(want.key, first, last, most - len(found))
        if len(found) >= most:
            break
    return [row for row in reversed(found) if ages.is_live(row[2])]


def _messages(version: int, rows: list[Taken], stand: Stand, bytes_max: int, deflated: bool) -> list[Batch]:
    base_s = min(taken.row.t_s for taken in rows)
    segments = []
    parts: dict[Key, Ranges] = {}
    by_log: dict[Key, list[Taken]] = {}
    for taken in rows:
        by_log.setdefault(taken.want.key, []).append(taken)
        parts.setdefault(taken.want.key, Ranges()).add(taken.row.seq, taken.row.seq)
    for (_, epoch), of_log in by_log.items():
        layout = of_log[0].layout
        run = [taken.row for taken in of_log]
        cut = segments_of(layout.place, layout.cadence_s, epoch, run, base_s, len(layout.channels))
        _add_judgement(cut, run, layout.name, of_log[0].want.judge)
        segments += cut
    message: dict[int, object] = {K_MAJOR: MAJOR, K_CATALOGUE: version, K_BASE_S: base_s, K_SEGMENTS: shorten(segments)}
    message |= stand.keys()
    plain = cbor2.dumps(message, canonical=True)
    payload = deflate(plain) if deflated else plain
    too_big = len(plain) > MESSAGE_BYTES_MAX or len(segments) > SEGMENTS_MAX or len(payload) > bytes_max
    if len(rows) > 1 and too_big:
        return [batch for half in _halves(rows) for batch in _messages(version, half, stand, bytes_max, deflated)]
    return [Batch(payload, list(parts.items()), sum(len(taken.row.readings) for taken in rows))]


def _halves(rows: list[Taken]) -> tuple[list[Taken], list[Taken]]:
    """The earlier and the later half, all sources in each; of rows that are all of one time, two halves."""
    middle_s = sorted(taken.row.t_s for taken in rows)[len(rows) // 2]
    earlier = [taken for taken in rows if taken.row.t_s < middle_s]
    if not earlier:
        return rows[: len(rows) // 2], rows[len(rows) // 2 :]
    return earlier, [taken for taken in rows if taken.row.t_s >= middle_s]


def _add_judgement(segments: list, rows: list[Row], name: str, judge: Judge | None) -> None:
    """Put the gateway's flags behind the segments in which it judges otherwise than the board."""
    if judge is None:
        return
    by_seq = {row.seq: row for row in rows}
    for segment in segments:
        if len(segment) < 6:
            continue  # A packed row has no place for them.
        run = [by_seq[segment[1] + i] for i in range(segment[4])]
        judged = [judge(name, row) for row in run]
        columns = {}
        for column in sorted({column for flags in judged for column in flags}):
            own = [row.readings[column].quality for row in run]
            columns[column] = run_lengths([flags.get(column, own[i]) for i, flags in enumerate(judged)])
        if columns:
            if len(segment) == 6:
                segment.append({})
            segment[6][F_GATEWAY_QUALITY] = columns
