"""What is missing is asked for after a while, within bounds, ever more seldom; what no log holds is a final gap."""

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ranges import Ranges
from tests.tools import center_messages as m
from tools.center import gaps
from tools.center.overview import overview
from tools.center.store import Store

T = m.NOW_MS
MINUTE_MS = 60_000
DROPPED = 30


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "center.db")) as made:
        made.take([m.catalogue()])
        yield made


def log(first, last, key=m.KEY):
    return [*key, first, last]


def wanted(asks):
    return [one for ask in asks for one in ask.wanted]


def gaps_in(path, at_ms=T, epoch=m.EPOCH):
    sources = overview(path, at_ms)["stations"][0]["sources"]
    (found,) = [source["gaps"] for source in sources if source["epoch"] == epoch and source["serial"] == m.BOARD.hex()]
    return [(gap["first"], gap["last"], gap["state"], gap["why"]) for gap in found]


def test_a_hole_is_asked_for_at_once_on_a_birth_and_what_is_on_its_way_is_not(store):
    store.take([m.batch(m.rows(1, 3)), m.batch(m.rows(7, 2)), m.birth([log(1, 20)])])
    (ask,) = store.asks(T, {m.STATION})
    assert (ask.station, ask.wanted) == (m.STATION, [[*m.KEY, [4, 6]]])
    assert ask.expires_ms == T + gaps.EXPIRES_MS
    assert store.asks(T + 1, {m.STATION}) == [], "a state that comes twice asks once"


def test_without_a_birth_a_hole_has_to_stand_still_for_a_while(store):
    store.take([m.batch(m.rows(1, 3)), m.batch(m.rows(7, 2)), m.birth([log(1, 8)])])
    assert store.asks(T) == []
    store.take([m.batch(m.rows(4, 1))])
    assert store.asks(T + gaps.HOLE_MS) == [], "it shrinks: the rest is on its way"
    assert wanted(store.asks(T + 2 * gaps.HOLE_MS)) == [[*m.KEY, [5, 6]]]


def test_rows_above_what_is_stored_are_asked_for_when_a_live_batch_should_have_brought_them(store):
    store.take([m.batch(m.rows(1, 3)), m.birth([log(1, 20)])])
    assert store.asks(T, {m.STATION}) == []
    assert store.asks(T + gaps.TOP_MS - 1) == []
    assert wanted(store.asks(T + gaps.TOP_MS)) == [[*m.KEY, [4, 20]]]


def test_it_is_asked_again_ever_more_seldom_each_time_under_a_new_id(store):
    store.take([m.batch(m.rows(1, 1)), m.batch(m.rows(3, 1)), m.birth([log(1, 3)])])
    times, ids = [], set()
    for minute in range(4 * 1_440):
        for ask in store.asks(T + minute * MINUTE_MS, {m.STATION} if minute == 0 else ()):
            times.append(minute)
            ids.add(ask.id)
    assert [after - before for before, after in zip(times, times[1:], strict=False)][:8] == [
        5, 10, 20, 40, 80, 160, 320, 360,
    ]  # fmt: skip
    assert len(ids) == len(times)


def test_what_came_is_asked_for_no_more_and_the_reply_is_kept(store, tmp_path):
    store.take([m.batch(m.rows(1, 1)), m.batch(m.rows(3, 1)), m.birth([log(1, 3)])])
    (ask,) = store.asks(T, {m.STATION})
    store.take([m.incoming("reply", {0: 1, 16: ask.id, 19: 1}), m.incoming("reply", {0: 1, 16: 5, 19: 2, 20: "late"})])
    store.take([m.batch(m.rows(2, 1), leaf="late")])
    assert store.asks(T + 400 * MINUTE_MS, {m.STATION}) == []
    with closing(sqlite3.connect(tmp_path / "center.db")) as db:
        assert db.execute("SELECT id, rows, status FROM commands").fetchall() == [(ask.id, 1, 1)]
        assert db.execute("SELECT value FROM counters WHERE name = 'replies_unknown'").fetchall() == [(1,)]


def test_what_was_asked_and_when_survives_a_restart(tmp_path):
    with closing(Store(tmp_path / "center.db")) as store:
        store.take([m.catalogue(), m.batch(m.rows(1, 1)), m.batch(m.rows(3, 1)), m.birth([log(1, 3)])])
        assert store.asks(T, {m.STATION})
    with closing(Store(tmp_path / "center.db")) as store:
        assert gaps_in(tmp_path / "center.db") == [(2, 2, "asked", "")]
        assert store.asks(T + gaps.AGAIN_FIRST_MS - 1) == []
        assert store.asks(T + gaps.AGAIN_FIRST_MS)


def test_a_command_is_bounded_in_rows_and_in_ranges_and_the_rest_follows(store):
    store.take([m.batch(m.rows(1, 1)), m.birth([log(1, 50_001)])])
    store.asks(T)
    found = [wanted(store.asks(T + gaps.TOP_MS + look * 10_000))[0][2] for look in range(3)]
    assert found == [[2, 20_001], [20_002, 40_001], [40_002, 50_001]]


