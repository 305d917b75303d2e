"""The Modbus register map of our boards, as one table; the same for functions 3 and 4.

Rules of this file: 16-bit registers, 32-bit numbers big-endian words (high word first). The map only grows.

0x0000..0x0003 follow SL 651-2014 table 5 (smart sensors on RS-485), so that a stock Chinese RTU can read our boards:
a quantity the board has not -> exception 2, no valid value -> exception 4, never a stale number.
Everything from 0x0004 on is ours (the table leaves it free).
"""

# Where a block begins.
SL651_RAIN = 0x0000  # uint32, 0.1 mm, rounded down, wraps at 99,999.9 mm
SL651_LEVEL = 0x0002  # uint32, mm of depth over the sensor's provisioned zero, >= 0

NOW = 0x0004  # Now-values: header, then SLOTS slots.
SLOTS = 8
SLOT_REGISTERS = 4

STATUS = 0x0100
CONTROL = 0x0200

# (register, registers, name), and what it is: as a comment, which takes no memory of a board. A name is the same on
# the board and at the gateway.
NOW_HEADER = (
    (0x0004, 1, "channels"),  # number of slots in use
    (0x0005, 1, "time_quality"),  # wire.reading NEVER, HOLDOVER, SYNCED
    (0x0006, 2, "scans"),  # scans since boot
    (0x0008, 2, "log_head"),  # newest seq in the log, 0 = empty
)
NOW_SLOTS = 0x000A
# A slot: value int32 (two registers; 0x80000000 = none), quality << 8 | quantity code, age of the value in ms.
SLOT_NONE = -0x80000000
AGE_MAX_MS = 0xFFFF  # An age that has reached this is "at least".

STATUS_BLOCK = (
    (0x0100, 4, "serial"),  # the chip's number, 8 bytes, left-padded with zeros
    (0x0104, 1, "version_major_minor"),  # firmware version, major << 8 | minor
    (0x0105, 1, "version_patch"),  # firmware version, patch
    (0x0106, 4, "definition"),  # first 8 bytes of the SHA-256 of board.json
    (0x010A, 2, "uptime_s"),  # seconds since start
    (0x010C, 1, "boot"),  # count of starts
    # 0 power, 1 reset by software, 2 watchdog, 3 deep sleep, 4 brown-out, 5 program failed, 6 board.json refused
    (0x010D, 1, "reset_cause"),  # what the last start was due to, as above; 9 not known
    (0x010E, 1, "watchdog_bites"),  # resets by the watchdog since the log was formatted
    (0x010F, 1, "scan_ms_max"),  # longest scan since start
    (0x0110, 2, "scans_skipped"),  # scans that came more than one period late, since start
    (0x0112, 2, "log_epoch"),  # epoch of the log
    (0x0114, 2, "log_tail"),  # oldest seq that can be read, 0 = empty
    (0x0116, 2, "log_head"),  # newest seq, 0 = empty
    (0x0118, 2, "log_gateway_has"),  # watermark: every seq up to here is at a gateway
    (0x011A, 2, "log_center_has"),  # watermark: every seq up to here is at the center
    (0x011C, 2, "log_overwritten"),  # rows overwritten before the gateway had them
    (0x011E, 2, "heap_low_bytes"),  # least free heap since start
    (0x0120, 2, "unix_s"),  # the board's clock; 0 while never set
    (0x0122, 1, "unix_ms"),  # its milliseconds
    (0x0123, 1, "time_quality"),  # as in the now-values
    (0x0124, 1, "supply_mv"),  # supply, 0 = not measured
    (0x0125, 1, "bus_crc_errors"),  # requests to this address with a wrong CRC, wraps
    (0x0126, 1, "bus_dropped"),  # bytes that belonged to no frame, wraps
    (0x0127, 1, "bus_twins"),  # answers from this address that this board did not give, wraps
    (0x0128, 1, "bus_exceptions"),  # exceptions answered, wraps
    (0x0129, 1, "bus_requests"),  # requests answered or executed, wraps
    (0x012A, 1, "sensor_errors"),  # driver failures, wraps
    (0x012B, 1, "slot"),  # which application runs: 0 the safe one, 1 slot a, 2 slot b; + 0x100 while it is on trial
    (0x012C, 2, "version_counter"),  # counter of its package, 0 = none: a package must have a greater one
    (0x012E, 1, "failed_starts"),  # starts of this application that did not come to be healthy, one behind the other
    (0x012F, 1, "row_errors"),  # rows that flash refused, wraps
    (0x0130, 1, "rows_withheld"),  # rows that were not written because the supply was too low, wraps
    (0x0131, 8, "last_words"),  # what the last reset was due to, 16 ASCII bytes, zeros behind
    (0x0139, 2, "update_offset"),  # bytes of a package that are here; the next chunk begins there
    (0x013B, 1, "update_state"),  # reason << 8 | UPDATE_IDLE, RECEIVING, VERIFYING, READY, REFUSED
    (0x013C, 1, "bus_reopened"),  # times the port was set up anew because it heard no whole frame for long, wraps
)

