"""A bare board comes up: how long that takes, who it says it is, what memory it leaves free and goes on leaving."""

from hil_tests.bare_metal.line import ask, definition, read, read_named
from tools.emulator.rtu import READ_HOLDING

START_MS_MAX = 3_000
RESTART_MS = 11_000
REQUESTS = 10_000
ROW_S = 5  # The least free heap is looked at with each row.
HEAP_LOSS_MAX = 1_024
HEAP_FREE_MIN = 128 * 1024
SERIAL = bytes.fromhex("e6616408432a5b21")  # The flash's own number (tools/bare_metal/chip.mjs).


def test_a_bare_board_starts_with_room_to_work(board_of):
    board = board_of()
    board.power()
    heap_free = board.start()
    ready_ms, blocks = board.now_ms, definition()["log_blocks"]
    print(f"\nready {ready_ms:.0f} ms after power, {heap_free} bytes of heap free, {blocks} blocks of log")
    assert ready_ms <= START_MS_MAX
    assert heap_free >= HEAP_FREE_MIN
    board.run(2_000)
    assert read_named(board, "heap_low_bytes") >= HEAP_FREE_MIN
    assert read_named(board, "reset_cause") == 0
    assert b"".join(word.to_bytes(2, "big") for word in read(board, 0x0100, 4)) == SERIAL


def test_a_start_that_fails_writes_nothing_says_why_and_is_tried_again(board_of):
    board = board_of(log_blocks=1_024)
    board.power()
    assert "log_blocks: 1024, this board has room for 64" in board.run(5_000, "room for 64")
    assert board.resets == 0
    board.run(RESTART_MS)
    assert board.resets == 1
    assert board.run(RESTART_MS).count("room for 64") >= 2
    assert board.programs + board.erases == 0


def test_ten_thousand_requests_take_no_memory(board_of):
    board = board_of(row_s=ROW_S, baud=115_200)
    board.power()
    board.start()
    board.run(2_000 * ROW_S)
    before = read_named(board, "heap_low_bytes")
    for number in range(REQUESTS):
        ask(board, READ_HOLDING, 0x01, 0x00, 0, 1 + number % 8)
    board.run(2_000 * ROW_S)
    after = read_named(board, "heap_low_bytes")
    print(f"\nleast free heap {before} bytes, after {REQUESTS} requests {after}")
    assert before - after <= HEAP_LOSS_MAX