def test_more_holes_than_one_command_or_the_watch_has_room_for_are_asked_for_by_and_by(store):
    store.take([m.batch(m.rows(1 + 2 * n, 1)) for n in range(gaps.WAITS_MAX + 50)])
    store.take([m.birth([log(1, 1)])])
    (asked,) = wanted(store.asks(T, {m.STATION}))
    assert len(asked[2]) == 2 * gaps.PAIRS_MAX
    store.take([m.batch(m.rows(2 * n, 1)) for n in range(1, gaps.PAIRS_MAX + 1)])
    (rest,) = wanted(store.asks(T, {m.STATION}))
    assert rest[2][0] == 2 * gaps.PAIRS_MAX + 2


def test_a_dead_station_is_not_asked(store):
    store.take(
        [m.batch(m.rows(1, 1)), m.batch(m.rows(3, 1)), m.birth([log(1, 3)]), m.incoming("state", {0: 1, 14: False})]
    )
    assert store.asks(T + 60 * MINUTE_MS, {m.STATION}) == []


def test_what_a_gateway_tells_as_dropped_is_final_and_asked_for_no_more(store, tmp_path):
    told = {"source": m.BOARD, "epoch_of": m.EPOCH, "range": [2, 4]}
    store.take([m.batch(m.rows(1, 1)), m.batch(m.rows(7, 1)), m.birth([log(1, 7)]), m.event(1, DROPPED, **told)])
    assert wanted(store.asks(T, {m.STATION})) == [[*m.KEY, [5, 6]]]
    assert gaps_in(tmp_path / "center.db") == [(2, 4, "final", "dropped"), (5, 6, "asked", "")]
    store.take([m.batch(m.rows(3, 1), leaf="late")])
    assert gaps_in(tmp_path / "center.db")[:2] == [(2, 2, "final", "dropped"), (4, 4, "final", "dropped")]


def test_what_lies_below_the_tail_is_final(store, tmp_path):
    store.take([m.batch(m.rows(1, 1)), m.batch(m.rows(7, 2)), m.birth([log(5, 8)])])
    assert gaps_in(tmp_path / "center.db") == [(2, 4, "final", "overwritten"), (5, 6, "waiting", "")]


def test_a_log_that_no_state_lists_any_more_ends_in_a_final_gap_and_comes_back_if_it_does(store, tmp_path):
    path = tmp_path / "center.db"
    other = log(1, 4, (m.BOARD, m.EPOCH_2))
    store.take([m.batch(m.rows(1, 3)), m.batch(m.rows(6, 1)), m.birth([log(1, 9)])])
    store.take([m.birth([other], T + 1_000)])
    assert store.asks(T + 60 * MINUTE_MS, {m.STATION}) == []
    assert gaps_in(path, T + 2_000) == [(4, 5, "waiting", ""), (7, 9, "waiting", "")]
    later = T + 1_000 + gaps.UNLISTED_MS
    assert gaps_in(path, later) == [(4, 5, "final", "log gone"), (7, 9, "final", "log gone")]
    store.take([m.birth([log(1, 3), other], later)])
    assert gaps_in(path, later) == [(4, 5, "waiting", ""), (7, 9, "waiting", "")], "the head that was told once stands"
    assert wanted(store.asks(later, {m.STATION})) == [[*m.KEY, [4, 5]]]


def test_rows_of_a_log_that_no_state_ever_named_show_their_holes(store, tmp_path):
    store.take([m.batch(m.rows(2, 1)), m.batch(m.rows(4, 1)), m.birth()])
    assert gaps_in(tmp_path / "center.db", T + gaps.UNLISTED_MS) == [
        (1, 1, "final", "log gone"),
        (3, 3, "final", "log gone"),
    ]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=12), st.integers(1, 5))
def test_the_watched_ranges_are_always_exactly_what_is_missing(pieces, looks):
    waits: list[gaps.Wait] = []
    missing = Ranges([(1, 70)])
    for look in range(looks):
        for first, length in pieces[look::looks]:
            missing.remove(first, first + length)
        missing.add(71 + look, 71 + look)
        waits = gaps.watch(waits, missing, look)
        assert Ranges((wait.first, wait.last) for wait in waits) == missing
        assert all(before.last < after.first for before, after in zip(waits, waits[1:], strict=False))


@pytest.mark.parametrize(("lang", "word"), [("en", "no log holds it"), ("zh", "各处均已不存")])
@pytest.mark.parametrize("width", [80, 40])
def test_show_lists_gaps_with_range_state_and_the_times_around_them(store, tmp_path, capsys, lang, width, word):
    from rich.console import Console

    from gateway.words import columns
    from tools.center import show

    store.take([m.batch(m.rows(1, 2)), m.batch(m.rows(5, 1)), m.birth([log(4, 6)])])
    store.take([m.batch(m.rows(1 + 2 * n, 1), place=2, epoch=m.EPOCH_2) for n in range(20)])
    show.show(tmp_path / "center.db", lang=lang, console=Console(width=width, highlight=False))
    out = capsys.readouterr().out
    assert max(columns(line) for line in out.splitlines()) <= width
    assert word in out
    assert "2020-06-02" in out
    assert "--json" in out
    show.show(tmp_path / "center.db", as_json=True)
    (station,) = json.loads(capsys.readouterr().out)["stations"]
    (first, second, third) = next(one["gaps"] for one in station["sources"] if one["epoch"] == m.EPOCH)
    assert (first["first"], first["count"], first["state"]) == (3, 1, "final")
    assert (first["after_ms"], first["before_ms"]) == ((m.START_S + 120) * 1000, (m.START_S + 300) * 1000)
    assert (second["state"], third["before_ms"]) == ("waiting", None)
