"""A board takes an update: only what is signed, in whatever pieces it comes, and nothing half."""

import os
import random

import pytest
import update_course
import update_files
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from update import key_of
from update_files import ENTRY_COMING, FLUSH_BYTES, Filling

from tests.firmware.update_board import (
    CHIP,
    COUNTER,
    FILES,
    HEAD_END,
    OLD,
    PACKAGE,
    SECRET,
    TURNS_MAX,
    Board,
    package_of,
)
from wire.modbus import BUSY, DEVICE_FAILURE, ILLEGAL_VALUE
from wire.package import (
    COMING,
    ENTRY,
    MANIFEST,
    NO_KEY,
    NO_ROOM,
    NO_SLOT,
    NOT_A_PACKAGE,
    NOT_NEWER,
    OTHER_CHIP,
    READ_BACK,
    WRONG_FILE,
    WRONG_SIGNATURE,
)
from wire.registers import (
    ORDER_DROP,
    ORDER_INSTALL,
    UPDATE_CHUNK,
    UPDATE_IDLE,
    UPDATE_OFFSET,
    UPDATE_READY,
    UPDATE_RECEIVING,
    UPDATE_REFUSED,
    UPDATE_VERIFYING,
    VERSION_COUNTER,
)


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


def refused(board: Board, reason: int, package: bytes = PACKAGE, untouched: bool = True) -> None:
    board.send(package)
    board.finish()
    assert board.state == (UPDATE_REFUSED, reason)
    assert board.update.order(ORDER_INSTALL) == ILLEGAL_VALUE
    assert board.update.take(0, package[:128]) == ILLEGAL_VALUE
    assert board.slots.running == "a"
    if untouched:
        assert board.spare() == OLD
    assert board.update.order(ORDER_DROP) == 0
    assert board.state == (UPDATE_IDLE, 0)
    assert board.registers.words[UPDATE_OFFSET] == 0


def test_a_package_is_taken_and_installed_and_its_counter_counts_from_then_on(board):
    assert board.state == (UPDATE_IDLE, 0)
    assert board.send(PACKAGE) == 0
    assert board.state == (UPDATE_READY, 0)
    assert board.registers.words[UPDATE_OFFSET] == len(PACKAGE)
    assert board.spare() == {
        **{path: content for path, content in FILES.items() if path != ENTRY},
        ENTRY_COMING: FILES[ENTRY],
        COMING: PACKAGE[:HEAD_END],
    }
    assert not board.update.restart_due
    assert board.update.order(ORDER_INSTALL) == 0
    assert board.update.restart_due
    assert board.spare() == {**FILES, MANIFEST: PACKAGE[:HEAD_END]}
    board.restart("b")
    assert board.slots.trial
    assert board.registers.words[VERSION_COUNTER] == COUNTER
    assert board.state == (UPDATE_IDLE, 0)


@settings(max_examples=10)
@given(st.data())
def test_pieces_of_any_length_from_anywhere_before_the_offset_make_the_same(tmp_path_factory, data):
    board = Board(tmp_path_factory.mktemp("board"))
    pick = random.Random(data.draw(st.integers(0, 1 << 32)))
    for _ in range(TURNS_MAX):
        board.finish()
        if board.update.offset == len(PACKAGE):
            break
        at = max(0, board.update.offset - pick.randrange(600))
        count = pick.randint(1, 1_500)
        assert board.update.take(at, PACKAGE[at : at + count]) == 0
    assert board.state == (UPDATE_READY, 0)
    assert board.update.order(ORDER_INSTALL) == 0
    assert board.spare() == {**FILES, MANIFEST: PACKAGE[:HEAD_END]}


def test_nothing_is_written_before_the_signature_is_verified(board):
    for at in range(0, HEAD_END, UPDATE_CHUNK):
        assert board.update.take(at, PACKAGE[at : at + UPDATE_CHUNK]) == 0
        assert board.spare() == OLD
    assert board.state == (UPDATE_VERIFYING, 0)
    assert board.update.take(HEAD_END, PACKAGE[HEAD_END : HEAD_END + 128]) == BUSY
    turns = 0
    while board.state[0] == UPDATE_VERIFYING:
        board.update.work()
        turns += 1
    assert turns > 10
    assert COMING in board.spare()


