"""The log of a bare board in its flash, over power cuts."""

import random

from hil_tests.bare_metal.line import read_log, read_named
from tools.bare_metal.board import Board

CUTS = 50
OPS_MAX = 40  # Flash operations until the power fails; most of them are rows.
RUN_MS_MAX = 60_000
SEEN_AGAIN = 20  # Rows from before a cut that are compared after it; all of them at the end.


def contiguous(rows: dict[int, bytes]) -> bool:
    return sorted(rows) == list(range(min(rows, default=1), max(rows, default=0) + 1))


def test_no_row_is_lost_that_was_once_given_over_many_power_cuts(board_of):
    board: Board = board_of(row_s=1, log_blocks=4, baud=115_200)
    order = random.Random(5)
    epoch, known, torn, tail = 0, {}, 0, 0
    for number in range(CUTS + 1):
        board.power()
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
            part_permil = order.choice((0, 1_000, order.randrange(1, 1_000)))
            torn += 0 < part_permil < 1_000
            board.cut_power(order.randint(1, OPS_MAX), part_permil)
            board.run(RUN_MS_MAX)
            assert not board.on
    assert torn > 0
    assert tail > 1  # It went around its ring.
    assert max(known) - tail > CUTS
    print(f"\n{CUTS} cuts, {torn} of them torn, {max(known)} rows, {board.erases} erases, {board.programs} programs")
