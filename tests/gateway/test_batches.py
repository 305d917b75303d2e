"""Messages from stored rows: small enough, never too big, and nothing left out or sent twice."""

import random
import zlib
from contextlib import closing
from functools import partial

import cbor2
import pytest

from gateway.batches import LATE_ROWS_MAX, LIVE_ROWS_MAX, Ages, Want, collect
from gateway.catalogue import Layout
from gateway.ranges import Ranges
from gateway.spool_reader import Reader
from gateway.spool_schema import Changes, LogInfo, connect
from gateway.spool_tables import append_rows, begin_log, made_log
from tests.gateway.small_station import START_S
from wire.reading import MISSING, QUANTITY_CODES, SYNCED
from wire.row import TIPS_MAX, Reading, Row, crc_of, pack
from wire.short import lengthen
from wire.telemetry import DEFLATE_WBITS, MESSAGE_BYTES_MAX, SEGMENTS_MAX, rows_of

EPOCH = 0x12345678
VERSION = 0x09A1_2B3C
GATEWAY = b"gateway."
STATION = {  # name: channels, as four boards and a bought radar have them
    "level": ("head_mm", "supply_mv"),
    "rain": ("rain_um", "supply_mv"),
    "tilt": ("tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg", "supply_mv"),
    "smoke": ("smoke_mdbm", "smoke_contact", "supply_mv"),
    "radar": ("gap_mm",),
}
NOISE = {"head_mm": 8, "gap_mm": 8, "tilt_x_mdeg": 2, "tilt_y_mdeg": 2, "temp_cdeg": 8, "supply_mv": 6, "smoke_mdbm": 2}
START = {
    "head_mm": 3_214,
    "gap_mm": 8_790,
    "tilt_x_mdeg": 412,
    "tilt_y_mdeg": -123,
    "temp_cdeg": 2_145,
    "rain_um": 182_400,
}


class Shelf:
    """A spool's file with logs in it, and what is wanted of them."""

    def __init__(self, folder):
        self.db = connect(folder / "spool.db", 16_384)
        self.keys = {}
        changes = Changes()
        self.db.execute("BEGIN")
        made_log(self.db, changes, LogInfo(GATEWAY, 0, 0, "events", 2, ()), GATEWAY, 0)
        for place, name in enumerate(STATION):
            key = (name.encode().ljust(8), EPOCH + place)
            begin_log(self.db, changes, LogInfo(*key, 0, name, 0, STATION[name]), GATEWAY, 0)
            self.keys[name] = key
        self.db.execute("COMMIT")

    def put(self, name, rows):
        key = self.keys[name]
        packed = [pack(row, key[1]) for row in rows]
        stored = [(row.seq, row.kind, row.t_s, 0, crc_of(p), p) for row, p in zip(rows, packed, strict=True)]
        self.db.execute("BEGIN")
        append_rows(self.db, Changes(), key, stored, 0)
        self.db.execute("COMMIT")

    def layout(self, name, key, stamped):
        codes = tuple(QUANTITY_CODES[quantity] for quantity in STATION[name])
        return Layout(VERSION, list(STATION).index(name), 60, codes, name)

    def want(self, name, *pairs):
        return Want(self.keys[name], Ranges(pairs), partial(self.layout, name), None)

    def message(self, batch):
        try:
            return cbor2.loads(zlib.decompress(batch.payload, DEFLATE_WBITS))
        except zlib.error:
            return cbor2.loads(batch.payload)

    def back(self, batches):
        """{name: rows} as a center would read them, with the keys that the batches say they carry."""
        found = {name: [] for name in STATION}
        parts = {name: Ranges() for name in STATION}
        for batch in batches:
            message = self.message(batch)
            for segment in lengthen(message[3]):
                name = list(STATION)[segment[0]]
                epoch = self.keys[name][1]
                found[name] += rows_of(segment, 60, epoch, message[2], len(STATION[name]))
            for key, ranges in batch.parts:
                parts[key[0].decode().strip()].update(ranges)
        return found, parts


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    with closing(made.db):
        yield made


