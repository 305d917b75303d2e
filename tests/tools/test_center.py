"""The center's database: whatever comes, in whatever order and however often, is stored once and never made up."""

import json
import sqlite3
import tracemalloc
from contextlib import closing, suppress

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools import center_messages as m
from tools.center.decode import BATCH_ROWS_MAX, BatchMessage, CatalogueMessage, read, rows_in
from tools.center.overview import overview
from tools.center.store import Store, StoreFailure
from wire.reading import GOOD, SYNCED
from wire.row import Reading, Row, crc_of, pack
from wire.telemetry import MESSAGE_BYTES_MAX, TelemetryError

KEY = (m.BOARD, m.EPOCH)
BATCH = m.batch(m.rows(1, 5)).payload
MESSAGES = [("live", BATCH), ("late", m.deflated(BATCH)), ("event", m.event(1, 1, rule="flood").payload)]
MESSAGES.append(("state", m.birth().payload))


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "center.db")) as made:
        yield made


@pytest.fixture
def ask(tmp_path):
    with closing(sqlite3.connect(tmp_path / "center.db")) as db:
        yield lambda sql, *values: db.execute(sql, values).fetchall()


def keys(ask):
    return set(ask("SELECT source, epoch, seq, crc FROM rows"))


def made(rows):
    return {(*KEY, row.seq, crc_of(pack(row, m.EPOCH))) for row in rows}


def test_rows_are_stored_with_the_crc_that_the_board_gave_them_and_acknowledged(store, ask):
    touched = store.take([m.catalogue(), m.batch(m.rows(1, 5)), m.batch(m.rows(8, 2))])
    assert keys(ask) == made(m.rows(1, 5) + m.rows(8, 2))
    assert touched == {m.STATION: {KEY}}
    assert store.statements(m.STATION, {KEY}) == [(*KEY, 5, [8, 9])]
    assert ask("SELECT count(*) FROM readings") == [(14,)]
    assert ask("SELECT seq, age_s, count FROM tips ORDER BY seq LIMIT 2") == [(1, 5, 1), (2, 5, 1)]
    assert ask("SELECT level_mm, value FROM readings WHERE seq = 9 AND channel = 0") == [(180_009, 20_009)]


def test_a_message_that_comes_again_is_acknowledged_again_and_stored_once(store, ask):
    store.take([m.catalogue(), m.batch(m.rows(1, 5)), m.event(1, 40)])
    before = [ask(f"SELECT * FROM {table}") for table in ("rows", "readings", "events", "latest")]
    again = store.take([m.batch(m.rows(1, 5)), m.event(1, 40)])
    assert [ask(f"SELECT * FROM {table}") for table in ("rows", "readings", "events", "latest")] == before
    assert again == {m.STATION: {KEY, (m.GATEWAY, 1)}}
    assert ask("SELECT value FROM counters WHERE name = 'duplicates'") == [(6,)]


def test_the_first_row_under_a_key_stays_and_the_other_is_set_aside(store, ask):
    store.take([m.catalogue(), m.batch(m.rows(1, 2))])
    store.take([m.batch(m.rows(1, 3, value=30_000))])
    assert keys(ask) == made(m.rows(1, 2) + m.rows(3, 1, value=30_000))
    assert ask("SELECT count(*) FROM quarantine WHERE reason LIKE 'another row%'") == [(2,)]
    assert ask("SELECT value FROM readings WHERE seq = 1 AND channel = 0") == [(20_001,)]


def test_a_batch_of_an_unknown_catalogue_waits_for_it_and_is_not_acknowledged_before(store, ask):
    assert store.take([m.batch(m.rows(1, 5)), m.batch(m.rows(1, 5))]) == {}
    assert ask("SELECT count(*) FROM raw") == [(1,)]
    assert store.take([m.catalogue()]) == {m.STATION: {KEY}}
    assert keys(ask) == made(m.rows(1, 5))
    assert ask("SELECT count(*) FROM raw") == [(0,)]


