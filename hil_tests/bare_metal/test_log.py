"""The log of a bare board in its flash, over power cuts."""

import random

from hil_tests.bare_metal.line import read_log, read_named
from tools.bare_metal.board import Board

CUTS = 52
ERASE_EACH = 4  # Each fourth cut falls into an erase: there is one for a whole block of rows.
OPS_MAX = 40  # Programs until the power fails; most of them are rows.
RUN_MS_MAX = 400_000  # The first erase comes when the ring is full.
LEVEL_STEPS, FULL_STEPS = 1_489, 1_400  # Half of the probe's span; 12.4 V of supply.
SEEN_AGAIN = 20  # Rows from before a cut that are compared after it; all of them at the end.


def contiguous(rows: dict[int, bytes]) -> bool:
    return sorted(rows) == list(range(min(rows, default=1), max(rows, default=0) + 1))


def cut(board: Board, number: int, order: random.Random) -> tuple[str, bool]:
    """Let the power fail in the `number`-th way; (operation, was it half done)."""
    of = "program" if number % ERASE_EACH else "erase"
    torn = number // ERASE_EACH % 2  # In turn, not by chance: enough of each kind.
    part_permil = order.randrange(1, 1_000) if torn else order.choice((0, 1_000))
    before = {"erase": board.erases, "program": board.programs}[of]
    ops = 1 if of == "erase" else order.randint(1, OPS_MAX)
    board.cut_power(ops, part_permil, of)
    board.run(RUN_MS_MAX)
    assert not board.on
    assert {"erase": board.erases, "program": board.programs}[of] == before + ops
    return of, 0 < part_permil < 1_000


def test_no_row_is_lost_that_was_once_given_over_many_power_cuts(board_of):
    board: Board = board_of(row_s=1, log_blocks=4, baud=115_200)
    order = random.Random(5)
    epoch, known, tail = 0, {}, 0
    cuts: list[tuple[str, bool]] = []
    for number in range(CUTS + 1):
        board.power()
        board.set_adc(c0=LEVEL_STEPS, c2=FULL_STEPS)
        board.start()
        tail, head = read_named(board, "log_tail"), read_named(board, "log_head")
        last = number == CUTS
        found_epoch, rows = read_log(board, max(1, tail if last else max(known, default=0) - SEEN_AGAIN))
        assert epoch in (0, found_epoch)
        epoch = found_epoch
        assert contiguous(rows), f"cut {number}"
        assert max(rows, default=0) >= max(head, max(known, default=0)), f"cut {number}"
        first = min(rows, default=1)
        assert {seq: rows[seq] for seq in known if seq >= first} == {
            seq: packed for seq, packed in known.items() if seq >= first
        }, f"cut {number}"
        known |= rows
        if not last:
            cuts.append(cut(board, number, order))
    assert cuts.count(("erase", True)) >= 5
    assert cuts.count(("program", True)) >= 10
    assert sum(of == "erase" for of, _ in cuts) >= CUTS // ERASE_EACH
    assert tail > 1  # It went around its ring.
    assert max(known) - tail > CUTS
    told = ", ".join(f"{cuts.count(kind)} {kind[0]}s {'torn' if kind[1] else 'not torn'}" for kind in sorted(set(cuts)))
    print(f"\n{CUTS} cuts ({told}), {max(known)} rows, {board.erases} erases, {board.programs} programs")
