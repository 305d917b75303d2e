"""Which board stands where in a rig.

Rules of this file: data only; a name gives the same chip in every run.
"""

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boards import load_board
from boards.chips import CHIPS

STRAIGHT = ((0, 0), (2_450_000, 2_450_000))  # The emulated converter shows what is there; an ESP32's board must say so.


def label_of(name: str, unit: int) -> str:
    """What the files of the `unit`-th board of a name are called."""
    return name if unit == 1 else f"{name}-{unit}"


def serial_of(label: str) -> bytes:
    return hashlib.sha256(f"riverpost rig {label}".encode()).digest()[:8]


@dataclass(frozen=True)
class BoardSpec:
    """Which board: `fit` as in boards/ ("level", "gap", "rain", "tilt", "smoke"), `calibration` over its settings."""

    name: str
    fit: tuple[str, ...]
    address: int
    board_type: str = "esp32-rs485"
    calibration: dict[str, dict[str, Any]] | None = None
    sleep: dict[str, Any] | None = None  # as in boards/wifi.py

    @property
    def provisioned(self) -> dict[str, dict[str, Any]]:
        """`calibration`, and a table for each converter port that needs one."""
        given = dict(self.calibration or {})
        if "adc" not in given and self._bare_ports:
            given["adc"] = {str(number): STRAIGHT for number in self._bare_ports}
        return given

    @property
    def converter_toml(self) -> str:
        """Those tables as lines of this board in a station.toml; "" where it needs none."""
        pairs = ", ".join(f"[{shown}, {there}]" for shown, there in STRAIGHT)
        return "".join(f"calibration.adc.{number} = [{pairs}]\n" for number in self._bare_ports)

    @property
    def _bare_ports(self) -> list[int]:
        board = load_board(self.board_type, self.fit)
        return [] if CHIPS[board.chip].adc_straight else [port.number for port in board.ports if port.kind == "adc"]

    @property
    def wifi(self) -> bool:
        """Is it on the station's Wi-Fi? Then its address means nothing."""
        return load_board(self.board_type, self.fit).link == "wifi"

    @property
    def serial(self) -> bytes:
        """Of the chip of its first unit: the same in every run."""
        return serial_of(self.name)


@dataclass
class Place:
    """Where a board stands: its folder, its end of the line if it has one, what it runs, and the clock it is given."""

    folder: Path
    line_end: socket.socket | None
    interpreter: Path
    build: Path
    clock: Callable[[], list[int]]  # [station ms, real us, rate in thousandths]
    definition: dict[str, Any] = field(default_factory=dict)
