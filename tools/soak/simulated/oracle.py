"""What must be true while a world runs, and at its end.

Rules of this file: it looks at the siren, the ledger, and the databases; never at what the code under test believes.
"""

import asyncio
import sqlite3
from contextlib import closing

from gateway.ranges import Ranges
from tools.center.gaps import gaps, logs_of
from tools.soak.simulated import site
from tools.soak.simulated.world import World
from wire.reading import QUANTITY_CODES
from wire.telemetry import EVENT_CODES

SAMPLES_UP = 3  # So many samples above a threshold in a row: the siren is on.
SAMPLES_DOWN = 5  # So many below all of them: it is off, level by level.
FRESH_S = 900.0  # Rows younger than this may still be on their way.
SETTLE_S = 12 * 3_600.0
LOOK_S = 60.0


async def watch(world: World) -> None:
    """Compare the siren with what the gateway was told, between its scans."""
    while True:
        await asyncio.sleep(world.scan_s)
        gateway = world.gateway
        if gateway is None or gateway.life.dead:
            continue
        heard = gateway.heard
        new = heard[-SAMPLES_UP:]
        for level, threshold_mm in ((4, site.RED_MM), (2, site.YELLOW_MM)):
            if len(new) == SAMPLES_UP and min(new) >= threshold_mm and gateway.siren.level < level:
                world.ledger.fail(f"the siren is at {gateway.siren.level}, with {new} mm in a row")
        calm = heard[-SAMPLES_DOWN:]
        if len(calm) == SAMPLES_DOWN and max(calm) < site.YELLOW_MM - site.DEADBAND_MM and gateway.siren.level:
            world.ledger.fail(f"the siren is at {gateway.siren.level}, with {calm} mm in a row")
        del heard[:-SAMPLES_DOWN]


async def finish(world: World) -> None:
    """No more faults: wait until all has arrived, stop in order, and look for what is not there."""
    for board in world.boards:
        board.advance()
        board.frozen = True
    await world.start_center()
    await world.start_gateway()
    deadline_s = world.loop.now_s + SETTLE_S
    while world.ledger.missing(world.loop.now_s - FRESH_S) and world.loop.now_s < deadline_s:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    for key, ranges in world.ledger.missing(world.loop.now_s - FRESH_S).items():
        world.ledger.lost += ranges.count()
        where = "a board" if key in world.ledger.board_keys else "the gateway"
        world.ledger.fail(f"rows of {where}, {key[0].hex()} {key[1]:08x}, never came to the center: {ranges}")
    await world.stop_gateway()
    await asyncio.sleep(LOOK_S)
    with closing(sqlite3.connect(world.database)) as db:
        _look_for_untold(world, db)
        _look_for_twice(world, db)
        _look_for_episodes(world, db)


def _look_for_untold(world: World, db: sqlite3.Connection) -> None:
    """What no log holds any more is a gap at the center, as far as anybody ever told it of these rows."""
    ledger = world.ledger
    logs = {log.key: log for log in logs_of(db, site.STATION)}
    for key, dead in ledger.dead.items():
        here = ledger.center.get(key, Ranges())
        log = logs.get(key)
        if log is None:
            continue
        listed = Ranges((gap.first, gap.last) for gap in gaps(db, log, here, world.center_ms()))
        untold = dead.minus(here, listed).within(1, max(log.head, here.last, 1))
        if untold:
            ledger.fail(f"rows {key[0].hex()} {key[1]:08x} {untold} are nowhere, and the center does not say so")


def _look_for_twice(world: World, db: sqlite3.Connection) -> None:
    """A radar's rows have no name before they are stored; their values say which row is which."""
    if world.scan_s < 60:
        return  # Neighbours may have one value.
    found = db.execute(
        "SELECT value, count(*) FROM readings WHERE quantity = ? AND value IS NOT NULL GROUP BY value"
        " HAVING count(*) > 1",
        (QUANTITY_CODES["gap_mm"],),
    ).fetchall()
    for value, count in found:
        world.ledger.duplicated += count - 1
        world.ledger.fail(f"the radar's row of {value} mm is there {count} times, under names of its own")


def _look_for_episodes(world: World, db: sqlite3.Connection) -> None:
    """One flood is one episode, however often the gateway died in it. A center that was put back has lost those whose
    events were with nobody else: acknowledged out of a memory, or on a card that was replaced."""
    raised = EVENT_CODES["alarm raised"]
    sql = "SELECT DISTINCT episode_ms FROM events WHERE rule = 'flood' AND kind = ? AND late IS NULL"
    found = db.execute(sql, (raised,)).fetchall()  # Not what was judged later for the record.
    unsure = world.doubtful | world.forgotten
    sure = sum(count >= SAMPLES_UP for number, count in world.floods_heard.items() if number not in unsure)
    seen = len(world.floods_heard)
    if len(found) < sure or (not world.doubtful and len(found) > seen):
        world.ledger.fail(f"{len(found)} episodes at the center, {seen} floods were seen, {sure} of them for sure")
