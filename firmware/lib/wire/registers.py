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

# Each register has a name in capitals, for the firmware, whose build puts the number in its place: what it is stands
# beside it. In a table it has one in small letters, for the gateway (`find`, `field`); no board loads the tables.
CHANNELS = 0x0004  # number of slots in use
NOW_TIME_QUALITY = 0x0005  # wire.reading NEVER, HOLDOVER, SYNCED
SCANS = 0x0006  # 2 registers: scans since boot
NOW_LOG_HEAD = 0x0008  # 2 registers: newest seq in the log, 0 = empty

# (register, registers, name)
NOW_HEADER = (
    (CHANNELS, 1, "channels"),
    (NOW_TIME_QUALITY, 1, "time_quality"),
    (SCANS, 2, "scans"),
    (NOW_LOG_HEAD, 2, "log_head"),
)
NOW_SLOTS = 0x000A
# A slot: value int32 (two registers; 0x80000000 = none), quality << 8 | quantity code, age of the value in ms.
SLOT_NONE = -0x80000000
AGE_MAX_MS = 0xFFFF  # An age that has reached this is "at least".

SERIAL = 0x0100  # 4 registers: the chip's number, 8 bytes, left-padded with zeros
VERSION_MAJOR_MINOR = 0x0104  # firmware version, major << 8 | minor
VERSION_PATCH = 0x0105  # firmware version, patch
DEFINITION = 0x0106  # 4 registers: first 8 bytes of the SHA-256 of board.json
UPTIME_S = 0x010A  # 2 registers: seconds since start
BOOT = 0x010C  # count of starts
# 0 power, 1 reset by software, 2 watchdog, 3 deep sleep, 4 brown-out, 5 program failed, 6 board.json refused
RESET_CAUSE = 0x010D  # what the last start was due to, as above; 9 not known
WATCHDOG_BITES = 0x010E  # resets by the watchdog since the log was formatted
SCAN_MS_MAX = 0x010F  # longest scan since start
SCANS_SKIPPED = 0x0110  # 2 registers: scans that came more than one period late, since start
LOG_EPOCH = 0x0112  # 2 registers: epoch of the log
LOG_TAIL = 0x0114  # 2 registers: oldest seq that can be read, 0 = empty
LOG_HEAD = 0x0116  # 2 registers: newest seq, 0 = empty
LOG_GATEWAY_HAS = 0x0118  # 2 registers: watermark: every seq up to here is at a gateway
LOG_CENTER_HAS = 0x011A  # 2 registers: watermark: every seq up to here is at the center
LOG_OVERWRITTEN = 0x011C  # 2 registers: rows overwritten before the gateway had them
HEAP_LOW_BYTES = 0x011E  # 2 registers: least free heap since start
UNIX_S = 0x0120  # 2 registers: the board's clock; 0 while never set
UNIX_MS = 0x0122  # its milliseconds
TIME_QUALITY = 0x0123  # as in the now-values
SUPPLY_MV = 0x0124  # supply, 0 = not measured
BUS_CRC_ERRORS = 0x0125  # requests to this address with a wrong CRC, wraps
BUS_DROPPED = 0x0126  # bytes that belonged to no frame, wraps
BUS_TWINS = 0x0127  # answers from this address that this board did not give, wraps
BUS_EXCEPTIONS = 0x0128  # exceptions answered, wraps
BUS_REQUESTS = 0x0129  # requests answered or executed, wraps
SENSOR_ERRORS = 0x012A  # driver failures, wraps
SLOT = 0x012B  # which application runs: 0 the safe one, 1 slot a, 2 slot b; + 0x100 while it is on trial
VERSION_COUNTER = 0x012C  # 2 registers: counter of its package, 0 = none: a package must have a greater one
FAILED_STARTS = 0x012E  # starts of this application that did not come to be healthy, one behind the other
ROW_ERRORS = 0x012F  # rows that flash refused, wraps
ROWS_WITHHELD = 0x0130  # rows that were not written because the supply was too low, wraps
LAST_WORDS = 0x0131  # 8 registers: what the last reset was due to, 16 ASCII bytes, zeros behind
UPDATE_OFFSET = 0x0139  # 2 registers: bytes of a package that are here; the next chunk begins there
UPDATE_STATE = 0x013B  # reason << 8 | UPDATE_IDLE, RECEIVING, VERIFYING, READY, REFUSED
BUS_REOPENED = 0x013C  # times the port was set up anew because it heard no whole frame for long, wraps

