"""The hal of a board with an RP2040: the only place where its chip is touched (stock MicroPython 1.25 or newer).

Rules of this file: those of hal.chip; here stands what only this chip has.

While the flash is written, interrupts are off: bytes that come then are lost, the gateway's repeat covers it.
Source: RP2040 datasheet 2.4 (memory map), 4.2 (UART), 4.7 (watchdog), 4.9 (converter).
"""

from machine import PWRON_RESET
from machine import reset_cause as machine_reset_cause

from hal import BROWN_OUT, POWER, WATCHDOG
from hal.chip import ChipHal, board_path_of, restart_later
from hal.rp2_flash import Flash
from hal.rp2_keep import Keep
from hal.rp2_pins import Adc, Counter, spi_of

__all__ = ["Hal", "restart_later"]


class Hal(ChipHal):
    """One board."""

    def __init__(self, board_path: str):
        keep = Keep()
        if machine_reset_cause() != PWRON_RESET:
            cause = keep.cause or WATCHDOG
        else:
            cause = BROWN_OUT if keep.whole else POWER
        super().__init__(board_path, keep, cause, {"adc": Adc, "counter": Counter, "spi": spi_of, "log": Flash})

    @classmethod
    def from_arguments(cls, argv: list) -> "Hal":
        return cls(board_path_of(argv))

    def net(self):
        raise RuntimeError("this board has no network")