@pytest.mark.parametrize("at", [0, 3, 5, 6, 50, HEAD_END - 65, HEAD_END - 64, HEAD_END - 1])
def test_a_changed_byte_of_header_manifest_or_signature_is_refused(board, at):
    wrong = bytearray(PACKAGE)
    wrong[at] ^= 1
    refused(board, NOT_A_PACKAGE if at < 4 else WRONG_SIGNATURE, bytes(wrong) + bytes(600))


def test_a_length_beyond_the_longest_manifest_is_refused_at_once(board):
    refused(board, NOT_A_PACKAGE, b"RPU1\x10\x01" + bytes(8_000))


def test_a_package_signed_by_another_key_is_refused(board):
    refused(board, WRONG_SIGNATURE, package_of(secret=Ed25519PrivateKey.from_private_bytes(b"j" * 32)))


def test_a_package_for_another_chip_is_refused(board):
    refused(board, OTHER_CHIP, package_of(chip="esp32"))


def test_a_signed_manifest_that_breaks_a_rule_is_refused(board):
    import cbor2

    from wire.package import signed_message

    files = [["../a/main.mpy", 1, bytes(32)], [ENTRY, 1, bytes(32)]]
    encoded = cbor2.dumps({0: CHIP, 1: COUNTER, 2: [0, 0, 1], 3: files}, canonical=True)
    head = b"RPU1" + len(encoded).to_bytes(2, "big") + encoded
    refused(board, NOT_A_PACKAGE, head + SECRET.sign(signed_message(head)) + b"ab")


def test_a_board_without_a_key_refuses_everything(tmp_path):
    refused(Board(tmp_path, key=b""), NO_KEY)


def test_a_package_that_is_not_newer_than_what_runs_is_refused(board):
    board.send(PACKAGE)
    board.update.order(ORDER_INSTALL)
    board.restart("b")
    board.slots.confirm()
    board.restart("b")
    for counter in (COUNTER - 1, COUNTER):
        board.send(package_of(counter=counter))
        assert board.state == (UPDATE_REFUSED, NOT_NEWER)
        board.update.order(ORDER_DROP)
    assert board.send(package_of(counter=COUNTER + 1)) == 0
    assert board.state == (UPDATE_READY, 0)


def test_an_application_on_trial_takes_no_update(board):
    board.send(PACKAGE)
    board.update.order(ORDER_INSTALL)
    board.restart("b")
    board.send(package_of(counter=COUNTER + 1))
    assert board.state == (UPDATE_REFUSED, NO_SLOT)
    assert (board.root / "a" / ENTRY).read_bytes() == OLD[ENTRY]


def test_the_safe_application_takes_an_update(board):
    board.restart("safe")
    assert board.send(PACKAGE) == 0
    assert board.update.order(ORDER_INSTALL) == 0
    assert board.spare() == {**FILES, MANIFEST: PACKAGE[:HEAD_END]}


@pytest.mark.parametrize("path", list(FILES))
def test_a_file_that_is_not_that_of_the_manifest_is_refused_and_a_new_begin_takes_the_right_one(board, path):
    at = PACKAGE.index(FILES[path], HEAD_END)
    wrong = PACKAGE[:at] + bytes([PACKAGE[at] ^ 1]) + PACKAGE[at + 1 :]
    refused(board, WRONG_FILE, wrong, untouched=False)
    assert ENTRY not in board.spare()
    assert board.send(PACKAGE) == 0
    assert board.state == (UPDATE_READY, 0)


