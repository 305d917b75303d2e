"""How a station is now, as its running gateway says: the file that `riverpost gateway --status` keeps.

Rules of this file: it only reads. A state that is not renewed is no state: whoever asks is told that the gateway stands
still, never shown old values as the present.
"""

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import Any

from gateway.__main__ import STATUS_FOLDER
from gateway.config import ConfigError, Station
from gateway.load import load
from tools.faults import fault

STALE_S = 5.0  # The gateway renews it twice a second.
STATION = Path("station.toml")  # Where nobody says another.

LEVEL_MIN = 3  # From orange on, nobody plays with the sensors of a station.
BLIND = ("lost", "fault", "storage")  # Rules whose alarms are not about what is measured.


def station_words(args: argparse.Namespace) -> str:
    """The words of a call that say which station is meant, for a command that a person may copy."""
    words = ""
    if args.station != STATION:
        words += f" --station {shlex.quote(str(args.station))}"
    if args.status:
        words += f" --status {shlex.quote(str(args.status))}"
    return words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which station, and where its gateway says how it is."""
    parser.add_argument("--station", type=Path, metavar="FILE", default=STATION, help="its station.toml")
    parser.add_argument(
        "--status", type=Path, metavar="FILE", help=f"the gateway's --status file ({STATUS_FOLDER}/STATION.json)"
    )


def read_station(path: Path, lang: str) -> Station:
    """The configuration in `path`. `Failure` names everything that is wrong."""
    try:
        return load(path)
    except ConfigError as error:
        raise fault("bad_station", lang, seen="\n".join(error.problems), file=path) from None


def real_alarms(document: dict[str, Any]) -> str:
    """The alarms of a real event that stand in a state, one a line; "" = none: sensors may be played with."""
    standing = [
        one
        for one in document["alarms"]
        if one["level"] >= LEVEL_MIN and one["mode"] == "actual" and one["kind"] not in BLIND
        and one["state"] != "out of service"
    ]  # fmt: skip
    return "\n".join(f"{one['rule']}: {one['word']}, {one['state']}" for one in standing)


def read_status(path: Path, station: str, lang: str) -> dict[str, Any]:
    """gateway.health.Health.document() as it was written last; `station`: whose, "" = whoever's. `Failure` where nobody
    writes it.
    """

    def failed(key: str, seen: str) -> Exception:
        return fault(key, lang, seen=seen, file=path, station=station or path.stem)

    try:
        with path.open("rb") as file:
            content = file.read()
            age_s = time.time() - path.stat().st_mtime
        found = json.loads(content)
    except OSError as error:
        raise failed("no_status", error.strerror or str(error)) from None
    except ValueError as error:
        raise failed("bad_status", str(error)) from None
    if not isinstance(found, dict) or "station" not in found or station not in ("", found["station"]):
        raise failed("bad_status", f"station {found.get('station')!r}" if isinstance(found, dict) else "-")
    if age_s > STALE_S:
        raise failed("stale_status", f"{age_s:.0f} s")
    return found


class StationNow:
    """The state of the station `config`, from `path` (None: the usual place)."""

    def __init__(self, config: Station, path: Path | None, lang: str) -> None:
        self.config = config
        self.path = path or STATUS_FOLDER / f"{config.id}.json"
        self._lang = lang

    def read(self) -> dict[str, Any]:
        """As `read_status`, of this station. `Failure`."""
        return read_status(self.path, self.config.id, self._lang)
