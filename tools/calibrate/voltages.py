"""What a board's converter shows of a voltage: out of the value of the sensor on it, at the running station, or over
the board's console, where it lies on a desk.

Rules of this file: a value says it only where nothing but the board's settings stands between; 1 mm of a probe are
160 uV, 1 mV of a supply 91, both less than a step of the converter. A board that is asked over its console runs on
while the next voltage is put to it.
"""

import json
from fractions import Fraction
from typing import NamedTuple, Protocol

from boards import load_board
from gateway.config import Source
from tools.calibrate import arithmetic
from tools.calibrate.boards_now import Sensor, check_runs, sensors_of
from tools.calibrate.readings import Readings
from tools.calibrate.talk import Session
from tools.console import Console
from tools.steps import Steps

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


class AtConsole:
    """The converter `number` of `board`, which is connected at the serial port `port`."""

    wakes = False

    def __init__(self, session: Session, board: Source, number: int, port: str) -> None:
        self._session = session
        self._board = board
        self._number = number
        self._port = port

    def read(self) -> Shows:
        """`Failure` where another board is there, or none."""
        count = self._session.args.readings
        definition = json.loads(self._board.board_json)
        asked = {"ports": definition["ports"], "link": definition["link"]}
        with (
            Steps(1, self._session.lang, rate=False).step("readings"),
            Console(self._port, self._session.lang) as console,
        ):
            console.stop()
            self._check(console)
            console.send("converter")
            seen = console.ask(f"converter({asked!r}, {self._number}, {count})")
        values = [uv for uv in seen if uv is not None]
        if len(values) < count:
            raise self._session.fault("calibrate_unsteady", seen=f"{len(values)} / {count}")
        readings = Readings(values)
        return Shows(readings.middle_milli // 1_000, readings.spread, count)

    def _check(self, console: Console) -> None:
        board = self._board
        kind = load_board(board.board_type)
        if not console.application:
            raise self._session.fault("not_ours", seen=console.platform, board=kind.type, port=self._port)
        if console.chip != kind.chip:
            facts = {"chip": kind.chip.upper(), "board": kind.type}
            raise self._session.fault("wrong_chip", seen=console.chip.upper(), **facts)
        if board.serial not in ("", console.serial):
            raise self._session.fault(
                "calibrate_other_unit", seen=f"{console.serial} / {board.serial}", board=board.name
            )
