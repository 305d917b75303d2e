"""What the devices of a line ask of it: which baud rate and which scan are enough.

Rules of this file: the gateway's own arithmetic, so that what fits here is not refused there.
"""

from collections.abc import Sequence

from gateway import wire_time
from gateway.load_buses import BAUDS, board_load, sensor_load
from tools.site.model import BOARD, Device

BAUD_USUAL = 9_600
SCAN_USUAL_MS = 1_000
CHAR_BITS = 10  # 8N1
STEP_MS = 100


def least_scan_ms(devices: Sequence[Device], baud: int) -> int:
    """The shortest scan in which all are asked, in steps of STEP_MS."""
    loads = [board_load(one.columns) if one.kind == BOARD else sensor_load(one.profile) for one in devices]
    needed_us = sum(wire_time.scan_us(loads, baud, CHAR_BITS))
    return max(1, -(-needed_us // (1_000 * STEP_MS))) * STEP_MS


def usual_baud(devices: Sequence[Device]) -> int:
    """The lowest usual rate at which all are asked in the usual scan; the highest where none is enough."""
    enough = [baud for baud in BAUDS if baud >= BAUD_USUAL and least_scan_ms(devices, baud) <= SCAN_USUAL_MS]
    return enough[0] if enough else BAUDS[-1]


def seconds(scan_ms: int) -> str:
    return f"{scan_ms / 1_000:g} s"
