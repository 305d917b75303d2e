"""Register-level model of the SCL3300-D01 inclinometer, for boards without hardware.

Rules of this file: written from the data sheet and sharing nothing with the driver, so that each checks the other.
It runs in the board's process; what it measures comes as a dict from the rig:
{"x_mdeg", "y_mdeg", "z_mdeg", "temp_cdeg": integers, "fault": ""|"silent"|"crc"|"whoami"|"status"}.

Modelled: answers one frame late; CRC in both directions (a command with a wrong one is ignored and noted in the
status); software reset; measurement mode; angle outputs that stay 0 until enabled; status summary that stands at
power-on and goes with its second reading; return status 00 after a reset, 11 while an error stands, 01 else.
Not modelled: noise, acceleration, self-test, other banks, settling time.
"""

_ANGLES = {0x09: "x_mdeg", 0x0A: "y_mdeg", 0x0B: "z_mdeg"}
_TEMPERATURE = 0x05
_STATUS = 0x06
_ANG_CTRL = 0x0C
_MODE = 0x0D
_WHOAMI = 0x10

_POWER_ON = 0x0012  # Bits of the status summary that stand after a start: mode change, settling.
_SPI_ERROR = 0x0200
_FAILURE = 0x0100
_RESET_WORD = 0x0020
_IDENTITY = 0xC1


def _checksum(word24: int) -> int:
    """CRC-8 0x1D over 24 bits, most significant first, start 0xFF, inverted; bit by bit as the data sheet draws it."""
    remainder = 0xFF
    for position in range(23, -1, -1):
        feedback = (remainder >> 7 & 1) ^ (word24 >> position & 1)
        remainder = remainder << 1 & 0xFF
        if feedback:
            remainder ^= 0x1D
    return ~remainder & 0xFF


class Scl3300:
    """One chip on a bus. `state` is the rig's dict, looked at in every frame; keys that it lacks are at rest."""

    def __init__(self, state: dict) -> None:
        self.state = state
        self._answer = b"\x00\x00\x00\x00"
        self.power_on()

    def power_on(self) -> None:
        """State after power-on and after a software reset."""
        self._starting = True
        self._summary = _POWER_ON
        self._summary_reads = 0
        self._angles = False
        self.mode = 1

    def transfer(self, frame: bytes) -> bytes:
        """Take one 32-bit command, give the answer to the one before. Without a chip the line floats high."""
        if self._fault() == "silent":
            return b"\xff\xff\xff\xff"
        answer = self._answer
        self._answer = self._serve(frame)
        return answer

    def _fault(self):
        return self.state.get("fault") or ""

    def _serve(self, frame):
        word = frame[0] << 16 | frame[1] << 8 | frame[2]
        address = word >> 18 & 0x1F
        data = 0
        if len(frame) != 4 or frame[3] != _checksum(word):
            self._summary |= _SPI_ERROR
            self._summary_reads = 0
        elif word >> 23 & 1:
            data = word & 0xFFFF
            self._write(address, data)
        else:
            data = self._read(address)
        answer = word & 0xFC0000 | self._return_status() << 16 | data
        crc = _checksum(answer)
        if self._fault() == "crc":
            crc ^= 0x40
        return bytes((answer >> 16, answer >> 8 & 0xFF, answer & 0xFF, crc))

    def _return_status(self):
        if self._fault() == "status":
            return 3
        if self._starting:
            return 0
        return 3 if self._summary else 1

    def _write(self, address, data):
        if address == _MODE and data & _RESET_WORD:
            self.power_on()
        elif address == _MODE:
            self.mode = (data & 3) + 1
            self._starting = False
        elif address == _ANG_CTRL:
            self._angles = data & 0x1F == 0x1F

    def _read(self, address):
        if address == _STATUS:
            return self._read_summary()
        if address == _WHOAMI:
            return 0x00 if self._fault() == "whoami" else _IDENTITY
        if address == _TEMPERATURE:
            # T = -273 + raw / 18.9, turned round, to the nearest count.
            return ((self.state.get("temp_cdeg", 2_000) + 27_300) * 189 + 500) // 1000 & 0xFFFF
        name = _ANGLES.get(address)
        return self._angle(self.state.get(name, 0)) if name else 0

    def _read_summary(self):
        summary = self._summary | (_FAILURE if self._fault() == "status" else 0)
        self._summary_reads += 1
        if self._summary_reads >= 2:
            self._summary = 0
        return summary

    def _angle(self, mdeg):
        """Counts of 90 / 2**14 degrees in two's complement, rounded to the nearest."""
        if not self._angles:
            return 0
        counts = (mdeg * 16_384 * 2 + 90_000) // (2 * 90_000)
        return max(-0x8000, min(0x7FFF, counts)) & 0xFFFF
