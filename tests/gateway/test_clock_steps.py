"""Clocks that are unknown, slewed and stepped: what bought sensors' logs and alarms make of them."""

import asyncio
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import boards
from gateway.clock_steps import Anchor, StepWatch, is_known
from gateway.sensor_link import SensorLink
from tests.gateway.alarm_station import FLOOD_MM, RULES, Rig, steps
from tests.gateway.poll_rig import radar
from tests.gateway.small_station import HandClock, small_station
from wire.reading import NEVER, SYNCED

UNIX_MS = 1_717_200_000_000
MINUTE_MS = 60_000
STEPS_MS = {
    "forward an hour": 3_600_000,
    "back 45 minutes": -2_700_000,
    "forward 20 years": 631_152_000_000,
    "to 1970": -UNIX_MS,
}


def sensor():
    nothing = cast(Any, SimpleNamespace())
    return SensorLink(radar(21), boards.load_profile("radar-60ghz"), nothing, nothing, nothing)


def run(link, moments):
    """Give every moment's value to the link, and let it close its rows."""
    for number, (unix_ms, mono_ms) in enumerate(moments):
        link._values[0][1].append(number + 1)
        link.close_row(unix_ms, mono_ms)
    return list(link.rows)


def seconds(count, unix_ms=UNIX_MS, mono_ms=50_000):
    return [(unix_ms + 1_000 * n, mono_ms + 1_000 * n) for n in range(count)]


@pytest.mark.parametrize("name", STEPS_MS)
def test_a_step_of_the_clock_is_an_anchor_and_ends_the_interval_early(name):
    before, step_ms = seconds(150), STEPS_MS[name]
    after = [(unix_ms + 150_000 + step_ms, mono_ms + 150_000) for unix_ms, mono_ms in before]
    rows = run(sensor(), before + after)
    anchors = [said for _, _, _, said in rows if isinstance(said, Anchor)]
    data = [row for row in rows if not isinstance(row[3], Anchor)]
    if name == "to 1970":
        assert anchors == []
        assert [row[2] for row in data] == [SYNCED, SYNCED, NEVER, NEVER, NEVER]
        assert all(row[0] % 60 == 0 for row in data)
        return
    (anchor,) = anchors
    assert (anchor.unix_s * 1_000 + anchor.ms) - (anchor.uptime_s * 1_000 + anchor.uptime_ms) == (
        UNIX_MS - 50_000 + step_ms
    )
    assert len(data) == 5
    assert all(row[2] == SYNCED for row in data)


def test_a_clock_that_becomes_known_is_an_anchor_and_one_that_was_known_is_none():
    unknown = [(1_000 * n, 50_000 + 1_000 * n) for n in range(130)]
    known = seconds(130, mono_ms=50_000 + 130_000)
    rows = run(sensor(), unknown + known)
    kinds = [isinstance(said, Anchor) for _, _, _, said in rows]
    assert kinds.count(True) == 1
    assert [quality for _, _, quality, _ in rows[: kinds.index(True)]] == [NEVER] * kinds.index(True)
    assert all(quality == SYNCED for _, _, quality, _ in rows[kinds.index(True) :])
    assert not any(isinstance(said, Anchor) for _, _, _, said in run(sensor(), seconds(300)))


@settings(max_examples=30)
@given(st.integers(0, 1 << 30))
def test_no_step_and_no_slew_loses_or_doubles_a_value(seed):
    """Each value goes into exactly one row: the middles of the rows ascend, and no interval is left out."""
    draw = random.Random(seed)
    moments, unix_ms, mono_ms = [], UNIX_MS, 50_000
    for _ in range(900):
        if draw.random() < 0.01:
            unix_ms = max(0, unix_ms + draw.choice([*STEPS_MS.values(), 3_000, -3_000, 631_152_000_000]))
            unix_ms %= 4_000_000_000_000
        unix_ms += draw.choice([950, 1_000, 1_050])
        mono_ms += 1_000
        moments.append((unix_ms, mono_ms))
    data = [said[0].value for _, _, _, said in run(sensor(), moments) if not isinstance(said, Anchor)]
    assert data == sorted(set(data))
    assert len(data) >= 900 * 1_000 // MINUTE_MS - 3


