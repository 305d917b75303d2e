"""What made the board and is never called again: its code lies in the same memory as everything else, 8 KB and more.

Rules of this file: a function is named here if only others that are named here call it, and what the start alone loads.
Tests look after that. In their places is None: a call that comes all the same fails, and is told. What a console
needs to restart a board whose program it has stopped stays: hal.port and a port's open_keep.
"""

import sys

import modules

# (module, class, functions); without a class they are the module's own. What a board has not is not loaded there.
SAMPLER = (
    ("board_log", "BoardLog", "__init__ last_value _last_value _mount _collect _find_end _look_behind _take_row"),
    ("board_log", "BoardLog", "_boot_of_older _newest_blocks _read_counters"),
    ("log_blocks", "LogBlocks", "__init__ header counters used boot"),
    ("log_blocks", "Numbers", "__init__"),
    ("clock", "Clock", "__init__ resume"),
    ("sampler", "Sampler", "__init__ _rain_before"),
    ("sampler", "Column", "__init__"),
    ("health", "Kept", "__init__ _load"),
    ("health", "FlashGuard", "__init__"),
    ("health", "", "_place"),
    ("bank", "Bank", "__init__"),
    ("drivers.integers", "MeanVoltage", "__init__"),
    ("drivers.integers", "", "checked_points"),
    ("drivers.pressure_420", "Pressure420", "__init__"),
    ("drivers.pressure_420", "", "make"),
    ("drivers.scl3300", "Scl3300", "__init__"),
    ("drivers.scl3300", "", "make"),
    ("drivers.smoke_photo", "SmokePhoto", "__init__"),
    ("drivers.smoke_photo", "", "make"),
    ("drivers.supply", "Supply", "__init__"),
    ("drivers.supply", "", "make"),
    ("drivers.tipping_bucket", "TippingBucket", "__init__ start_at"),
    ("drivers.tipping_bucket", "", "make"),
    ("drivers.ultrasonic_uart", "UltrasonicUart", "__init__"),
    ("drivers.ultrasonic_uart", "", "make"),
    ("hal", "", "open_hal"),
    ("hal.posix", "Hal", "__init__ from_arguments use blocks _wait_for_clock"),
    ("hal.posix_flash", "FileFlash", "__init__"),
    ("hal.posix_flash", "", "cause_of_start FlashBlocks"),
    ("hal.chip", "ChipHal", "__init__ use uart adc counter spi pin_in pin_out blocks _part _open_bus _make_bus"),
    ("hal.chip", "Bus", "__init__"),
    ("hal.chip", "Uart", "__init__"),
    ("hal.chip", "Edges", "__init__"),
    ("hal.chip", "Spi", "__init__"),
    ("hal.chip", "PinIn", "__init__"),
    ("hal.chip", "", "arm root_of port_number"),
    ("hal.esp32", "Hal", "__init__ from_arguments _make_bus"),
    ("hal.esp32", "SoftBus", "__init__"),
    ("hal.esp32_pins", "Adc", "__init__"),
    ("hal.esp32_pins", "Pulses", "__init__"),
    ("hal.esp32_pins", "", "counter_of spi_of"),
    ("hal.rp2_pins", "Adc", "__init__"),
    ("hal.rp2_pins", "", "spi_of"),
    ("hal.esp32", "", "cause_of_start"),
    ("hal.rp2", "Hal", "__init__ from_arguments"),
    ("hal.rp2", "", "cause_of_start"),
)
BOARD = (
    ("main", "", "open_board _spend"),
    ("board", "Board", "__init__"),
    ("bank", "Bank", "put_text"),
    ("health", "Supervisor", "__init__"),
    ("health", "Counters", "__init__"),
    ("proof", "Proof", "__init__"),
    ("slots", "Slots", "__init__"),
    ("slots", "", "choose unpack_state"),
    ("twin", "", "load newest_first"),
    ("update", "Update", "__init__"),
    ("update", "", "counter_in key_of"),
    ("sleeper", "Sleeper", "__init__"),
    ("links.rs485", "Rs485", "__init__ serve_update identify_as"),
    ("wire.row_pack", "Row", "__eq__ __hash__ __repr__ key"),
    ("wire.row_pack", "Reading", "__eq__ __hash__ __repr__ key"),
    ("wire.modbus", "Receiver", "__init__"),
    ("wire.modbus", "", "_crc_table t35_us"),
    ("links.mqtt", "Mqtt", "__init__ serve_update identify_as"),
    ("links.mqtt_client", "Client", "__init__ hear also_hear"),
    ("wire.local", "", "topic"),
    ("hal", "", "family _CHIPS"),
    ("hal.posix", "Bus", "__init__"),
    ("hal.chip", "ChipHal", "bus"),
    ("hal.esp32", "Hal", "net"),
    ("hal.rp2", "Hal", "net"),
)
NOT_SAFE = (  # What only the safe application asks.
    ("slots", "Slots", "another_start"),
    ("slots", "", "after_start _held"),
)
ON_THE_LINE = (("bank", "Bank", "slots"),)  # What only a board on Wi-Fi needs,
ON_WIFI = (  # and what only one on the line does.
    ("bank", "Bank", "read set_cursor _ask_now _refresh_time"),
    ("board_log", "", "shorten"),
    ("wire.row_pack", "", "shorten"),
    ("hal.posix", "Bus", "readinto write await_silence reopen silent_us"),
    ("hal.chip", "Bus", "readinto write _await_sent await_silence reopen silent_us"),
    ("hal.esp32", "SoftBus", "_await_sent"),
)


def behind_the_sampler() -> None:
    """The sampler stands."""
    _forget(SAMPLER)


def behind_the_board(safe: bool) -> None:
    """The board stands. Is it the safe application?"""
    _forget(BOARD)
    _forget(ON_WIFI if "links.mqtt" in sys.modules else ON_THE_LINE)
    if not safe:
        _forget(NOT_SAFE)


def _forget(spent):
    if modules.KEPT_ALIVE:
        return
    for module, kind, names in spent:
        owner = sys.modules.get(module)
        if owner is None:
            continue
        if kind:
            owner = getattr(owner, kind)
        for name in names.split():
            setattr(owner, name, None)
