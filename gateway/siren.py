"""The siren and its strobe: one pattern of sound and one of light for each alarm level.

Rules of this file: nothing here raises or waits, whatever the driver does; a failed driver is told and tried again.
Silence is not acknowledge: it ends by itself, and at once when an alarm is raised or escalated; the strobe goes on. A
self-test never runs while an alarm stands, and an alarm ends it.
"""

import os
from pathlib import Path
from typing import Protocol

from gateway.clock import Clock
from gateway.config import Siren as SirenConfig
from gateway.words import LEVEL_NAMES

# Pattern of a level: number, seconds on, seconds off (0 = steady). Worse is faster; red is steady.
PATTERNS = ((0, 0.0, 0.0), (1, 0.2, 1.8), (1, 0.2, 1.8), (2, 0.5, 0.5), (3, 1.0, 0.0))
SILENT = PATTERNS[0]
STROBES = ((0.0, 0.0), (0.1, 1.9), (0.1, 0.9), (0.1, 0.4), (0.1, 0.15))  # Flashes: seconds on, off.

RETRY_MS = 1_000
RETRY_MS_MAX = 60_000
SILENCE_MS_MAX = 600_000  # UX.md: 10 minutes, not extendable in advance.
TEST_MS = 1_900  # One short blast of the mildest pattern, and one flash.


class Driver(Protocol):
    """What switches an output; each call may raise. `level` is the strobe's, `pattern` the sound's."""

    def show(self, level: int, pattern: tuple[int, float, float], unix_ms: int) -> None: ...

    def close(self) -> None: ...


class FileDriver:
    """A line like "red 3 1527991260123" (level, pattern, unix ms), replaced whole: for rigs."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._partial = self._path.with_name(self._path.name + ".part")

    def show(self, level: int, pattern: tuple[int, float, float], unix_ms: int) -> None:
        self._partial.write_text(f"{LEVEL_NAMES[level]} {pattern[0]} {unix_ms}\n", encoding="ascii")
        os.replace(self._partial, self._path)

    def close(self) -> None:
        """The file keeps the last line: whoever reads it sees when it was written."""


class PinDriver:
    """Relays on pins of the gateway, by gpiozero's names ("GPIO17"): the sound's, and the strobe's if it has one."""

    def __init__(self, pin: str, strobe: str = "") -> None:
        from gpiozero import DigitalOutputDevice  # Only a gateway with a pin needs a pin library.

        self._strobe = None
        self._sound = DigitalOutputDevice(pin)
        try:
            self._strobe = DigitalOutputDevice(strobe) if strobe else None
        except Exception:
            self._sound.close()  # Or the next try would find the pin taken.
            raise

    def show(self, level: int, pattern: tuple[int, float, float], unix_ms: int) -> None:
        number, on_s, off_s = pattern
        _blink(self._sound, on_s, off_s)
        if self._strobe is not None:
            _blink(self._strobe, *STROBES[level or min(number, 1)])

    def close(self) -> None:
        self._sound.close()
        if self._strobe is not None:
            self._strobe.close()


def _blink(output, on_s: float, off_s: float) -> None:
    if not on_s:
        output.off()
    elif off_s:
        output.blink(on_time=on_s, off_time=off_s, background=True)
    else:
        output.on()


class Siren:
    """Keeps the output at the pattern of the worst sounding alarm. `failed` is the driver's error, "" if it works."""

    def __init__(self, config: SirenConfig, clock: Clock, driver: Driver | None = None) -> None:
        self._config = config
        self._clock = clock
        self._driver = driver
        self.absent = driver is None and not config.pin and not config.file
        self._from_level = config.from_level
        self._level = 0
        self._shown: tuple[int, int] | None = None  # (level, pattern) of the output; None = not known
        self._silent_until_ms: int | None = None
        self._test_until_ms: int | None = None
        self._retry_at_ms = 0
        self._retry_ms = RETRY_MS
        self.failed = ""

    @property
    def level(self) -> int:
        return self._level

    @property
    def sounding(self) -> bool:
        return bool(self._level) and self._silent_until_ms is None

    @property
    def silenced(self) -> bool:
        """Would it sound if nobody had quieted it?"""
        return bool(self._level) and self._silent_until_ms is not None

    def set(self, level: int, raised: int = 0) -> int | None:
        """Sound for `level`; an alarm that was just raised to level `raised` ends a silence, if it sounds at all.

        Returns the unix ms at which the output had changed, None if it did not.
        """
        self._level = level if level >= self._from_level else 0
        if not self._level or raised >= self._from_level:
            self._silent_until_ms = None
        if self._level:
            self._test_until_ms = None
        return self._show()

    def silence(self, duration_ms: int) -> int:
        """Quiet for `duration_ms`, at most SILENCE_MS_MAX; the strobe stays. The duration, 0 if nothing sounds."""
        if not self.sounding:
            return 0
        duration_ms = min(max(1, duration_ms), SILENCE_MS_MAX)
        self._silent_until_ms = self._clock.mono_ms() + duration_ms
        self._show()
        return duration_ms

    def sound(self) -> bool:
        """End a silence; False where there is none."""
        if not self.silenced:
            return False
        self._silent_until_ms = None
        self._show()
        return True

    def test(self) -> bool:
        """Begin a self-test; False where an alarm stands or there is no siren. `failed` says what came of it."""
        if self._level or self.absent:
            return False
        self._test_until_ms = self._clock.mono_ms() + TEST_MS
        self._show()
        return True

    def tick(self, mono_ms: int) -> None:
        """End a silence and a test that are over; try a failed driver again."""
        if self._silent_until_ms is not None and mono_ms >= self._silent_until_ms:
            self._silent_until_ms = None
            self._show()
        if self._test_until_ms is not None and mono_ms >= self._test_until_ms:
            self._test_until_ms = None
            self._show()
        if self.failed and mono_ms >= self._retry_at_ms:
            self._show()

    def close(self) -> None:
        """Output off, driver released."""
        self._level = 0
        self._test_until_ms = None
        self._show()
        if self._driver is not None:
            self._try(self._driver.close)

    def _show(self) -> int | None:
        pattern = PATTERNS[self._level] if self.sounding else SILENT
        if self._test_until_ms is not None:
            pattern = PATTERNS[1]
        wanted = (self._level, pattern[0])
        if self.absent or wanted == self._shown:
            return None
        unix_ms = self._clock.unix_ms()
        if not self._try(lambda: self._open().show(self._level, pattern, unix_ms)):
            self._shown = None
            return None
        self._shown = wanted
        return self._clock.unix_ms()

    def _open(self) -> Driver:
        if self._driver is None:
            pin = self._config.pin
            self._driver = PinDriver(pin, self._config.strobe) if pin else FileDriver(self._config.file)
        return self._driver

    def _try(self, call) -> bool:
        try:
            call()
        except Exception as error:  # noqa: BLE001  Pin libraries raise what they like; no error of theirs may stop an alarm.
            if not self.failed:
                self._retry_ms = RETRY_MS
            self.failed = f"{type(error).__name__}: {error}"[:200]
            self._retry_at_ms = self._clock.mono_ms() + self._retry_ms
            self._retry_ms = min(self._retry_ms * 2, RETRY_MS_MAX)
            return False
        self.failed = ""
        return True
