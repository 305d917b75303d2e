"""A rig without hardware: boards as processes, bought sensors, the line between them and a port for a gateway; for
boards on Wi-Fi the station's own broker.

    with Rig(folder, boards=[BoardSpec("level", ("level",), 11)]) as rig:
        rig.set("level", "head_mm", 2500)
        # a gateway on rig.port, with RIVERPOST_CLOCK=rig.clock_path

Rules of this file: everything that was started ends with it, however it ends; all parts share one station clock, whose
rate may change at any time.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import boards as definitions
from gateway.clock import Clock, write_clock_file
from tools import firmware_build
from tools.broker import Broker
from tools.broker_access import new_password, write_access
from tools.emulator.bad_network import BadNetwork
from tools.emulator.board import Board
from tools.emulator.board_spec import BoardSpec, Place, label_of, serial_of
from tools.emulator.keeper import Keeper
from tools.emulator.line import open_port
from tools.emulator.line_process import LineProcess
from tools.emulator.sensors import TURN_NS
from tools.failure import EXIT_WRONG_CALL, Failure

__all__ = ["BoardSpec", "Rig", "SensorSpec"]

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = ROOT / ".cache" / "micropython" / "micropython"
START_MS = 1_000_000  # of the station's monotonic clock: as if it had run for a while
RATE_MAX = 1_000.0
GATEWAY = "gateway"  # its name at the station's own broker
UNIX_S = 1_717_200_000  # 2024-06-01 00:00 UTC, where nobody says otherwise


@dataclass(frozen=True)
class SensorSpec:
    """A bought sensor: `profile` as in boards/."""

    name: str
    profile: str
    address: int


@dataclass(frozen=True)
class _Anchor:
    real_s: float
    unix_ms: int
    rate: float


class Rig:
    """See the head of this file. `port`: the gateway's serial port; `boards[name]`, `line`: what happens to them;
    `local`: the station's own broker, None where no board is on Wi-Fi, and `air` the way to it, which a test may spoil.
    Those boards are told `station_id`, and each has its password; GATEWAY's is in `password_file`. `update_key`: whose
    packages the boards take, "": nobody's.

    `row_s` above 0: the boards make a row so often, not as often as their definition says. Who needs many rows gets
    them at a rate of time that is honest.

    `tap`: there is `tap_port`, a second port on the line, for somebody who listens.
    """

    def __init__(
        self,
        folder: Path,
        boards: Sequence[BoardSpec] = (),
        sensors: Sequence[SensorSpec] = (),
        *,
        baud: int = 9600,
        framing: str = "8N1",
        rate: float = 1.0,
        unix_s: int = UNIX_S,
        sensor_turn_us: int = TURN_NS // 1000,
        row_s: int = 0,
        station_id: str = "RIG",
        update_key: str = "",
        tap: bool = False,
    ) -> None:
        names = [spec.name for spec in (*boards, *sensors)]
        if len(set(names)) != len(names):
            raise ValueError(f"a name occurs twice: {names}")
        self.folder = Path(folder)
        self.clock_path = self.folder / "clock"
        self.line = LineProcess(self.folder / "line.log")
        self.boards: dict[str, Board] = {}  # those that stand at their place
        self.port = ""
        self.rate = rate
        self._board_specs = tuple(boards)
        self._station_id = station_id
        self._update_key = update_key
        wifi = any(spec.wifi for spec in boards)
        self.local = local = Broker(self.folder / "local") if wifi else None
        self.air = None if local is None else BadNetwork(lambda: local.port)
        self.password_file = self.folder / "local" / "gateway-password"
        self._passwords: dict[str, str] = {}  # of boards, by serial
        self._sensors = {spec.name: spec for spec in sensors}
        self._baud, self._framing = baud, framing
        self._unix_s = unix_s
        self._sensor_turn_us = sensor_turn_us
        self._row_s = row_s
        self._keeper = Keeper()
        self._clock: Clock | None = None
        self._anchors: list[_Anchor] = []
        self._true_ms = 0  # true time minus the station's clock
        self._units: dict[tuple[str, int], Board] = {}  # and all that ever did
        self._ends: list[socket.socket] = []
        self._slaves: list[int] = []
        self._tap = tap
        self.tap_port = ""
        self._rate_lock = threading.Lock()

    def __enter__(self) -> "Rig":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start line and boards; returns when every board is ready. Failure or TimeoutError when one is not.

        Nothing happens if it runs already.
        """
        if self._keeper.is_alive():
            return
        if not INTERPRETER.exists():
            raise Failure(
                "MicroPython is missing",
                seen=f"no {INTERPRETER}",
                likely="the set-up has not run in this checkout",
                do=["./riverpost setup"],
                exit_code=EXIT_WRONG_CALL,
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        firmware_build.build()
        self._set_clock(self._unix_s * 1000, START_MS, self.rate)
        self._keeper.start()
        try:
            if self.local is not None and self.air is not None:
                self.password_file.parent.mkdir(exist_ok=True)
                self.password_file.write_text(new_password())
                self._give_access(self.local)
                self._keeper.call(self.local.start)  # In the keeper's thread: it ends with whoever started it.
                self.air.start()
            self._start_line()
            for board in self.boards.values():
                board.start(wait=False)
            for board in self.boards.values():
                board.wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything; safe to call twice, and after a failed start."""
        with contextlib.suppress(RuntimeError):  # A keeper that is gone took its children with it.
            for board in self.every_board():
                self._keeper.call(board.close)
        self.line.close()
        if self.local is not None and self.air is not None:
            self.air.stop()
            self.local.stop()
        self._keeper.stop()
        for end in self._ends:
            end.close()
        self._ends.clear()
        while self._slaves:
            os.close(self._slaves.pop())

    def set_rate(self, rate: float) -> None:
        """From now on the station's time runs `rate` times as fast as the world's, the line included."""
        if not 0 < rate <= RATE_MAX:
            raise ValueError(f"a rate is above 0 and at most {RATE_MAX:.0f}")
        with self._rate_lock:
            self._set_clock(self.unix_ms(), self.now_ms(), rate)
            self.rate = rate
            self.line.command(rate=rate)
            for board in self.boards.values():
                board.set_clock()

    def step_clock(self, unix_ms: int) -> None:
        """The gateway's clock shows `unix_ms` from now on, right or wrong; the boards hear of it as from any gateway.

        Monotonic time runs on. ValueError before 1970.
        """
        if unix_ms < 0:
            raise ValueError("unix time begins in 1970")
        with self._rate_lock:
            self._true_ms = self.true_unix_ms() - unix_ms
            self._set_clock(unix_ms, self.now_ms(), self.rate)

    def true_unix_ms(self) -> int:
        """What the station's clock would show if it had never been stepped."""
        return self.unix_ms() + self._true_ms

    def now_ms(self) -> int:
        """The station's monotonic clock."""
        return self._running_clock().mono_ms()

    def unix_ms(self) -> int:
        """The station's clock as unix time."""
        return self._running_clock().unix_ms()

    def unix_ms_at(self, real_s: float) -> int:
        """What the station's clock showed when time.monotonic() was `real_s`."""
        anchor = next((a for a in reversed(self._anchors) if a.real_s <= real_s), self._anchors[0])
        return anchor.unix_ms + round((real_s - anchor.real_s) * 1000 * anchor.rate)

    def set(self, name: str, quantity: str, value: int | None) -> None:
        """What board or bought sensor `name` meets from now on, in the sub-unit; None = nothing, or no sensor."""
        if name in self._sensors:
            self.line.command(sensor=[name, quantity, value])
        else:
            self.boards[name].set(quantity, value)

    def every_board(self) -> list[Board]:
        """The boards at their places, and those that were taken away from them."""
        return list(self._units.values())

    def exchange(self, name: str, unit: int) -> Board:
        """Take board `name` away and put the `unit`-th board of that name (1 = the first) in its place, with the log it
        had when it was taken away, or a blank flash. Its sensors stay where they are; it has power and is ready."""
        gone = self.boards[name]
        gone.stop_power()
        if (name, unit) not in self._units:
            self._keeper.call(self._add_unit, gone.spec, gone.line_end, unit)
        board = self._units[name, unit]
        board.stimulus = gone.stimulus
        self.boards[name] = board
        board.start()
        return board

    def tip(self, name: str, count: int = 1, spread_ms: int = 0) -> None:
        """The rain gauge of board `name` tipped `count` times within the last `spread_ms`."""
        self.boards[name].tip(count, spread_ms)

    def fault(self, name: str, kind: str, quantity: str | None = None) -> None:
        """What is wrong with the sensor of `name` (FAULTS of stimulus.py and sensors.py); "" = nothing."""
        if name in self._sensors:
            self.line.command(sensor_fault=[name, kind])
        else:
            self.boards[name].fault(kind, quantity)

    def _start_line(self) -> None:
        master, slave, self.port = open_port()
        self._slaves.append(slave)
        masters = [master]
        arguments = ["--master", str(master), "--baud", str(self._baud), "--framing", self._framing]
        arguments += ["--rate", str(self.rate), "--turn-us", str(self._sensor_turn_us)]
        files = [master]
        if self._tap:
            tap, slave, self.tap_port = open_port()
            self._slaves.append(slave)
            masters.append(tap)
            files.append(tap)
            arguments += ["--device", f"tap:0:{tap}"]
        lines: list[socket.socket] = []
        for spec in self._board_specs:
            if spec.wifi:
                self.boards[spec.name] = self._add_unit(spec, None)
                continue
            board_end, line_end = socket.socketpair()
            board_end.setblocking(False)
            line_end.setblocking(False)
            self._ends.append(board_end)
            lines.append(line_end)
            files.append(line_end.fileno())
            arguments += ["--device", f"{spec.name}:{spec.address}:{line_end.fileno()}"]
            self.boards[spec.name] = self._add_unit(spec, board_end)
        for sensor in self._sensors.values():
            arguments += ["--sensor", f"{sensor.name}:{sensor.address}:{sensor.profile}"]
        self._keeper.call(self.line.start, arguments, tuple(files))
        for end in lines:
            end.close()
        for end in masters:
            os.close(end)  # Now a dead line is a hung-up port, as an unplugged adapter is.
        self.line.stats()  # It answers: it has started.

    def _add_unit(self, spec: BoardSpec, line_end: socket.socket | None, unit: int = 1) -> Board:
        if self.local is not None and self.air is not None and spec.wifi:
            serial = serial_of(label_of(spec.name, unit)).hex()
            self._passwords[serial] = new_password()
            self._give_access(self.local)
            own = {"ssid": "rig", "wifi_key": "no radio here", "username": serial, "password": self._passwords[serial]}
            link = (self.local.host, self.air.port, self._station_id)
            definition = definitions.mqtt_board_json(
                spec.board_type, *link, spec.provisioned, spec.fit, own, self._update_key, sleep=spec.sleep
            )
        else:
            definition = definitions.board_json(
                spec.board_type,
                spec.address,
                self._baud,
                self._framing,
                spec.provisioned,
                fit=spec.fit,
                update_key=self._update_key,
            )
        if self._row_s:
            definition["row_s"] = self._row_s  # The hash stays: gateway and board go on calling it the same.
        place = Place(self.folder, line_end, INTERPRETER, firmware_build.BUILD, self._board_clock, definition)
        board = self._units[spec.name, unit] = Board(spec, place, self._keeper, unit)
        self._keeper.every(board.tick)
        return board

    def _give_access(self, broker: Broker) -> None:
        """Let the boards that there are, and the gateway, use the station's broker; nobody else."""
        gateway = {GATEWAY: self.password_file.read_text()}
        broker.access = write_access(broker.folder, self._station_id, self._passwords, gateway)
        broker.reload()

    def _board_clock(self) -> list[int]:
        real_us = time.monotonic_ns() // 1000
        return [self.now_ms(), real_us, round(self.rate * 1000)]

    def _set_clock(self, unix_ms: int, mono_ms: int, rate: float) -> None:
        self._anchors.append(_Anchor(time.monotonic(), unix_ms, rate))
        write_clock_file(self.clock_path, unix_ms, mono_ms, rate)
        if self._clock is None:
            self._clock = Clock(str(self.clock_path))

    def _running_clock(self) -> Clock:
        if self._clock is None:
            raise RuntimeError("the rig was not started")
        return self._clock
