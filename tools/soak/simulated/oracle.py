"""What must be true while a world runs, and at its end.

Rules of this file: it looks at the siren, the ledger, and the databases; never at what the code under test believes.
"""

import asyncio

from tools.soak.simulated import site
from tools.soak.simulated.world import World

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
