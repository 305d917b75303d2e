"""A card that changes what was written: that is not passed on as true, what is readable stays, no file is deleted."""

import asyncio
import random
import sqlite3
from contextlib import closing

import cbor2
import pytest

from gateway import spool_disk, spool_guard
from gateway.salvage import pieces
from gateway.spool import Spool
from gateway.spool_schema import PAGE_BYTES, sensor_serial
from tests.gateway.chain import until
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from tests.gateway.test_spool import COLUMNS, EVENT
from tests.gateway.test_spool_faults import KEY, MADE, everything, told
from wire.telemetry import E_KIND, E_RANGE, E_SOURCE, EVENT_CODES, SOURCE_EVENTS

RADAR = sensor_serial(GATEWAY, "radar")
ROWS = 3_000


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(spool_guard, "RETRY_S", 0.05)


def run(folder, step):
    async def main():
        spool = Spool(small_station(folder, commit_window_ms=5), HandClock())
        await spool.open()
        try:
            return await step(spool)
        finally:
            await spool.close()

    return asyncio.run(main())


async def fill(spool):
    spool.seen("level", BOARD, EPOCH, COLUMNS, 1, ROWS)
    for first in range(1, ROWS, 500):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq) for seq in range(first, first + 500)])
    await spool.append_made("radar", [MADE] * ROWS)
    await spool.append_event(EVENT)
    return await everything(spool)


def pages_of_rows(file):
    """Numbers of the leaf pages that hold rows, and nothing else: a table without rowid is an index tree."""
    with closing(sqlite3.connect(file)) as db:
        pages = range(2, file.stat().st_size // PAGE_BYTES + 1)
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'rows'").fetchone()
    data = file.read_bytes()
    leaves = [n for n in pages if n != root and data[(n - 1) * PAGE_BYTES] == 0x0A]
    return [n for n in leaves if data[(n - 1) * PAGE_BYTES : n * PAGE_BYTES].count(BOARD) > 20]


def overwrite(file, offset, content):
    with file.open("r+b") as out:
        out.seek(offset)
        out.write(content)


async def dropped(spool, source):
    """Numbers of the rows of a source that were told as dropped."""
    numbers = set()
    for log in spool.all_logs():
        if log.info.kind == SOURCE_EVENTS:
            for row in await spool.read(lambda reader, log=log: reader.rows(log.key, 1, 1 << 31, 100_000)):
                event = cbor2.loads(row[5])
                if event[E_KIND] == EVENT_CODES["rows dropped"] and event[E_SOURCE] == source:
                    numbers |= set(range(event[E_RANGE][0], event[E_RANGE][1] + 1))
    return numbers


def test_a_row_that_the_card_changed_is_not_passed_on_and_is_read_again_or_told(tmp_path):
    run(tmp_path, fill)
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db, db:
        db.execute("UPDATE rows SET packed = substr(packed, 1, 9) || x'00' || substr(packed, 11) WHERE seq = 7")
        db.execute("UPDATE rows SET packed = 7 WHERE seq = 9 AND source = ?", (BOARD,))

    async def step(spool):
        spool.seen("level", BOARD, EPOCH, COLUMNS, 1, ROWS)
        found = await everything(spool)
        assert not {(*KEY, 7), (*KEY, 9)} & found.keys()
        await until(lambda: spool.wanted(*KEY, 1, ROWS) == (7, 7))
        assert spool.watermark(*KEY) == 6, "the board is not told that we have it"
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(7), packed_row(9)])
        assert (spool.wanted(*KEY, 1, ROWS), spool.watermark(*KEY)) == (None, ROWS)
        assert await dropped(spool, RADAR) == {7}
        assert await dropped(spool, BOARD) == set()
        assert spool.counters["bad_rows"] == 3

    run(tmp_path, step)
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (3,)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pages_that_the_card_destroyed_cost_their_rows_and_no_other(tmp_path, seed):
    """Half a dozen pages are overwritten while the gateway is down; it meets them when it reads on."""
    before = run(tmp_path, fill)
    file = tmp_path / "spool.db"
    leaves = pages_of_rows(file)
    dice = random.Random(seed)
    for page in dice.sample(leaves, 6):
        overwrite(file, (page - 1) * PAGE_BYTES, dice.randbytes(PAGE_BYTES))

    async def step(spool):
        spool.seen("level", BOARD, EPOCH, COLUMNS, 1, ROWS)
        await everything(spool)
        await until(lambda: not spool.failed and not spool.disk.aside)
        await spool.append_event(EVENT)
        after = await everything(spool)
        assert {key: content for key, content in after.items() if key in before}.items() <= before.items()
        lost = {key for key in before if key not in after}
        assert 0 < len(lost) < 600
        spool.seen("level", BOARD, EPOCH, COLUMNS, 1, ROWS)
        wanted = set()
        while (piece := spool.wanted(*KEY, 1, ROWS)) is not None:
            wanted |= {(*KEY, seq) for seq in range(piece[0], piece[1] + 1)}
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(n) for n in range(piece[0], piece[1] + 1)])
        assert wanted == {key for key in lost if key[0] == BOARD}, "the board still has them"
        assert await dropped(spool, RADAR) == {key[2] for key in lost if key[0] == RADAR}
        kinds = await told(spool)
        assert "store failed" in kinds
        await spool.append_made("radar", [MADE])
        new = [log for log in spool.all_logs() if log.info.source == RADAR]
        assert [log.info.closed for log in new].count(False) == 1, "a new epoch goes on, the old one is only kept"
        return {log.key for log in new}

    assert len(run(tmp_path, step)) == 2
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) >= 1, "the damaged file is kept"
    run(tmp_path, everything)


