"""Messages from stored rows: small enough, never too big, and nothing left out or sent twice."""

import random
from contextlib import closing

import cbor2
import pytest

from gateway.batches import LIVE_ROWS_MAX, Ages, Want, messages, take
from gateway.mode_log import ModeLog
from gateway.ranges import Ranges
from gateway.spool_reader import Reader
from tests.gateway.shelf import STATION, VERSION, Shelf, minutes
from tests.gateway.small_station import START_S
from wire.reading import MISSING, SYNCED
from wire.row import TIPS_MAX, Reading, Row
from wire.telemetry import MESSAGE_BYTES_MAX, SEGMENTS_MAX


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    with closing(made.db):
        yield made


def test_a_five_minute_batch_of_five_sources_takes_at_most_four_bytes_a_reading(shelf):
    dice = random.Random(5)
    size = readings = 0
    for batch in range(40):
        first = 1_000 + 5 * batch
        for name in STATION:
            shelf.put(name, minutes(name, 5, dice, first))
        wants = [shelf.want(name, (first, first + 4)) for name in STATION]
        (made,) = shelf.live(wants)
        size += len(made.payload)
        readings += made.readings
    assert readings == 40 * 5 * 12
    assert size / readings <= 4.0, f"{size / readings:.2f} bytes a reading"


def test_only_live_rows_go_live_whatever_their_order(shelf):
    dice = random.Random(1)
    rows = minutes("level", 6, dice)
    for row, age_s in zip(rows, (30, 4_000, 60, 90_000, -90_000, 0), strict=True):
        row.t_s = START_S - age_s
    shelf.put("level", rows)
    ages = Ages(START_S - 600, START_S + 600)
    live = shelf.live([shelf.want("level", (1, 6))], ages)
    assert [row.seq for row in shelf.back(live)[0]["level"]] == [1, 3, 6]


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
    batches = shelf.live([shelf.want("level", (1, LIVE_ROWS_MAX))])
    assert len(batches) > 1
    assert all(len(batch.payload) <= MESSAGE_BYTES_MAX for batch in batches)
    found, parts = shelf.back(batches)
    assert sorted(found["level"], key=lambda row: row.seq) == rows
    assert list(parts["level"]) == [(1, LIVE_ROWS_MAX)]


def test_a_broker_that_takes_less_gets_smaller_messages_with_all_sources_in_each(shelf):
    dice = random.Random(9)
    wants = []
    for name in ("level", "radar"):
        shelf.put(name, minutes(name, 200, dice))
        wants.append(shelf.want(name, (1, 200)))
    batches = shelf.live(wants, bytes_max=500)
    assert all(len(batch.payload) <= 500 and len(batch.parts) == 2 for batch in batches)
    found, _ = shelf.back(batches)
    assert [len(found[name]) for name in ("level", "radar")] == [200, 200]


def test_a_row_that_alone_is_too_large_goes_alone(shelf):
    shelf.put("level", minutes("level", 3, random.Random(9)))
    assert len(shelf.live([shelf.want("level", (1, 3))], bytes_max=10)) == 3


def test_a_deflated_message_is_held_to_its_limit_before_and_after(shelf):
    shelf.put("radar", minutes("radar", 1_400, random.Random(9)))
    want = shelf.want("radar", (1, 1_400))
    taken, _ = take(want, Reader(shelf.db, {}).rows(want.key, 1, 1_400, 1_400))
    whole, *none = messages(taken, ModeLog().at, MESSAGE_BYTES_MAX, deflated=True)
    assert none == []
    parts = messages(taken, ModeLog().at, len(whole.payload) - 1, deflated=True)
    assert [batch.parts[0][1].flat() for batch in parts] == [[1, 700], [701, 1_400]]


def test_a_log_full_of_holes_makes_no_more_segments_than_a_message_may_have(shelf):
    rows = minutes("level", 700, random.Random(4))[::2]
    shelf.put("level", rows)
    batches = shelf.live([shelf.want("level", (1, 700))])
    assert all(len(cbor2.loads(batch.payload)[3]) <= SEGMENTS_MAX for batch in batches)
    assert shelf.back(batches)[0]["level"] == rows


def test_rows_of_another_shape_and_rows_that_are_none_do_not_hold_back_the_others(shelf):
    rows = minutes("level", 4, random.Random(6))
    rows[1] = Row(2, 3, SYNCED, START_S + 120, 0, [Reading(0, None, MISSING)])  # fewer columns than the catalogue
    shelf.put("level", rows)
    with shelf.db:
        shelf.db.execute("UPDATE rows SET packed = x'00112233' WHERE seq = 3")
    batches = shelf.live([shelf.want("level", (1, 4))])
    found, parts = shelf.back(batches)
    assert found["level"] == [rows[0], rows[1], rows[3]]
    assert list(parts["level"]) == [(1, 2), (4, 4)]


def test_rows_that_no_catalogue_names_yet_stay(shelf):
    shelf.put("level", minutes("level", 2, random.Random(7)))
    want = Want(shelf.keys["level"], Ranges([(1, 2)]), lambda key, stamped: None, None)
    assert shelf.live([want]) == []


def test_rows_of_two_catalogue_versions_go_in_two_messages(shelf):
    shelf.put("level", minutes("level", 2, random.Random(8)))
    layouts = iter([shelf.layout("level", None, 0), shelf.layout("level", None, 0)._replace(version=VERSION + 1)])
    want = Want(shelf.keys["level"], Ranges([(1, 2)]), lambda key, stamped: next(layouts), None)
    batches = shelf.live([want])
    assert [cbor2.loads(batch.payload)[1] for batch in batches] == [VERSION, VERSION + 1]
