"""Which board stands where in a rig.

Rules of this file: data only; a name gives the same chip in every run.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from boards import load_board


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

    @property
    def wifi(self) -> bool:
        """Is it on the station's Wi-Fi? Then its address means nothing."""
        return load_board(self.board_type, self.fit).link == "wifi"

    @property
    def serial(self) -> bytes:
        """Of the chip of its first unit: the same in every run."""
        return serial_of(self.name)
