"""The board.json that goes into an image: a file that was made before, or one board of a station.toml.

Rules of this file: what a station means and what goes onto its board are the same bytes, which their hash says.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boards
from boards.definition import canonical, digest
from gateway.config import ConfigError, Source, Station
from gateway.load import load
from tools.faults import fault

FILE_BYTES_MAX = 16_384  # As firmware/twin.py takes.


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
    made = digest({key: value for key, value in definition.items() if key != "definition"})
    return "" if said == made else "its definition is not the SHA-256 of the rest"


def from_station(path: Path, name: str, board_type: str, lang: str) -> Setting:
    """The board.json of the board `name` of a station.toml. `Failure` names everything that is wrong."""
    try:
        station = load(path)
    except ConfigError as error:
        raise fault("bad_station", lang, seen="\n".join(error.problems), file=path) from None
    source = next((one for one in _boards(station) if one.name == name), None)
    if source is None:
        known = ", ".join(one.name for one in _boards(station)) or "-"
        raise fault("no_such_board", lang, seen=known, file=path, name=name)
    if source.board_type != board_type:
        raise fault("other_type", lang, seen=f"{name}: {source.board_type}", file=path, board=source.board_type)
    definition = _definition(tomllib.loads(path.read_text(encoding="utf-8")), station, source)
    if definition["definition"] != source.definition:
        raise AssertionError(f"{path}: two ways to the definition of {name} differ")
    return Setting(definition, station.id, name)


def _boards(station: Station) -> list[Source]:
    sources = [source for bus in station.buses for source in bus.sources]
    sources += station.local.sources if station.local else ()
    return [source for source in sources if source.board_type]


def _definition(document: dict[str, Any], station: Station, source: Source) -> dict[str, Any]:
    """What `source` was read from, as its board gets it."""
    key = document["station"].get("update_key", "")
    if source.address == 0 and station.local is not None:
        table = next(one for one in document["local"]["board"] if one["name"] == source.name)
        link = (station.local.board_host, station.local.port, station.id)
        settings = (table.get("calibration"), table.get("fit"))
        return boards.mqtt_board_json(source.board_type, *link, *settings, update_key=key)
    bus = next(one for one in station.buses if source in one.sources)
    written = next(one for one in document["bus"] if one["name"] == bus.name)
    table = next(one for one in written["board"] if one["name"] == source.name)
    link = (source.address, bus.baud, bus.framing)
    return boards.board_json(source.board_type, *link, table.get("calibration"), table.get("fit"), update_key=key)
