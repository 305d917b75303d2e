"""Backup and restore of a center: nothing is deleted, a bad copy changes nothing, stations hear a new generation."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.tools import center_messages as m
from tools.__main__ import main
from tools.center.store import Store, StoreFailure


@pytest.fixture
def db(tmp_path):
    """A database with two rows and, as `old.db`, its backup from before the second."""
    path = tmp_path / "center.db"
    with closing(Store(path)) as store:
        store.take([m.catalogue(), m.batch(m.rows(1, 1))])
        assert main(["center", "backup", "--db", str(path), "--to", str(tmp_path / "old.db")]) == 0, "while it runs"
        store.take([m.batch(m.rows(2, 1))])
    return path


def call(db, *more, source="old.db"):
    return main(["center", "restore", "--db", str(db), "--from", str(db.parent / source), *more])


def held(path):
    with closing(Store(path)) as store:
        return store.generation, store.statements(m.STATION, {m.KEY})[0].watermark


def test_a_restored_center_holds_what_the_backup_held_under_a_new_generation(db, capsys):
    before, _ = held(db)
    capsys.readouterr()
    assert call(db, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert held(db) == (told["generation"], 1)
    assert told["generation"] != before == told["backup"]["generation"]
    assert (told["backup"]["rows"], told["present"]["rows"]) == (1, 2)
    (kept,) = db.parent.glob("center.db.before-restore-*[0-9Z]")
    assert str(kept) == told["kept"]
    assert held(kept) == (before, 2), "the present file is kept aside"


def test_restoring_twice_in_a_second_keeps_both(db):
    assert [call(db), call(db)] == [0, 0]
    assert len(list(db.parent.glob("center.db.before-restore-*[0-9Z]"))) == 2


def test_a_dry_run_changes_nothing_and_says_what_would_be(db, capsys):
    before, names = held(db), {path.name for path in db.parent.iterdir()}
    assert call(db, "--dry-run", "--lang", "en") == 0
    out = capsys.readouterr()
    assert "1 rows" in out.out
    assert "gap" in out.err
    assert held(db) == before
    assert {path.name for path in db.parent.iterdir()} - names <= {"old.db-shm", "old.db-wal"}


def test_while_a_center_runs_nothing_is_restored(db, capsys):
    with closing(Store(db)):
        assert call(db) == 5
        with pytest.raises(StoreFailure, match="another center"):
            Store(db)
    assert "a center runs on" in capsys.readouterr().err
    assert held(db)[1] == 2


def test_a_new_place_needs_no_present_database(db, tmp_path):
    assert main(["center", "restore", "--db", str(tmp_path / "new.db"), "--from", str(tmp_path / "old.db")]) == 0
    assert held(tmp_path / "new.db")[1] == 1


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda old: old.unlink(), 3),
        (lambda old: old.write_bytes(b"no database" * 1_000), 4),
        (lambda old: old.write_bytes(old.read_bytes()[:-8_192]), 4),
        (lambda old: _sql(old, "DELETE FROM rows WHERE seq = 1"), 4),
        (lambda old: _sql(old, "PRAGMA user_version = 1"), 4),
    ],
)
def test_a_backup_that_is_not_sound_changes_nothing(db, capsys, spoil, code):
    before = held(db)
    spoil(db.parent / "old.db")
    assert call(db) == code
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines() if line[0] not in " "][:3] == [
        "FAIL",
        "Seen",
        "Likely",
    ]
    assert held(db) == before
    assert not list(db.parent.glob("*restor*"))


def test_the_database_is_no_backup_of_itself_and_a_backup_is_never_written_over(db):
    assert call(db, source="center.db") == 2
    assert main(["center", "backup", "--db", str(db), "--to", str(db.parent / "old.db")]) == 5
    assert main(["center", "backup", "--db", str(db.parent / "no.db"), "--to", str(db.parent / "new.db")]) == 3


def test_in_chinese_too(db, capsys):
    assert call(db, "--lang", "zh") == 0
    out = capsys.readouterr()
    assert "新代号" in out.out
    assert "缺口" in out.err


def test_a_database_of_another_version_is_refused(db):
    _sql(db, "PRAGMA user_version = 1")
    with pytest.raises(StoreFailure, match="version 1"):
        Store(db)


def _sql(path, statement):
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