def test_the_spool_keeps_anchor_rows_as_a_board_writes_them(tmp_path):
    from gateway.spool import Spool
    from gateway.spool_schema import sensor_serial
    from wire.row import ANCHOR, unpack

    async def main():
        spool = Spool(small_station(tmp_path, commit_window_ms=5), HandClock())
        await spool.open()
        anchor = Anchor(1_717_200_000, 250, SYNCED, 55, 500)
        await spool.append_made("radar", [(1_717_200_000, 250, SYNCED, anchor)])
        serial = sensor_serial(spool.gateway, "radar")
        log = next(log for log in spool.all_logs() if log.info.source == serial)
        rows = await spool.read(lambda reader: reader.rows(log.key, 1, 9, 9))
        await spool.close()
        return unpack(rows[0][5], log.info.epoch), anchor

    row, anchor = asyncio.run(main())
    assert (row.kind, row.anchor, row.boot) == (ANCHOR, tuple(anchor), 1)


def test_a_watch_tells_a_step_once_and_never_a_slew():
    watch = StepWatch()
    assert watch.look(UNIX_MS, 0) == 0
    for n in range(1, 200):  # 100 s of slewing by 5 %: ten times the step's limit in all.
        assert watch.look(UNIX_MS + 1_050 * n, 1_000 * n) == 0
    assert watch.look(UNIX_MS, 200_000) == UNIX_MS - 200_000 - (UNIX_MS + 199 * 50)
    assert watch.look(UNIX_MS + 1_000, 201_000) == 0
    assert not is_known(0)
    assert is_known(UNIX_MS)


@pytest.mark.parametrize("step_ms", STEPS_MS.values(), ids=STEPS_MS)
def test_alarms_and_their_delays_are_the_same_whatever_the_clock_does(step_ms):
    """A clock that steps in the middle of an on-delay and of an off-delay, and of a window, moves nothing."""
    rules = (structs.replace(RULES[0], steps=steps(*FLOOD_MM, deadband=100, on_ms=30_000, off_ms=40_000)), *RULES[1:])
    told = []
    for stepped_ms in (0, step_ms):
        rig = Rig(rules)
        levels = []
        for second in range(300):
            if second in (110, 220):
                rig.clock.unix += stepped_ms
            rig.now("level", 23_000 if 100 <= second < 200 else 10_000)
            rig.now("rain-board", 100_000 + 200 * second)
            rig.tick()
            levels.append(rig.levels())
        told.append(levels)
    assert told[0] == told[1]
    raised = [n for n, levels in enumerate(told[0]) if levels.get("flood")]
    assert (raised[0] - 100, raised[-1] - 200) == (15, 39), "two seconds a turn: 30 s on, twice 40 s off"


def test_a_step_of_the_gateways_clock_is_an_event_told_once():
    from gateway.run import _tick
    from wire.telemetry import E_AT_MS, E_DETAIL, E_KIND, EVENT_CODES

    clock, events, ticks = HandClock(UNIX_MS), [], asyncio.Queue()
    station = cast(Any, SimpleNamespace(tick=ticks.put_nowait, on_storage=lambda *_: None))
    store = cast(Any, SimpleNamespace(used_permil=lambda: 0))
    sink = cast(Any, SimpleNamespace(event=events.append))
    clock.mono_ms = lambda: 1_000

    async def main():
        duty = cast(Any, SimpleNamespace(tick=lambda **_: None))
        task = asyncio.create_task(_tick(station, duty, store, clock, sink))
        async with asyncio.timeout(10):
            for tick in range(6):
                assert await ticks.get() == 1_000, "the station's own times do not know of it"
                if tick == 2:
                    clock.now_ms -= 2_700_000
        task.cancel()

    asyncio.run(main())
    (event,) = events
    assert (event[E_KIND], event[E_DETAIL]) == (EVENT_CODES["clock stepped"], "by -2700.000 s")
    assert event[E_AT_MS] == UNIX_MS - 2_700_000
