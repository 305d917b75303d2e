"""What a call of `riverpost scan` means: which bus, which settings, which addresses.

Rules of this file: nothing is opened here.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Bus
from tools.bus_place import read_place
from tools.scan.settings import Setting, every


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
    place = read_place(args, lang)
    settings = every(place.setting) if args.all else [place.setting]
    return Call(place.port, place.setting, tuple(settings), args.addresses, args.wait / 1000, place.bus, place.station)
