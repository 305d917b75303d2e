"""Tilt: Murata SCL3300-D01 inclinometer on SPI (data sheet "SCL3300-D01", rev. 2).

A frame is 32 bits: read/write and address (6 bits), return status (2), data (16), CRC-8 (polynomial 0x1D, start 0xFF,
inverted). The answer to a command comes with the next one, so the last command of a series only fetches.
A value is used only if the frame's CRC fits, it answers the register that was asked, its return status is "normal",
and the chip says that it is an SCL3300 in the same scan; otherwise there is no value. A chip that goes on so is
started anew.
"""

from drivers.integers import rounded
from wire.reading import GOOD, MISSING

WHOAMI = 0xC1
STATUS_NORMAL = 0x01  # Return status: 00 starting, 01 normal, 10 not used, 11 error.
SETTLE_MS = 100  # Until modes 3 and 4 measure; the others are faster.
SAMPLES_MAX = 16
FAULTS_BEFORE_START = 2  # A single spoilt scan is noise; two in a row may be a chip that lost its settings.

_READ_X = b"\x24\x00\x00\xc7"
_READ_Y = b"\x28\x00\x00\xcd"
_READ_TEMPERATURE = b"\x14\x00\x00\xef"
_READ_STATUS = b"\x18\x00\x00\xe5"
_READ_WHOAMI = b"\x40\x00\x00\x91"
_RESET = b"\xb4\x00\x20\x98"
_ENABLE_ANGLES = b"\xb0\x00\x1f\x6f"
_MODES = (b"\xb4\x00\x00\x1f", b"\xb4\x00\x01\x02", b"\xb4\x00\x02\x25", b"\xb4\x00\x03\x38")

_NOTHING: "tuple[int | None, int]" = (None, MISSING)
_RESETTING = 0
_CONFIGURING = 1
_SETTLING = 2
_RUNNING = 3


def crc8(frame) -> int:
    """CRC of the first three bytes of `frame`."""
    crc = 0xFF
    for i in range(3):
        crc ^= frame[i]
        for _ in range(8):
            crc = (crc << 1 ^ 0x1D if crc & 0x80 else crc << 1) & 0xFF
    return crc ^ 0xFF


class _Fault(Exception):
    """An answer that must not be used."""


class Scl3300:
    """Tilt about x and y in millidegrees, and the chip's temperature in 0.01 degC.

    `spi`: transfer(4 bytes) -> 4 bytes, with the chip selected for just this frame. `ticks_diff(a, b)`: a - b across
    the wrap. `samples`: angles read and averaged in a scan. A start takes three scans; so does one after faults.
    """

    quantities = ("tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg")

    def __init__(self, spi, ticks_diff, mode: int = 4, samples: int = 4) -> None:
        if mode not in (1, 2, 3, 4) or not 1 <= samples <= SAMPLES_MAX:
            raise ValueError("mode 1 to 4, 1 to %d samples" % SAMPLES_MAX)
        self._spi = spi
        self._ticks_diff = ticks_diff
        self._mode = _MODES[mode - 1]
        self._samples = samples
        self._state = _RESETTING
        self._since_ms = 0
        self._asked = _READ_WHOAMI  # The command whose answer comes with the next one.
        self._faults = 0  # Spoilt scans in a row.
        self._result = [_NOTHING, _NOTHING, _NOTHING]
        self.errors = 0

    def read(self, now_ms: int) -> list:
        for i in range(3):
            self._result[i] = _NOTHING
        try:
            if self._state == _RUNNING:
                self._measure()
            else:
                self._start(now_ms)
        except (_Fault, OSError):
            self.errors += 1
            self._faults += 1
            if self._state != _RUNNING or self._faults >= FAULTS_BEFORE_START:
                self._state = _RESETTING
                self._faults = 0
        return self._result

    def _start(self, now_ms):
        """One step of the start; none waits, the next scan takes the next one (data sheet, start-up sequence)."""
        if self._state == _RESETTING:
            self._spi.transfer(_RESET)
            self._state = _CONFIGURING
        elif self._state == _CONFIGURING:
            self._spi.transfer(self._mode)
            self._spi.transfer(_ENABLE_ANGLES)
            self._state = _SETTLING
            self._since_ms = now_ms
        elif self._ticks_diff(now_ms, self._since_ms) >= SETTLE_MS:
            # Right after a start the status says "error" on purpose; two readings clear it.
            self._spi.transfer(_READ_STATUS)
            self._spi.transfer(_READ_STATUS)
            self._measure()
            self._state = _RUNNING

    def _measure(self):
        self._spi.transfer(_READ_WHOAMI)  # Its answer belongs to the scan before.
        self._asked = _READ_WHOAMI
        if self._ask(_READ_X) & 0xFF != WHOAMI:
            raise _Fault()
        x_sum = 0
        y_sum = 0
        for i in range(self._samples):
            x_sum += _signed(self._ask(_READ_Y))
            y_sum += _signed(self._ask(_READ_X if i + 1 < self._samples else _READ_TEMPERATURE))
        temperature = self._ask(_READ_STATUS)
        if self._ask(_READ_WHOAMI):
            raise _Fault()
        # 16384 counts are 90 degrees: 5625 / 1024 mdeg a count. Temperature is -273 degC + raw / 18.9.
        self._result[0] = (rounded(x_sum * 5625, 1024 * self._samples), GOOD)
        self._result[1] = (rounded(y_sum * 5625, 1024 * self._samples), GOOD)
        self._result[2] = (rounded(temperature * 1000, 189) - 27_300, GOOD)
        self._faults = 0

    def _ask(self, command):
        """Send `command`; return the 16 bits that answer the command before. _Fault unless they are beyond doubt."""
        answer = self._spi.transfer(command)
        if len(answer) != 4 or crc8(answer) != answer[3]:
            raise _Fault()
        if answer[0] & 0x03 != STATUS_NORMAL or answer[0] & 0xFC != self._asked[0]:
            raise _Fault()
        self._asked = command
        return answer[1] << 8 | answer[2]


def _signed(raw):
    return raw - 0x10000 if raw & 0x8000 else raw


def make(config: dict, hal) -> Scl3300:
    return Scl3300(hal.spi(config["spi"]), hal.ticks_diff, config.get("mode", 4), config.get("samples", 4))
