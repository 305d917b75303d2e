"""What hal/esp32 keeps, and a whole board on it, one check a function (see fake_esp32/bench.py)."""

import modules
from bench import DEFINITION, again, expect, hal_of, raises, run
from fitting import board_of as fitted
from hal import BROWN_OUT, DEEP_SLEEP, NOT_KNOWN, POWER, RESET, WATCHDOG
from hal.chip_flash import FlashError
from hal.esp32 import Hal
from hal.esp32_flash import Flash
from hal.esp32_keep import KEEP_BYTES_MAX
from slots import Slots
from stats import stats_of
from world import BLOCK_BYTES, WORLD, Restart

from wire.modbus import crc16
from wire.registers import NOW_SLOTS, SLOT_REGISTERS

modules.KEPT_ALIVE = True  # More than one board is made here.
MEASURED = [5_000, 600, 11_000]  # mm of head at 12 mA, um of rain after three tips, mV of supply.
RAIN, LEVEL, VIN = 33, 34, 39


# Flash


def programming_clears_bits_and_erases_nothing():
    flash = hal_of().blocks("log", 16)
    flash.program(4_090, b"\x0f" * 300)  # Over the end of a block.
    flash.program(4_090, b"\x05" * 300)
    seen = bytearray(304)
    flash.read(4_088, seen)
    expect(bytes(seen), b"\xff\xff" + b"\x05" * 300 + b"\xff\xff")
    expect((WORLD.flash, flash.programs, flash.erases), (["program"] * 2, 2, 0))
    flash.erase(1)
    flash.read(4_088, seen)
    expect(bytes(seen), b"\xff\xff" + b"\x05" * 6 + b"\xff" * 296)
    expect((WORLD.flash, flash.erases), (["program"] * 2 + ["erase"], 1))


def the_log_stays_within_its_partition():
    flash = hal_of().blocks("log", 4)
    for call, arguments in (
        (flash.read, (4 * BLOCK_BYTES - 1, bytearray(2))),
        (flash.program, (4 * BLOCK_BYTES, b"\0")),
        (flash.program, (-1, b"\0")),
        (flash.erase, (4,)),
        (flash.erase, (-1,)),
    ):
        expect(raises(FlashError, call, *arguments), True)
    expect(WORLD.flash, [])
    expect(raises(FlashError, Flash, 17), True)
    WORLD.partitions = {"vfs": bytearray(BLOCK_BYTES)}
    expect(raises(FlashError, Flash, 1), True)


# Kept memory, causes, the board itself


def kept_bytes_survive_a_reset_and_sleep_but_no_power_cut():
    hal = hal_of()
    hal.keep.put(b"rain")
    expect(raises(Restart, hal.reset, RESET), True)
    hal = again(2)
    expect((hal.keep.get(), hal.reset_cause()), (b"rain", RESET))
    expect(raises(Restart, hal.sleep, 60_000), True)
    expect(WORLD.slept_ms, 60_000)
    hal = again(4)
    expect((hal.keep.get(), hal.reset_cause()), (b"rain", DEEP_SLEEP))
    hal = again(1)
    expect((hal.keep.get(), hal.reset_cause()), (b"", POWER))


def what_is_no_kept_memory_of_ours_counts_as_lost():
    for garbage in (b"", b"RPK", b"RPK1", b"other" * 9):
        WORLD.rtc = garbage
        expect(again(3).keep.get(), b"")


def what_was_noted_last_is_told_after_the_watchdog():
    keep = hal_of().keep
    keep.note(3)
    keep.put(b"rain")
    keep.note(7)
    hal = again(3)
    expect((hal.keep.noted, hal.keep.get()), (7, b"rain"))
    hal.keep.note(0)
    expect(again(3).keep.noted, 0)


def kept_memory_ends_with_the_chips():
    keep = hal_of().keep
    keep.put(bytes(KEEP_BYTES_MAX))
    expect(len(WORLD.rtc), 2_048)
    expect(raises(ValueError, keep.put, bytes(KEEP_BYTES_MAX + 1)), True)


def every_cause_of_a_start_has_its_name():
    for cause, register, named, wanted in (
        (1, 1, 0, POWER),  # Power, and the EN button.
        (1, 15, 0, BROWN_OUT),  # By the chip's own detector,
        (1, 12, 0, BROWN_OUT),  # and by its library, which restarts the program.
        (2, 12, RESET, RESET),
        (2, 12, WATCHDOG, WATCHDOG),  # The supervisor ended it before the watchdog did.
        (2, 12, 0, NOT_KNOWN),  # A crash of the interpreter.
        (3, 12, 0, WATCHDOG),
        (4, 5, DEEP_SLEEP, DEEP_SLEEP),
        (5, 12, 0, RESET),
        (0, 6, 0, NOT_KNOWN),
    ):
        hal = hal_of()
        if named:
            expect(raises(Restart, hal.reset, named), True)
        WORLD.cause, WORLD.registers = cause, {0x3FF4_8034: register | 0x40}
        expect(hal_of().reset_cause(), wanted)


