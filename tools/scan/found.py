"""What a scan learns about a line and about who is on it.

Rules of this file: records only. What was not said is None or "", never a guess.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gateway.board_status import BoardStatus
from tools.scan.port import Errors
from tools.scan.settings import Setting

NOISY_PER_S = 2.0
OURS, BOUGHT, UNKNOWN = "board", "sensor", "unknown"


@dataclass
class Tries:
    """How the same short question fared, asked several times over."""

    whole: int = 0
    garbled: int = 0
    silent: int = 0
    second: int = 0  # a second whole answer behind the first

    @property
    def count(self) -> int:
        return self.whole + self.garbled + self.silent


@dataclass
class Device:
    """Who answers at an address, at one setting. `kind`: OURS, BOUGHT (`profiles` fit), UNKNOWN."""

    address: int
    setting: Setting
    kind: str = UNKNOWN
    said: dict[int, str] = field(default_factory=dict)  # objects of function 43/14
    status: BoardStatus | None = None
    definition: str = ""  # first 8 bytes, hex
    profiles: tuple[str, ...] = ()
    values: dict[str, int | None] = field(default_factory=dict)  # of the first profile, by quantity
    refusals: dict[str, int] = field(default_factory=dict)  # profile -> exception that it gave to what that one reads
    serials: set[str] = field(default_factory=set)  # more than one: more than one board
    heard_twin: int = 0  # answers of its address that our board did not give, while we asked
    tries: Tries = field(default_factory=Tries)
    long_tries: Tries = field(default_factory=Tries)

    @property
    def garbled_only(self) -> bool:
        return not self.tries.whole and self.tries.garbled > 0


@dataclass
class Look:
    """What one setting gave. `idle`: bytes that came while nobody had asked, in `idle_s`."""

    setting: Setting
    asked: int = 0
    idle: bytes = b""
    idle_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)  # of all questions, by what came
    strays: int = 0  # bytes between the questions
    errors: Errors | None = None  # that the UART counted
    devices: dict[int, Device] = field(default_factory=dict)
    answering: set[int] = field(default_factory=set)  # addresses that were not looked at closely
    cannot: str = ""  # why this port has not that setting

    @property
    def noisy(self) -> bool:
        """So many bytes come by themselves that some without a frame prove no device."""
        return len(self.idle) > NOISY_PER_S * self.idle_s

    @property
    def whole(self) -> list[Device]:
        return [device for device in self.devices.values() if not device.garbled_only]


@dataclass
class Scan:
    """All of it. `users`: other programs that have the port open."""

    port: str
    addresses: tuple[int, ...]
    looks: list[Look] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    stopped: bool = False

    @property
    def devices(self) -> list[Device]:
        return [device for look in self.looks for device in look.devices.values()]


def document(device: Device) -> dict[str, Any]:
    """For a machine."""
    status = device.status
    return {
        "address": device.address,
        "baud": device.setting.baud,
        "framing": device.setting.framing,
        "kind": device.kind,
        "identification": {f"{number:02x}": text for number, text in sorted(device.said.items())},
        "status": status.document() if status else None,
        "definition": device.definition or None,
        "profiles": list(device.profiles),
        "values": device.values,
        "refusals": device.refusals,
        "serials": sorted(device.serials),
        "tries": vars(device.tries),
    }
