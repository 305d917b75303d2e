"""The hal of a board with an RP2040: the only place where its chip is touched (stock MicroPython 1.25 or newer).

Rules of this file: those of hal.chip; here stands what only this chip has.

While the flash is written, interrupts are off: bytes that come then are lost, the gateway's repeat covers it.
Source: RP2040 datasheet 2.4 (memory map), 4.2 (UART), 4.7 (watchdog), 4.9 (converter).
"""

from machine import PWRON_RESET
from machine import reset_cause as machine_reset_cause

from hal import BROWN_OUT, POWER, WATCHDOG
from hal.chip import ChipHal, arm, restart_later, root_of
from hal.rp2_flash import Flash
from hal.rp2_keep import Keep
from hal.rp2_pins import Adc, Counter, spi_of

__all__ = ["Hal", "arm", "cause_of_start", "open_keep", "restart_later"]


def open_keep(_argv: list) -> Keep:
    """Kept memory of the board."""
    return Keep()


def cause_of_start(keep: Keep) -> int:
    """Why the chip started; told once, for `keep` names it once."""
    if machine_reset_cause() != PWRON_RESET:
        return keep.cause or WATCHDOG
    return BROWN_OUT if keep.whole else POWER


class Hal(ChipHal):
    """One board."""

    garbage_bytes = -1  # While this port collects it loses what comes on the line, and it has memory enough.

    def __init__(self, root: str, cause: "int | None"):
        keep = Keep()
        if cause is None:
            cause = cause_of_start(keep)
        super().__init__(root, keep, cause, {"adc": Adc, "counter": Counter, "spi": spi_of, "log": Flash})

    @classmethod
    def from_arguments(cls, argv: list, cause: "int | None") -> "Hal":
        return cls(root_of(argv), cause)

    def net(self):
        raise RuntimeError("this board has no network")
