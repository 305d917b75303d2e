"""Whole stations whose parts are killed at random while rows flow: at the end the center has what all logs hold.

A seed gives the whole sequence: what is killed and how, how many rows are made before, for how many further kills it
stays dead. Killed are the gateway, a broker that keeps nothing, the center (kill -9) and boards (supply, reset button,
hung program, supply in the middle of a flash operation); the line and single cables fail in between.

Rules of this file: at least ROWS_MIN rows are made between two kills; what is compared are sets of (source, epoch,
seq, CRC), made = read from the boards' flash and the gateway's spool by foreign code, stored = the center's database.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tools.demo import account
from tools.demo.account import Account
from tools.emulator.board import Board
from tools.emulator.whole import WholeStation
from tools.soak.kill_station import FITS, kill_station

KILLS_MIN = 100  # of one call of `run`
ROUND_KILLS = 34  # of one station; then it is counted, and another begins with the next seed
ROWS_MIN, ROWS_MAX = 20, 90  # made between two kills
DELAY_MS_MAX = 250  # of real time, so that a kill does not always come with a row
DARK_MAX = 4  # further kills, during which something stays dead
BOARDS_UP_MIN = 2  # Somebody must make rows.
CUT_OPS_MAX = 4
POLL_S = 0.01
LOOK_S = 0.2
ROWS_LIMIT_S = 60.0
SETTLE_LIMIT_S = 90.0
SETTLES_MAX = 4
UNDER_WAY_MAX = 3  # rows of a board that are on their way to the gateway while it makes more

# What is done, how often of 100: those of the first table are kills, the others are outages between them.
KILLS = {"gateway": 30, "broker": 14, "center": 20, "power": 12, "reset": 6, "hang": 6, "cut": 12}
OUTAGES = {"line": 5, "cable": 5}
OF_BOARDS = ("power", "reset", "hang", "cut", "cable")
COMES_BACK = ("reset", "hang")  # by itself


class Step(NamedTuple):
    """After `rows` more rows and `delay_ms`, `what` happens to board `board` ("" where it is none); what is dead stays
    so while `dark` further steps are done. A cut comes at the `ops`-th flash operation, done to `part_permil`."""

    what: str
    board: str
    rows: int
    delay_ms: int
    dark: int
    ops: int = 0
    part_permil: int = 0

    def __str__(self) -> str:
        return f"{self.what} {self.board}".strip() + (f" (dark for {self.dark})" if self.dark else "")


@dataclass
class Result:
    """What one station came to."""

    kills: int = 0
    outages: int = 0
    sums: Account | None = None
    failures: list[str] = field(default_factory=list)


def plan(seed: int, kills: int, boards: Sequence[str], whats: Mapping[str, int] = KILLS | OUTAGES) -> list[Step]:
    """So many kills, and the outages between them; the same for the same seed."""
    chance = random.Random(f"kills {seed}")
    steps: list[Step] = []
    down: dict[str, int] = {}  # what is dead -> the number of the step before which it comes back
    while sum(step.what in KILLS for step in steps) < kills:
        number = len(steps)
        down = {name: until for name, until in down.items() if until > number}
        up = [board for board in boards if board not in down]
        possible = {what: weight for what, weight in whats.items() if _possible(what, down, up)}
        what = chance.choices(list(possible), list(possible.values()))[0]
        board = chance.choice(up) if what in OF_BOARDS else ""
        dark = chance.choice((0, 0, *range(DARK_MAX + 1)))
        dark = 0 if what in COMES_BACK else max(dark, int(what in OUTAGES))
        ops, part_permil = chance.randint(1, CUT_OPS_MAX), chance.choice((0, 1, 300, 500, 999, 1000))
        rows, delay_ms = chance.randint(ROWS_MIN, ROWS_MAX), chance.randint(0, DELAY_MS_MAX)
        steps.append(Step(what, board, rows, delay_ms, dark, ops, part_permil))
        if dark:
            down |= dict.fromkeys((what, board) if board else (what,), number + 1 + dark)
    return steps


def _possible(what: str, down: Mapping[str, int], up: Sequence[str]) -> bool:
    if what in OUTAGES and down.keys() & OUTAGES.keys():
        return False  # A line that is stopped takes no command.
    return len(up) > BOARDS_UP_MIN if what in OF_BOARDS else what not in down


def run(minutes: float, seed: int, tell: Callable[[str], None], folder: Path) -> dict[str, int | float | list]:
    """Stations one after another until KILLS_MIN kills are done and `minutes` have passed."""
    end_s = time.monotonic() + minutes * 60
    found: dict[str, int | float | list] = {}
    kills = rows = lost = duplicated = 0
    failures: list[str] = []
    while kills < KILLS_MIN or time.monotonic() < end_s:
        station = kill_station(folder / f"seed-{seed}")
        steps = plan(seed, ROUND_KILLS, list(FITS))
        result = one_station(station, steps, f"seed {seed}", tell)
        failures += [f"{text}; again: python -m tools.soak kills --seed {seed}" for text in result.failures]
        kills += result.kills
        if result.sums is not None:
            rows += len(result.sums.made)
            lost += result.sums.lost
            duplicated += result.sums.duplicated
        seed += 1
        if not result.kills:
            break  # It does not even start.
    found |= {"kills": kills, "rows": rows, "lost": lost, "duplicated": duplicated, "failures": failures}
    return found


def one_station(station: WholeStation, steps: Sequence[Step], name: str, tell: Callable[[str], None]) -> Result:
    """Start it, do the steps, let it settle, count. Whatever goes wrong is a failure that begins with `name`."""
    result = Result()
    step = None
    try:
        with station:
            loop = Loop(station)
            loop.wait_for_rows(ROWS_MIN)
            for number, step in enumerate(steps):
                loop.do(number, step)
                result.kills += step.what in KILLS
                result.outages += step.what in OUTAGES
            step = None
            loop.restore_all()
            result.sums = settle(station)
            result.failures += [f"{name}: {text}" for text in (*loop.wrong, *wrong_of(station, result.sums))]
    except (TimeoutError, RuntimeError, OSError) as error:
        at = f"at kill {result.kills + 1}, {step}" if step else "before or after the kills"
        result.failures.append(f"{name}: {at}: {type(error).__name__}: {error}")
    if result.sums is not None:
        tell(
            f"{name}: {result.kills} kills, {result.outages} outages, {len(result.sums.made)} rows,"
            f" {result.sums.lost} lost, {result.sums.duplicated} doubled"
        )
    return result


def wrong_of(station: WholeStation, sums: Account) -> list[str]:
    """What is wrong with the account, with some of the rows by name."""
    wrong = []
    for what, rows in (("lost", sums.made - sums.stored), ("made by nobody", sums.stored - sums.made)):
        if rows:
            some = ", ".join(f"{source.hex()} {epoch:08x} {seq}" for source, epoch, seq, _ in sorted(rows)[:5])
            wrong.append(f"{len(rows)} rows {what}: {some}")
    if sums.stored_count != len(sums.stored):
        wrong.append(f"{sums.stored_count - len(sums.stored)} rows twice in the center's database")
    conflicts = station.center_query("SELECT value FROM counters WHERE name IN ('conflicts', 'quarantined')")
    if conflicts and sum(value for (value,) in conflicts):
        wrong.append(f"the center set {sum(value for (value,) in conflicts)} messages aside")
    return wrong


class Loop:
    """Does steps to a running station. `wrong`: what ended without being killed."""

    def __init__(self, station: WholeStation) -> None:
        self.wrong: list[str] = []
        self._station = station
        self._rig = station.rig
        self._back: list[tuple[int, Callable[[], None]]] = []  # (before which step, what brings it back)
        self._rows = 0  # made when the last step was done
        self._dead: set[str] = set()

    def wait_for_rows(self, rows: int) -> None:
        """Until the boards have made so many rows since the last step. TimeoutError."""
        wanted = self._rows + rows
        self._wait(lambda: self._made() >= wanted, ROWS_LIMIT_S, f"{rows} rows")

    def do(self, number: int, step: Step) -> None:
        """Wait for the step's rows, then kill, or take the line away."""
        for due, restore in [entry for entry in self._back if entry[0] <= number]:
            self._back.remove((due, restore))
            restore()
        self.wait_for_rows(step.rows)
        until_s = time.monotonic() + step.delay_ms / 1000
        self._wait(lambda: time.monotonic() >= until_s, ROWS_LIMIT_S, "the delay")
        self._look_after()
        restore = self._strike(step)
        self._rows = self._made()
        if restore is not None and step.dark:
            self._back.append((number + 1 + step.dark, restore))
        elif restore is not None:
            restore()

    def restore_all(self) -> None:
        """Bring back what is dead."""
        for _, restore in self._back:
            restore()
        self._back.clear()
        for board in self._rig.boards.values():
            board.wait_ready()

    def _strike(self, step: Step) -> Callable[[], None] | None:
        """Do it; what brings back what is dead now, None where that comes back by itself."""
        station, rig = self._station, self._rig
        if step.what == "broker":
            station.broker.kill()
            return station.broker.start
        if step.what == "line":
            rig.line.pause()
            return rig.line.resume
        if step.what in ("gateway", "center"):
            child = station.gateway if step.what == "gateway" else station.center
            child.kill()
            self._dead.add(step.what)
            return lambda: (self._dead.discard(step.what), child.start())[1]
        board = rig.boards[step.board]
        board.wait_ready()
        if step.what == "cable":
            rig.line.silence(board.spec.address)
            return rig.line.clear
        if step.what == "power":
            board.kill()
        elif step.what == "cut":
            board.power_cut(step.ops, step.part_permil)
            board.wait_down()
        else:
            board.reset() if step.what == "reset" else board.hang()
            return None
        return lambda: board.start(wait=False)

    def _look_after(self) -> None:
        """A process that nobody killed has to run; one that does not is started again, and told."""
        for child in (self._station.gateway, self._station.center):
            if child.name not in self._dead and not child.running:
                self.wrong.append(f"the {child.name} ended by itself: {child.last_lines(3)}")
                child.start()

    def _made(self) -> int:
        return sum(board.rows_made for board in self._rig.boards.values())

    def _wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        wait(condition, limit_s, what, POLL_S)


