"""A bare board comes up: how long that takes, who it says it is, what memory it leaves free and goes on leaving."""

import json

from hil_tests.bare_metal.line import ask, definition, read, read_named
from tools.emulator.rtu import READ_HOLDING
from tools.firmware_build import build
from tools.image.files import pack_twin

START_MS_MAX = 3_000
FACTORY_ADDRESS = 247
REQUESTS = 10_000
ROW_S = 5  # The least free heap is looked at with each row.
HEAP_LOSS_MAX = 1_024
HEAP_FREE_MIN = 112 * 1024
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


def test_a_board_json_that_cannot_be_obeyed_writes_nothing_and_leads_to_the_safe_application(board_of):
    wrong = json.dumps(definition(log_blocks=1_024)).encode()
    board = board_of(changed={"board.0": pack_twin(1, wrong), "board.1": pack_twin(2, wrong)})
    board.power()
    assert "log_blocks: 1024, this board has room for 64" in board.run(5_000, "room for 64")
    board.start()
    assert board.resets == 1
    board.run(2_000)
    assert read_named(board, "reset_cause", address=FACTORY_ADDRESS) == 6
    assert read_named(board, "slot", address=FACTORY_ADDRESS) == 0


def test_a_slot_whose_program_hangs_at_its_import_is_bitten_until_the_safe_application_comes(board_of, tmp_path):
    source = tmp_path / "hang"
    source.mkdir()
    (source / "main.py").write_text("import time\n\nwhile True:\n    time.sleep(1)\n")
    (program,) = build(tmp_path / "built", source=source)
    board = board_of(changed={"a/main.mpy": program.read_bytes()})
    board.power()
    for _ in range(6):
        if "ready " in board.run(10_000, "ready "):
            break
    assert board.resets == 4  # The start behind power-on, and three that count.
    board.run(2_000)
    assert read_named(board, "slot") == 0


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
