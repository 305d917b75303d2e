"""A disk without room, really: on a small tmpfs where the machine lets us mount one. And the spool's own cap."""

import asyncio

import cbor2
import pytest

from gateway import spool_core, spool_disk, spool_guard, spool_room
from gateway.spool import Spool, StoreError
from gateway.spool_schema import sensor_serial
from tests.gateway.chain import until
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from tests.gateway.test_spool import EVENT
from tests.gateway.test_spool_faults import MADE, everything, on_disk
from tools.emulator.small_disk import SmallDisk
from wire.telemetry import E_EPOCH, E_KIND, E_RANGE, E_SOURCE, EVENT_CODES, SOURCE_EVENTS

KEY = (BOARD, EPOCH)
RADAR = sensor_serial(GATEWAY, "radar")
TMPFS_MIB = 16


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(spool_guard, "RETRY_S", 0.05)
    monkeypatch.setattr(spool_disk, "TEND_S", 0.05)
    monkeypatch.setattr(spool_core, "FLUSH_AGAIN_S", 0.05)


@pytest.fixture
def small_disk(tmp_path):
    try:
        with SmallDisk(tmp_path / "card", TMPFS_MIB) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"no small disk, this user cannot do: {error}")


def run(folder, step, **options):
    async def main():
        spool = Spool(small_station(folder, commit_window_ms=2, **options), HandClock())
        await spool.open()
        try:
            return await step(spool)
        finally:
            await spool.close()

    return asyncio.run(main())


async def dropped(spool):
    """(source, epoch, first, last) of what was told as dropped."""
    (log,) = [log for log in spool.all_logs() if log.info.kind == SOURCE_EVENTS]
    rows = await spool.read(lambda reader: reader.newest(log.key, 1, 1 << 31, 200))
    told = [event for row in rows if (event := cbor2.loads(row[5]))[E_KIND] == EVENT_CODES["rows dropped"]]
    return sorted((event[E_SOURCE], event[E_EPOCH], *event[E_RANGE]) for event in told)


def test_on_a_card_that_somebody_filled_all_goes_on_and_is_kept_when_there_is_room_again(small_disk):
    async def step(spool):
        assert spool.disk.reserve.stat().st_size == TMPFS_MIB * 1024 * 1024 // spool_disk.RESERVE_SHARE
        small_disk.fill()
        seq = 0
        while not (spool.failed or spool.memory):
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq + n) for n in range(1, 201)])
            await spool.append_made("radar", [MADE] * 200)
            await spool.append_event(EVENT)
            seq += 200
        assert not spool.disk.reserve.exists(), "it was there for this"
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq + 1)])
        await spool.append_made("radar", [MADE])
        await spool.append_event(EVENT)
        before = await everything(spool)
        assert len([key for key in before if key[0] == BOARD]) == seq + 1, "nothing is lost meanwhile"
        assert spool.watermark(*KEY) <= seq + 1
        small_disk.free()
        await until(lambda: not spool.failed and not spool.memory and not spool.disk.full)
        assert spool.disk.reserve.exists()
        assert spool.watermark(*KEY) == seq + 1
        after = await everything(spool)
        assert before.items() <= after.items()
        return after

    stored = run(small_disk.place, step)
    assert on_disk(small_disk.place) == stored


def test_a_start_on_a_card_that_is_full_uses_the_reserve(small_disk):
    async def before(spool):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq) for seq in range(1, 101)])

    async def step(spool):
        assert not spool.failed
        assert not spool.disk.reserve.exists()
        await spool.append_event(EVENT)
        assert not spool.memory
        small_disk.free()
        cut = spool.disk.cap_pages
        while not spool.disk.reserve.exists():
            await spool.append_event(EVENT)
        await spool.append_event(EVENT)
        assert spool.disk.cap_pages > cut, "the cap is what the disk holds now"
        return spool.watermark(*KEY)

    run(small_disk.place, before)
    small_disk.fill()
    assert run(small_disk.place, step) == 100


def test_on_a_full_card_acknowledged_rows_make_room(small_disk):
    async def step(spool):
        seq = 0
        for _ in range(10):
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq + n) for n in range(1, 1_001)])
            seq += 1_000
        spool.acknowledge(7, [(BOARD, EPOCH, seq, [])])
        small_disk.fill()
        for _ in range(15):
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq + n) for n in range(1, 1_001)])
            spool.acknowledge(7, [(BOARD, EPOCH, seq, [])])
            seq += 1_000
        await until(lambda: not spool.failed and not spool.memory)
        assert spool.watermark(*KEY) == seq
        assert spool.disk.full
        return min(key[2] for key in await everything(spool) if key[0] == BOARD)

    assert run(small_disk.place, step) > 1


def test_a_cap_larger_than_the_disk_is_cut_to_what_it_holds(small_disk):
    async def step(spool):
        return spool.disk.cap_pages * 4_096

    assert 8 << 20 < run(small_disk.place, step, cap_mib=1_024) < TMPFS_MIB << 20


def test_at_the_cap_the_oldest_rows_without_another_holder_go_and_are_told_and_events_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_room, "EVICT_ROWS", 100)  # The cap of this test is a sixteenth of the smallest.

    async def step(spool):
        spool.seen("level", BOARD, EPOCH, ("head_mm", "supply_mv"), 1, 1_000)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq, t_s=1_590_000_000) for seq in range(1, 1_001)])
        events = [await spool.append_event(EVENT) for _ in range(20)]
        made = 0
        while not await dropped(spool):
            count = 500 if made < 10_000 else 50
            await spool.append_made("radar", [MADE] * count)
            made += count
        with pytest.raises(StoreError, match="nothing in it is acknowledged"):
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1_001)])
        await spool.append_event(EVENT)
        here = await everything(spool)
        assert spool.wanted(*KEY, 1, 1_000) == (1, 1_000), "the board has them still: they are read again, not given up"
        radar = sorted(key for key in here if key[0] == RADAR)
        told = await dropped(spool)
        assert {event[:2] for event in told} == {radar[0][:2]}
        assert told[0][2] == 1
        assert radar[0][2] == told[-1][3] + 1, "what is not here was told"
        assert radar[-1][2] == made
        assert len([key for key in here if key[0] == GATEWAY and key[2] in events]) == 20

    run(tmp_path, step, cap_mib=1)
