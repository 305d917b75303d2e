"""What a reading costs: bytes by layout, and processor time for encoding and decoding, on the recorded week."""

import time
from collections.abc import Iterator

import cbor2

from gateway.batches import Batch, Want, deflate, messages, take
from gateway.catalogue import Layout
from gateway.mode_log import ModeLog
from gateway.ranges import Ranges
from gateway.spool_reader import Stored
from tools.bench import recorded
from tools.bench.figures import Figure
from tools.center.decode import BatchMessage, CatalogueMessage, read, rows_in
from wire.reading import QUANTITY_CODES
from wire.row import Row, crc_of, pack
from wire.telemetry import MESSAGE_BYTES_MAX, SOURCE_BOARD

VERSION = 0x09A1_2B3C  # A catalogue's version takes 5 bytes; see gateway.catalogue.
TAG_BYTES = 21  # An authentication tag with its head (COSE_Mac0, 16 bytes).
START_S = 1_699_920_000  # A midnight, UTC.
LAYOUTS = {"5 minutes": 300, "10 minutes": 600, "a day": 86_400}  # name: seconds of a message
# B a reading; None = not judged. The live ones are held with the tag, which is the harder way to read the issue.
LIMITS = {
    ("5 minutes", False): None, ("5 minutes", True): 4.0, ("10 minutes", False): None, ("10 minutes", True): 2.5,
    ("a day", False): 1.3, ("a day", True): 1.3, ("a day, deflated", False): 0.8, ("a day, deflated", True): 0.8,
}  # fmt: skip


def table(days: int = recorded.DAYS_MAX) -> list[Figure]:
    """Bytes per reading of every layout, with and without a tag; the samples are days."""
    rows = recorded.week(START_S, days)
    sizes: dict[tuple[str, bool], list[float]] = {key: [] for key in LIMITS}
    for day in range(days):
        for name, seconds in LAYOUTS.items():
            batches = list(_batches(rows, START_S + day * 86_400, seconds))
            for tagged in (False, True):
                extra = TAG_BYTES if tagged else 0
                sizes[name, tagged].append(_mean([len(batch.payload) + extra for batch in batches], batches))
                if name == "a day":
                    packed = [len(deflate(batch.payload)) + extra for batch in batches]
                    sizes[f"{name}, deflated", tagged].append(_mean(packed, batches))
    note = f"{len(recorded.SOURCES)} sources, {recorded.CHANNELS} channels, {days} days"
    return [
        Figure(_name(name, tagged), "B", tuple(samples), LIMITS[name, tagged], decimals=2, note=note)
        for (name, tagged), samples in sizes.items()
    ]


def costs(repeat: int) -> list[Figure]:
    """Microseconds a reading for encoding a day (stored rows to payload) and for decoding it (to rows again)."""
    rows = recorded.week(START_S, 1)
    encode_us, decode_us = [], []
    catalogue = read("catalogue", cbor2.dumps(_catalogue(), canonical=True))
    assert isinstance(catalogue, CatalogueMessage)
    stored = {name: [_stored(row) for row in of_source] for name, of_source in rows.items()}
    for _ in range(repeat):
        began_s = time.process_time()
        taken = [one for name, of_source in stored.items() for one in take(_want(name), of_source)[0]]
        batches = messages(taken, ModeLog().at, MESSAGE_BYTES_MAX, deflated=True)
        readings = sum(batch.readings for batch in batches)
        encode_us.append(1e6 * (time.process_time() - began_s) / readings)
        began_s = time.process_time()
        for batch in batches:
            message = read("late", batch.payload)
            assert isinstance(message, BatchMessage)
            for segment in message.segments:
                rows_in(segment, message.base_s, catalogue)
        decode_us.append(1e6 * (time.process_time() - began_s) / readings)
    return [
        Figure("encode a day, CPU a reading", "us", tuple(encode_us), note="stored rows to deflated message"),
        Figure("decode a day, CPU a reading", "us", tuple(decode_us), note="deflated message to checked rows"),
    ]


def _batches(rows: dict[str, list[Row]], begin_s: int, seconds: int) -> Iterator[Batch]:
    """The messages of a day, one for each `seconds` of it."""
    for at_s in range(begin_s, begin_s + 86_400, seconds):
        taken = []
        for name, of_source in rows.items():
            # Rows are one a minute, but a few more where it poured.
            first = max((at_s - START_S) // recorded.ROW_S - 1, 0)
            near = of_source[first : first + seconds // recorded.ROW_S + 200]
            fit = [_stored(row) for row in near if at_s < row.t_s <= at_s + seconds]
            taken += take(_want(name), fit)[0]
        yield from messages(taken, ModeLog().at, MESSAGE_BYTES_MAX)


def _mean(sizes: list[int], batches: list[Batch]) -> float:
    return sum(sizes) / sum(batch.readings for batch in batches)


def _name(name: str, tagged: bool) -> str:
    return f"bytes a reading, {name}" + (f", tag {TAG_BYTES} B" if tagged else "")


def _stored(row: Row) -> Stored:
    packed = pack(row, recorded.EPOCH)
    return row.seq, row.kind, row.t_s, VERSION, crc_of(packed), packed


def _want(name: str) -> Want:
    codes = tuple(QUANTITY_CODES[quantity] for quantity in recorded.SOURCES[name])
    # Its events are a station's first source.
    layout = Layout(VERSION, 1 + list(recorded.SOURCES).index(name), recorded.ROW_S, codes, name)
    return Want((recorded.serial(name), recorded.EPOCH), Ranges(), lambda key, stamped: layout, None)


def _catalogue() -> dict[int, object]:
    sources: list[list[object]] = [[bytes(8), 1, "events", 2, 0, []]]
    for name, quantities in recorded.SOURCES.items():
        channels = [[f"{name}.{quantity}", QUANTITY_CODES[quantity]] for quantity in quantities]
        sources.append([recorded.serial(name), recorded.EPOCH, name, SOURCE_BOARD, recorded.ROW_S, channels])
    return {0: 1, 1: VERSION, 10: "RECORDED", 11: sources}
