"""Group commit: what one job's mistake may cost."""

import asyncio
import sqlite3

import pytest

from gateway.commit import Committer, StoreError


class Nothing:
    def flush(self, db: sqlite3.Connection) -> None:
        pass


def opened() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.execute("CREATE TABLE kept (value INTEGER)")
    return db


def put(value: int):
    def job(db: sqlite3.Connection, _changes: Nothing) -> int:
        if value < 0:
            raise ValueError("no such value")
        db.execute("INSERT INTO kept VALUES (?)", (value,))
        return db.execute("SELECT count(*) FROM kept").fetchone()[0]

    return job


async def told(values: list[int]) -> tuple[list, Committer]:
    committer = Committer(opened, Nothing, lambda changes: None, window_s=0.05)
    committer.start()
    answers = await asyncio.gather(*(committer.submit(put(v)) for v in values), return_exceptions=True)
    after = await committer.submit(put(9))
    await committer.stop()
    return [*answers, after], committer


def test_a_job_that_fails_by_a_mistake_is_refused_alone_and_the_store_goes_on(caplog):
    answers, committer = asyncio.run(told([1, -1, 2]))
    assert isinstance(answers[1], StoreError)
    assert [answers[0], answers[2], answers[3]] == [1, 2, 3]
    assert committer.failures == 0
    assert "a mistake of ours" in caplog.text


@pytest.mark.parametrize("values", [[-1], [-1, -2]])
def test_jobs_that_are_all_wrong_are_all_refused(values):
    answers, _ = asyncio.run(told(values))
    assert all(isinstance(answer, StoreError) for answer in answers[:-1])
    assert answers[-1] == 1
