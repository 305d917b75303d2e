"""The board.json that goes into an image: a file that was made before, or one board of a station.toml.

Rules of this file: what a station's gateway expects is what goes onto the board. Only what is no part of its hash comes
on top: which station that is, and what a board on Wi-Fi alone knows.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards.definition import canonical, digest
from boards.wifi import credentials_for
from gateway.config import ConfigError, Source, Station
from gateway.load import load
from tools.faults import fault

FILE_BYTES_MAX = 16_384  # As firmware/twin.py takes.
# Keys of a link that are no part of the hash: another station, or another secret, is no other board.
NOT_HASHED = {"rs485": ("station",), "mqtt": ("ssid", "wifi_key", "username", "password")}


@dataclass(frozen=True)
class Setting:
    """A configuration and whose it is. `station`, `name`: "" where the file does not say."""

    definition: dict[str, Any]
    station: str
    name: str

    @property
    def packed(self) -> bytes:
        """The bytes that the board keeps."""
        return canonical(self.definition)

    @property
    def sha256(self) -> str:
        """Of these bytes."""
        return hashlib.sha256(self.packed).hexdigest()


def from_file(path: Path, board_type: str, lang: str) -> Setting:
    """The board.json in `path`. `Failure` if it is none, or another board's, or was changed by hand."""
    try:
        raw = path.read_bytes()
        definition = json.loads(raw)
    except (OSError, ValueError, RecursionError) as error:
        raise fault("bad_config", lang, seen=str(error), file=path) from None
    reason = _problem(definition, board_type) if len(raw) <= FILE_BYTES_MAX else f"more than {FILE_BYTES_MAX} bytes"
    if reason:
        raise fault("bad_config", lang, seen=f"{path.name}: {reason}", file=path)
    return Setting(definition, str(definition["link"].get("station", "")), "")


def _problem(definition: Any, board_type: str) -> str:
    if not isinstance(definition, dict) or not isinstance(definition.get("link"), dict):
        return "no board.json"
    if definition.get("type") != board_type:
        return f'type "{definition.get("type")}", not "{board_type}"'
    said = definition.get("definition")
    return "" if said == digest(hashed(definition)) else "its definition is not the SHA-256 of the rest"


def hashed(definition: dict[str, Any]) -> dict[str, Any]:
    """What the hash of a board.json is taken of."""
    link = definition["link"]
    left_out = NOT_HASHED.get(link.get("kind"), ())
    rest = {key: value for key, value in definition.items() if key != "definition"}
    return {**rest, "link": {key: value for key, value in link.items() if key not in left_out}}


def from_station(path: Path, name: str, board_type: str, lang: str) -> Setting:
    """The board.json of the board `name` of a station.toml. `Failure` names everything that is wrong."""
    try:
        station = load(path)
    except ConfigError as error:
        raise fault("bad_station", lang, seen="\n".join(error.problems), file=path) from None
    source = source_of(station, name, path, lang)
    if source.board_type != board_type:
        raise fault("other_type", lang, seen=f"{name}: {source.board_type}", file=path, board=source.board_type)
    return setting_of(station, source)


def source_of(station: Station, name: str, path: Path, lang: str) -> Source:
    """The board `name`. `Failure` names those that there are."""
    source = next((one for one in boards_of(station) if one.name == name), None)
    if source is None:
        known = ", ".join(one.name for one in boards_of(station)) or "-"
        raise fault("no_such_board", lang, seen=known, file=path, name=name)
    return source


def setting_of(station: Station, source: Source, own: Mapping[str, str] | None = None) -> Setting:
    """What goes onto the board `source`. `own`: what only it knows, as boards/wifi.py has it."""
    definition = json.loads(source.board_json)
    definition["link"]["station"] = station.id
    definition["link"] |= credentials_for(own) if own else {}
    return Setting(definition, station.id, source.name)


def boards_of(station: Station) -> list[Source]:
    sources = [source for bus in station.buses for source in bus.sources]
    sources += station.local.sources if station.local else ()
    return [source for source in sources if source.board_type]
