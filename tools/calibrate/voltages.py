"""What a board's converter shows of a voltage: out of the value of the sensor that hangs on it, at the running station.

Rules of this file: a value says it only where nothing but the board's settings stands between; 1 mm of a probe are
160 uV, 1 mV of a supply 91, both less than a step of the converter.
"""

from fractions import Fraction
from typing import NamedTuple, Protocol

from gateway.config import Source
from tools.calibrate import arithmetic
from tools.calibrate.boards_now import Sensor, check_runs, sensors_of
from tools.calibrate.talk import Session

EXACT = ("pressure_420", "supply")


class Shows(NamedTuple):
    """What the converter showed, in microvolts."""

    uv: int
    spread_uv: int
    of: int  # readings


class Voltages(Protocol):
    """Reads a converter; `wakes`: what is put to it is seen by the station's alarms."""

    wakes: bool

    def read(self) -> Shows: ...


class AtStation:
    """The converter `number` of `board`, by the sensor on it."""

    wakes = True

    def __init__(self, session: Session, board: Source, number: int) -> None:
        """`Failure` where no sensor says exactly what the converter showed."""
        found = [one for one in sensors_of(board) if one.settings.get("adc") == number]
        exact = [one for one in found if one.driver in EXACT]
        if not exact:
            seen = ", ".join(one.driver for one in found) or "-"
            raise session.fault("calibrate_no_way", seen=seen, name=board.name, port=str(number))
        check_runs(session, board)
        self._session = session
        self._sensor: Sensor = exact[0]

    def read(self) -> Shows:
        readings = self._session.collect(
            self._sensor.channel.name,
            key="raw",
            take=lambda channel: channel["raw"] is not None,
            bad="calibrate_no_voltage",
        )
        settings = self._sensor.settings
        uv = arithmetic.converter_uv(settings, readings.middle_milli)
        beside = arithmetic.there_uv(settings, (readings.median + readings.spread) * 1_000)
        spread_uv = beside - arithmetic.there_uv(settings, readings.median * 1_000)
        return Shows(uv, round(Fraction(spread_uv)), readings.count)
