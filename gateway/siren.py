"""The siren and its strobe: one output pattern for each alarm level.

Rules of this file: `set` never raises and never waits, whatever the driver does; a failed driver is told and tried
again. Silence is not acknowledge: it ends by itself, and at once when an alarm is raised or escalated.
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

RETRY_MS = 1_000
RETRY_MS_MAX = 60_000
SILENCE_MS_MAX = 600_000  # UX.md: 10 minutes, not extendable in advance.


class Driver(Protocol):
    """What switches an output; each call may raise."""

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
    """A relay on a pin of the gateway, by gpiozero's name of the pin ("GPIO17")."""

    def __init__(self, pin: str) -> None:
        from gpiozero import DigitalOutputDevice  # Only a gateway with a pin needs a pin library.

        self._output = DigitalOutputDevice(pin)

    def show(self, level: int, pattern: tuple[int, float, float], unix_ms: int) -> None:
        number, on_s, off_s = pattern
        if not number:
            self._output.off()
        elif off_s:
            # gpiozero takes fractions of a second; only its annotations say int.
            self._output.blink(on_time=on_s, off_time=off_s, background=True)  # pyright: ignore[reportArgumentType]
        else:
            self._output.on()

    def close(self) -> None:
        self._output.close()


class Siren:
    """Keeps the output at the pattern of the worst sounding alarm. `failed` is the driver's error, "" if it works."""

    def __init__(self, config: SirenConfig, clock: Clock, driver: Driver | None = None) -> None:
        self._config = config
        self._clock = clock
        self._driver = driver
        self._absent = driver is None and not config.pin and not config.file
        self._from_level = config.from_level
        self._level = 0
        self._shown: tuple[int, int] | None = None  # (level, pattern) of the output; None = not known
        self._silent_until_ms: int | None = None
        self._retry_at_ms = 0
        self._retry_ms = RETRY_MS
        self.failed = ""

    @property
    def level(self) -> int:
        return self._level

    @property
    def sounding(self) -> bool:
        return bool(self._level) and self._silent_until_ms is None

    def set(self, level: int, raised: int = 0) -> int | None:
        """Sound for `level`; an alarm that was just raised to level `raised` ends a silence, if it sounds at all.

        Returns the unix ms at which the output had changed, None if it did not.
        """
        self._level = level if level >= self._from_level else 0
        if not self._level or raised >= self._from_level:
            self._silent_until_ms = None
        return self._show()

    def silence(self, duration_ms: int) -> bool:
        """Quiet for at most SILENCE_MS_MAX; False if nothing sounds. The strobe's level stays."""
        if not self.sounding:
            return False
        self._silent_until_ms = self._clock.mono_ms() + min(max(0, duration_ms), SILENCE_MS_MAX)
        self._show()
        return True

    def tick(self, mono_ms: int) -> None:
        """End a silence that is over; try a failed driver again."""
        if self._silent_until_ms is not None and mono_ms >= self._silent_until_ms:
            self._silent_until_ms = None
            self._show()
        if self.failed and mono_ms >= self._retry_at_ms:
            self._show()

    def close(self) -> None:
        """Output off, driver released."""
        self._level = 0
        self._show()
        if self._driver is not None:
            self._try(self._driver.close)

    def _show(self) -> int | None:
        pattern = PATTERNS[self._level] if self.sounding else SILENT
        wanted = (self._level, pattern[0])
        if self._absent or wanted == self._shown:
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
            self._driver = PinDriver(pin) if pin else FileDriver(self._config.file)
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