def minutes(name, count, dice, first=1, begin_s=START_S):
    """Rows of a source, one a minute, with the noise that such sensors have."""
    rows = []
    for seq in range(first, first + count):
        readings = []
        for column, quantity in enumerate(STATION[name]):
            value = START.get(quantity, 12_000 if quantity == "supply_mv" else 0)
            value += round(dice.gauss(0, NOISE.get(quantity, 0)))
            if quantity == "rain_um":
                value += 200 * (seq // 3)
            stats = (value - 9 - seq % 4, value + 8 + seq % 5, 7) if quantity in ("head_mm", "gap_mm") else ()
            readings.append(Reading(column, value, 1, *(stats if name == "level" else ())))
        tips = [(dice.randrange(60), 1)] if name == "rain" and seq % 3 == 0 else []
        rows.append(Row(seq, 3, SYNCED, begin_s + 60 * seq, 0, readings, tips))
    return rows


def test_a_five_minute_batch_of_five_sources_takes_at_most_four_bytes_a_reading(shelf):
    dice = random.Random(5)
    size = readings = 0
    for batch in range(40):
        first = 1_000 + 5 * batch
        for name in STATION:
            shelf.put(name, minutes(name, 5, dice, first))
        wants = [shelf.want(name, (first, first + 4)) for name in STATION]
        (made,) = collect(Reader(shelf.db, {}), wants, True, Ages(0, 1 << 33), 0)
        size += len(made.payload)
        readings += made.readings
    assert readings == 40 * 5 * 12
    assert size / readings <= 4.0, f"{size / readings:.2f} bytes a reading"


def test_live_rows_go_live_and_the_others_late_whatever_their_order(shelf):
    dice = random.Random(1)
    rows = minutes("level", 6, dice)
    for row, age_s in zip(rows, (30, 4_000, 60, 90_000, -90_000, 0), strict=True):
        row.t_s = START_S - age_s
    shelf.put("level", rows)
    ages = Ages(START_S - 600, START_S + 600)
    live, late = (collect(Reader(shelf.db, {}), [shelf.want("level", (1, 6))], kind, ages, 0) for kind in (True, False))
    assert [row.seq for row in shelf.back(live)[0]["level"]] == [1, 3, 6]
    assert [row.seq for row in shelf.back(late)[0]["level"]] == [2, 4, 5]


def test_a_backlog_goes_in_pieces_oldest_first_and_comes_back_whole(shelf):
    rows = minutes("tilt", 1_300, random.Random(2))
    shelf.put("tilt", rows)
    left, found = Ranges([(1, 1_300)]), []
    for _ in range(3):
        batches = collect(Reader(shelf.db, {}), [shelf.want("tilt", *left)], False, Ages(1 << 32, 1 << 33), 2)
        got, parts = shelf.back(batches)
        assert len(got["tilt"]) <= LATE_ROWS_MAX
        assert all(shelf.message(batch)[4] == 2 for batch in batches)
        left = left.minus(parts["tilt"])
        found += got["tilt"]
    assert not left
    assert found == rows


def test_a_message_that_would_be_too_big_is_halved_until_it_fits(shelf):
    wild = random.Random(3)
    rows = []
    for seq in range(1, LIVE_ROWS_MAX + 1):  # Nothing to compress, and as many tips as a row takes.
        number = wild.randrange(-(2**31) + 1, 2**31)
        readings = [Reading(0, number, 1, -(2**31) + 1, 2**31 - 1, 2**32 - 1), Reading(1, -number)]
        rows.append(
            Row(seq, 3, SYNCED, START_S + wild.randrange(10**6), 7, readings, [(wild.randrange(60_000), 3)] * TIPS_MAX)
        )
    shelf.put("level", rows)
    batches = collect(Reader(shelf.db, {}), [shelf.want("level", (1, LIVE_ROWS_MAX))], True, Ages(0, 1 << 33), 0)
    assert len(batches) > 1
    assert all(len(batch.payload) <= MESSAGE_BYTES_MAX for batch in batches)
    found, parts = shelf.back(batches)
    assert found["level"] == rows
    assert list(parts["level"]) == [(1, LIVE_ROWS_MAX)]


def test_a_log_full_of_holes_makes_no_more_segments_than_a_message_may_have(shelf):
    rows = minutes("level", 700, random.Random(4))[::2]
    shelf.put("level", rows)
    batches = collect(Reader(shelf.db, {}), [shelf.want("level", (1, 700))], True, Ages(0, 1 << 33), 0)
    assert all(len(cbor2.loads(batch.payload)[3]) <= SEGMENTS_MAX for batch in batches)
    assert shelf.back(batches)[0]["level"] == rows


def test_rows_of_another_shape_and_rows_that_are_none_do_not_hold_back_the_others(shelf):
    rows = minutes("level", 4, random.Random(6))
    rows[1] = Row(2, 3, SYNCED, START_S + 120, 0, [Reading(0, None, MISSING)])  # fewer columns than the catalogue
    shelf.put("level", rows)
    with shelf.db:
        shelf.db.execute("UPDATE rows SET packed = x'00112233' WHERE seq = 3")
    batches = collect(Reader(shelf.db, {}), [shelf.want("level", (1, 4))], True, Ages(0, 1 << 33), 0)
    found, parts = shelf.back(batches)
    assert found["level"] == [rows[0], rows[1], rows[3]]
    assert list(parts["level"]) == [(1, 2), (4, 4)]


def test_rows_that_no_catalogue_names_yet_stay(shelf):
    shelf.put("level", minutes("level", 2, random.Random(7)))
    want = Want(shelf.keys["level"], Ranges([(1, 2)]), lambda key, stamped: None, None)
    assert collect(Reader(shelf.db, {}), [want], True, Ages(0, 1 << 33), 0) == []


def test_rows_of_two_catalogue_versions_go_in_two_messages(shelf):
    shelf.put("level", minutes("level", 2, random.Random(8)))
    layouts = iter([shelf.layout("level", None, 0), shelf.layout("level", None, 0)._replace(version=VERSION + 1)])
    want = Want(shelf.keys["level"], Ranges([(1, 2)]), lambda key, stamped: next(layouts), None)
    batches = collect(Reader(shelf.db, {}), [want], True, Ages(0, 1 << 33), 0)
    assert [cbor2.loads(batch.payload)[1] for batch in batches] == [VERSION, VERSION + 1]
