"""Actual, exercise or test: what stands in every event, until when, and whether the siren sounds in it.

Rules of this file: no clock. An exercise ends by itself where it has an end; then the mode is station.toml's again.
"""

from msgspec import Struct

from gateway.config import Station
from wire.telemetry import MODES

ACTUAL = MODES[0]
SIREN_OFF = "siren off"  # Detail of the event of a mode in which the siren does not sound.


class Mode(Struct, frozen=True):
    """`until_ms` on the monotonic clock, None = until somebody ends it."""

    name: str
    siren: bool = True
    actor: str = ""
    until_ms: int | None = None
    until_unix_ms: int = 0

    @property
    def quiet(self) -> bool:
        """Do alarms that were raised in it not sound?"""
        return self.name != ACTUAL and not self.siren

    def over(self, mono_ms: int) -> bool:
        return self.until_ms is not None and mono_ms >= self.until_ms

    def save(self, mono_ms: int) -> list[object]:
        left_ms = None if self.until_ms is None else self.until_ms - mono_ms
        return [self.name, self.siren, self.actor, left_ms, self.until_unix_ms]


def configured(config: Station) -> Mode:
    """The mode that station.toml says."""
    return Mode(config.mode, config.siren.in_exercise)


def mode_of(saved: list, mono_ms: int, down_ms: int) -> Mode:
    """What `Mode.save` gave `down_ms` ago. ValueError for no mode."""
    name, siren, actor, left_ms, until_unix_ms = saved
    if name not in MODES:
        raise ValueError(f"no mode: {name}")
    until_ms = None if left_ms is None else mono_ms + left_ms - down_ms
    return Mode(name, bool(siren), actor, until_ms, until_unix_ms)
