"""Boards of ours with their sensors, as station.toml means them, and whether they run just that.

Rules of this file: what a sensor showed can only be read backwards by the settings with which it was shown.
"""

import json
from typing import Any, NamedTuple

from gateway.config import Channel, Source
from tools.calibrate.talk import Session

HASH_DIGITS = 16  # A board says so much of the hash of its board.json.


class Sensor(NamedTuple):
    """A sensor of a board: its entry of board.json, and the channel that shows it."""

    board: Source
    settings: dict[str, Any]
    channel: Channel

    @property
    def driver(self) -> str:
        return self.settings["driver"]


def sensors_of(board: Source) -> list[Sensor]:
    """The sensors of a board, each with the channel of its first quantity."""
    channels = {channel.quantity: channel for channel in board.channels}
    return [Sensor(board, one, channels[one["channels"][0]]) for one in json.loads(board.board_json)["sensors"]]


def boards(session: Session) -> list[Source]:
    """All boards of ours."""
    return [source for source in session.config.sources if source.board_json]


def find_board(session: Session, asked: str) -> Source:
    """The board of this name or address. `Failure`."""
    found = [board for board in boards(session) if asked in (board.name, str(board.address or ""))]
    if len(found) != 1:
        seen = ", ".join(board.name for board in boards(session)) or "-"
        raise session.fault("calibrate_no_board", seen=seen, name=asked)
    return found[0]


def check_runs(session: Session, board: Source) -> None:
    """`Failure` unless the board runs the settings that station.toml means."""
    document = session.now.read()
    told = [*document["boards"], *(document["local"] or {"boards": []})["boards"]]
    running = next((one["definition"] for one in told if one["name"] == board.name and one.get("definition")), None)
    if running != board.definition[:HASH_DIGITS]:
        seen = f"{running or '-'} / {board.definition[:HASH_DIGITS]}"
        raise session.fault("calibrate_other_settings", seen=seen, board=board.name, file=session.args.station)
