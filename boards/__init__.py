"""Hardware as data, and its only reader: our boards, and the Modbus profiles of bought sensors.

Each .toml beside this file is one definition; a path that ends in .toml may stand wherever a name does.
Whatever is wrong in a file comes out at once, as DefinitionError.
"""

from boards.board import board_json, load_board, mqtt_board_json
from boards.converters import uncalibrated
from boards.definition import names
from boards.profile import load_profile
from boards.records import Board, Partition, Point, Port, Profile, Sensor
from boards.strict import DefinitionError, Problem

__all__ = [
    "Board",
    "DefinitionError",
    "Partition",
    "Point",
    "Port",
    "Problem",
    "Profile",
    "Sensor",
    "board_json",
    "load_board",
    "load_profile",
    "mqtt_board_json",
    "names",
    "uncalibrated",
]