def test_a_header_that_is_gone_begins_a_new_file_and_keeps_the_old_one(tmp_path):
    run(tmp_path, fill)
    overwrite(tmp_path / "spool.db", 0, bytes(100))

    async def step(spool):
        assert not spool.failed
        await spool.append_event(EVENT)
        assert spool.wanted(*KEY, 1, 5) == (1, 5)
        return await told(spool)

    assert run(tmp_path, step).count("store failed") == 1
    (aside,) = tmp_path.glob("spool.db.damaged-*")
    assert aside.stat().st_size > 100 * PAGE_BYTES


def test_an_error_of_the_disk_is_believed_only_after_the_file_was_opened_anew(tmp_path, monkeypatch):
    """After an I/O error a handle may call a good file corrupt."""
    from tests.gateway.faulty import FaultyDisk

    disk = FaultyDisk()

    async def main():
        spool = Spool(small_station(tmp_path, commit_window_ms=5), HandClock(), connect=disk.connect)
        await spool.open()
        before = await fill(spool)
        disk.error = "database disk image is malformed"
        await spool.append_event(EVENT)
        assert spool.disk.suspect
        disk.error = ""
        await until(lambda: not spool.failed)
        assert before.items() <= (await everything(spool)).items()
        await spool.close()

    asyncio.run(main())
    assert disk.opened >= 2
    assert list(tmp_path.glob("*.damaged-*")) == []


def test_a_file_that_cannot_be_read_for_long_is_set_aside_too(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_disk, "IO_CHECKS_MAX", 3)
    run(tmp_path, fill)
    disk = spool_disk.Disk(tmp_path / "spool.db", 64, _bad_sector(tmp_path))
    for _ in range(2):
        disk.suspect = True
        with pytest.raises(sqlite3.OperationalError):
            disk.open()
    disk.suspect = True
    disk.open().close()
    assert len(disk.aside) == 1
    assert sum(len(piece.rows) for piece in pieces(disk.aside[0], {})) >= 2 * ROWS


def _bad_sector(folder):
    """Connections on which checking the first file fails as a bad sector does."""
    from gateway.spool_schema import connect

    class Bad(sqlite3.Connection):
        def execute(self, sql: str, *more) -> sqlite3.Cursor:
            if sql.startswith("PRAGMA quick_check") and not list(folder.glob("*.damaged-*")):
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
            return super().execute(sql, *more)

    return lambda path, cap_pages: connect(path, cap_pages, factory=Bad)