def test_the_copy_of_a_catalogue_in_its_event_is_enough(store, ask):
    store.take([m.batch(m.rows(1, 2), version=9), m.catalogue_event(1, 9)])
    assert len(keys(ask)) == 3


def test_another_catalogue_under_the_same_version_is_set_aside(store, ask):
    store.take([m.catalogue(), m.catalogue(level=["river", 2, 0, "cn1985"]), m.batch(m.rows(1, 1))])
    assert ask("SELECT reason FROM quarantine") == [("another catalogue under the same version",)]
    assert ask("SELECT level_mm FROM readings WHERE channel = 0") == [(180_001,)]


def test_the_newest_derivation_wins_and_the_row_stays(store, ask):
    store.take([m.catalogue(), m.batch(m.rows(1, 1))])
    store.take([m.catalogue(8, ["river", 2, 161_000, "wusong"]), m.batch(m.rows(1, 1), version=8)])
    store.take([m.batch(m.rows(1, 1), version=7)])
    assert ask("SELECT level_mm, derivation FROM readings WHERE channel = 0") == [(181_001, 8)]
    assert keys(ask) == made(m.rows(1, 1))


def test_an_old_row_never_overwrites_the_latest_value(store, ask):
    store.take([m.catalogue(), m.batch(m.rows(5, 1)), m.batch(m.rows(1, 3), leaf="late")])
    assert ask("SELECT seq, value, late FROM latest WHERE name = 'river'") == [(5, 20_005, 0)]


def test_a_row_from_the_future_is_kept_and_is_nobodys_latest(store, ask):
    store.take([m.catalogue(), m.batch(m.rows(1, 1)), m.batch(m.rows(2, 1), at_ms=m.NOW_MS - 3 * 86_400_000)])
    assert keys(ask) == made(m.rows(1, 2))
    assert ask("SELECT seq FROM latest WHERE name = 'river'") == [(1,)]


def test_one_bad_segment_does_not_hold_back_the_others(store, ask):
    bad = [[1, 99, 0, 1, 2, [[1, 2, 3], []]], [9, 1, 0, 1, 1, [[1], [1]]], [1, 50, b"not a row but long enough"]]
    store.take([m.catalogue(), m.batch(m.rows(1, 2), more=bad)])
    assert keys(ask) == made(m.rows(1, 2))
    assert ask("SELECT value FROM counters WHERE name = 'quarantined'") == [(3,)]


def test_a_birth_is_answered_with_all_that_is_stored_of_the_station(store):
    store.take([m.catalogue(), m.batch(m.rows(1, 2)), m.event(1, 40)])
    assert store.take([m.birth()]) == {m.STATION: {KEY, (m.GATEWAY, 1)}}
    assert store.take([m.incoming("state", {0: 1, 14: False})]) == {}


def test_a_birth_at_an_empty_database_is_answered_too_so_that_the_station_learns_its_generation(store):
    assert store.take([m.birth()]) == {m.STATION: set()}
    assert store.statements(m.STATION, set()) == []


def test_generation_and_what_is_stored_survive_a_restart(tmp_path):
    with closing(Store(tmp_path / "a.db")) as first:
        first.take([m.catalogue(), m.batch(m.rows(1, 4))])
        generation = first.generation
    with closing(Store(tmp_path / "a.db")) as again, closing(Store(tmp_path / "b.db")) as other:
        assert again.generation == generation != other.generation
        assert again.statements(m.STATION, {KEY}) == [(*KEY, 4, [])]


