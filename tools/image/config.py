"""The board.json that goes into an image: a file that was made before, or one board of a station.toml.

Rules of this file: what a station's gateway expects and what goes onto the board are the same bytes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    return Setting(json.loads(source.board_json), station.id, name)


def _boards(station: Station) -> list[Source]:
    sources = [source for bus in station.buses for source in bus.sources]
    sources += station.local.sources if station.local else ()
    return [source for source in sources if source.board_type]
