"""The module `machine` of an ESP32's port, as far as hal uses it, over world.WORLD."""

from world import WORLD, Restart

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
INPUT_ONLY = range(34, 40)
UART_FIFO_BYTES = 128


def reset_cause():
    return WORLD.cause


def reset():
    raise Restart()


def deepsleep(ms):
    WORLD.slept_ms = ms
    raise Restart()


def unique_id():
    return b"\x24\x6f\x28\x01\x02\x03"


class _Memory:
    def __getitem__(self, address):
        return WORLD.registers[address]


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
            WORLD.drive(self.number, value or 0)

    def on(self):
        WORLD.drive(self.number, 1)

    def off(self):
        WORLD.drive(self.number, 0)

    def value(self, level=None):
        if level is None:
            return WORLD.levels.get(self.number, 1)
        WORLD.drive(self.number, level)
        return None

    def irq(self, handler=None, trigger=3):  # No `hard` on this port.
        WORLD.handlers[self.number] = (handler, trigger)


class UART:
    """Bytes leave at the programmed rate; what comes and finds no room is lost."""

    def __init__(
        self, number, baudrate, bits=8, parity=None, stop=1, tx=None, rx=None, txbuf=256, rxbuf=256, timeout=0,
        timeout_char=0,
    ):  # fmt: skip
        if number not in (1, 2):
            raise ValueError("UART does not exist, or is the console")
        self.settings = (baudrate, bits, parity, stop, tx.number, rx.number)
        self.char_us = 1_000_000 * (1 + bits + (parity is not None) + stop) // baudrate
        self.rxbuf = rxbuf
        self.txbuf = txbuf
        self.waits = timeout or timeout_char
        self.received = b""
        self.dropped = 0
        self.sent = b""
        self.done_us = 0
        self.stuck = False
        WORLD.uarts[number] = self

    def feed(self, data):
        """Bytes come on the line, one a character time."""
        for place in range(len(data)):
            WORLD.at((place + 1) * self.char_us, lambda one=data[place : place + 1]: self._take(one))

    def _take(self, byte):
        if len(self.received) >= self.rxbuf + UART_FIFO_BYTES:
            self.dropped += 1
        else:
            self.received += byte

    def any(self):
        WORLD.between_instructions()
        return len(self.received)

    def readinto(self, buffer, count=None):
        if self.waits:
            raise AssertionError("this would wait for characters")
        count = min(len(buffer) if count is None else count, len(self.received))
        if not count:
            return None
        buffer[:count] = self.received[:count]
        self.received = self.received[count:]
        return count

    def write(self, buffer, count=None):
        data = bytes(buffer[: len(buffer) if count is None else count])
        if len(data) > self.txbuf:
            raise AssertionError("this would wait until the line has taken it")
        self.done_us = max(self.done_us, WORLD.now_us) + len(data) * self.char_us
        self.sent += data
        return len(data)

    def txdone(self):
        WORLD.between_instructions()
        return not self.stuck and WORLD.now_us >= self.done_us

    def flush(self):
        WORLD.in_one_call(max(0, self.done_us - WORLD.now_us))


class ADC:
    ATTN_0DB = 0
    ATTN_11DB = 3

    def __init__(self, pin, atten=ATTN_0DB):
        self._pin = pin.number
        self._top_uv = 2_450_000 if atten == ADC.ATTN_11DB else 950_000

    def read_uv(self):
        uv = WORLD.uv.get(self._pin)
        if uv is None:
            raise OSError(-258)
        return min(uv, self._top_uv) // 1_000 * 1_000


class Counter:
    FALLING = 2

    def __init__(self, number, src, edge=1, filter_ns=0):
        if edge != Counter.FALLING or filter_ns > 12_787:
            raise ValueError("edge or filter")
        self._pin = src.number

    def value(self):
        return WORLD.counts.get(self._pin, 0)


class SPI:
    def __init__(self, number, baudrate, sck, mosi, miso):
        if number not in (1, 2):
            raise ValueError("SPI does not exist")
        self.number = number

    def write_readinto(self, data, answer):
        WORLD.spi.append((self.number, bytes(data), dict(WORLD.outputs)))
        for place in range(len(answer)):
            answer[place] = data[place] ^ 0xFF


class RTC:
    def memory(self, data=None):
        if data is None:
            return WORLD.rtc
        if len(data) > 2048:
            raise ValueError("buffer too long")
        WORLD.rtc = bytes(data)
        return None


class WDT:
    def __init__(self, timeout):
        WORLD.wdt.append(timeout)

    def feed(self):
        WORLD.wdt.append("feed")
