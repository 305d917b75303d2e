"""What an emulated ESP32's sensors meet, by quantity: the stimuli of a rig, brought to the pins of its board.json.

    sensors = RomSensors(board, definition)
    sensors.set("head_mm", 2500)

Rules of this file: which pin it is stands in the board's settings; values, faults and frames are those of stimulus.py.
Tips and frames come in real time.
"""

import time
from collections import deque
from typing import Any

from tools.emulator.rom_board import RomBoard
from tools.emulator.stimulus import Stimulus

SPI_UNITS = {"0": 2, "1": 1}  # Our numbers and the chip's: VSPI, HSPI (firmware/hal/esp32_pins.py).
FRAME_S = 0.2  # An ultrasonic sensor sends so often by itself.


class RomSensors:
    """The sensors of `definition`, wired to `board`. All methods may be called from any thread."""

    def __init__(self, board: RomBoard, definition: dict[str, Any]) -> None:
        self._board = board
        self._ports = definition["ports"]
        self._stimulus = Stimulus(definition)
        self._tips: deque[int] = deque()
        self._frame_s = 0.0
        self._tell(self._stimulus.everything())
        board.each_turn = self._due

    def set(self, quantity: str, value: int | None) -> None:
        """What is there from now on, in the sub-unit; None = nothing, or no sensor."""
        self._tell(self._stimulus.set(quantity, value))

    def fault(self, kind: str, quantity: str | None = None) -> None:
        """See stimulus.FAULTS; "" = nothing."""
        self._tell(self._stimulus.fault(kind, quantity))

    def tip(self, count: int = 1) -> None:
        """The rain gauge tips so often, one behind the other, from now on."""
        now_ms = time.monotonic_ns() // 1_000_000
        self._tips.extend(self._stimulus.tips(count, 0, now_ms))

    def voltage(self, adc: int, there_uv: int) -> None:
        """A known voltage at the converter's port `adc`, in its sensor's place. KeyError without a sensor there."""
        self._tell(self._stimulus.voltage(adc, there_uv))

    @property
    def quantities(self) -> tuple[str, ...]:
        return self._stimulus.quantities

    def _tell(self, message: dict[str, Any]) -> None:
        pins: dict[str, dict[str, Any]] = {}
        for number, uv in message.get("adc", {}).items():
            pins.setdefault("uv", {})[str(self._ports[f"adc {number}"]["in"])] = uv
        for name, level in message.get("pin", {}).items():
            pins.setdefault("levels", {})[str(self._ports[f"input {name}"]["in"])] = level
        for number, state in message.get("spi", {}).items():
            pins.setdefault("spi", {})[str(SPI_UNITS[number])] = state
        if pins:
            self._board.set_pins(**pins)

    def _due(self) -> dict[str, Any]:
        """What comes by itself now: called by the board's thread."""
        now_s = time.monotonic()
        found: dict[str, Any] = {}
        if self._tips and self._tips[0] <= now_s * 1000:
            self._tips.popleft()
            found["edges"] = [self._ports[f"counter {self._stimulus.counter()}"]["in"]]
        if now_s - self._frame_s >= FRAME_S:
            self._frame_s = now_s
            found |= self._stimulus.frames()
        return found
