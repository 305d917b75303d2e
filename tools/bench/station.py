"""The station that is benched: eight bought units of ten channels on one line, real broker, gateway and center.

Rules of this file: nothing is faster or emptier than in the field unless a page asks for it by name.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tools.bench import figures
from tools.emulator.rig import Rig, SensorSpec
from tools.emulator.whole import WholeStation

STATION_ID = "BENCH01"
UNITS = 8
CHANNELS = 10
REGISTERS = 20  # of one look at a unit
PROFILE = Path(__file__).parent / "ten-channels.toml"
ADDRESSES = {f"unit{number}": 10 + number for number in range(1, UNITS + 1)}
START_TIMEOUT_S = 60.0
TURN_US = 8_000  # What bought sensors take to answer; see tools/emulator/sensors.py.
THRESHOLD_UM = 30_000  # of unit1's crack

HEAD = f"""
[station]
id = "{STATION_ID}"
name = "基准站"
name_en = "Bench station"
time_zone = "Asia/Shanghai"
mode = "test"
gateway_serial = "00000000be000001"

[spool]
path = "{{spool}}"
cap = "256 MiB"

[siren]
file = "{{siren}}"
from = "yellow"
"""

RULE = """
[[rule]]
name = "crack"
kind = "high"
channel = "unit1.crack"
orange = "30 mm"
deadband = "1 mm"
"""


@dataclass(frozen=True)
class Plan:
    """How long and how often a page measures, where its files go, who is told how far it is; `trials` of the siren."""

    seconds: float
    repeat: int
    folder: Path
    tell: Callable[[str], None]
    trials: int = 20


@dataclass(frozen=True)
class Line:
    """Settings of the bench's line. `prompt` units answer as soon as the standard lets them."""

    baud: int = 9600
    framing: str = "8N1"
    prompt: bool = False

    @property
    def turn_us(self) -> int:
        silence_us = figures.silence_s(self.baud, figures.char_bits(self.framing)) * 1e6
        return int(silence_us) + 1 if self.prompt else TURN_US


def station_toml(line: Line, *, scan: str, row: str = "60 s", live_batch: str = "300 s", rules: str = "") -> str:
    """The text of station.toml, with {port}, {siren}, {spool} and {broker} where WholeStation fills them in."""
    text = HEAD + f'\n[center]\nhost = "127.0.0.1"\nport = {{broker}}\nlive_batch = "{live_batch}"\n'
    text += f'\n[[bus]]\nname = "main"\nport = "{{port}}"\nbaud = {line.baud}\nframing = "{line.framing}"\n'
    text += f'scan = "{scan}"\n'
    for name, address in ADDRESSES.items():
        text += f'\n[[bus.sensor]]\nname = "{name}"\naddress = {address}\nprofile = "{PROFILE}"\nrow = "{row}"\n'
    return text + rules


class BenchStation(WholeStation):
    """A WholeStation of UNITS units. `hurried`: its gateway scans as fast as the line allows."""

    def __init__(self, folder: Path, line: Line, toml: str, *, hurried: bool = False) -> None:
        folder.mkdir(parents=True)
        sensors = [SensorSpec(name, str(PROFILE), address) for name, address in ADDRESSES.items()]
        rig = Rig(folder / "rig", sensors=sensors, baud=line.baud, framing=line.framing, sensor_turn_us=line.turn_us)
        super().__init__(folder, rig, toml, station_id=STATION_ID)
        self._hurried = hurried

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def start(self) -> None:
        """Return when every unit has answered."""
        super().start()
        self.wait_for(lambda: min(self.polls().values()) > 0, START_TIMEOUT_S, "an answer of every unit")

    def polls(self) -> dict[str, int]:
        """Answers on the wire since the counts were reset, by unit: what the line saw, not what the gateway says."""
        ports = self.rig.line.stats()["ports"]
        return {name: ports[name]["frames"] for name in ADDRESSES}

    def _gateway_arguments(self) -> list[str]:
        if not self._hurried:
            return super()._gateway_arguments()
        return [sys.executable, "-m", "tools.bench.hurried", str(self.station_file), "--scan-ms", "1"]