def test_what_cannot_be_committed_is_not_stated(tmp_path, store, ask):
    store.take([m.catalogue(), m.batch(m.rows(1, 1))])
    store._db.execute("PRAGMA max_page_count = 1")  # SQLite raises it to what is used: not one page more.
    many = [m.batch(m.rows(first, 1_000)) for first in range(2, 3_002, 1_000)]
    with pytest.raises(sqlite3.Error, match="full"):
        store.take(many)
    assert store.statements(m.STATION, {KEY}) == [(*KEY, 1, [])]
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.take(many) == {m.STATION: {KEY}}
    assert store.statements(m.STATION, {KEY}) == [(*KEY, 3_001, [])]
    assert len(keys(ask)) == 3_001


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "no.db").write_bytes(b"something else" * 1_000)
    with pytest.raises(StoreFailure):
        Store(tmp_path / "no.db")


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_order_and_any_repetition_end_in_the_same_rows(tmp_path_factory, data):
    messages = [m.catalogue(), *(m.batch(m.rows(n, 3)) for n in (1, 4, 6, 9)), m.event(1, 40), m.catalogue_event(2, 8)]
    order = data.draw(st.permutations(messages * 2))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(order)), max_size=4)))
    path = tmp_path_factory.mktemp("center") / "center.db"
    with closing(Store(path)) as store, closing(sqlite3.connect(path)) as db:
        for first, last in zip([0, *cuts], [*cuts, len(order)], strict=True):
            store.take(order[first:last])
        stored = set(db.execute("SELECT source, epoch, seq, crc FROM rows WHERE kind = 1"))
        assert stored == made(m.rows(1, 11))
        assert store.statements(m.STATION, {KEY}) == [(*KEY, 11, [])]
        assert set(db.execute("SELECT name, seq FROM latest")) == {("river", 11), ("level.supply", 11)}
        assert db.execute("SELECT count(*) FROM events").fetchone() == (2,)


@pytest.mark.parametrize(
    ("leaf", "payload"),
    [
        ("live", BATCH + b"\0"),  # bytes behind the end
        ("live", BATCH[:-1]),
        ("live", b"\xbf" + BATCH[1:] + b"\xff"),  # indefinite length
        ("live", b""),
        ("live", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),  # an array of 2^64
        ("live", b"\x81" * 5_000 + b"\0"),  # deep
        ("live", bytes(MESSAGE_BYTES_MAX + 1)),
        ("live", cbor2.dumps({0: 2, 1: 7, 2: 0, 3: [[1]]})),  # another major version
        ("live", cbor2.dumps({0: 1, 1: 7, 2: 0, 3: []})),
        ("live", cbor2.dumps({0: 1, 1: 1 << 33, 2: 0, 3: [[1]]})),
        ("live", cbor2.dumps({0: 1, 1: 7, 2: 0, 3: [[1]] * 257})),
        ("event", cbor2.dumps({0: 1, 1: 7, 5: b"short", 6: 1, 7: 1, 8: b"\xa0", 9: 0})),
        ("event", cbor2.dumps({0: 1, 1: 7, 5: b"12345678", 6: 1, 7: 0, 8: b"\xa0", 9: 0})),
        ("event", cbor2.dumps({0: 1, 1: 7, 5: b"12345678", 6: 1, 7: 1, 8: b"\xa0", 9: 0})),  # no kind, no times
        (
            "event",
            cbor2.dumps({0: 1, 1: 7, 5: b"12345678", 6: 1, 7: 1, 8: cbor2.dumps({0: 1, 1: 0, 2: 1 << 70}), 9: 0}),
        ),
        ("catalogue", cbor2.dumps({0: 1, 1: 7, 10: "x", 11: [[b"12345678", 1, "n", 0, 60, [["c", 200]]]]})),
        ("state", cbor2.dumps({0: 1, 14: 1})),
        ("command", BATCH),
    ],
)
def test_what_breaks_the_contract_is_set_aside_and_changes_nothing(store, ask, leaf, payload):
    with pytest.raises(TelemetryError):
        read(leaf, payload)
    assert store.take([m.incoming(leaf, payload)]) == {}
    assert ask("SELECT count(*) FROM quarantine") == [(1,)]
    assert keys(ask) == set()


def segment(first: int, count: int) -> list:
    return [1, first, 60 * first, 1, count, [[20_000], [12_000]]]


