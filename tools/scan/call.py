"""What a call of `riverpost scan` means: which port, which settings, which addresses, which station.

Rules of this file: what a person says wins over station.toml; nothing is opened here.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Bus
from tools.faults import fault
from tools.flash import ports
from tools.scan.settings import USUAL, Setting, every
from tools.station_now import read_station

STATION = Path("station.toml")


@dataclass(frozen=True)
class Call:
    """`setting`: that of the bus, or the usual one; `settings`: all that are asked at, `setting` first."""

    port: str
    setting: Setting
    settings: tuple[Setting, ...]
    addresses: tuple[int, ...]
    wait_s: float
    bus: Bus | None
    station: Path | None

    @property
    def expected(self) -> tuple[int, ...]:
        return tuple(source.address for source in self.bus.sources) if self.bus else ()

    @property
    def profiles(self) -> tuple[str, ...]:
        """Those that the station names, which may be files of its own."""
        return tuple(source.profile for source in self.bus.sources if source.profile) if self.bus else ()

    @property
    def seconds(self) -> float:
        """What the questions alone take if nobody answers."""
        return sum(len(self.addresses) * (one.chars_s(8) + one.silence_s + self.wait_s) for one in self.settings)


def read_call(args: argparse.Namespace, lang: str) -> Call:
    """`Failure` where it names nothing that could be asked."""
    path = args.station or (STATION if STATION.is_file() else None)
    bus = _bus(path, args.bus, args.port, lang) if path else None
    usual = Setting(bus.baud, bus.framing) if bus else USUAL
    setting = Setting(args.baud or usual.baud, args.framing or usual.framing)
    if not 300 <= setting.baud <= 1_000_000:
        raise fault("bus_baud", lang, seen=str(setting.baud))
    port = args.port or (bus.port if bus else ports.choose(None, lang))
    settings = every(setting) if args.all else [setting]
    return Call(port, setting, tuple(settings), args.addresses, args.wait / 1000, bus, path)


def _bus(path: Path, name: str | None, port: str | None, lang: str) -> Bus:
    """The bus that is meant: by its name, its port, or because there is no other."""
    buses = read_station(path, lang).buses
    listed = "\n".join(f"{bus.name}: {bus.port}, {bus.baud} {bus.framing}" for bus in buses)
    if name:
        buses = tuple(bus for bus in buses if bus.name == name)
    elif len(buses) > 1:
        buses = tuple(bus for bus in buses if bus.port == port)
    if len(buses) != 1:
        raise fault("bus_which", lang, seen=listed, file=path)
    return buses[0]
