"""The crash enumerator against programs whose fate at a power cut is known: it must find all of the bad ones."""

import os
import shutil
from dataclasses import replace

import pytest

from tests.tools.plain_programs import COMMITS, ROWS, PlainOracle, record
from tools.soak.crash.bench import Bench, Image, Patch
from tools.soak.crash.disk import MODELS, ORDERED, STRICT, Disk
from tools.soak.crash.kept import memory
from tools.soak.crash.recording import FLUSH, NAMES, SIZE, WRITE, Operation
from tools.soak.crash.search import Found, Search

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace (Debian package strace)")

WAL = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 8; PRAGMA synchronous = "
SUBSETS = range(4)
SEED = 1


@pytest.fixture
def place():
    """A folder in memory: what is flushed here is only written down."""
    with memory() as folder:
        yield folder


def search(recording, folder, model) -> Found:
    search = Search(recording, PlainOracle(recording), SEED, folder / model)
    search.run(model, SUBSETS)
    return search.found


@pytest.mark.parametrize(
    ("pragmas", "is_safe"),
    [
        (WAL + "FULL", True),
        (WAL + "NORMAL", False),  # consistent, but what was acknowledged last is gone
        (WAL + "OFF", False),
        ("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA", True),
        ("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL", False),  # the deleted journal comes back
        ("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL", True),
    ],
)
def test_settings_of_sqlite_are_found_safe_or_not_as_they_are_known_to_be(place, pragmas, is_safe):
    recording = record(place, pragmas)
    for model in MODELS:
        found = search(recording, place, model)
        assert found.states > 100
        assert found.contents > COMMITS  # nothing, and every commit
        assert (found.bad == 0) is is_safe, found.failures[:3]
        assert all(f"seed {SEED}, {model}, operation " in text for text in found.failures)


def test_one_flush_that_the_card_only_pretends_loses_what_was_acknowledged(place):
    recording = record(place, WAL + "FULL")
    flushes = [op for op in recording.operations if op.what == FLUSH]
    for moment, _ in PlainOracle(recording).acked[:3]:
        ignored = max((op for op in flushes if op.end < moment), key=lambda op: op.end)
        lying = replace(recording, operations=[op for op in recording.operations if op is not ignored])
        found = search(lying, place / str(ignored.end), STRICT)
        assert found.bad
        assert any("acknowledged" in text for text in found.failures)


def test_a_failure_is_laid_out_again_by_what_it_says(place):
    recording = record(place, WAL + "NORMAL")
    search = Search(recording, PlainOracle(recording), SEED, place / "search")
    search.run(STRICT, SUBSETS)
    for text in search.found.failures:
        where, wrong = text.split(": ", 1)
        number = int(where.split("operation ")[1].split()[0])
        kind = where.rsplit(", ", 1)[1]
        again = Search(recording, PlainOracle(recording), SEED, place / f"{number} {kind}")
        assert again.again(STRICT, number, kind) == wrong.split("; ")
        assert (again.disk / "plain.db").exists()


def write(moment, inode, offset, data, *, grows=False):
    return Operation(WRITE, moment, moment, inode, offset, data, grows)


def states(model, first, *operations, subsets=range(40)):
    """Every content that file `a` may have after the last operation; None = the file is not there."""
    bench = Bench(first.pop("folder"))
    disk = Disk(model, first, bench)
    for operation in operations:
        disk.take(operation)
    found = set()
    for state in disk.states("seed", subsets):
        bench.patch(state.patches)
        bench.show(state.names)
        file = bench.disk / "a"
        found.add(file.read_bytes() if file.exists() else None)
    bench.close()
    return found


def test_a_write_is_torn_at_each_sector_and_nowhere_else(tmp_path):
    old, new = b"o" * 1_536, b"n" * 1_536
    found = states(ORDERED, {"folder": tmp_path, "a": old}, write(1, 1, 0, new), subsets=range(0))
    assert found == {new[:n] + old[n:] for n in range(0, 1_537, 512)}


def test_sectors_of_one_write_reach_the_disk_in_any_order(tmp_path):
    found = states(STRICT, {"folder": tmp_path, "a": b"o" * 1_024}, write(1, 1, 0, b"n" * 1_024))
    assert b"o" * 512 + b"n" * 512 in found