RUNS = ("safe", "a", "b")  # What runs, as the register slot counts it.
RUNS_SAFE = RUNS[0]
ON_TRIAL = 0x100

UPDATE_IDLE = 0
UPDATE_RECEIVING = 1
UPDATE_VERIFYING = 2
UPDATE_READY = 3  # All is here and right: an order to install restarts into it.
UPDATE_REFUSED = 4

CONTROL_BLOCK = (
    (0x0200, 2, "clock_unix_s"),  # write all three registers at once (function 16): sets the clock; may be broadcast
    (0x0202, 1, "clock_unix_ms"),  # its milliseconds
    (0x0210, 2, "log_cursor"),  # function 20, file 1, record n reads rows from this seq + n on
    (0x0212, 2, "ack_epoch"),  # write all six at once: refused (exception 3) unless it is the log's epoch
    (0x0214, 2, "ack_gateway"),  # every seq up to here is durably at this gateway
    (0x0216, 2, "ack_center"),  # every seq up to here is durably at the center
    (0x0218, 1, "update_order"),  # 1 drop what is here of a package, 2 restart into it; exception 3 if that cannot be
)

LOG_FILE = 1  # Function 20: record n of this file is epoch u32, first seq u32, rows from seq log_cursor + n on, zeros.
LOG_FILE_SHORT = 2  # The same, its rows as wire.short_rows says.
LOG_RECORD_MAX = 9_999  # V1.1b3, 6.14: 0x270F. So many rows are read with the cursor written once.
LOG_HEADER_BYTES = 8
UPDATE_FILE = 3  # Function 21: record n is the package's bytes from n * UPDATE_CHUNK on.
UPDATE_CHUNK = 128
ORDER_DROP = 1
ORDER_INSTALL = 2

# Identification, function 43/14: object id -> what it is (V1.1b3, 6.21). Values are ASCII.
ID_VENDOR = 0
ID_PRODUCT = 1  # board type, the name of its file in boards/
ID_REVISION = 2  # firmware version
ID_SERIAL = 0x80  # hex serial, first of the private range

_NOW_ENTRIES = {entry[2]: entry for entry in NOW_HEADER}
_ENTRIES = {entry[2]: entry for block in (STATUS_BLOCK, CONTROL_BLOCK) for entry in block}


def find(name: str, now: bool = False) -> tuple[int, int]:
    """(register, count) of a named entry of the status and control blocks, or of the now-header. KeyError if none."""
    return (_NOW_ENTRIES if now else _ENTRIES)[name][:2]


def field(words, first: int, name: str, now: bool = False) -> int:
    """The unsigned number `name` in `words`, which were read from register `first` on. ValueError outside of them."""
    register, count = find(name, now)
    at = register - first
    if at < 0 or at + count > len(words):
        raise ValueError("%s is not in these registers" % name)
    number = 0
    for word in words[at : at + count]:
        number = number << 16 | word
    return number


def slot(words, first: int, index: int) -> tuple[int, int, "int | None", int]:
    """(quantity code, quality, value or None, age_ms) of slot `index` in `words` read from register `first` on."""
    at = NOW_SLOTS + index * SLOT_REGISTERS - first
    if index < 0 or at < 0 or at + SLOT_REGISTERS > len(words):
        raise ValueError("slot %d is not in these registers" % index)
    value = words[at] << 16 | words[at + 1]
    if value & 0x80000000:
        value -= 0x100000000
    return words[at + 2] & 0xFF, words[at + 2] >> 8, None if value == SLOT_NONE else value, words[at + 3]


def now_count(channels: int) -> int:
    """Registers from NOW on that hold the header and `channels` slots."""
    return NOW_SLOTS - NOW + channels * SLOT_REGISTERS
