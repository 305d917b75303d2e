"""A disk that fails at any moment: data and events go on in memory, and nothing that comes back is lost or twice."""

import asyncio
import shutil
import sqlite3
from contextlib import closing

import cbor2
import pytest

from gateway import spool_core, spool_disk, spool_guard
from gateway.commit import QUEUE_MAX
from gateway.spool import Spool, StoreError
from gateway.volatile import DROPPED_ROWS, ROWS_MAX
from tests.gateway.chain import until
from tests.gateway.faulty import CODES, FaultyDisk
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from tests.gateway.test_spool import COLUMNS, EVENT
from wire.reading import SYNCED
from wire.row import Reading
from wire.telemetry import E_DETAIL, E_KIND, EVENT_KINDS, SOURCE_EVENTS

KEY = (BOARD, EPOCH)
MADE = (1_591_000_000, 0, SYNCED, [Reading(0, 4_000)])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(spool_guard, "HANG_S", 0.2)
    monkeypatch.setattr(spool_guard, "RETRY_S", 0.05)
    monkeypatch.setattr(spool_disk, "TEND_S", 0.05)
    monkeypatch.setattr(spool_core, "FLUSH_AGAIN_S", 0.05)


def run(folder, step, disk=None, **options):
    async def main():
        options.setdefault("commit_window_ms", 5)
        disk_ = disk or FaultyDisk()
        spool = Spool(small_station(folder, **options), HandClock(), connect=disk_.connect)
        await spool.open()
        try:
            return await step(spool, disk_)
        finally:
            disk_.let_go.set()
            await spool.close()

    return asyncio.run(main())


async def everything(spool):
    """{(source, epoch, seq): content} of all that can be sent."""
    found = {}
    for log in spool.all_logs():
        rows = await spool.read(lambda reader, log=log: reader.rows(log.key, 1, 1 << 31, 100_000))
        found |= {(*log.key, row[0]): row[5] for row in rows}
    return found


async def told(spool):
    """Kinds of the events, in the order in which they began."""
    kinds = []
    for log in spool.all_logs():
        if log.info.kind == SOURCE_EVENTS:
            rows = await spool.read(lambda reader, log=log: reader.rows(log.key, 1, 1 << 31, 100_000))
            kinds += [EVENT_KINDS[cbor2.loads(row[5])[E_KIND]] for row in rows]
    return kinds


def on_disk(folder):
    with closing(sqlite3.connect(folder / "spool.db")) as db:
        return {row[:3]: row[3] for row in db.execute("SELECT source, epoch, seq, packed FROM rows")}


@pytest.mark.parametrize(
    "message", [message for message in CODES if "malformed" not in message and "open" not in message]
)
def test_while_the_disk_refuses_everything_goes_on_in_memory_and_is_committed_under_the_same_keys(tmp_path, message):
    async def step(spool, disk):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
        await spool.append_made("radar", [MADE])
        disk.error = message
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(2), packed_row(3)])
        await spool.append_made("radar", [MADE, MADE])
        await spool.append_event(EVENT)
        spool.keep_state("alarms", b"new")
        assert message in spool.failed
        assert spool.watermark(*KEY) == 1, "only what is committed counts"
        assert spool.wanted(*KEY, 1, 4) == (4, 4), "and what is in memory need not be read again"
        before = await everything(spool)
        assert len([key for key in before if key[0] == BOARD]) == 3
        assert sum(ranges.count() for _, ranges in spool.unsent(events=False)) == 6
        disk.error = ""
        await until(lambda: not spool.failed and not spool.memory)
        assert spool.watermark(*KEY) == 3
        after = await everything(spool)
        assert before.items() <= after.items()
        kinds = await told(spool)
        assert (kinds.count("store failed"), kinds.count("store back")) == (1, 1)
        await spool.append_made("radar", [MADE])
        return await everything(spool)

    everything_then = run(tmp_path, step)
    assert on_disk(tmp_path) == everything_then

    async def again(spool, _):
        assert spool.load_state("alarms") == b"new"
        await spool.append_made("radar", [MADE])
        return await everything(spool)

    assert len(run(tmp_path, again)) == len(everything_then) + 1