def test_an_end_that_grew_shows_zeros_only_where_nothing_is_ordered(tmp_path):
    grown = [write(1, 1, 0, b"x" * 512, grows=True), write(2, 1, 512, b"y" * 512, grows=True)]
    hole = bytes(512) + b"y" * 512
    assert hole in states(STRICT, {"folder": tmp_path / "strict", "a": b""}, *grown)
    assert hole not in states(ORDERED, {"folder": tmp_path / "ordered", "a": b""}, *grown)


def test_a_flush_covers_what_was_asked_for_before_it_began_and_nothing_later(tmp_path):
    operations = [write(1, 1, 0, b"1" * 512), write(3, 1, 0, b"2" * 512), Operation(FLUSH, 2, 4, 1)]
    assert states(STRICT, {"folder": tmp_path, "a": b"0" * 512}, *operations) == {b"1" * 512, b"2" * 512}


def test_a_flush_takes_names_along_only_where_the_file_system_orders_them(tmp_path):
    made = [Operation(NAMES, 1, 1, changes=(("a", 2),)), write(2, 2, 0, b"x", grows=True), Operation(FLUSH, 3, 3, 2)]
    assert states(ORDERED, {"folder": tmp_path / "ordered"}, *made) == {b"x"}
    assert states(STRICT, {"folder": tmp_path / "strict"}, *made) == {b"x", None}


def test_what_was_pending_belongs_to_the_file_and_not_to_its_name(tmp_path):
    """An old file's writes do not appear in a new one of the same name."""
    operations = [
        write(1, 1, 0, b"old" * 100),
        Operation(NAMES, 2, 2, changes=(("a", None),)),
        Operation(NAMES, 3, 3, changes=(("a", 2),)),
        write(4, 2, 0, b"new", grows=True),
        Operation(FLUSH, 5, 5, 2),
    ]
    assert states(ORDERED, {"folder": tmp_path, "a": b"0" * 300}, *operations) == {b"new"}


def test_what_was_cut_off_does_not_come_back_behind_the_new_end(tmp_path):
    operations = [
        write(1, 1, 1_024, b"x" * 512),
        Operation(SIZE, 2, 2, 1, 0),
        Operation(FLUSH, 4, 4, 9),  # of another file: an ordered file system makes the size durable with it
    ]
    assert states(ORDERED, {"folder": tmp_path, "a": b"o" * 1_536}, *operations) == {b""}


def test_equal_contents_have_equal_keys_however_they_came_about(tmp_path):
    one, other = Image(tmp_path / "one", b"a" * 700), Image(tmp_path / "other", b"")
    other.write(600, b"a" * 100)
    assert one.key != other.key
    other.write(0, b"a" * 600)
    assert one.key == other.key
    undone = other.write(650, b"b" * 2_000)
    assert one.key != other.key
    other.undo(undone)
    for size in (10, 512, 700, 1_000, 5_000):
        key = other.key
        resized = other.resize(size)
        fresh = Image(tmp_path / "fresh", (b"a" * 700 + bytes(size))[:size])
        assert fresh.key == other.key
        fresh.close()
        other.undo(resized)
        assert other.key == key
    assert one.key == other.key
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes() == b"a" * 700
    one.close()
    other.close()


def test_a_bench_goes_from_one_disk_to_the_next_and_back(tmp_path):
    bench = Bench(tmp_path)
    bench.add(1, b"0" * 600)
    zero = bench.show({"a": 1})
    bench.patch([Patch(1, 0, b"1"), Patch(1, 599, b"22")])
    assert (bench.disk / "a").read_bytes() == b"1" + b"0" * 598 + b"22"
    bench.patch([Patch(1, 0, b"1"), Patch(1, 5, None)])
    assert (bench.disk / "a").read_bytes() == b"10000"
    bench.patch([])
    assert bench.show({"a": 1}) == zero
    bench.show({"b": 1})
    assert os.listdir(bench.disk) == ["b"]
    bench.close()


def test_the_plain_program_says_what_it_committed(place):
    recording = record(place, WAL + "FULL")
    assert [seq for _, seq in PlainOracle(recording).acked] == [ROWS * n for n in range(1, COMMITS + 1)]
