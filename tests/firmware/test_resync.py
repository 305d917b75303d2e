"""A board's line between good requests, as a process: noise, breaks, half frames, and a receiver that got stuck."""

import os
import random
import select
import time

import pytest

from tests.firmware.board_process import ADDRESS, BoardProcess
from wire.modbus import READ_HOLDING, crc16

pytestmark = pytest.mark.long

DISTURBANCES = 1_000
SILENCE_S = 0.012  # 3.5 characters at 9,600 baud are 4 ms; up to 8 ms a board may take for a pause of its machine.
ANSWER_S = 2.0
REQUEST = bytes((ADDRESS, READ_HOLDING, 0, 4, 0, 2))


def sealed(body):
    return body + crc16(body, len(body)).to_bytes(2, "little")


def answer(master, length):
    """What comes within ANSWER_S, at most `length` bytes."""
    got = b""
    end_s = time.monotonic() + ANSWER_S
    while len(got) < length and (left_s := end_s - time.monotonic()) > 0:
        if select.select([master], [], [], left_s)[0]:
            got += os.read(master, length - len(got))
    return got


def disturbance(dice):
    """Noise, a break (zeros), the beginning or the end of a frame, a frame with a wrong bit, another's half answer."""
    whole = sealed(bytes((dice.choice((ADDRESS, ADDRESS + 1)), dice.choice((3, 4, 16, 20, 43)), 0, 4, 0, 2)))
    flipped = bytearray(whole)
    flipped[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
    kinds = (
        dice.randbytes(dice.randint(1, 60)),
        bytes(dice.randint(1, 20)),
        whole[: dice.randint(1, len(whole) - 1)],
        whole[dice.randint(1, len(whole) - 1) :],
        bytes(flipped),
        bytes((ADDRESS + 1, 3, 200)) + dice.randbytes(dice.randint(0, 40)),
    )
    return dice.choice(kinds)


def test_after_any_disturbance_and_a_silence_every_good_request_is_answered(tmp_path):
    dice = random.Random(20)
    with BoardProcess(tmp_path) as board:
        master = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        try:
            for number in range(DISTURBANCES):
                noise = disturbance(dice)
                os.write(master, noise)
                select.select([], [], [], SILENCE_S)
                while select.select([master], [], [], 0)[0]:
                    os.read(master, 512)  # A disturbance may be a whole request of ours by chance.
                os.write(master, sealed(REQUEST))
                got = answer(master, 9)
                assert got[:3] == bytes((ADDRESS, READ_HOLDING, 4)), (number, noise.hex(), got.hex())
                assert got == sealed(got[:-2])
        finally:
            os.close(master)
        stats = board.stats()
        assert stats["requests"] >= DISTURBANCES
        assert stats["dropped"] > DISTURBANCES
        assert stats["reopened"] == 0


def test_a_receiver_that_got_stuck_is_set_up_anew_and_that_is_counted(tmp_path):
    with BoardProcess(tmp_path, 600, row_s=600, scan_ms=10_000) as board, board.client(0.1) as client:
        assert not client.read_holding_registers(4, count=2, device_id=ADDRESS).isError()
        board.send({"hang": "deaf"})
        end_s = time.monotonic() + 30
        while board.stats()["reopened"] == 0:
            assert time.monotonic() < end_s
        board.wait_for_scans(2)  # Counters are put into registers once a scan.
        board.set_rate(1)
        found = client.read_holding_registers(0x013C, count=1, device_id=ADDRESS)
        assert found.registers[0] >= 1