def test_a_start_without_a_disk_goes_on_with_the_old_file_when_it_is_back(tmp_path):
    async def before(spool, _):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
        spool.keep_state("alarms", b"old")

    async def step(spool, disk):
        assert "unable to open" in spool.failed
        spool.seen("level", BOARD, EPOCH, COLUMNS, 1, 3)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(2)])
        await spool.append_event(EVENT)
        spool.acknowledge(7, [(BOARD, EPOCH, 0, [2, 2])])
        disk.cannot_open = ""
        await until(lambda: not spool.failed)
        spool.acknowledge(7, [(BOARD, EPOCH, 0, [])])
        assert spool.wanted(*KEY, 1, 3) == (3, 3)
        await spool.append_event(EVENT)
        return spool.center_has(*KEY), spool.watermark(*KEY), spool.load_state("alarms")

    run(tmp_path, before)
    disk = FaultyDisk()
    disk.cannot_open = "unable to open database file"
    assert run(tmp_path, step, disk) == (0, 2, b"old")
    assert [seq for source, _, seq in on_disk(tmp_path) if source == BOARD] == [1], "row 2 is at the center"


def test_a_disk_that_hangs_stops_nothing_and_what_it_had_is_there_once(tmp_path):
    async def step(spool, disk):
        disk.let_go.clear()
        held_up = asyncio.ensure_future(spool.append_made("radar", [MADE]))
        await until(disk.hanging.is_set)
        waiting = [spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)]), spool.append_event(EVENT)]
        async with asyncio.timeout(2):
            await asyncio.gather(held_up, *waiting)
        assert "not answered" in spool.failed
        await spool.append_made("radar", [MADE])
        made = [log for log in spool.all_logs() if log.info.name == "radar"]
        assert [log.memory.count() for log in made] == [0, 1], "the disk may still have the first"
        disk.let_go.set()
        await until(lambda: not spool.failed and not spool.memory)
        return await everything(spool)

    stored = run(tmp_path, step)
    assert on_disk(tmp_path) == stored
    assert len([key for key in stored if key[0] not in (GATEWAY, BOARD)]) == 2


def test_a_disk_that_hangs_at_the_start_does_not_hold_it_up(tmp_path):
    async def step(spool, disk):
        assert "not answered" in spool.failed
        await spool.append_made("radar", [MADE])
        disk.let_go.set()
        await until(lambda: not spool.failed and not spool.memory)

    disk = FaultyDisk()
    disk.let_go.clear()
    run(tmp_path, step, disk)
    assert len(on_disk(tmp_path)) >= 3


def test_a_missing_folder_is_made_and_a_file_in_its_place_is_waited_for(tmp_path):
    place = tmp_path / "mount"
    place.write_text("in the way")

    async def step(spool, _):
        assert str(place) in spool.failed
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
        place.unlink()
        await until(lambda: not spool.failed)
        await until(lambda: spool.watermark(*KEY) == 1)

    run(place, step)


def test_a_file_that_is_no_database_is_set_aside_and_told(tmp_path):
    (tmp_path / "spool.db").write_bytes(b"not a database, but a page of something else" * 200)

    async def step(spool, _):
        return await told(spool)

    assert "store failed" in run(tmp_path, step)
    (aside,) = tmp_path.glob("spool.db.damaged-*")
    assert aside.read_bytes().startswith(b"not a database")


