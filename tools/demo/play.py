"""Moves the emulated sensors as the scenario says, second by second of the station's clock."""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from tools.emulator.rig import Rig
from tools.scenario import Scenario


class Drive(NamedTuple):
    """What a curve of the scenario does to a board or sensor: value = zero + sign * curve.

    A level sensor hangs somewhere: pressure has zero = -(its height), sign = 1, a gap zero = its height, sign = -1.
    """

    curve: str
    target: str
    quantity: str
    zero: int = 0
    sign: int = 1


class Player(threading.Thread):
    """Plays `scenario` on `rig`, as `drives` say, from the moment it is started until its end or `stop()`. A failure is
    kept in `.failure`. Curves that drive nothing are not played.
    """

    def __init__(self, scenario: Scenario, rig: Rig, drives: Sequence[Drive]) -> None:
        super().__init__(name="player", daemon=True)
        self._scenario = scenario
        self._rig = rig
        self._drives = tuple(drives)
        self._halt = threading.Event()
        self._last: dict[tuple[str, str], int | None] = {}
        self._tips_played = 0
        self._start_ms = 0
        self.failure: BaseException | None = None

    @property
    def elapsed_s(self) -> float:
        """Station seconds since the scenario's start."""
        return (self._rig.now_ms() - self._start_ms) / 1000 if self._start_ms else 0.0

    def prime(self) -> None:
        """Put every sensor to the scenario's first moment."""
        self._apply(0.0)

    def stop(self) -> None:
        self._halt.set()
        self.join(5)

    def run(self) -> None:
        self._start_ms = self._rig.now_ms()
        try:
            while not self._halt.is_set() and self.elapsed_s < self._scenario.duration_s:
                self._apply(self.elapsed_s)
                now_ms = self._rig.now_ms()
                self._halt.wait(max(0.002, (1000 - now_ms % 1000) / 1000 / self._rig.rate))
        except BaseException as error:  # noqa: BLE001 - handed to the demo's main thread, which raises it.
            self.failure = error

    def _apply(self, t_s: float) -> None:
        for drive in self._drives:
            value = self._scenario.curves[drive.curve].at(t_s)
            self._set((drive.target, drive.quantity), None if value is None else drive.zero + drive.sign * value)
        due = 0
        while self._tips_played < len(self._scenario.tips) and self._scenario.tips[self._tips_played][0] <= t_s:
            due += self._scenario.tips[self._tips_played][1]
            self._tips_played += 1
        if due:
            self._rig.tip("rain", due, spread_ms=300)

    def _set(self, target: tuple[str, str], value: int | None) -> None:
        if target not in self._last or self._last[target] != value:
            self._rig.set(*target, value)
            self._last[target] = value


def wait_until(player: Player, timeout_s: float, watch: object) -> None:
    """Block until the scenario has ended; `watch()` is called about ten times a second. TimeoutError after
    `timeout_s`.
    """
    end_s = time.monotonic() + timeout_s
    while player.is_alive():
        if time.monotonic() > end_s:
            raise TimeoutError(f"the scenario has not ended within {timeout_s:.0f} s")
        player.join(0.1)
        watch()  # type: ignore[operator]
    if player.failure is not None:
        raise player.failure
