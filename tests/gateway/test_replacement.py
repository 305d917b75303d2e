"""Something is replaced in mid-run: in the end the center has every row that any log still held, each once, and says
of what none held any more that it is gone."""

import asyncio
import shutil
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from tests.gateway.chain import Chain, center, running, stored, until
from tests.gateway.polled_board import PolledBoard, polled
from tests.gateway.small_station import BOARD
from tools.__main__ import main as riverpost
from tools.center import consume, gaps
from tools.center.decode import read
from tools.center.overview import overview
from wire.telemetry import SOURCE_SENSOR

pytestmark = pytest.mark.usefixtures("quick")
OTHER_BOARD = bytes.fromhex("b1b1b1b1b1b1b1b1")
BATCH_MS, HOUR_MS = 300_000, 3_600_000


@pytest.fixture
def impatient(monkeypatch):
    """A center that looks for what is missing all the time."""
    monkeypatch.setattr(gaps, "HOLE_MS", 50)
    monkeypatch.setattr(gaps, "TOP_MS", 100)
    monkeypatch.setattr(consume, "LOOK_S", 0.05)


@pytest.fixture
def center_db(tmp_path):
    return tmp_path / "center.db"


def lose_card(folder):
    for path in folder.glob("spool.db*"):
        path.unlink()


def forget_acknowledged(folder, key, last):
    """As the spool's cap does with the oldest acknowledged rows."""
    with closing(sqlite3.connect(folder / "spool.db")) as db:
        sql = "DELETE FROM rows WHERE source = ? AND epoch = ? AND seq <= ?"
        assert db.execute(sql, (*key, last)).rowcount == last
        db.execute("UPDATE ranges SET first = ? WHERE what = 0 AND source = ? AND epoch = ?", (last + 1, *key))
        db.commit()


@asynccontextmanager
async def station(folder, broker, *boards):
    """A gateway on the card in `folder`, with boards on its line."""
    chain = Chain(folder, broker.port)
    chain.log = boards[0].log
    async with running(chain), polled(chain, *boards):
        yield chain


async def delivered(chain, board, path):
    """Wait until all of the board is at the center, and everything else that the gateway has."""
    await until(lambda: board.keys() <= chain.made() | stored(path))
    await in_time(chain, lambda: board.keys() <= stored(path) and not chain.spool.depth())


async def in_time(chain, condition):
    """Wait for `condition` while the station's time goes on: what comes between two batches waits for the second."""

    async def batches():
        while True:
            await asyncio.sleep(0.03)
            chain.clock.now_ms += BATCH_MS

    task = asyncio.create_task(batches())
    try:
        await until(condition)
    finally:
        task.cancel()


def gaps_of(path, serial, epoch):
    sources = overview(path)["stations"][0]["sources"]
    found = [one["gaps"] for one in sources if (one["serial"], one["epoch"]) == (serial.hex(), epoch)]
    return [(gap["first"], gap["last"], gap["state"], gap["why"]) for gaps in found for gap in gaps]


def test_a_gateway_with_a_new_card_learns_what_is_at_the_center_and_reads_the_rest_from_the_board(
    tmp_path, broker, center_db, monkeypatch
):
    monkeypatch.setattr(gaps, "UNLISTED_MS", 0)

    async def main():
        board = PolledBoard()
        board.write(80)
        async with center(tmp_path, broker.port) as at_center:
            async with station(tmp_path, broker, board) as chain:
                (radar,) = [log.key for log in chain.spool.all_logs() if log.info.kind == SOURCE_SENSOR]
                await chain.append_radar(3, minutes_ago=600)
                await delivered(chain, board, center_db)
                # From here on no batch of this card arrives, but the state that tells of two more rows does.
                at_center._take = without_batches(at_center._take, chain.catalogue.version)
                await chain.append_radar(2)
                chain.clock.now_ms += HOUR_MS
                await until(lambda: told_head(center_db, radar) == 5)
            first_card = stored(center_db)
            lose_card(tmp_path)
            board.write(10)
            async with station(tmp_path, broker, board) as chain:
                await chain.append_radar(2, minutes_ago=600)
                await delivered(chain, board, center_db)
                (read,) = [list(log.held) for log in chain.spool.all_logs() if log.key == board.log]
                assert read == [(81, 90)], "what the center has is not read again"
                assert stored(center_db) == first_card | chain.made()
        assert gaps_of(center_db, *board.log) == []
        assert gaps_of(center_db, *radar) == [(4, 5, "final", "log gone")]
        assert overview(center_db)["conflicts"] == 0

    asyncio.run(main())


def without_batches(take, version):
    """As `take`, but what names a catalogue of `version` gets lost."""

    def is_lost(message):
        leaf = message.topic.value.rpartition("/")[2]
        return leaf in ("live", "late") and getattr(read(leaf, message.payload), "catalogue", 0) == version

    async def some(client, group):
        await take(client, [message for message in group if not is_lost(message)])

    return some


def told_head(path, key):
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT head FROM logs WHERE source = ? AND epoch = ?", key).fetchone()
    return found[0] if found else 0