def test_memory_is_bounded_a_board_waits_and_of_our_own_the_oldest_go_and_are_told(tmp_path):
    async def step(spool, disk):
        disk.error = "disk I/O error"
        await spool.append_event(EVENT)
        rows = [packed_row(seq) for seq in range(1, ROWS_MAX[0] + 1)]
        await spool.append_rows(BOARD, EPOCH, "level", rows)
        with pytest.raises(StoreError, match="memory is full"):
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(ROWS_MAX[0] + 1)])
        assert spool.wanted(*KEY, 1, ROWS_MAX[0] + 5) == (ROWS_MAX[0] + 1, ROWS_MAX[0] + 5)
        await spool.append_made("radar", [MADE] * ROWS_MAX[1])
        assert spool.memory.dropped == 0
        await spool.append_made("radar", [MADE])
        assert spool.memory.dropped == DROPPED_ROWS + 1
        return await told(spool)

    assert run(tmp_path, step)[-1] == "rows dropped"


def test_rows_that_the_center_has_from_memory_are_forgotten_and_handed_down(tmp_path):
    async def step(spool, disk):
        disk.error = "disk I/O error"
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1), packed_row(2)])
        spool.acknowledge(7, [(BOARD, EPOCH, 2, [])])
        assert (spool.center_has(*KEY), spool.watermark(*KEY)) == (2, 2)
        assert KEY not in spool.memory.rows

    run(tmp_path, step)


def test_a_row_that_is_stored_already_does_not_keep_the_disk_from_coming_back(tmp_path):
    async def step(spool, disk):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
        disk.error = "disk I/O error"
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])  # The board was read once more.
        assert spool.failed
        disk.error = ""
        await until(lambda: not spool.failed)

    run(tmp_path, step)
    assert (BOARD, EPOCH, 1) in on_disk(tmp_path)


def test_more_waiting_writes_than_the_limit_go_on_in_memory(tmp_path):
    async def step(spool, disk):
        disk.let_go.clear()
        first = spool.submit_event(EVENT)
        await until(disk.hanging.is_set)
        waiting = [first] + [spool.submit_event(EVENT) for _ in range(QUEUE_MAX + 500)]
        disk.let_go.set()
        results = await asyncio.gather(*waiting)
        assert spool.failures
        return len(results) - 1

    assert run(tmp_path, step) == QUEUE_MAX + 500


def test_the_reason_of_a_fault_is_in_its_event(tmp_path):
    async def step(spool, disk):
        disk.error = "disk I/O error"
        await spool.append_event(EVENT)
        (log,) = [log for log in spool.all_logs() if log.info.kind == SOURCE_EVENTS and log.memory]
        (first, _) = await spool.read(lambda reader: reader.rows(log.key, 1, 9, 9))
        return cbor2.loads(first[5])[E_DETAIL]

    assert run(tmp_path, step) == "volatile: the station could not store this event; disk I/O error"
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("message", ["disk I/O error", "database or disk is full"])
def test_a_start_on_a_disk_that_takes_nothing_still_knows_what_stands_there(tmp_path, message):
    async def before(spool, _):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1), packed_row(2)])
        await spool.append_event(EVENT)
        await spool.keep_state("alarms", b"a flood")
        await spool.append_event(EVENT | {E_DETAIL: "after the state"})
        return await everything(spool)

    stored = run(tmp_path, before)
    disk = FaultyDisk()
    disk.error = message

    async def start(spool, disk):
        assert message in spool.failed
        assert spool.load_state("alarms") == b"a flood", "a flood goes on as the episode that it was"
        (event,) = await spool.events_after("alarms", 10)
        assert event[E_DETAIL] == "after the state"
        assert spool.wanted(*KEY, 1, 3) == (3, 3), "what is on the disk need not be read again"
        assert stored.items() <= (await everything(spool)).items(), "and it is sent"
        disk.error = ""
        await until(lambda: not spool.failed and not spool.memory)
        assert spool.load_state("alarms") == b"a flood"
        assert stored.items() <= (await everything(spool)).items()
        return await everything(spool)

    then = run(tmp_path, start, disk)
    assert on_disk(tmp_path) == then