def full_message() -> list:
    """Segments of 20,000 rows, one of them packed; what is refused anyway counts for none."""
    refused = [7, [1], [1, 1, 0, 1], [1, 1, 0, 1, -1_000, [[1], [1]]], [1, 1, 0, 1, 1_501, [[1], [1]]]]
    packed = [1, 99_999, pack(Row(99_999, 1, SYNCED, m.START_S, 0, [Reading(0, 1, GOOD)]), m.EPOCH)]
    return [*refused, *(segment(1 + 1_500 * i, 1_500) for i in range(13)), segment(19_501, 499), packed]


def test_a_message_of_as_many_rows_as_one_may_have_is_read():
    record = read("live", m.batch([], more=full_message()).payload)
    assert isinstance(record, BatchMessage)
    assert sum(segment[4] for segment in record.segments[5:-1]) + 1 == BATCH_ROWS_MAX == 20_000


def test_a_message_that_claims_more_rows_than_one_may_have_is_set_aside_whole(store, ask):
    payload = m.batch([], more=full_message() + [segment(50_000, 1)])
    assert len(payload.payload) < 1_000, "a small message may claim a lot"
    store.take([m.catalogue(), payload])
    assert ask("SELECT reason FROM quarantine") == [("more than 20,000 rows in one message",)]
    assert keys(ask) == set()


def test_a_days_minutes_of_eight_sources_fit_into_one_message():
    channels = [["river", 2, 0, "wusong"]]
    sources = [[bytes([i]) * 8, 1, f"level {i}", 0, 60, channels] for i in range(8)]
    catalogue = read("catalogue", cbor2.dumps({0: 1, 1: 7, 10: m.STATION, 11: sources}, canonical=True))
    segments = [[i, 1, 0, 1, 1_440, [[2_000, 3] + [(-1) ** row for row in range(1_400)]]] for i in range(8)]
    record = read("late", m.deflated(cbor2.dumps({0: 1, 1: 7, 2: m.START_S, 3: segments}, canonical=True)))
    assert isinstance(record, BatchMessage)
    assert isinstance(catalogue, CatalogueMessage)
    assert sum(len(rows_in(segment, record.base_s, catalogue)) for segment in record.segments) == 8 * 1_440


def test_a_late_message_inflates_to_what_a_live_one_says():
    assert read("late", m.deflated(BATCH)) == read("live", BATCH)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (BATCH, "deflate"),
        (b"", "without end"),
        (m.deflated(BATCH)[:-1], "without end"),
        (m.deflated(BATCH) + b"\0", "behind it"),
        (m.deflated(bytes(MESSAGE_BYTES_MAX + 1)), "inflates to more"),
        (m.deflated(bytes(50_000_000)), "inflates to more"),
        (bytes(MESSAGE_BYTES_MAX + 1), "more than"),
        (m.deflated(BATCH + b"\0"), "deterministic"),
    ],
)
def test_a_late_message_that_inflates_to_too_much_or_to_nothing_of_ours_is_refused(payload, reason):
    tracemalloc.start()
    try:
        with pytest.raises(TelemetryError, match=reason):
            read("late", payload)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_unknown_keys_are_ignored():
    message = cbor2.loads(BATCH) | {22: [1, {3: b"x"}]}
    assert read("live", cbor2.dumps(message, canonical=True)) == read("live", BATCH)


