"""The backlog: every row once, day by day and in order, whatever rows, gaps and clocks there are."""

import asyncio
import random
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import backlog
from gateway.backlog import DAY_S, LOOKED_MAX, ROWS_MAX, SOURCE_ROWS_MAX, Aim, make
from gateway.batches import Ages, Want
from gateway.mode_log import ModeLog
from gateway.ranges import Ranges
from tests.gateway.shelf import ALL_LATE, ALL_LIVE, STATION, Shelf, minutes
from tests.gateway.small_station import START_S
from tools.center.decode import BATCH_ROWS_MAX, BatchMessage, read
from wire.telemetry import MESSAGE_BYTES_MAX

MIDNIGHT_S = START_S // DAY_S * DAY_S
ALL_OF_IT = Aim(ROWS_MAX, MESSAGE_BYTES_MAX)


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    with closing(made.db):
        yield made


def drained(shelf, wanted, ages=ALL_LATE, aim=ALL_OF_IT, most=200):
    """Every batch of the backlog, one `make` after the other."""
    left = {name: Ranges([pair]) for name, pair in wanted.items()}
    batches = []
    for _ in range(most):
        wants = [shelf.want(name, *ranges) for name, ranges in left.items() if ranges]
        made = asyncio.run(make(shelf, wants, ages, ModeLog().at, aim))
        if not made.batches:
            return batches, left
        _, parts = shelf.back(made.batches)
        left = {name: ranges.minus(parts[name]) for name, ranges in left.items()}
        batches += made.batches
    raise AssertionError("the backlog does not end")


def test_a_message_is_a_day_of_all_sources_oldest_first(shelf):
    dice = random.Random(1)
    rows = {name: minutes(name, 1_500, dice, begin_s=MIDNIGHT_S + 600) for name in ("level", "radar")}
    for name, of_log in rows.items():
        shelf.put(name, of_log)
    batches, left = drained(shelf, dict.fromkeys(rows, (1, 1_500)))
    assert not any(left.values())
    found, _ = shelf.back(batches)
    assert {name: found[name] for name in rows} == rows
    assert len(batches) == 2
    for day, batch in enumerate(batches):
        found, _ = shelf.back([batch])
        assert {row.t_s // DAY_S for of_log in found.values() for row in of_log} == {MIDNIGHT_S // DAY_S + day}
        assert all(1 <= len(found[name]) <= SOURCE_ROWS_MAX for name in rows)
        assert isinstance(read("late", batch.payload), BatchMessage)


def test_a_slow_link_gets_a_shorter_time_of_all_sources_in_each_message(shelf):
    dice = random.Random(2)
    for name in STATION:
        shelf.put(name, minutes(name, 300, dice, begin_s=MIDNIGHT_S))
    batches, _ = drained(shelf, dict.fromkeys(STATION, (1, 300)), aim=Aim(500, MESSAGE_BYTES_MAX))
    assert [sum(ranges.count() for _, ranges in batch.parts) for batch in batches] == [500, 500, 500]
    assert all(len(batch.parts) == len(STATION) for batch in batches)


def test_a_message_that_took_more_bytes_than_expected_is_split(shelf):
    shelf.put("tilt", minutes("tilt", 1_000, random.Random(3), begin_s=MIDNIGHT_S))
    batches, left = drained(shelf, {"tilt": (1, 1_000)}, aim=Aim(ROWS_MAX, 700))
    assert not left["tilt"]
    assert len(batches) > 2
    assert all(len(batch.payload) <= 700 for batch in batches)


def test_live_rows_are_left_for_their_batch_and_looked_over(shelf):
    rows = minutes("level", 6, random.Random(1))
    for row, age_s in zip(rows, (30, 4_000, 60, 90_000, -90_000, 0), strict=True):
        row.t_s = START_S - age_s
    shelf.put("level", rows)
    batches, left = drained(shelf, {"level": (1, 6)}, Ages(START_S - 600, START_S + 600))
    assert sorted(row.seq for row in shelf.back(batches)[0]["level"]) == [2, 4, 5]
    assert list(left["level"]) == [(1, 1), (3, 3), (6, 6)]


def test_rows_that_cannot_be_sent_are_named_and_do_not_hold_back_the_others(shelf):
    shelf.put("level", minutes("level", 4, random.Random(6)))
    shelf.put("radar", minutes("radar", 4, random.Random(6)))
    no_layout = Want(shelf.keys["radar"], Ranges([(1, 4)]), lambda key, stamped: None, None)
    made = asyncio.run(make(shelf, [shelf.want("level", (1, 4)), no_layout], ALL_LATE, ModeLog().at, ALL_OF_IT))
    assert made.unfit == [(shelf.keys["radar"], Ranges([(1, 4)]))]
    assert [batch.parts for batch in made.batches] == [[(shelf.keys["level"], Ranges([(1, 4)]))]]


def test_no_more_rows_are_looked_at_than_a_limit_where_none_is_late(shelf, monkeypatch):
    shelf.put("level", minutes("level", 200, random.Random(6)))
    monkeypatch.setattr(backlog, "LOOKED_MAX", 50)
    looks = []
    plain = shelf.read
    shelf.read = lambda function: looks.append(function) or plain(function)
    assert asyncio.run(make(shelf, [shelf.want("level", (1, 200))], ALL_LIVE, ModeLog().at, ALL_OF_IT)).batches == []
    assert len(looks) == 1
    assert LOOKED_MAX > SOURCE_ROWS_MAX


def test_no_message_has_more_rows_than_a_center_takes():
    assert ROWS_MAX + SOURCE_ROWS_MAX < BATCH_ROWS_MAX


@st.composite
def shelves(draw):
    """{source: rows}: gaps in seq, days, rows of the past and of clocks that were wrong, any values."""
    rows = {}
    dice = random.Random(draw(st.integers(0, 1 << 32)))
    for name in draw(st.sets(st.sampled_from(sorted(STATION)), min_size=1)):
        seq, t_s, run = 1, MIDNIGHT_S + draw(st.integers(0, DAY_S)), []
        for _ in range(draw(st.integers(1, 4))):
            part = minutes(name, draw(st.integers(1, 30)), dice, seq, t_s)
            for row in part[:: draw(st.integers(1, 3))]:
                row.t_s += draw(st.sampled_from([0, 0, 0, 1, 3_600]))
                run.append(row)
            seq = part[-1].seq + draw(st.integers(1, 50))
            t_s = max(t_s + draw(st.sampled_from([60, DAY_S, 5 * DAY_S, -45 * 60, -20 * 365 * DAY_S])), 0)
        rows[name] = run
    return rows


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shelves(), st.integers(1, 200), st.integers(60, 2_000))
def test_any_rows_reach_the_center_exactly_as_they_are_each_once_and_in_their_order(rows, aim_rows, bytes_max):
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder))
        with closing(shelf.db):
            for name, of_log in rows.items():
                shelf.put(name, of_log)
            wanted = {name: (1, of_log[-1].seq) for name, of_log in rows.items()}
            batches, _ = drained(shelf, wanted, aim=Aim(aim_rows, bytes_max))
            found, parts = shelf.back(batches)
    for name in STATION:
        expected = rows.get(name, [])
        assert sorted(found[name], key=lambda row: row.seq) == expected
        assert parts[name] == Ranges((row.seq, row.seq) for row in expected)
        if [row.t_s for row in expected] == sorted(row.t_s for row in expected):
            assert found[name] == expected, "in order"
    for batch in batches:
        assert len(batch.payload) <= max(bytes_max, 300)
        message = read("late", batch.payload)
        assert isinstance(message, BatchMessage)
