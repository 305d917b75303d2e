"""Moves the emulated sensors as the scenario says, second by second of the station's clock."""

import threading
import time

from tools.emulator.rig import Rig
from tools.scenario import Scenario

# Scenario curve -> (board or sensor, quantity). The radar looks at the same river from above.
DRIVES = {
    "level": (("level", "head_mm"),),
    "tilt": (("tilt", "tilt_x_mdeg"),),
    "smoke": (("smoke", "smoke_mdbm"),),
}


class Player(threading.Thread):
    """Plays `scenario` on `rig` from the moment it is started until its end or `stop()`. A failure is kept in
    `.failure`.
    """

    def __init__(self, scenario: Scenario, rig: Rig, radar_zero_mm: int) -> None:
        super().__init__(name="player", daemon=True)
        self._scenario = scenario
        self._rig = rig
        self._radar_zero_mm = radar_zero_mm
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
        for name, targets in DRIVES.items():
            value = self._scenario.curves[name].at(t_s)
            for target in targets:
                self._set(target, value)
            if name == "level":
                self._set(("radar", "gap_mm"), None if value is None else self._radar_zero_mm - value)
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