@pytest.mark.parametrize("how", ["restored", "copied"])
def test_a_center_put_back_to_yesterday_gets_what_gateway_and_board_still_hold(
    tmp_path, broker, center_db, impatient, how
):
    async def main():
        board = PolledBoard()
        board.write(20)
        old = tmp_path / "old.db"
        async with station(tmp_path, broker, board) as chain, center(tmp_path, broker.port):
            await delivered(chain, board, center_db)
            assert riverpost(["center", "backup", "--db", str(center_db), "--to", str(old)]) == 0
            board.write(30)
            await chain.append_radar(20, minutes_ago=600)
            await delivered(chain, board, center_db)
        everything = stored(center_db)
        forget_acknowledged(tmp_path, board.log, 40)
        board.wrap(6)  # Rows 1 to 5 are in the center's old copy alone.
        if how == "restored":
            assert riverpost(["center", "restore", "--db", str(center_db), "--from", str(old)]) == 0
        else:
            lose_database(center_db)
            shutil.copy(old, center_db)
        assert len(stored(center_db)) < len(everything)
        async with center(tmp_path, broker.port), station(tmp_path, broker, board) as chain:
            await in_time(chain, lambda: everything <= stored(center_db) and not chain.spool.depth())
            assert stored(center_db) == everything | chain.made()
        assert gaps_of(center_db, *board.log) == []
        assert overview(center_db)["conflicts"] == 0

    asyncio.run(main())


def lose_database(path):
    for part in path.parent.glob(path.name + "*"):
        part.unlink()


def test_what_no_log_holds_any_more_is_told_by_the_gateway_and_shown_as_a_final_gap(tmp_path, broker, center_db):
    async def main():
        board = PolledBoard()
        board.write(30)
        async with station(tmp_path, broker, board) as chain, center(tmp_path, broker.port):
            await delivered(chain, board, center_db)
        forget_acknowledged(tmp_path, board.log, 20)
        board.wrap(11)
        lose_database(center_db)
        async with center(tmp_path, broker.port), station(tmp_path, broker, board) as chain:
            await delivered(chain, board, center_db)
            await in_time(chain, lambda: gaps_of(center_db, *board.log) == [(1, 10, "final", "dropped")])

    asyncio.run(main())


def test_another_board_at_the_same_place_begins_a_new_source_and_nothing_of_the_old_one_is_mixed_in(
    tmp_path, broker, center_db
):
    async def main():
        old, new = PolledBoard(), PolledBoard(OTHER_BOARD)
        old.write(10)
        new.write(4)
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
            async with polled(chain, old):
                await delivered(chain, old, center_db)
            async with polled(chain, new):
                await delivered(chain, new, center_db)
            assert stored(center_db) == chain.made()
        assert {key for key in stored(center_db) if key[0] in (BOARD, OTHER_BOARD)} == old.keys() | new.keys()
        with closing(sqlite3.connect(center_db)) as db:
            begun = db.execute("SELECT concerns, concerns_epoch FROM events WHERE kind = 31").fetchall()
        assert {old.log, new.log} <= set(begun)

    asyncio.run(main())


@pytest.mark.parametrize("copies_at_once", [False, True])
def test_an_old_card_put_back_or_a_copied_one_begins_new_logs_and_loses_nothing_of_what_it_makes(
    tmp_path, broker, center_db, copies_at_once
):
    """`copies_at_once`: it writes before it hears the center, under keys that the other card has used already."""

    async def main():
        board = PolledBoard()
        board.write(3)
        async with center(tmp_path, broker.port):
            async with station(tmp_path, broker, board) as chain:
                await chain.append_radar(4, minutes_ago=600)
                await delivered(chain, board, center_db)
            shutil.copy(tmp_path / "spool.db", tmp_path / "old.card")
            async with station(tmp_path, broker, board) as chain:
                await chain.append_radar(9, minutes_ago=590)
                await chain.alarm()
                await delivered(chain, board, center_db)
            before = stored(center_db)
            lose_card(tmp_path)
            shutil.copy(tmp_path / "old.card", tmp_path / "spool.db")
            chain = Chain(tmp_path, broker.port)
            chain.log = board.log
            chain.clock.now_ms += HOUR_MS
            if copies_at_once:
                chain.on_open = lambda: chain.append_radar(2, minutes_ago=500)
            async with running(chain), polled(chain, board):
                await in_time(chain, lambda: len(radar_logs(chain)) == 2)
                await chain.append_radar(3, minutes_ago=400)
                await chain.alarm()
                await delivered(chain, board, center_db)
                made = {key for key in chain.made() if key[:2] == radar_logs(chain)[-1]}
                assert len(made) == 5 if copies_at_once else 3
                assert made <= stored(center_db)
            assert before <= stored(center_db), "nothing that was there is overwritten"

    asyncio.run(main())


def radar_logs(chain):
    return [log.key for log in chain.spool.all_logs() if log.info.kind == SOURCE_SENSOR]
