"""Messages between a board on the station's Wi-Fi and its gateways, over the station's own broker.

Rules of this file: keys are never reused, unknown keys are ignored; `local.cddl` beside this file is the contract.
Rows travel as they stand in flash, and are acknowledged by the same two watermarks as on RS-485. A number that a
message carries is checked by whoever takes it: on a broker anybody may have sent it.
"""

MAJOR = 1
ROWS_BYTES_MAX = 1_024  # Packed rows of one message.
MESSAGE_BYTES_MAX = 2_048
UPDATE_BYTES_MAX = 512  # Of a package in one message.

ROWS, ACK, STATE = "rows", "ack", "state"
UPDATE, UPDATE_AT = "update", "update/at"

K_MAJOR = 0
K_EPOCH = 1
K_UP_MS = 2  # The board's uptime at sending; an ack repeats that of the message that it answers.
K_UNIX_MS = 3  # The sender's clock, if it was set.
K_TIME_QUALITY = 4
K_TAIL = 5  # Oldest and newest seq of the board's log; 0 = empty.
K_HEAD = 6
K_NOW = 7  # [[quantity code, quality, value or null, age_ms], ...]: a slot for each column, as on RS-485.
K_FIRST = 8  # The rows that follow are all that there are from this seq on ...
K_ROWS = 9  # ... to the last of them; none = to the head.
K_BOOT = 10
K_DEFINITION = 11  # First 8 bytes of the SHA-256 of its board.json.
K_GATEWAY_HAS = 12  # Every seq up to here is durably at this gateway.
K_CENTER_HAS = 13
K_ALIVE = 14
K_UPDATE_OFFSET = 15  # Where in the package the bytes belong; from the board: where it goes on.
K_UPDATE_BYTES = 16
K_UPDATE_ORDER = 17  # ORDER_DROP, ORDER_INSTALL (wire.registers)
K_UPDATE_STATE = 18  # As in the register update_state.
K_UPDATE_CODE = 19  # Answer to the message before: 0 = taken, or the exception code that function 21 would give.
K_COUNTER = 20  # Of the running application, with its slot and version as in the status block.
K_SLOT = 21
K_VERSION = 22
K_NEXT_MS = 23  # In a birth: it sleeps now, and a gateway hears of it again in so long.
NEXT_MS_MAX = 604_800_000


def topic(station: str, serial: str, leaf: str) -> str:
    """Topic of `leaf` of the board with the hex `serial`; "+" = any. ACK and UPDATE are not its own."""
    return "rp/1/%s/board/%s/%s" % (station, serial, leaf)