def settle(station: WholeStation) -> Account:
    """Let everything arrive, stop the boards and the gateway when no row is under way, and count.

    A row that a board makes while it is being switched off needs another try; what is lost stays lost in the next.
    """
    sums = Account(frozenset(), frozenset(), 0)
    lost: frozenset[account.Key] = frozenset()
    for _ in range(SETTLES_MAX):
        whole = _quiet(station)
        here = account.in_spool(station.spool_file)
        whole = whole and _comes(lambda here=here: here <= set(station.center_rows()))
        station.gateway.stop()
        sums = account.take(station)
        before, lost = lost, sums.made - sums.stored
        if not lost or lost & before or not whole:
            break
    return sums


def _quiet(station: WholeStation) -> bool:
    """Switch off each board at a moment at which the gateway has all its rows; False if that never comes."""
    rig, rate = station.rig, station.rig.rate
    if not station.gateway.running:
        station.gateway.start()
    for board in rig.boards.values():
        board.start()

    def under_way(here: set[account.Key], board: Board) -> int:
        return len({(board.serial, *row) for row in board.ledger} - here)

    def nearly_all() -> bool:
        here = account.in_spool(station.spool_file) | set(station.center_rows())  # A new card asks for no more.
        return all(under_way(here, board) <= UNDER_WAY_MAX for board in rig.boards.values())

    def all_off() -> bool:
        here = account.in_spool(station.spool_file) | set(station.center_rows())
        for board in rig.boards.values():
            if board.running and not under_way(here, board):
                board.kill()
        return not any(board.running for board in rig.boards.values())

    whole = _comes(nearly_all)
    rig.set_rate(1.0)  # Seconds between two rows, in which the last one arrives.
    try:
        return whole and _comes(all_off)
    finally:
        rig.set_rate(rate)


def _comes(condition: Callable[[], bool]) -> bool:
    """Wait for it; what does not come is found by the account."""
    try:
        wait(condition, SETTLE_LIMIT_S, "all rows")
    except TimeoutError:
        return False
    return True


def wait(condition: Callable[[], bool], limit_s: float, what: str, look_s: float = LOOK_S) -> None:
    """Until `condition()`; TimeoutError that names `what`."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {limit_s:.0f} s for {what}")
        time.sleep(look_s)
