"""The simulated chain: a seed is a run, short ones lose nothing, and its judges see what is wrong."""

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest

from tools.soak.simulated.disk import BROKEN, FULL, GOOD, Disk, disks
from tools.soak.simulated.ledger import Ledger
from tools.soak.simulated.loop import Life, Stalled, VirtualLoop
from tools.soak.simulation import Job, Result, figures, simulate

pytestmark = pytest.mark.long

BOARD, EPOCH = b"boardlog", 7
KEY = (BOARD, EPOCH)
DAMAGING = ("card replaced", "board replaced", "center restored", "center rolled back")


class FakeBoard:
    serial, epoch, head = BOARD, EPOCH, 5


def test_a_seed_gives_the_same_trace_each_time_and_another_seed_another(tmp_path):
    digests = []
    for n, seed in enumerate((11, 11, 12)):
        (tmp_path / str(n)).mkdir()
        digests.append(simulate(Job(seed, hours=2.0, faults=10), tmp_path / str(n)).digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("seed", range(1, 3))
def test_a_short_run_with_faults_loses_nothing_and_stores_nothing_twice(tmp_path, seed):
    result = simulate(Job(seed, hours=5.0, faults=14), tmp_path)
    assert result.failures == []
    assert sum(result.faults.values()) >= 10
    assert result.rows > 150


def test_without_faults_that_destroy_a_log_no_row_is_given_up(tmp_path):
    result = simulate(Job(21, hours=4.0, faults=12, without=DAMAGING), tmp_path)
    assert (result.failures, result.dead) == ([], 0)


def test_a_failure_names_its_seed_and_what_replays_it():
    job = Job(77, hours=3.0)
    result = Result(77, job.replay, 3.0, "", {"line cut": 2}, 100, 0, 5, 0, ["at 9.0 s: something"])
    found = figures([result])
    assert (found["lost"], found["faults"], found["seeds"]) == (5, 2, 1)
    assert isinstance(found["failures"], list)
    (text,) = found["failures"]
    assert text.startswith("seed 77: at 9.0 s: something")
    assert text.endswith("python -m tools.soak.simulation --seed 77 --hours 3 --faults 30 --scan-s 60")
    assert Job(78).replay == "python -m tools.soak.simulation --seed 78"


def test_hours_pass_at_once_and_in_order():
    loop = VirtualLoop()
    seen = []

    async def main():
        for wait_s in (7_200.0, 10.0, 3_600.0):
            loop.call_later(wait_s, lambda wait_s=wait_s: seen.append((wait_s, loop.time())))
        await asyncio.sleep(10_000.0)

    begun_s = loop.time()
    loop.run(main())
    assert [(wait_s, at_s - begun_s) for wait_s, at_s in seen] == [(10.0, 10.0), (3_600.0, 3_600.0), (7_200.0, 7_200.0)]


def test_a_world_in_which_nobody_does_anything_any_more_or_somebody_spins_is_told():
    with pytest.raises(Stalled, match="nobody has anything to do"):
        VirtualLoop().run(asyncio.Event().wait())

    async def spin():
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(spin()))
        await asyncio.sleep(1.0)

    with pytest.raises(Stalled, match="turns in"):
        VirtualLoop().run(spin())


def test_what_is_killed_ends_with_all_that_it_began():
    loop = VirtualLoop()

    async def main():
        life = Life()
        life.adopt(endless())
        await asyncio.sleep(1.0)
        assert len(life.tasks) == 3
        await life.end()
        return life.tasks

    async def endless():
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(asyncio.sleep(1e6))

    assert loop.run(main()) == {}


def test_a_disk_tells_only_what_was_committed_and_refuses_as_its_state_says(tmp_path):
    told = []
    disk = Disk(tmp_path, random.Random(1), lambda inserted, deleted: told.append((inserted, deleted)))
    row = (BOARD, EPOCH, 1, 99)
    with disks(disk), closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE rows (source BLOB, epoch INTEGER, seq INTEGER, crc INTEGER)")
        db.execute("BEGIN")
        db.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", row)
        db.rollback()
        db.execute("BEGIN")
        db.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", row)
        assert told == []
        db.execute("COMMIT")
        db.execute("BEGIN")
        db.execute("DELETE FROM rows")
        db.execute("COMMIT")
        assert told == [([row], []), ([], [row])]
        disk.state = FULL
        db.execute("BEGIN")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            db.execute("COMMIT")
        disk.state = BROKEN
        with pytest.raises(sqlite3.OperationalError, match="I/O"):
            db.execute("SELECT 1")
        disk.state = GOOD
        db.rollback()


def ledger():
    made = Ledger(lambda: 1.0, lambda *_: None)
    for seq in range(1, 6):
        made.written(BOARD, EPOCH, seq, seq * 11, 0.0)
    return made


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda book: book.acknowledged(FakeBoard(), 3, 0), "was acknowledged to 3 for the gateway"),
        (lambda book: book.acknowledged(FakeBoard(), 2, 2), "was acknowledged to 2 for the center"),
        (lambda book: book.acknowledged(FakeBoard(), 9, 0), "and ends at 5"),
        (lambda book: book.spooled([(BOARD, EPOCH, 1, 12)], []), "was given to two rows"),
        (lambda book: book.spooled([(BOARD, EPOCH, 6, 66)], []), "no board ever wrote"),
        (lambda book: book.spooled([], [(BOARD, EPOCH, 1, 11)]), "deleted, and the center has it not"),
        (lambda book: book.stored([(BOARD, EPOCH, 1, 12)], []), "the center has another"),
    ],
)
def test_a_broken_promise_is_seen(wrong, text):
    book = ledger()
    book.spooled([(BOARD, EPOCH, seq, seq * 11) for seq in (1, 2)], [])
    assert book.failures == []
    wrong(book)
    assert text in book.failures[0]


def test_what_is_nowhere_is_missing_unless_a_fault_took_the_last_of_it():
    book = ledger()
    book.spooled([(BOARD, EPOCH, seq, seq * 11) for seq in (1, 2)], [])
    book.stored([(BOARD, EPOCH, 1, 11)], [])
    assert book.missing(1.0)[KEY].flat() == [2, 5]
    book.lose_spool(())
    assert book.missing(1.0)[KEY].flat() == [3, 5]
    book.overwritten(KEY, 3)
    assert book.missing(1.0)[KEY].flat() == [4, 5]
    assert book.missing(0.0) == {}
