"""What the center says to a spool: about logs that are not here yet, and of what it lacks."""

import pytest

from gateway.ranges import Ranges
from gateway.spool_index import REMEMBERED_MAX, Index
from gateway.spool_schema import sensor_serial
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, packed_row
from tests.gateway.test_spool import COLUMNS, EVENT, events_of, run
from wire.reading import SYNCED
from wire.row import Reading
from wire.telemetry import E_EPOCH, E_KIND, E_RANGE, E_SOURCE, EVENT_CODES

DROPPED = EVENT_CODES["rows dropped"]


async def dropped(spool):
    await spool.append_event(EVENT)  # What was handed over before it is committed by then.
    told = [event for event in await events_of(spool) if event[E_KIND] == DROPPED]
    return [(event[E_SOURCE], event[E_EPOCH], event[E_RANGE]) for event in told]


def test_what_the_center_has_of_a_log_is_known_when_the_log_begins_and_after_a_restart(tmp_path):
    async def step(spool):
        spool.acknowledge(7, [(BOARD, EPOCH, 40, [45, 50])])
        spool.seen("level", BOARD, EPOCH, COLUMNS, 30, 60)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(60)])
        assert spool.wanted(BOARD, EPOCH, 30, 60) == (41, 44)
        assert spool.center_has(BOARD, EPOCH) == 40

    async def after(spool):
        return spool.wanted(BOARD, EPOCH, 30, 60)

    assert run(tmp_path, step, after) == (41, 44)


def test_statements_of_unknown_logs_are_bounded_and_end_with_their_generation():
    index = Index([], 0)
    index.acknowledge(7, [(BOARD, number, 5, []) for number in range(1, REMEMBERED_MAX + 3)])
    assert len(index._stated) == REMEMBERED_MAX
    assert (BOARD, 1) not in index._stated
    index.acknowledge(8, [(BOARD, 4_000, 5, [])])
    assert list(index._stated) == [(BOARD, 4_000)]
    for number in range(1, REMEMBERED_MAX + 3):
        index.ask_again([(BOARD, number, [1, 2])])
    assert len(index.asked()) == REMEMBERED_MAX


def test_rows_that_the_center_asks_for_go_again_from_here_from_the_board_or_are_told_as_dropped(tmp_path):
    async def step(spool):
        spool.seen("level", BOARD, EPOCH, COLUMNS, 20, 60)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(seq) for seq in range(50, 61)])
        spool.acknowledge(7, [(BOARD, EPOCH, 60, [])])
        assert (spool.unsent(events=False), spool.wanted(BOARD, EPOCH, 20, 60)) == ([], None)
        spool.ask_again([(BOARD, EPOCH, [10, 25, 55, 56])])
        assert [list(ranges) for _, ranges in spool.unsent(events=False)] == [[(55, 56)]]
        assert spool.wanted(BOARD, EPOCH, 20, 60) == (20, 25)
        assert (BOARD, EPOCH, [10, 19]) in await dropped(spool)
        with pytest.raises(ValueError):
            spool.ask_again([(BOARD, EPOCH, [3])])

    async def after(spool):
        spool.seen("level", BOARD, EPOCH, COLUMNS, 20, 60)
        spool.ask_again([(BOARD, EPOCH, [10, 19])])
        return (
            spool.wanted(BOARD, EPOCH, 20, 60),
            [list(r) for _, r in spool.unsent(events=False)],
            await dropped(spool),
        )

    wanted, unsent, told = run(tmp_path, step, after)
    assert (wanted, unsent) == ((20, 25), [[(55, 56)]])
    assert told == [(BOARD, EPOCH, [10, 19])], "told once, and not for 1 to 9, which the center has"


def test_rows_of_a_log_that_died_with_an_old_card_are_told_as_dropped_once(tmp_path):
    radar = sensor_serial(GATEWAY, "radar")

    async def step(spool):
        await spool.append_made("radar", [(1, 0, SYNCED, [Reading(0, 1)])])
        (log,) = [log for log in spool.all_logs() if log.info.source == radar]
        for _ in range(2):
            spool.ask_again([(radar, 0xDEAD, [5, 9]), (radar, log.info.epoch, [1, 3]), (BOARD, EPOCH, [1, 2])])
        return log.info.epoch, await dropped(spool), spool._index.asked()

    epoch, told, asked = run(tmp_path, step)
    assert told == [(radar, 0xDEAD, [5, 9])], "row 1 is here; rows 2 and 3 of this log have not been made yet"
    assert asked == [(BOARD, EPOCH)], "a board that has not answered yet may hold them"


def test_what_a_board_lost_before_anybody_read_it_is_told_when_it_says_its_reach(tmp_path):
    async def step(spool):
        spool.seen("level", BOARD, EPOCH, COLUMNS, 1, 5)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1), packed_row(2)])
        spool.seen("level", BOARD, EPOCH, COLUMNS, 8, 20)
        await spool.append_rows(BOARD, EPOCH, "level", [packed_row(8)])
        return await dropped(spool), spool.watermark(BOARD, EPOCH), list(spool._index.logs[BOARD, EPOCH].gone)

    assert run(tmp_path, step) == ([(BOARD, EPOCH, [3, 7])], 8, list(Ranges([(3, 7)])))
