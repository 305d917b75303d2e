"""When a row was: dated by its log whatever comes first; what cannot be is marked, and never the latest value."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools import center_messages as m
from tools.center.overview import overview
from tools.center.store import Store
from wire.reading import GOOD, NEVER, SYNCED
from wire.resolve import resolve
from wire.row import ANCHOR, Reading, Row

DAY_S = 86_400


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "center.db")) as made:
        yield made


@pytest.fixture
def ask(tmp_path):
    with closing(sqlite3.connect(tmp_path / "center.db")) as db:
        yield lambda sql, *values: db.execute(sql, values).fetchall()


def row(seq, t_s, quality=SYNCED, boot=1):
    return Row(seq, boot, quality, t_s, 0, [Reading(0, 20_000 + seq, GOOD), Reading(1, 12_000, GOOD)])


def anchor(seq, unix_s, up_s, boot=1):
    return Row(seq, boot, SYNCED, unix_s, 0, kind=ANCHOR, anchor=(unix_s, 0, SYNCED, up_s, 0))


def resolved(ask):
    return dict(ask("SELECT seq, resolved_ms FROM rows WHERE kind < 3 ORDER BY seq"))


def test_undated_rows_are_dated_when_the_anchor_comes_later_in_another_message(store, ask):
    store.take([m.catalogue(), m.batch([row(1, 60, NEVER), row(2, 120, NEVER)])])
    assert resolved(ask) == {1: None, 2: None}
    assert ask("SELECT resolved_ms, as_of_ms FROM latest WHERE name = 'river'") == [(None, m.NOW_MS)]
    store.take([m.batch([anchor(3, m.START_S, 150), row(4, m.START_S + 30)])])
    assert resolved(ask) == {seq: (m.START_S + off) * 1000 for seq, off in ((1, -90), (2, -30), (3, 0), (4, 30))}


def test_a_dated_row_dates_the_latest_value_and_a_late_one_finds_its_anchor_here(store, ask):
    store.take([m.catalogue(), m.batch([row(2, 120, NEVER)]), m.batch([anchor(3, m.START_S, 150)])])
    assert ask("SELECT seq, resolved_ms FROM latest WHERE name = 'river'") == [(2, (m.START_S - 30) * 1000)]
    store.take([m.batch([row(1, 60, NEVER)], leaf="late")])
    assert resolved(ask)[1] == (m.START_S - 90) * 1000


def test_rows_that_an_older_derivation_dated_are_dated_again_when_the_database_is_opened(tmp_path):
    path = tmp_path / "center.db"
    with closing(Store(path)) as store:
        store.take([m.catalogue(), m.batch([row(1, 60, NEVER), anchor(2, m.START_S, 60), row(3, 60, NEVER, boot=2)])])
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE rows SET resolved_ms = 5, resolution = 0 WHERE time_quality = 0")
        db.commit()
    with closing(Store(path)), closing(sqlite3.connect(path)) as db:
        assert [found for (found,) in db.execute("SELECT resolved_ms FROM rows ORDER BY seq")] == [
            m.START_S * 1000,
            m.START_S * 1000,
            None,
        ]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_order_of_arrival_dates_each_row_as_the_whole_log_does(tmp_path_factory, data):
    rows = []
    for boot in range(1, 4):
        for n in range(6):
            made = data.draw(st.sampled_from(["never", "never", "stamped", "anchor"]))
            t_s = m.START_S + 1_000 * boot + 60 * n + data.draw(st.sampled_from([0, 0, 2_700, -2_700]))
            if made == "anchor":
                rows.append(anchor(len(rows) + 1, t_s, 60 * n, boot))
            else:
                rows.append(row(len(rows) + 1, *((60 * n, NEVER) if made == "never" else (t_s, SYNCED)), boot))
    path = tmp_path_factory.mktemp("center") / "center.db"
    with closing(Store(path)) as store, closing(sqlite3.connect(path)) as db:
        store.take([m.catalogue()])
        for one in data.draw(st.permutations(rows)):
            store.take([m.batch([one], leaf=data.draw(st.sampled_from(["live", "late"])))])
        found = dict(db.execute("SELECT seq, resolved_ms FROM rows"))
        times = [None if time is None else time[0] * 1000 + time[1] for time in resolve(rows)]
        assert found == {one.seq: time for one, time in zip(rows, times, strict=True)}
        last = max((one.seq for one in rows if one.readings), default=None)
        assert [seq for (seq,) in db.execute("SELECT seq FROM latest WHERE name = 'river'")] == ([last] if last else [])


def test_within_a_log_the_higher_seq_is_the_latest_although_its_clock_was_put_back(store, ask):
    store.take([m.catalogue(), m.batch([row(1, m.START_S)]), m.batch([row(2, m.START_S - 2_700)])])
    store.take([m.batch([row(3, 60, NEVER, boot=2)])])
    assert ask("SELECT seq FROM latest WHERE name = 'river'") == [(3,)]


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_between_logs_the_newer_time_is_the_latest_whichever_came_last(tmp_path_factory, data):
    old = [m.batch([row(seq, m.START_S - DAY_S + seq)], leaf="late") for seq in (1, 50)]
    new = [m.batch([row(seq, m.START_S + seq)], place=2, epoch=m.EPOCH_2) for seq in (1, 2)]
    path = tmp_path_factory.mktemp("center") / "center.db"
    with closing(Store(path)) as store, closing(sqlite3.connect(path)) as db:
        store.take([m.catalogue()])
        store.take(data.draw(st.permutations(old + new)))
        assert db.execute("SELECT epoch, seq FROM latest WHERE name = 'river'").fetchall() == [(m.EPOCH_2, 2)]


def test_an_undated_old_row_that_comes_late_is_no_newer_than_a_dated_one_of_another_log(store, ask):
    store.take([m.catalogue(), m.batch([row(1, m.START_S)], place=2, epoch=m.EPOCH_2)])
    store.take([m.batch([row(9, 60, NEVER)], leaf="late")])
    assert ask("SELECT epoch FROM latest WHERE name = 'river'") == [(m.EPOCH_2,)]


@pytest.mark.parametrize(
    ("t_s", "why"),
    [(100_000, "before 2020"), (m.NOW_MS // 1000 + DAY_S + 1, "more than a day ahead of its receipt")],
)
def test_a_time_that_cannot_be_is_kept_acknowledged_marked_and_neither_latest_nor_dating(
    tmp_path, store, ask, t_s, why
):
    store.take([m.catalogue(), m.batch([row(1, m.START_S)])])
    assert store.take([m.batch([row(2, t_s), anchor(3, t_s, 90), row(4, 60, NEVER)])]) == {m.STATION: {m.KEY}}
    assert store.statements(m.STATION, {m.KEY}) == [(*m.KEY, 4, [])]
    assert resolved(ask)[4] is None
    assert ask("SELECT seq FROM latest WHERE name = 'river'") == [(4,)]
    found = overview(tmp_path / "center.db")
    assert found["doubted"] == 2
    store.take([m.birth()])
    (source,) = [one for one in overview(tmp_path / "center.db")["stations"][0]["sources"] if one["name"] == "level"]
    assert source["doubts"] == [{"why": why, "first": 2, "last": 3, "count": 2}]


def test_other_content_under_a_key_is_kept_beside_the_one_that_stays_and_counted_once(tmp_path, store, ask):
    store.take([m.catalogue(), m.batch(m.rows(1, 1)), m.event(1, 40)])
    for _ in range(2):
        store.take([m.batch(m.rows(1, 1, value=30_000)), m.event(1, 41)])
    kept = ask("SELECT seq, content, stays FROM quarantine WHERE source = ?", m.BOARD)
    (packed,) = ask("SELECT packed FROM rows WHERE source = ?", m.BOARD)
    assert [(seq, stays) for seq, _, stays in kept] == [(1, packed[0])]
    assert kept[0][1] != packed[0]
    assert overview(tmp_path / "center.db")["conflicts"] == 2
