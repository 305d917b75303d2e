"""The hal of a board with an ESP32 (stock MicroPython 1.25 or newer, image ESP32_GENERIC).

Rules of this file: those of hal.chip; here stands what only this chip has.

While the flash is erased the interpreter stands still; bytes that come on the line then wait in the UART's buffer.
Source: ESP32 technical reference manual 31.3 (reset causes); ESP-IDF's rtc_cntl_reg.h (where the cause stands).
"""

from machine import DEEPSLEEP_RESET, HARD_RESET, PWRON_RESET, SOFT_RESET, WDT_RESET, deepsleep, mem32
from machine import reset_cause as machine_reset_cause

from hal import BROWN_OUT, DEEP_SLEEP, NOT_KNOWN, POWER, RESET, WATCHDOG
from hal.chip import Bus, ChipHal, arm, restart_later, root_of, ticks_diff, ticks_ms, ticks_us
from hal.esp32_flash import Flash
from hal.esp32_keep import Keep
from hal.esp32_pins import Adc, counter_of, spi_of

__all__ = ["Hal", "arm", "cause_of_start", "open_keep", "restart_later"]

_RESET_STATE = 0x3FF4_8034  # Bits 0..5: why the first core was reset.
_RESET_STATE_MASK = 0x3F
_POWER_ON = 1
CHAR_BITS = 12  # The longest character: start, 8 data, parity, two stops.
SENDING_SPARE_US = 50_000
BOOT_MS = 150  # From the wake to the first tick. Estimated, no board was measured; the sleeper learns what it errs.


def open_keep(_argv: list) -> Keep:
    """Kept memory of the board."""
    return Keep(_cause_of_chip() != POWER)


def cause_of_start(keep: Keep) -> int:
    """Why the chip started; told once, for `keep` names it once."""
    cause = _cause_of_chip()
    return keep.cause or NOT_KNOWN if cause is None else cause  # What nobody named: the interpreter crashed.


class SoftBus(Bus):
    """The line of a port whose interrupts wait for the interpreter: it looks after them while a frame leaves."""

    def __init__(self, open_port, de, baud: int):
        super().__init__(open_port, de)
        self._char_us = 1_000_000 * CHAR_BITS // baud

    def _await_sent(self, count):
        # UART.flush would hold the interpreter for the whole frame, and what happens at the pins has 8 places to wait.
        begin_us = ticks_us()
        limit_us = count * self._char_us + SENDING_SPARE_US
        while not self.uart.txdone():
            if ticks_diff(ticks_us(), begin_us) > limit_us:
                raise OSError("the line takes nothing")


class Hal(ChipHal):
    """One board."""

    garbage_bytes = 4_096

    def __init__(self, root: str, cause: "int | None"):
        keep = open_keep([])
        if cause is None:
            cause = cause_of_start(keep)
        super().__init__(root, keep, cause, {"adc": Adc, "counter": counter_of, "spi": spi_of, "log": Flash})
        self._net = None

    @classmethod
    def from_arguments(cls, argv: list, cause: "int | None") -> "Hal":
        return cls(root_of(argv), cause)

    def net(self):
        """The station's Wi-Fi."""
        if self._net is None:
            from hal.esp32_net import WifiNet  # A board on RS-485 does not pay for it.

            self._net = WifiNet(self._poller, ticks_ms, self._link)
        return self._net

    def sleep(self, ms: int) -> None:
        """Sleep so deeply that only kept memory stays; the next start, `ms` later, sees DEEP_SLEEP."""
        self.keep.end(DEEP_SLEEP)
        deepsleep(ms)

    def awake_ms(self) -> int:
        """Milliseconds since the wake that led to this start: the chip's ticks begin with it."""
        return ticks_ms() + BOOT_MS

    def _make_bus(self, open_port, de, baud):
        return SoftBus(open_port, de, baud)


def _cause_of_chip() -> "int | None":
    """Why the chip started; None where the program itself restarted it and kept memory may say why."""
    cause = machine_reset_cause()
    if cause == PWRON_RESET:
        # The interpreter calls a brown-out by the same name. Power-on and the EN button are one to the chip.
        return POWER if mem32[_RESET_STATE] & _RESET_STATE_MASK == _POWER_ON else BROWN_OUT
    if cause == WDT_RESET:
        return WATCHDOG
    if cause == DEEPSLEEP_RESET:
        return DEEP_SLEEP
    if cause == SOFT_RESET:
        return RESET  # From the console.
    return None if cause == HARD_RESET else NOT_KNOWN
