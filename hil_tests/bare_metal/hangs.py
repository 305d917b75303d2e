"""A driver for tests that does harm while the contact "smoke" is closed: lies on a board beside the real ones.

Rules of this file: runs under MicroPython on the board, as source; `where`: what goes wrong.
"""

import time

HARMLESS = [(2_000, 1)]
SLEEP_MS = 60_000


def for_ever(*_) -> int:
    """Wait for what never comes: the chip sleeps, which costs the emulation nothing."""
    while True:
        time.sleep_ms(SLEEP_MS)  # pyright: ignore[reportAttributeAccessIssue]


def run_wild() -> None:
    """Never come back, at full speed."""
    while True:
        pass


class Hangs:
    """Gives 20 degC, until the contact closes."""

    quantities = ("temp_cdeg",)

    def __init__(self, hal, where: str):
        self._where = where
        self._contact = hal.pin_in("smoke")
        self._bus = hal.bus()  # Only the start can ask for it (firmware/spent.py).
        self.errors = 0
        if where == "start" and not self._contact.value():
            for_ever()

    def read(self, now_ms: int) -> list:
        if self._contact.value():
            return HARMLESS
        if self._where == "scan":
            run_wild()
        if self._where == "link":
            self._bus.readinto = for_ever
        if self._where == "error":
            raise OSError(5)
        return HARMLESS


def make(config: dict, hal) -> Hangs:
    return Hangs(hal, config["where"])
