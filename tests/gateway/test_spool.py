"""The spool: what it says is stored survives everything that can be done to a process; no seq is given twice."""

import asyncio
import sqlite3
from binascii import crc32
from typing import Any

import cbor2
import pytest

from gateway.clock import Clock
from gateway.spool import Spool, StoreError
from gateway.spool_schema import EVENT_ROW, sensor_serial
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from wire.reading import NEVER, SYNCED
from wire.row import Reading, RowError, unpack
from wire.telemetry import E_AT_MS, E_DETECTED_MS, E_KIND, E_RANGE, E_SOURCE, EVENT_CODES

KEY = (BOARD, EPOCH)
EVENT = {E_KIND: EVENT_CODES["gateway started"], E_AT_MS: 1_000, E_DETECTED_MS: 1_000}
COLUMNS = ("head_mm", "supply_mv")


def run(folder, *steps, **options) -> Any:
    """Run the steps on a spool in `folder`, opened for each of them anew; the result of the last."""

    async def main(step):
        spool = Spool(small_station(folder, **options), HandClock())
        await spool.open()
        try:
            return await step(spool)
        finally:
            await spool.close()

    result = None
    options.setdefault("commit_window_ms", 5)
    for step in steps:
        result = asyncio.run(main(step))
    return result


def events_of(spool):
    async def read():
        log = next(log for log in spool.all_logs() if log.info.source == GATEWAY)
        rows = await spool.read(lambda reader: reader.rows(log.key, 1, 10_000, 10_000))
        return [cbor2.loads(row[5]) for row in rows]

    return read()


def test_rows_are_there_after_a_restart_and_the_watermark_is_what_is_contiguous(tmp_path):
    async def write(spool):
        spool.seen("level", BOARD, EPOCH, COLUMNS)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1), packed_row(2), packed_row(4)])
        assert spool.watermark(BOARD, EPOCH) == 2

    async def more(spool):
        assert spool.watermark(BOARD, EPOCH) == 2
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(3)])
        assert spool.watermark(BOARD, EPOCH) == 4
        assert (BOARD, EPOCH, 1, 4) in spool.logs()
        rows = await spool.read(lambda reader: reader.rows(KEY, 1, 9, 9))
        return [(row[0], unpack(row[5], EPOCH).seq) for row in rows]

    assert run(tmp_path, write, more) == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_new_card_waits_for_the_center_before_it_reads_a_long_log_and_not_for_ever(tmp_path):
    async def step(spool):
        asked = [spool.wanted(BOARD, EPOCH, 1, 60), spool.wanted(BOARD, EPOCH, 1, 61)]
        spool._clock.now_ms += 29_000
        asked.append(spool.wanted(BOARD, EPOCH, 1, 61))
        spool._clock.now_ms += 1_000
        return [*asked, spool.wanted(BOARD, EPOCH, 1, 61)]

    async def heard(spool):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(2)])
        spool.acknowledge(7, [(BOARD, EPOCH, 40, [])])
        spool.seen("level", BOARD, EPOCH, COLUMNS, 1, 500)
        return spool.wanted(BOARD, EPOCH, 1, 500), (BOARD, EPOCH, 1, 500) in spool.logs()

    assert run(tmp_path / "new", step, host="127.0.0.1") == [(1, 60), None, None, (1, 61)]
    assert run(tmp_path / "alone", step)[1] == (1, 61), "without a center there is nobody to wait for"
    assert run(tmp_path / "broker", step, host="127.0.0.1", ack="broker")[1] == (1, 61), "a broker states nothing"
    assert run(tmp_path / "heard", heard, host="127.0.0.1") == ((41, 500), True)


def test_a_log_whose_beginning_was_overwritten_has_a_watermark_all_the_same(tmp_path):
    async def step(spool):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(500), packed_row(501)])
        return spool.watermark(BOARD, EPOCH), spool.center_has(BOARD, EPOCH), spool.watermark(BOARD, 7)

    assert run(tmp_path, step) == (501, 0, 0)


def test_rows_gone_at_their_source_are_stepped_over_and_told(tmp_path):
    async def step(spool):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1), packed_row(8)])
        await spool.gone(BOARD, EPOCH, 2, 7)
        spool.acknowledge(9, [(BOARD, EPOCH, 1, [8, 8])])
        ranges = [e[E_RANGE] for e in await events_of(spool) if e[E_KIND] == EVENT_CODES["rows dropped"]]
        return spool.watermark(BOARD, EPOCH), spool.center_has(BOARD, EPOCH), ranges

    assert run(tmp_path, step) == (8, 8, [[2, 7]])