def test_what_the_flash_gives_back_is_compared_before_it_is_ready(board):
    for at in range(0, len(PACKAGE), UPDATE_CHUNK):
        board.finish()
        board.update.take(at, PACKAGE[at : at + UPDATE_CHUNK])
    assert board.state == (UPDATE_VERIFYING, 0)
    place = board.root / "b" / "bank.mpy"
    place.write_bytes(bytes([place.read_bytes()[0] ^ 4]) + place.read_bytes()[1:])
    board.finish()
    assert board.state == (UPDATE_REFUSED, READ_BACK)


@pytest.mark.parametrize("piece", range(0, len(PACKAGE), 1_500))
def test_a_start_in_the_middle_goes_on_where_the_flash_is(board, piece):
    while board.update.offset < piece:
        at = board.update.offset
        board.finish()
        board.update.take(at, PACKAGE[at : at + UPDATE_CHUNK])
    before = board.update.offset
    board.restart()
    if before > HEAD_END + 2 * UPDATE_CHUNK:
        assert board.state == (UPDATE_VERIFYING, 0)
    board.finish()
    if before > HEAD_END + 2 * UPDATE_CHUNK:
        assert board.state == (UPDATE_RECEIVING, 0)
        assert before - FLUSH_BYTES - UPDATE_CHUNK <= board.update.offset <= before
        assert board.update.offset >= HEAD_END - UPDATE_CHUNK
    assert board.send(PACKAGE) == 0
    assert board.update.order(ORDER_INSTALL) == 0
    assert board.spare() == {**FILES, MANIFEST: PACKAGE[:HEAD_END]}


def test_what_is_ready_is_ready_after_a_start_too_until_it_was_started_once(board):
    board.send(PACKAGE)
    board.restart()
    board.finish()
    assert board.state == (UPDATE_READY, 0)
    assert board.update.offset == len(PACKAGE)
    assert board.update.take(0, PACKAGE[:128]) == 0
    assert board.update.order(ORDER_INSTALL) == 0
    board.restart("a")  # It was tried, and failed.
    board.finish()
    assert board.state == (UPDATE_IDLE, 0)


def test_a_file_that_rotted_in_a_half_filled_slot_is_fetched_again(board):
    board.send(PACKAGE[:-300])
    place = board.root / "b" / "drivers/pressure_420.mpy"
    place.write_bytes(place.read_bytes()[:-1] + b"?")
    board.restart()
    board.finish()
    start = PACKAGE.index(FILES["drivers/pressure_420.mpy"], HEAD_END)
    assert start - UPDATE_CHUNK < board.update.offset <= start
    assert board.send(PACKAGE) == 0
    assert board.state == (UPDATE_READY, 0)


def test_a_half_filled_slot_of_another_key_or_noise_counts_as_nothing(board):
    board.send(PACKAGE[:-300])
    coming = board.root / "b" / COMING
    for content in (b"", b"RP", PACKAGE[: HEAD_END - 1], PACKAGE[: HEAD_END - 1] + b"?", os.urandom(500)):
        coming.write_bytes(content)
        board.restart()
        board.finish()
        assert (board.state, board.update.offset) == ((UPDATE_IDLE, 0), 0)
    assert board.send(PACKAGE) == 0
    assert board.state == (UPDATE_READY, 0)


def test_another_package_is_not_mixed_with_the_one_that_is_here(board):
    board.send(PACKAGE[: HEAD_END + 1_000])
    other = package_of(counter=COUNTER + 5)
    assert board.update.take(0, other[:128]) == ILLEGAL_VALUE
    assert board.state == (UPDATE_RECEIVING, 0)
    assert board.update.order(ORDER_DROP) == 0
    assert board.send(other) == 0
    assert board.update.order(ORDER_INSTALL) == 0
    board.restart("b")
    assert board.update.counter == COUNTER + 5


def test_a_piece_beyond_is_refused_and_one_that_is_here_is_taken_and_written_nowhere(board):
    assert board.update.take(128, PACKAGE[128:256]) == ILLEGAL_VALUE
    assert board.state == (UPDATE_IDLE, 0)
    board.send(PACKAGE[: HEAD_END + 1_000])
    here = board.update.offset
    assert board.update.take(here + UPDATE_CHUNK, PACKAGE[:128]) == ILLEGAL_VALUE
    at = here - 2 * UPDATE_CHUNK
    assert board.update.take(at, PACKAGE[at : at + UPDATE_CHUNK]) == 0
    assert board.update.offset == here


