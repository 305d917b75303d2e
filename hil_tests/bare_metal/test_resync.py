"""A bare board's line between good requests: noise, breaks, half frames, and a receiver that got stuck."""

import random

from hil_tests.bare_metal.line import ADDRESS, ask, read, read_named
from tools.bare_metal.board import Board
from tools.emulator.rtu import READ_HOLDING, sealed, t35_ns
from wire.registers import NOW

DISTURBANCES = 1_000
BAUD = 115_200
SILENCE_US = t35_ns(BAUD, 10, 1) // 1_000
DEAF_MS = 310_000
FOREIGN = (ADDRESS + 1, READ_HOLDING)


def disturb(board: Board, dice: random.Random) -> str:
    """One disturbance and t3.5 of silence; what it was."""
    whole = sealed(bytes((dice.choice((ADDRESS, ADDRESS + 1)), dice.choice((3, 4, 16, 20, 43)), 0, 4, 0, 2)))
    kind = dice.choice(("noise", "break", "no stop bits", "begin", "end", "half answer"))
    noise = {
        "noise": dice.randbytes(dice.randint(1, 60)),
        "break": bytes(dice.randint(1, 3)),
        "no stop bits": dice.randbytes(dice.randint(1, 40)),
        "begin": whole[: dice.randint(1, len(whole) - 1)],
        "end": whole[dice.randint(1, len(whole) - 1) :],
        "half answer": bytes((*FOREIGN, 200)) + dice.randbytes(dice.randint(0, 40)),
    }[kind]
    board.disturb(noise, wrong=kind in ("break", "no stop bits"), gap_us=SILENCE_US)
    return f"{kind} {noise.hex()}"


def test_after_any_disturbance_and_a_silence_every_good_request_is_answered(board_of):
    board = board_of(baud=BAUD)
    board.power()
    board.start()
    board.run(2_000)
    dice = random.Random(40)
    for number in range(DISTURBANCES):
        seen = disturb(board, dice)
        frame = ask(board, READ_HOLDING, NOW >> 8, NOW & 0xFF, 0, 2).frame
        assert frame[:3] == bytes((ADDRESS, READ_HOLDING, 4)), (number, seen)
    board.run(1_500)
    dropped, requests = read_named(board, "bus_dropped"), read_named(board, "bus_requests")
    assert dropped > DISTURBANCES
    assert requests >= DISTURBANCES
    assert read_named(board, "bus_reopened") == 0
    print(f"\n{DISTURBANCES} disturbances, {dropped} bytes of no frame, {requests} requests answered")


def test_a_receiver_that_got_stuck_after_noise_hears_again_within_minutes(board_of):
    board = board_of()
    board.power()
    board.start()
    board.run(2_000)
    assert read(board, NOW, 2)
    board.disturb(b"\x55" * 20, wrong=True, gap_us=10_000)
    board.deafen()
    assert not board.ask(sealed(bytes((ADDRESS, READ_HOLDING, 0, NOW, 0, 2)))).frame
    board.run(DEAF_MS)
    assert read(board, NOW, 2)
    board.run(1_500)
    assert read_named(board, "bus_reopened") == 1
