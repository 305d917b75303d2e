"""What can be calibrated: how a record names it, and where its values stand in a station.toml."""

from gateway.load_calibration import LEVEL, TABLE, TWO_POINT
from tools.calibrate.edit import Spot
from tools.calibrate.record import Target
from tools.calibrate.talk import Session

PAIRS = "pairs"


def level(session: Session, channel: str) -> Target:
    """The offset of a level channel, and the day of it."""
    path = session.editor.channel(channel)
    command = f"level {channel}"
    return Target(LEVEL, channel, {"channel": channel}, lambda key: Spot(path, (key,)), command)


def two_point(session: Session, board: str, driver: str) -> Target:
    """The settings of a board's sensor."""
    path = session.editor.source(board)
    names = {"board": board, "sensor": driver}
    command = f"two-point {board} --sensor {driver}"
    spot = lambda key: Spot(path, ("calibration", driver, key))  # noqa: E731
    return Target(TWO_POINT, f"{board} {driver}", names, spot, command, board)


def converter(session: Session, board: str, number: str) -> Target:
    """The table of a board's converter port; its one value is the pairs."""
    path = session.editor.source(board)
    names = {"board": board, "port": f"adc {number}"}
    spot = Spot(path, ("calibration", "adc", number))
    return Target(TABLE, f"{board} adc {number}", names, lambda _: spot, f"table {board} --adc {number}", board)
