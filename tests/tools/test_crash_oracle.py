"""What the crash oracle says of a spool: each way of losing something is seen, and what is allowed is not."""

import asyncio
import sqlite3
from binascii import crc32
from contextlib import closing
from dataclasses import replace

import cbor2
import pytest

from gateway.ranges import Ranges
from gateway.spool import Spool
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from tools.soak.crash.oracle import SpoolOracle
from tools.soak.crash.reopened import Reopened
from tools.soak.crash.talk import Promise, Talk
from wire.row import crc_of
from wire.telemetry import E_AT_MS, E_DETECTED_MS, E_KIND, EVENT_CODES

KEY: tuple[bytes, int] = (BOARD, EPOCH)
ROWS = {seq: packed_row(seq) for seq in (1, 2, 3)}
ACKED_MOMENT = 10
PROMISES: dict[tuple[bytes, int, int], Promise] = {
    (*KEY, seq): Promise(ACKED_MOMENT, crc_of(packed), "promised") for seq, packed in ROWS.items()
}
TALK = Talk(PROMISES, [(20, KEY, Ranges([(1, 2)]))], [(ACKED_MOMENT, KEY, 3, 0)])


@pytest.fixture
def spool_file(tmp_path):
    """A spool with three rows of a board, the first two acknowledged by the center, and a kept state."""

    async def main():
        spool = Spool(small_station(tmp_path, commit_window_ms=1), HandClock())
        await spool.open()
        await spool.append_rows(*KEY, "level", list(ROWS.values()))
        spool.acknowledge(7, [(*KEY, 2, [])])
        spool.keep_state("alarms", b"red")
        await spool.append_event({E_KIND: EVENT_CODES["gateway started"], E_AT_MS: 1, E_DETECTED_MS: 1})
        await spool.close()

    asyncio.run(main())
    return tmp_path / "spool.db"


def judge(file, talk=TALK, begin=30, end=31):
    oracle = SpoolOracle(file.name, talk, lambda folder, moment: ([], {}))
    with closing(sqlite3.connect(file)) as db:
        return oracle.judge(oracle.look(db), begin, end)


def change(file, sql, *values):
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        assert db.execute(sql, values).rowcount


def event_log(file):
    with closing(sqlite3.connect(file)) as db:
        return GATEWAY, db.execute("SELECT epoch FROM logs WHERE source = ?", (GATEWAY,)).fetchone()[0]


def test_a_spool_that_holds_all_is_right_and_so_is_none_before_anything_was_promised(spool_file):
    assert judge(spool_file) == []
    oracle = SpoolOracle(spool_file.name, TALK, lambda folder, moment: ([], {}))
    assert oracle.judge(oracle.look(None), 0, ACKED_MOMENT) == []
    assert "missing" in oracle.judge(oracle.look(None), 0, ACKED_MOMENT + 1)[0]


def test_a_row_may_be_missing_only_from_the_moment_in_which_the_center_had_it(spool_file):
    change(spool_file, "DELETE FROM rows WHERE seq = 2 AND source = ?", BOARD)
    change(spool_file, "DELETE FROM ranges WHERE what = 0 AND source = ?", BOARD)
    for first in (1, 3):
        change(spool_file, "INSERT INTO ranges VALUES (0, ?, ?, ?, ?)", *KEY, first, first)
    assert judge(spool_file, begin=20) == []
    (wrong,) = judge(spool_file, begin=19)
    assert wrong.startswith("seq 2 ")
    assert "missing" in wrong


def test_a_row_that_the_center_never_had_is_lost(spool_file):
    change(spool_file, "DELETE FROM rows WHERE seq = 3 AND source = ?", BOARD)
    assert any("seq 3" in text and "missing" in text for text in judge(spool_file))


@pytest.mark.parametrize(
    ("sql", "values", "told"),
    [
        ("UPDATE rows SET packed = x'00112233' WHERE seq = 1 AND source = ?", (BOARD,), "damaged"),
        ("UPDATE state SET data = x'00'", (), "kept state alarms is damaged"),
        ("DELETE FROM ranges WHERE what = 0 AND source = ?", (BOARD,), "is not what is there"),
        ("UPDATE ranges SET last = 3 WHERE what = 1 AND source = ?", (BOARD,), "before the center said so"),
        ("DROP TABLE state", None, "tables are missing"),
    ],
)
def test_what_does_not_fit_is_told(spool_file, sql, values, told):
    if values is None:
        with closing(sqlite3.connect(spool_file, isolation_level=None)) as db:
            db.execute(sql)
    else:
        change(spool_file, sql, *values)
    assert any(told in text for text in judge(spool_file)), judge(spool_file)


def test_another_content_under_a_promised_key_is_told_from_the_promise_on(spool_file):
    other = replace(TALK, promises=PROMISES | {(*KEY, 1): Promise(25, 0xBAD, "published")})
    assert judge(spool_file, other, begin=20, end=25) == []
    assert "another content" in judge(spool_file, other, begin=25, end=26)[0]


def test_a_seq_that_would_be_given_twice_is_told(spool_file):
    content = cbor2.dumps({E_KIND: 1, E_AT_MS: 1, E_DETECTED_MS: 1})
    key = event_log(spool_file)
    later = {(*key, 400): Promise(5, crc32(content), "published")}
    wrong = judge(spool_file, replace(TALK, promises=PROMISES | later))
    assert any("given twice" in text for text in wrong)


def test_a_row_that_is_gone_counts_as_told_only_with_its_event(spool_file, tmp_path):
    async def drop():
        spool = Spool(small_station(tmp_path, commit_window_ms=1), HandClock())
        await spool.open()
        await spool.gone(*KEY, 5, 6)
        await spool.close()

    asyncio.run(drop())
    talk = replace(TALK, promises=PROMISES | {(*KEY, 5): Promise(9, None, "promised")})
    assert judge(spool_file, talk) == []
    change(
        spool_file,
        "DELETE FROM rows WHERE source = ? AND seq = (SELECT max(seq) FROM rows WHERE source = ?)",
        *2 * [GATEWAY],
    )
    assert any("seq 5" in text and "missing" in text for text in judge(spool_file, talk))


def test_the_gateways_own_code_goes_on_with_new_seqs(spool_file, tmp_path):
    reopened = Reopened(small_station(tmp_path), TALK.boards)
    wrong, given = reopened.try_it(tmp_path, 31)
    assert wrong == []
    assert len(given) == 2  # events, and the bought sensor's rows
    assert all(seqs for seqs in given.values())
    lost = Reopened(small_station(tmp_path), [(10, KEY, 4, 0)])
    assert lost.try_it(tmp_path, 10)[0] == []
    assert "4 was acknowledged" in lost.try_it(tmp_path, 11)[0][0]


def test_a_spool_that_had_to_be_set_aside_is_no_recovery(spool_file, tmp_path):
    spool_file.write_bytes(b"no database at all " * 1_000)
    wrong, _ = Reopened(small_station(tmp_path), []).try_it(tmp_path, 31)
    assert any("set aside" in text for text in wrong)
