"""How long the gateway was not there: by the machine's own clock, by the time of day, by boards that ran on.

Rules of this file: no clock, disk or network. While the machine runs, its own clock counts through every step of the
time of day: nothing is guessed. After a start of the machine the time of day is all there is, and it may be wrong (no
clock on battery, or one that was set meanwhile): too short is the safe side, because then rain stays in its windows for
too long. A board that ran on says how long it really was.
"""

from typing import NamedTuple

from gateway.clock_steps import is_known

DRIFT_PART = 5_000  # 200 ppm: more than two crystals differ.
OFF_MS = 5_000  # DESIGN 1: less is no step.
BOARDS_MAX = 64


class Mark(NamedTuple):
    """A moment: `machine` names one run of the machine, `since_ms` counts from its start; "" = not known."""

    unix_ms: int
    machine: str = ""
    since_ms: int = 0


def down_ms(kept: Mark, now: Mark) -> int:
    """Milliseconds from `kept` to `now`, never negative; after a start of the machine the best that can be said."""
    if kept.machine and kept.machine == now.machine:
        return max(0, now.since_ms - kept.since_ms)
    told_ms = now.unix_ms - kept.unix_ms
    if is_known(kept.unix_ms) != is_known(now.unix_ms):
        told_ms = 0  # It was set between: what it says now and what it said then have nothing to do with each other.
    started_ms = now.since_ms if kept.machine and now.machine else 0  # It has run for so long since.
    return max(0, told_ms, started_ms)


class Witness:
    """Uptimes of boards, kept over a restart: one that ran on knows how long it took."""

    __slots__ = ("_before", "_boards", "moved")

    def __init__(self) -> None:
        self.moved = False
        self._boards: dict[str, tuple[bytes, int, int, int]] = {}  # source: serial, boot, uptime in s, monotonic ms
        self._before: dict[str, tuple[bytes, int, int, int]] = {}

    def see(self, source: str, serial: bytes, boot: int, uptime_s: int, mono_ms: int) -> int:
        """A board says how long it has run. By how many ms what was before the restart was later than it was taken for
        (earlier if negative); 0 = as taken for, or told already.
        """
        if source in self._boards or len(self._boards) < BOARDS_MAX:
            self._boards[source] = (serial, boot, uptime_s, mono_ms)
        before = self._before.pop(source, None)
        if before is None or before[:2] != (serial, boot) or uptime_s < before[2]:
            return 0
        self._before.clear()
        really_ms = (uptime_s - before[2]) * 1_000
        by_ms = mono_ms - before[3] - really_ms
        return by_ms if abs(by_ms) > OFF_MS + really_ms // DRIFT_PART else 0

    def trust(self) -> None:
        """How long it took is known: nobody needs to be asked."""
        self._before.clear()

    def save(self, mono_ms: int) -> dict[str, list[object]]:
        return {
            name: [serial, boot, up_s, mono_ms - at_ms] for name, (serial, boot, up_s, at_ms) in self._boards.items()
        }

    def restore(self, saved: dict, mono_ms: int, down_ms: int) -> None:
        before = {
            str(name): (bytes(serial), int(boot), int(up_s), mono_ms - down_ms - int(age_ms))
            for name, (serial, boot, up_s, age_ms) in saved.items()
        }
        self._before, self._boards = before, dict(before)