STATUS_BLOCK = (
    (SERIAL, 4, "serial"),
    (VERSION_MAJOR_MINOR, 1, "version_major_minor"),
    (VERSION_PATCH, 1, "version_patch"),
    (DEFINITION, 4, "definition"),
    (UPTIME_S, 2, "uptime_s"),
    (BOOT, 1, "boot"),
    (RESET_CAUSE, 1, "reset_cause"),
    (WATCHDOG_BITES, 1, "watchdog_bites"),
    (SCAN_MS_MAX, 1, "scan_ms_max"),
    (SCANS_SKIPPED, 2, "scans_skipped"),
    (LOG_EPOCH, 2, "log_epoch"),
    (LOG_TAIL, 2, "log_tail"),
    (LOG_HEAD, 2, "log_head"),
    (LOG_GATEWAY_HAS, 2, "log_gateway_has"),
    (LOG_CENTER_HAS, 2, "log_center_has"),
    (LOG_OVERWRITTEN, 2, "log_overwritten"),
    (HEAP_LOW_BYTES, 2, "heap_low_bytes"),
    (UNIX_S, 2, "unix_s"),
    (UNIX_MS, 1, "unix_ms"),
    (TIME_QUALITY, 1, "time_quality"),
    (SUPPLY_MV, 1, "supply_mv"),
    (BUS_CRC_ERRORS, 1, "bus_crc_errors"),
    (BUS_DROPPED, 1, "bus_dropped"),
    (BUS_TWINS, 1, "bus_twins"),
    (BUS_EXCEPTIONS, 1, "bus_exceptions"),
    (BUS_REQUESTS, 1, "bus_requests"),
    (SENSOR_ERRORS, 1, "sensor_errors"),
    (SLOT, 1, "slot"),
    (VERSION_COUNTER, 2, "version_counter"),
    (FAILED_STARTS, 1, "failed_starts"),
    (ROW_ERRORS, 1, "row_errors"),
    (ROWS_WITHHELD, 1, "rows_withheld"),
    (LAST_WORDS, 8, "last_words"),
    (UPDATE_OFFSET, 2, "update_offset"),
    (UPDATE_STATE, 1, "update_state"),
    (BUS_REOPENED, 1, "bus_reopened"),
)

RUNS = ("safe", "a", "b")  # What runs, as the register slot counts it.
RUNS_SAFE = RUNS[0]
ON_TRIAL = 0x100

UPDATE_IDLE = 0
UPDATE_RECEIVING = 1
UPDATE_VERIFYING = 2
UPDATE_READY = 3  # All is here and right: an order to install restarts into it.
UPDATE_REFUSED = 4

CLOCK_UNIX_S = 0x0200  # 2 registers: write all three registers at once (function 16): sets the clock; may be broadcast
CLOCK_UNIX_MS = 0x0202  # its milliseconds
LOG_CURSOR = 0x0210  # 2 registers: function 20, file 1, record n reads rows from this seq + n on
ACK_EPOCH = 0x0212  # 2 registers: write all six at once: refused (exception 3) unless it is the log's epoch
ACK_GATEWAY = 0x0214  # 2 registers: every seq up to here is durably at this gateway
ACK_CENTER = 0x0216  # 2 registers: every seq up to here is durably at the center
UPDATE_ORDER = 0x0218  # 1 drop what is here of a package, 2 restart into it; exception 3 if that cannot be

CONTROL_BLOCK = (
    (CLOCK_UNIX_S, 2, "clock_unix_s"),
    (CLOCK_UNIX_MS, 1, "clock_unix_ms"),
    (LOG_CURSOR, 2, "log_cursor"),
    (ACK_EPOCH, 2, "ack_epoch"),
    (ACK_GATEWAY, 2, "ack_gateway"),
    (ACK_CENTER, 2, "ack_center"),
    (UPDATE_ORDER, 1, "update_order"),
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
