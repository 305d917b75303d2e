"""What goes wrong in a simulated world: each fault a coroutine that begins it, waits, and puts it right again.

Rules of this file: a fault touches one part and ends by itself; two faults of one part never overlap, faults of
different parts do. The table says how often each is drawn.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.ranges import Ranges
from tools.soak.simulated import disk
from tools.soak.simulated.broker import QUOTA
from tools.soak.simulated.loop import Life
from tools.soak.simulated.world import World

MINUTE_S = 60.0
DAY_MS = 86_400_000
NOTICED_S = 45.0  # Until a silent connection is taken for dead.


class Fault(NamedTuple):
    """`part` is what it touches; `weight` how often it is drawn."""

    name: str
    part: str
    weight: int
    run: Callable[[World], Awaitable[None]]


class Faults:
    """Draws faults and runs them as tasks. `done` counts by name."""

    def __init__(self, world: World, table: "tuple[Fault, ...]") -> None:
        self.done: Counter[str] = Counter()
        self._world = world
        self._table = table
        self._busy: dict[str, asyncio.Task[None]] = {}

    def strike(self) -> None:
        """Begin one more fault, of a part that has none."""
        free = [fault for fault in self._table if fault.part not in self._busy]
        if not free:
            return
        (fault,) = self._world.chances["faults"].choices(free, [fault.weight for fault in free])
        self.done[fault.name] += 1
        self._world.trace("fault", fault.name)
        task = asyncio.get_running_loop().create_task(self._run(fault))
        self._busy[fault.part] = task

    async def _run(self, fault: Fault) -> None:
        try:
            await fault.run(self._world)
        finally:
            del self._busy[fault.part]

    async def over(self) -> None:
        """Wait until every fault has ended."""
        while self._busy:
            await asyncio.wait(list(self._busy.values()))


async def _for_minutes(world: World, least: float, most: float) -> None:
    await asyncio.sleep(min(world.chances["faults"].uniform(least, most) * MINUTE_S, world.fault_s_max))


async def _cut(world: World, at: disk.Disk, life: Life) -> None:
    """End `life` with its next COMMIT, before or after it stands; returns when that has happened."""
    done = asyncio.Event()

    def cut() -> None:
        life.dead = True
        done.set()

    at.cut = (world.chances["faults"].choice((disk.BEFORE, disk.AFTER)), cut)
    await done.wait()


# The gateway


async def kill_gateway(world: World) -> None:
    await world.kill_gateway()
    await _for_minutes(world, 0.05, 20)
    await world.start_gateway()


async def cut_at_commit(world: World) -> None:
    """The power fails while a COMMIT is under way: it stands or it does not, and nobody was told."""
    if world.gateway is not None:
        await _cut(world, world.disk, world.gateway.life)
    await kill_gateway(world)


async def restart_gateway(world: World) -> None:
    await world.stop_gateway()
    await _for_minutes(world, 0.05, 5)
    await world.start_gateway()


async def replace_card(world: World) -> None:
    await world.replace_card()


# Its disk


async def _disk(world: World, state: str, least: float, most: float) -> None:
    world.disk.state = state
    await _for_minutes(world, least, most)
    world.disk.state = disk.GOOD


async def disk_full(world: World) -> None:
    await _disk(world, disk.FULL, 1, 60)


async def disk_broken(world: World) -> None:
    await _disk(world, disk.BROKEN, 0.2, 60)


async def disk_read_only(world: World) -> None:
    await _disk(world, disk.READ_ONLY, 1, 60)


async def disk_slow(world: World) -> None:
    usual, world.disk_latency_s = world.disk_latency_s, (0.05, 3.0)
    await _for_minutes(world, 5, 60)
    world.disk_latency_s = usual


# Its clock


async def step_clock(world: World) -> None:
    chance = world.chances["faults"]
    usual_ms = world.offset_ms
    year_ms = 365 * DAY_MS
    step_ms = chance.choice((-45 * 60_000, 3 * 3_600_000, -3_000, 20 * year_ms, -20 * year_ms, None))
    world.set_clock(usual_ms + step_ms if step_ms is not None else -int(world.loop.now_s * 1_000) + 5_000)
    await _for_minutes(world, 2, 90)
    world.set_clock(usual_ms)


# The network


async def link_down(world: World) -> None:
    """Nothing passes; both ends notice at once, or after a while."""
    world.link_up = False
    if world.chances["faults"].random() < 0.5:
        await asyncio.sleep(NOTICED_S)
    _drop_gateway(world)
    await _for_minutes(world, 0.2, 120)
    world.link_up = True


async def link_flaps(world: World) -> None:
    for _ in range(world.chances["faults"].randint(2, 8)):
        world.link_up = False
        _drop_gateway(world)
        await _for_minutes(world, 0.01, 0.5)
        world.link_up = True
        await _for_minutes(world, 0.01, 2)


async def link_slow(world: World) -> None:
    usual, world.broker.delay_s = world.broker.delay_s, (0.1, 8.0)
    await _for_minutes(world, 5, 60)
    world.broker.delay_s = usual


def _drop_gateway(world: World) -> None:
    for session in list(world.broker.sessions):
        if session.identifier.startswith("rp-SIM"):
            session.drop()


async def broker_down(world: World) -> None:
    world.broker.up = False
    world.broker.restart()
    await _for_minutes(world, 0.1, 60)
    world.broker.up = True


async def broker_forgets(world: World) -> None:
    world.broker.restart()


async def broker_swallows(world: World) -> None:
    world.broker.swallows = 300
    await _for_minutes(world, 2, 30)
    world.broker.swallows = 0


async def broker_repeats(world: World) -> None:
    world.broker.repeats = 500
    await _for_minutes(world, 5, 60)
    world.broker.repeats = 0


async def broker_refuses(world: World) -> None:
    world.broker.refusing = QUOTA
    await _for_minutes(world, 1, 30)
    world.broker.refusing = 0


# The center


async def kill_center(world: World) -> None:
    await world.kill_center()
    await _for_minutes(world, 0.05, 60)
    await world.start_center()


async def cut_center_at_commit(world: World) -> None:
    """It dies before or after its COMMIT, and has acknowledged nothing of it."""
    if world.center is not None:
        await _cut(world, world.center_disk, world.center.life)
    await kill_center(world)


async def center_restored(world: World) -> None:
    """Yesterday's copy takes the place of the center's database; it says so by a new generation."""
    if world.copy_center():
        await _for_minutes(world, 10, 300)
        await world.restore_center(new_generation=True)


async def center_rolled_back(world: World) -> None:
    """The same, by somebody who tells nobody: the generation is what it was."""
    if world.copy_center():
        await _for_minutes(world, 10, 120)
        await world.restore_center(new_generation=False)


# The boards and their line


async def line_cut(world: World) -> None:
    world.wire.cut = True
    await _for_minutes(world, 1, 240)
    world.wire.cut = False


async def line_noisy(world: World) -> None:
    world.wire.noise_permil = 300
    await _for_minutes(world, 5, 120)
    world.wire.noise_permil = 0


async def port_gone(world: World) -> None:
    world.wire.port_gone = True
    await _for_minutes(world, 0.5, 30)
    world.wire.port_gone = False


async def board_silent(world: World) -> None:
    device = world.chances["faults"].choice((*world.boards, world.radar))
    device.silent = True
    await _for_minutes(world, 2, 600)
    device.silent = False


async def board_restarts(world: World) -> None:
    board = world.chances["faults"].choice(world.boards)
    board.advance()
    board.restart()


async def board_replaced(world: World) -> None:
    board = world.chances["faults"].choice(world.boards)
    board.advance()
    held = Ranges([(board.tail, board.head)] if board.rows else [])
    world.ledger.lose_board((board.serial, board.epoch), held)
    board.replace()


FAULTS = (
    Fault("gateway killed", "gateway", 6, kill_gateway),
    Fault("power cut at a commit", "gateway", 4, cut_at_commit),
    Fault("gateway restarted", "gateway", 2, restart_gateway),
    Fault("card replaced", "gateway", 1, replace_card),
    Fault("disk full", "disk", 2, disk_full),
    Fault("disk broken", "disk", 2, disk_broken),
    Fault("disk read only", "disk", 1, disk_read_only),
    Fault("disk slow", "disk", 2, disk_slow),
    Fault("clock stepped", "clock", 4, step_clock),
    Fault("link down", "link", 5, link_down),
    Fault("link flaps", "link", 3, link_flaps),
    Fault("link slow", "link", 2, link_slow),
    Fault("broker down", "broker", 3, broker_down),
    Fault("broker forgets", "broker", 2, broker_forgets),
    Fault("broker swallows", "broker", 3, broker_swallows),
    Fault("broker repeats", "broker", 2, broker_repeats),
    Fault("broker refuses", "broker", 2, broker_refuses),
    Fault("center killed", "center", 4, kill_center),
    Fault("center cut at a commit", "center", 4, cut_center_at_commit),
    Fault("center restored", "center", 2, center_restored),
    Fault("center rolled back", "center", 1, center_rolled_back),
    Fault("line cut", "line", 3, line_cut),
    Fault("line noisy", "line", 3, line_noisy),
    Fault("port gone", "line", 1, port_gone),
    Fault("board silent", "boards", 3, board_silent),
    Fault("board restarted", "boards", 3, board_restarts),
    Fault("board replaced", "boards", 1, board_replaced),
)
