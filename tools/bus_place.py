"""Which bus a command of a technician means: its port, rate and framing, from the call or from a station.toml.

Rules of this file: what a person says wins over station.toml; nothing is opened here.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from gateway.config import Bus
from tools.faults import fault
from tools.flash import ports
from tools.scan.settings import FRAMINGS, USUAL, Setting
from tools.station_now import STATION, read_station

BAUD_LEAST, BAUD_MOST = 300, 1_000_000


class Place(NamedTuple):
    """`bus`, `station`: None without one."""

    port: str
    setting: Setting
    bus: Bus | None
    station: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where the bus is and how it is set."""
    parser.add_argument("--port", metavar="P", help="serial port; else that of the station's bus, or the only one")
    parser.add_argument(
        "--station", type=Path, metavar="FILE", help="a station.toml; else ./station.toml, if it is there"
    )
    parser.add_argument("--bus", metavar="NAME", help="which bus of the station, where it has several")
    parser.add_argument("--baud", type=int, metavar="N", help="rate; else that of the bus, or 9600")
    parser.add_argument("--framing", choices=FRAMINGS, help="framing; else that of the bus, or 8N1")


def read_place(args: argparse.Namespace, lang: str) -> Place:
    """`Failure` where it names no bus."""
    path = args.station or (STATION if STATION.is_file() else None)
    bus = _bus(path, args.bus, args.port, lang) if path else None
    usual = Setting(bus.baud, bus.framing) if bus else USUAL
    setting = Setting(args.baud or usual.baud, args.framing or usual.framing)
    if not BAUD_LEAST <= setting.baud <= BAUD_MOST:
        raise fault("bus_baud", lang, seen=str(setting.baud))
    return Place(args.port or (bus.port if bus else _only_port(lang)), setting, bus, path)


def _only_port(lang: str) -> str:
    """The adapter that is plugged in. `Failure` where there is none."""
    if not ports.candidates():
        raise fault("bus_no_port", lang, seen="/dev/ttyUSB*, /dev/ttyACM*: -")
    return ports.choose(None, lang)


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