@settings(max_examples=300)
@given(
    st.sampled_from(MESSAGES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.binary(max_size=3),
)
def test_no_mutated_message_does_more_than_be_refused(message, changes, tail):
    leaf, payload = message
    bent = bytearray(payload)
    for at, byte in changes:
        bent[at % len(bent)] = byte
    catalogue = read("catalogue", m.catalogue_content())
    assert isinstance(catalogue, CatalogueMessage)
    with suppress(TelemetryError):
        record = read(leaf, bytes(bent) + tail)
        if isinstance(record, BatchMessage):
            found = [row for segment in record.segments for row in rows_in(segment, record.base_s, catalogue)]
            assert all(len(row.packed) <= 234 for row in found)


@pytest.mark.parametrize(
    ("fault", "rows_lost", "rows_doubled"), [("drop", 5, 0), ("twice", 0, 5), ("early-ack", 25, 0)]
)
def test_a_planted_fault_shows_in_the_sets_and_is_acknowledged_all_the_same(tmp_path, fault, rows_lost, rows_doubled):
    from tools.center.plant import Plant

    path = tmp_path / "center.db"
    with closing(Store(path, Plant(fault))) as store, closing(sqlite3.connect(path)) as db:
        store.take([m.catalogue()])
        for first in (1, 26, 51, 76):
            store.take([m.batch(m.rows(first, 25))])
        assert store.statements(m.STATION, {KEY}) == [(*KEY, 100, [])]
        stored = set(db.execute("SELECT source, epoch, seq, crc FROM rows"))
    assert len(made(m.rows(1, 100)) - stored) == rows_lost
    assert len(stored - made(m.rows(1, 100))) == rows_doubled


def test_the_overview_names_value_unit_datum_quality_age_alarms_and_what_is_missing(tmp_path, store):
    raised = {"rule": "flood", "channel": "river", "value": 182_010, "threshold": 182_000, "quantity": 12}
    store.take([m.catalogue(), m.batch(m.rows(1, 2)), m.batch(m.rows(5, 1)), m.birth([[m.BOARD, m.EPOCH, 1, 7]])])
    store.take([m.event(1, 1, level=2, **raised), m.event(2, 5, rule="flood", channel="river"), m.event(3, 40)])
    store.take(
        [m.event(4, 1, level=1, rule="rain", channel="rain"), m.event(5, 4, level=0, rule="rain", channel="rain")]
    )
    found = overview(tmp_path / "center.db", at_ms=m.NOW_MS + 1_000)
    (station,) = found["stations"]
    (river,) = [channel for channel in station["channels"] if channel["name"] == "river"]
    assert (river["quantity"], river["value"], river["datum"], river["quality"]) == (
        "level_mm",
        180_005,
        "wusong",
        "good",
    )
    assert river["age_ms"] == 600_000 + 1_000 - 300_000
    assert [(a["rule"], a["level"], a["acknowledged"]) for a in station["alarms"]] == [("flood", 2, True)]
    (level,) = [source for source in station["sources"] if source["name"] == "level"]
    assert (level["rows"], level["up_to"], level["not_here"]) == (3, 2, [[3, 4], [6, 7]])
    store.take([m.event(6, 2, level=4, **raised)])
    (alarm,) = overview(tmp_path / "center.db")["stations"][0]["alarms"]
    assert (alarm["level"], alarm["acknowledged"]) == (4, False), "a higher level is to be seen anew"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 40])
def test_show_fits_the_terminal_in_both_languages_and_sends_no_escape_when_piped(tmp_path, store, capsys, lang, width):
    from rich.console import Console

    from gateway.words import columns
    from tools.center import show

    raised = {"rule": "flood", "channel": "river", "value": 182_010, "threshold": 182_000, "quantity": 12}
    store.take([m.catalogue(), m.batch(m.rows(1, 2)), m.birth(), m.event(1, 1, level=2, datum="wusong", **raised)])
    show.show(tmp_path / "center.db", lang=lang, console=Console(width=width, highlight=False))
    out = capsys.readouterr().out
    assert max(columns(line) for line in out.splitlines()) <= width
    assert "\x1b" not in out
    assert "180.00 m" in out
    assert ("吴淞高程" if lang == "zh" else "Wusong datum") in out
    show.show(tmp_path / "center.db", as_json=True)
    assert json.loads(capsys.readouterr().out)["rows"] == 3


def test_show_of_an_empty_database_says_what_it_waits_for(tmp_path, store, capsys):
    from tools.center import show

    show.show(tmp_path / "center.db", lang="en")
    assert "Waiting for rp/1/+/state." in capsys.readouterr().out