def a_named_cause_counts_for_one_start():
    hal = hal_of()
    raises(Restart, hal.reset, WATCHDOG)
    expect(again(2).reset_cause(), WATCHDOG)
    expect(again(2).reset_cause(), NOT_KNOWN)


def the_serial_has_8_bytes_and_is_the_chips():
    expect(hal_of().unique_id(), b"\x00\x00\x24\x6f\x28\x01\x02\x03")


def the_watchdog_runs_before_anything_slow_begins():
    hal_of()
    expect(WORLD.wdt[0], 8_000)


def wrong_words_at_the_start_are_refused():
    expect(raises(ValueError, Hal.from_arguments, ["riverpost"], None), True)


# A whole board


def turns(board, ms):
    hal = board.hal
    begin = hal.ticks_ms()
    while hal.ticks_diff(hal.ticks_ms(), begin) < ms:
        hal.wait(board.turn())


def board_of(hal):
    """The firmware on this hal, its sensors at 12 mA and 11 V; the log small enough for the fake flash."""
    WORLD.uv.update({LEVEL: 1_200_000, VIN: 1_000_000})
    return fitted(hal, dict(DEFINITION, log_blocks=16, row_s=10), Slots(hal.root, "a"))


def ask(hal, request):
    """What the board's line answers to `request`, given to it as a master does."""
    uart = hal.bus().uart
    uart.sent = b""
    crc = crc16(request, len(request))
    uart.feed(request + bytes((crc & 0xFF, crc >> 8)))
    return uart


def a_board_measures_answers_and_logs_across_the_wrap_of_its_ticks():
    hal = hal_of()
    board = board_of(hal)
    turns(board, 2_500)
    for at_ms in (100, 700, 1_300):
        WORLD.falling_edge(RAIN, 1_000 * at_ms)
    turns(board, 12_500)
    count = len(MEASURED) * SLOT_REGISTERS
    uart = ask(hal, bytes((11, 3, NOW_SLOTS >> 8, NOW_SLOTS & 0xFF, 0, count)))
    turns(board, 500)
    expect((uart.sent[:3], len(uart.sent)), (bytes((11, 3, 2 * count)), 5 + 2 * count))
    expect(crc16(uart.sent, len(uart.sent)), 0)
    slots = [uart.sent[3 + 2 * SLOT_REGISTERS * i :] for i in range(len(MEASURED))]
    expect([int.from_bytes(slot[:4], "big") for slot in slots], MEASURED)
    stats = stats_of(board)
    expect((stats["head"] >= 1, stats["scans_skipped"], stats["sensor_errors"]), (True, 0, 0))
    expect([board.log.last_value(i) for i in range(len(MEASURED))], MEASURED)


def a_board_goes_on_with_its_log_after_a_reset():
    hal = hal_of()
    board = board_of(hal)
    WORLD.falling_edge(RAIN, 500_000)
    turns(board, 25_000)
    first = stats_of(board)
    raises(Restart, hal.reset, RESET)
    board = board_of(again(2))
    turns(board, 12_000)
    second = stats_of(board)
    expect((second["boot"], second["damaged"]), (first["boot"] + 1, 0))
    expect(second["head"] > first["head"] >= 2, True)
    expect("would need an erase" in WORLD.flash or "erased by writing" in WORLD.flash, False)


if __name__ == "__main__":
    run(
        [
            programming_clears_bits_and_erases_nothing,
            the_log_stays_within_its_partition,
            kept_bytes_survive_a_reset_and_sleep_but_no_power_cut,
            what_is_no_kept_memory_of_ours_counts_as_lost,
            what_was_noted_last_is_told_after_the_watchdog,
            kept_memory_ends_with_the_chips,
            every_cause_of_a_start_has_its_name,
            a_named_cause_counts_for_one_start,
            the_serial_has_8_bytes_and_is_the_chips,
            the_watchdog_runs_before_anything_slow_begins,
            wrong_words_at_the_start_are_refused,
            a_board_measures_answers_and_logs_across_the_wrap_of_its_ticks,
            a_board_goes_on_with_its_log_after_a_reset,
        ]
    )
