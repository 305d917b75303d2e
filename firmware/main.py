"""A sensor board: opens its hal, lets it be fitted as board.json says, and lets it work for ever.

Rules of this file: what only the start needs is loaded for the start alone. A failure leaves its last words.
"""

import gc
import sys

GARBAGE_BYTES = 4_096  # Between two collections of the start, so that it leaves few holes behind.
gc.threshold(GARBAGE_BYTES)

from board import Board  # noqa: E402 - what is loaded from here on
from hal import CRASH, open_hal  # noqa: E402
from health import START, leave_words, words_of  # noqa: E402
from modules import let_go  # noqa: E402
from slots import SAFE, Slots  # noqa: E402

START_ONLY = ("fitting", "unfit")


def open_board(hal, slots) -> "Board | None":
    """See fitting.opened."""
    from fitting import opened

    board = opened(hal, slots)
    let_go(*START_ONLY)
    gc.threshold(hal.garbage_bytes)
    if board is not None:
        _spend(slots.running == SAFE)
        board.update.keep_place()
    return board


def _spend(safe):
    from spent import behind_the_board

    behind_the_board(safe)
    let_go("spent")


def main(argv: list, slot: str = "a", cause: "int | None" = None) -> None:
    """Start the board that `argv` describes (hal.posix: Hal.from_arguments) as the application `slot`, SAFE among them.

    `cause` of this start, if whoever calls was told it already.
    """
    hal = open_hal(argv, cause)
    try:
        hal.keep.note(START)
        board = open_board(hal, Slots(hal.root, slot))
        if board is not None:
            board.run()
    except Exception as error:
        leave_words(hal.keep, words_of(error))
        hal.keep.end(CRASH)
        raise


if __name__ == "__main__":
    main(sys.argv)
