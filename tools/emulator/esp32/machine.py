"""The module `machine` of an ESP32's port, as far as hal uses it, over chip.CHIP.

Rules of this file: what the port refuses is refused; bytes of a line leave at its rate.
"""

import time

from chip import CHIP

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
INPUT_ONLY = range(34, 40)
UART_FIFO_BYTES = 128
RTC_BYTES = 2048
READ_BYTES = 256


def reset_cause():
    return CHIP.setup["cause"]


def reset():
    CHIP.halt("reset")


def deepsleep(ms):
    CHIP.halt(f"sleep {ms}")


def unique_id():
    return bytes.fromhex(CHIP.setup["mac"])


class _Memory:
    def __getitem__(self, address):
        return CHIP.setup["registers"].get(f"{address:#x}", 0)


mem32 = _Memory()


class Pin:
    IN = 1
    OUT = 3
    PULL_UP = 2
    IRQ_FALLING = 2

    def __init__(self, number, mode=None, pull=-1, value=None):
        self.number = number.number if isinstance(number, Pin) else number
        if mode == Pin.OUT:
            if self.number in INPUT_ONLY:
                raise ValueError("pin can only be input")
            CHIP.levels[self.number] = value or 0

    def on(self):
        CHIP.levels[self.number] = 1

    def off(self):
        CHIP.levels[self.number] = 0

    def value(self, level=None):
        if level is None:
            return CHIP.levels.get(self.number, 1)
        CHIP.levels[self.number] = level
        return None

    def irq(self, handler=None, trigger=3):  # No `hard` on this port.
        CHIP.handlers[self.number] = handler


class UART:
    """A port whose other end is a file descriptor of the rig's, or where only `feed` brings something."""

    def __init__(
        self, number, baudrate, bits=8, parity=None, stop=1, tx=None, rx=None, txbuf=256, rxbuf=256, timeout=0,
        timeout_char=0,
    ):  # fmt: skip
        if number not in (1, 2):
            raise ValueError("UART does not exist, or is the console")
        if timeout or timeout_char:
            raise ValueError("this would wait for characters")
        self.char_us = 1_000_000 * (1 + bits + (parity is not None) + stop) // baudrate
        self._room = rxbuf + UART_FIFO_BYTES
        self._received = bytearray()
        self._done_us = time.ticks_us()
        end = CHIP.setup["uarts"].get(str(number))
        self.stream = None if end is None else open(end, "r+b", 0)  # noqa: SIM115 - open for life
        CHIP.uarts[number] = self

    def deinit(self):
        self._received = bytearray()

    def feed(self, data):
        """Bytes that came; what finds no room is lost."""
        self._received.extend(data[: self._room - len(self._received)])

    def any(self):
        data = self.stream.read(READ_BYTES) if self.stream else None
        if data:
            self.feed(data)
        return len(self._received)

    def readinto(self, buffer, count=None):
        count = min(len(buffer) if count is None else count, len(self._received))
        if not count:
            return None
        buffer[:count] = self._received[:count]
        self._received = self._received[count:]
        return count

    def write(self, buffer, count=None):
        data = bytes(buffer[: len(buffer) if count is None else count])
        now_us = time.ticks_us()
        left_us = max(0, time.ticks_diff(self._done_us, now_us))
        self._done_us = time.ticks_add(now_us, left_us + len(data) * self.char_us)
        if self.stream:
            self.stream.write(data)
        return len(data)

    def txdone(self):
        return time.ticks_diff(time.ticks_us(), self._done_us) >= 0


class ADC:
    ATTN_0DB = 0
    ATTN_11DB = 3

    def __init__(self, pin, atten=ATTN_0DB):
        self._pin = pin.number
        self._top_uv = 2_450_000 if atten == ADC.ATTN_11DB else 950_000

    def read_uv(self):
        uv = CHIP.uv.get(self._pin)
        if uv is None:
            raise OSError(-258)
        return max(0, min(uv, self._top_uv)) // 1_000 * 1_000


class SPI:
    """A unit with an SCL3300 at it, where the rig says what that one measures; else the line floats high."""

    def __init__(self, number, baudrate, sck, mosi, miso):
        if number not in (1, 2):
            raise ValueError("SPI does not exist")
        self._number = number
        self._chip = None

    def write_readinto(self, data, answer):
        state = CHIP.spi.get(self._number)
        if state is None:
            answer[:] = b"\xff" * len(answer)
            return
        if self._chip is None:
            self._chip = CHIP.inclinometer(state)
        answer[:] = self._chip.transfer(bytes(data))


class RTC:
    def memory(self, data=None):
        if data is not None and len(data) > RTC_BYTES:
            raise ValueError("buffer too long")
        return CHIP.rtc(data)


class WDT:
    """Once it runs nothing stops it; the rig counts."""

    def __init__(self, timeout):
        CHIP.tell(f"watch {timeout}")

    def feed(self):
        CHIP.tell("fed")
        CHIP.look()