def test_nothing_is_written_while_the_supply_is_low(board):
    board.supply_good = False
    assert board.update.take(0, PACKAGE[:128]) == DEVICE_FAILURE
    board.supply_good = True
    for at in range(0, HEAD_END, UPDATE_CHUNK):
        board.update.take(at, PACKAGE[at : at + UPDATE_CHUNK])
    board.supply_good = False
    assert update_course.WAIT_MS in [board.update.work() for _ in range(200)]
    assert board.spare() == OLD
    assert board.update.take(board.update.offset, b"x") == DEVICE_FAILURE
    board.supply_good = True
    assert board.send(PACKAGE) == 0
    board.supply_good = False
    assert board.update.order(ORDER_INSTALL) == DEVICE_FAILURE
    assert board.update.order(ORDER_DROP) == DEVICE_FAILURE
    assert board.state == (UPDATE_READY, 0)
    board.supply_good = True
    assert board.update.order(ORDER_INSTALL) == 0


def test_a_full_flash_is_told_and_leaves_no_application(board, monkeypatch):
    board.send(PACKAGE[: HEAD_END + 1_000])

    def full(*_):
        raise OSError(28, "no space")

    monkeypatch.setattr(Filling, "_opened", full)
    assert board.send(PACKAGE) == DEVICE_FAILURE
    assert board.state == (UPDATE_REFUSED, NO_ROOM)
    assert not {ENTRY, COMING} & set(board.spare())


def test_an_order_that_cannot_be_is_refused(board):
    for order in (0, 3, 65_535, ORDER_INSTALL):
        assert board.update.order(order) == ILLEGAL_VALUE
    board.send(PACKAGE[: HEAD_END + 1_000])
    assert board.update.order(ORDER_INSTALL) == ILLEGAL_VALUE
    assert board.state == (UPDATE_RECEIVING, 0)


def test_dropping_what_is_ready_leaves_nothing_that_a_start_would_go_on_with(board):
    board.send(PACKAGE)
    assert board.update.order(ORDER_DROP) == 0
    assert not {ENTRY, COMING} & set(board.spare())
    board.restart()
    assert board.state == (UPDATE_IDLE, 0)
    assert board.update.order(ORDER_DROP) == 0


def test_what_is_being_proved_is_dropped_behind_that(board):
    board.send(PACKAGE)
    board.restart()
    assert board.state == (UPDATE_VERIFYING, 0)
    assert board.update.order(ORDER_DROP) == BUSY
    board.finish()
    assert board.update.order(ORDER_DROP) == 0
    board.restart()
    assert board.state == (UPDATE_IDLE, 0)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_order_to_install_that_was_cut_short_can_be_given_again(board, monkeypatch, steps):
    """Rename main, switch, rename the manifest: the power fails behind `steps` of them."""
    board.send(PACKAGE)
    left = [steps]

    def unless_cut(do):
        def cut(*args):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return do(*args)

        return cut

    monkeypatch.setattr(update_files.os, "rename", unless_cut(os.rename))
    monkeypatch.setattr(board.slots, "switch", unless_cut(board.slots.switch))
    with pytest.raises(KeyboardInterrupt):
        board.update.order(ORDER_INSTALL)
    monkeypatch.undo()
    if steps == 2:
        board.restart("b")
        assert board.update.counter == COUNTER
        return
    board.restart()
    board.finish()
    assert board.state == (UPDATE_READY, 0)
    assert board.update.order(ORDER_INSTALL) == 0
    assert board.spare() == {**FILES, MANIFEST: PACKAGE[:HEAD_END]}


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, 5, ["00" * 32]])
def test_a_key_is_64_hex_digits(text):
    with pytest.raises(ValueError):
        key_of(text)
    assert key_of("0f" * 32) == b"\x0f" * 32
    assert key_of(None) == b""