def test_the_first_row_under_a_key_stays_and_another_one_is_told_once(tmp_path):
    async def step(spool):
        told = []
        spool.on_conflict.append(lambda *key: told.append(key))
        first = packed_row(1, 20_000)
        await spool.append_rows(BOARD, EPOCH, "level", [first])
        for _ in range(3):
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1, 30_000)])
        await spool.append_rows(BOARD, EPOCH, "level", [first])
        rows = await spool.read(lambda reader: reader.rows(KEY, 1, 9, 9))
        assert [row[5] for row in rows] == [first]
        assert (spool.counters["duplicates"], spool.counters["conflicts"]) == (1, 1)
        return told

    assert run(tmp_path, step) == [(BOARD, EPOCH, 1)]


def test_bytes_that_are_no_row_of_this_log_are_refused(tmp_path):
    async def step(spool):
        for bad in (packed_row(1, epoch=7), packed_row(1)[:-1], b"", packed_row(1) + b"\0"):
            with pytest.raises(RowError):
                await spool.append_rows(BOARD, EPOCH, "level", [bad])
        return spool.logs()

    assert [log[0] for log in run(tmp_path, step)] == [GATEWAY]


def test_a_bought_sensor_gets_a_name_an_epoch_and_ascending_seqs_from_the_gateway(tmp_path):
    serial = sensor_serial(GATEWAY, "radar")

    async def write(spool):
        await spool.append_made("radar", [(1_591_000_000, 0, SYNCED, [Reading(0, 4_000)])])
        await spool.append_made("radar", [(55, 250, NEVER, [Reading(0, 4_001)])])

    async def again(spool):
        await spool.append_made("radar", [(1_591_000_120, 0, SYNCED, [Reading(0, 4_002)])])
        ((source, epoch, tail, head),) = [log for log in spool.logs() if log[0] == serial]
        rows = await spool.read(lambda reader: reader.rows((source, epoch), 1, 9, 9))
        begun = [e for e in await events_of(spool) if e.get(E_SOURCE) == serial]
        assert [e[E_KIND] for e in begun] == [EVENT_CODES["epoch begun"]]
        assert (tail, head) == (1, 3)
        return [(r.seq, r.boot, r.t_s, r.ms) for r in (unpack(row[5], epoch) for row in rows)]

    assert run(tmp_path, write, again) == [(1, 1, 1_591_000_000, 0), (2, 1, 55, 250), (3, 2, 1_591_000_120, 0)]


def test_a_source_whose_columns_change_begins_a_new_epoch(tmp_path):
    async def step(spool):
        await spool.append_made("radar", [(1, 0, SYNCED, [Reading(0, 1)])])
        spool._sensors["radar"] = spool._sensors["radar"]._replace(columns=("gap_mm", "temp_cdeg"))
        await spool.append_made("radar", [(1, 0, SYNCED, [Reading(0, 1), Reading(1, 2)])])
        return [(tail, head) for serial, _, tail, head in spool.logs() if serial == sensor_serial(GATEWAY, "radar")]

    assert run(tmp_path, step) == [(1, 1), (1, 1)]


def test_an_event_is_stored_with_its_crc_and_comes_before_the_window_ends(tmp_path):
    async def step(spool):
        rows = asyncio.ensure_future(spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)]))
        await asyncio.sleep(0)
        seq = await spool.append_event(EVENT)
        await rows  # In the same transaction or the next one: the event did not wait for the rows' window.
        log = next(log for log in spool.all_logs() if log.info.source == GATEWAY)
        ((_, kind, _, _, crc, content),) = await spool.read(lambda reader: reader.rows(log.key, seq, seq, 1))
        assert kind == EVENT_ROW
        assert crc == crc32(content, log.info.epoch)
        return cbor2.loads(content)

    assert run(tmp_path, step) == EVENT


def test_the_events_after_a_kept_state_come_back_oldest_first_whatever_their_clock_said(tmp_path):
    async def write(spool):
        for at_ms in (9_000, 8_000):
            await spool.append_event(EVENT | {E_AT_MS: at_ms, E_DETECTED_MS: at_ms})
        spool.keep_state("alarms", b"told of two")
        for at_ms in (50, 70, 10, 60):  # The clock went back.
            await spool.append_event(EVENT | {E_AT_MS: at_ms, E_DETECTED_MS: at_ms})

    async def read(spool):
        kept = [[event[E_AT_MS] for event in await spool.events_after("alarms", limit)] for limit in (100, 3)]
        return kept, len(await spool.events_after("other", 100)) > 6, spool.load_state("alarms")

    assert run(tmp_path, write, read) == ([[50, 70, 10, 60], [70, 10, 60]], True, b"told of two")


