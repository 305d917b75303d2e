"""Why an alarm does not sound although it is judged: a person has shelved it, or taken it out of service.

Rules of this file: no clock. A shelf ends by itself, on monotonic time; out of service ends by a person. Neither
changes what is judged or told, only the siren.
"""

from msgspec import Struct

SHELF_MS_MAX = 8 * 3_600_000  # UX.md 9: no longer than a shift.
SHELVED, OUT_OF_SERVICE = 1, 2  # Values of E_SUPPRESSED.


class Shelf(Struct, frozen=True):
    """Shelved until `until_ms` (monotonic), for alarms no worse than `level`."""

    level: int
    until_ms: int
    until_unix_ms: int  # as people were told
    actor: str
    reason: str

    def save(self, mono_ms: int) -> list[object]:
        return [self.level, self.until_ms - mono_ms, self.until_unix_ms, self.actor, self.reason]


class Out(Struct, frozen=True):
    """Out of service since `since_ms` (unix)."""

    since_ms: int
    actor: str
    reason: str

    def save(self) -> list[object]:
        return [self.since_ms, self.actor, self.reason]


def shelf_of(saved: list | None, mono_ms: int, down_ms: int) -> Shelf | None:
    """What `Shelf.save` gave `down_ms` ago; a time that is over is over at the next look."""
    if saved is None:
        return None
    level, left_ms, until_unix_ms, actor, reason = saved
    return Shelf(level, mono_ms + min(left_ms, SHELF_MS_MAX) - down_ms, until_unix_ms, actor, reason)


def out_of(saved: list | None) -> Out | None:
    """What `Out.save` gave."""
    return None if saved is None else Out(*saved)