def test_a_seq_is_never_given_again_after_the_rows_were_removed(tmp_path):
    async def write(spool):
        return [await spool.append_event(EVENT) for _ in range(3)]

    first = run(tmp_path, write)
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("DELETE FROM rows")
        db.execute("DELETE FROM ranges")
    assert min(run(tmp_path, write)) > max(first)


def test_an_acknowledgement_counts_once_and_another_generation_replaces_it(tmp_path):
    async def step(spool):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq) for seq in range(1, 11)])
        before = spool.depth()
        assert spool.acknowledge(7, [(BOARD, EPOCH, 4, [6, 7])]) == 6
        assert spool.acknowledge(7, [(BOARD, EPOCH, 3, [])]) == 0, "an older statement takes nothing back"
        assert (spool.depth(), spool.center_has(BOARD, EPOCH)) == (before - 6, 4)
        assert [list(ranges) for _, ranges in spool.unsent(events=False)] == [[(5, 5), (8, 10)]]
        await spool.append_event(EVENT)  # Committed in the order of handing over: the acknowledgement is stored too.

    async def after(spool):
        assert spool.center_has(BOARD, EPOCH) == 4
        spool.acknowledge(8, [(BOARD, EPOCH, 2, [])])
        return [list(ranges) for _, ranges in spool.unsent(events=False)]

    assert run(tmp_path, step, after) == [[(3, 10)]]


def test_ranges_that_are_none_are_not_believed(tmp_path):
    async def step(spool):
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
        for flat in ([3], [5, 4], [0, 2]):
            with pytest.raises(ValueError):
                spool.acknowledge(7, [(BOARD, EPOCH, 0, flat)])
        return spool.center_has(BOARD, EPOCH)

    assert run(tmp_path, step) == 0


def test_kept_state_comes_back_and_a_damaged_one_does_not(tmp_path):
    async def write(spool):
        spool.keep_state("alarms", b"one")
        spool.keep_state("alarms", b"two")
        spool.keep_state("other", b"three")
        assert spool.load_state("alarms") == b"two"

    async def read(spool):
        return spool.load_state("alarms"), spool.load_state("other"), spool.counters["state_damaged"]

    assert run(tmp_path, write, read) == (b"two", b"three", 0)
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("UPDATE state SET data = x'00' WHERE name = 'alarms'")
    assert run(tmp_path, read) == (None, b"three", 1)


def test_a_state_that_is_noted_goes_with_the_next_write_and_never_over_a_newer_one(tmp_path):
    async def write(spool):
        spool.note_state("late", b"one")
        spool.note_state("late", b"two")
        spool.note_state("alarms", b"old")
        before = spool.commits
        await spool.keep_state("alarms", b"new")
        assert spool.commits == before + 1
        spool.note_state("late", b"of nobody, as nothing was written behind it")
        assert spool.load_state("late") == b"of nobody, as nothing was written behind it"

    async def read(spool):
        return spool.load_state("late"), spool.load_state("alarms")

    assert run(tmp_path, write, read) == (b"two", b"new")


def test_a_full_spool_gives_up_acknowledged_rows_first_and_still_takes_events(tmp_path):
    async def step(spool):
        seq, refused = 0, False
        while not refused and seq < 60_000:
            rows = [packed_row(number) for number in range(seq + 1, seq + 101)]
            try:
                await spool.append_rows(BOARD, EPOCH, "level", rows)
                seq += 100
            except StoreError:
                refused = True
        assert refused
        await spool.append_event(EVENT)
        assert spool.watermark(BOARD, EPOCH) == seq, "what was refused is not held"
        spool.acknowledge(7, [(BOARD, EPOCH, 2_500, [])])
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(number) for number in range(seq + 1, seq + 101)])
        ((tail, head),) = [log[2:] for log in spool.logs() if log[0] == BOARD]
        return tail, head - seq, spool.watermark(BOARD, EPOCH) - seq

    assert run(tmp_path, step, cap_mib=1) == (2_001, 100, 100)


def test_a_closed_spool_refuses(tmp_path):
    async def main():
        spool = Spool(small_station(tmp_path), HandClock())
        await spool.open()
        await spool.close()
        with pytest.raises(StoreError, match="closed"):
            await spool.append_event(EVENT)

    asyncio.run(main())


def test_the_world_clock_serves_too(tmp_path):
    async def main():
        spool = Spool(small_station(tmp_path), Clock())
        await spool.open()
        await spool.append_event(EVENT)
        await spool.close()
        return spool.commits

    assert asyncio.run(main()) >= 2
