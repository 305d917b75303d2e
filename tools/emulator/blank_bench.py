"""A technician's bench without hardware: boards that nobody has flashed, on one RS-485 line with a bought sensor.

    with BlankBench(folder) as bench:
        # esptool on bench.boards["board1"].port, then a gateway on bench.port
        bench.tell("board1 head_mm 2500")

Rules of this file: what is wired to a board's terminals stands in BENCH and stays, whatever is flashed; all time is
real. Flash and RTC memory stay in the folder: a bench that is started again has the same boards.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boards as definitions
from tools.emulator.line import open_port
from tools.emulator.line_process import LineError, LineProcess
from tools.emulator.rom_board import RomBoard
from tools.emulator.rom_boot import problem
from tools.emulator.rom_program import Surroundings
from tools.emulator.rom_sensors import RomSensors
from tools.emulator.sensors import TURN_NS

BAUD, FRAMING = 9600, "8N1"
BOARD_TYPE = "esp32-rs485"
SENSOR = ("radar", 21, "radar-60ghz")


@dataclass(frozen=True)
class Wired:
    """What is at a board's terminals. `bend`: what the chip's own converter shows of what is there, in uV."""

    mac: str
    fit: tuple[str, ...]
    bend: tuple[tuple[int, int], ...]


# An ESP32's converter shows too much at the lower end and too little at the upper one; each chip in its own way.
BEND_1 = ((168_000, 150_000), (1_112_000, 1_100_000), (2_391_000, 2_400_000))
BEND_2 = ((155_000, 150_000), (1_096_000, 1_100_000), (2_377_000, 2_400_000))
BENCH = {
    "board1": Wired("a0b765100001", ("level", "gap"), BEND_1),
    "board2": Wired("a0b765100002", ("rain",), BEND_2),
}
# One water under both: with the heights that `riverpost site new` proposes it stands below every alarm.
WATER = ("board1 gap_mm 5000", "radar gap_mm 5000")


class BlankBench:
    """`boards` by name, `port`: the line's end for a gateway. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boards: dict[str, RomBoard] = {}
        self.port = folder / "ttyRS485"
        self.line = LineProcess(folder / "line.log")
        self._sensors: dict[str, RomSensors] = {}
        self._ends: list[socket.socket] = []
        self._slave = -1

    def __enter__(self) -> "BlankBench":
        arguments, files = [], []
        lines = []
        for number, (name, wired) in enumerate(BENCH.items(), 1):
            board_end, line_end = socket.socketpair()
            board_end.setblocking(False)
            line_end.setblocking(False)
            lines.append(line_end)
            self._ends.append(board_end)
            self.boards[name] = self._board(name, wired, board_end)
            arguments += ["--device", f"{name}:{number}:{line_end.fileno()}"]
            files.append(line_end.fileno())
        master, self._slave, port = open_port()
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(port)
        head = ["--master", str(master), "--baud", str(BAUD), "--framing", FRAMING, "--rate", "1.0"]
        head += ["--turn-us", str(TURN_NS // 1000), "--sensor", ":".join(map(str, SENSOR))]
        self.line.start([*head, *arguments], (master, *files))
        for end in lines:
            end.close()
        for words in WATER:  # The line answers: it has started.
            self.tell(words)
        return self

    def _board(self, name: str, wired: Wired, line_end: socket.socket) -> RomBoard:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        board = RomBoard(folder, mac=wired.mac, runs=True, own_supply=True, around=Surroundings(line=line_end))
        calibration = {"adc": {"0": [list(pair) for pair in wired.bend]}}
        definition = definitions.board_json(BOARD_TYPE, 1, BAUD, FRAMING, calibration, fit=wired.fit)
        self._sensors[name] = RomSensors(board, definition)
        board.plug(boot_held=_blank(board))
        return board

    def __exit__(self, *_: object) -> None:
        for board in self.boards.values():
            board.__exit__()
        self.line.close()
        for end in self._ends:
            end.close()
        self._ends.clear()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
        self.port.unlink(missing_ok=True)

    def tell(self, words: str) -> None:
        """Do what a person would do at the bench: see DEEDS. ValueError, with what is possible, for anything else."""
        name, _, rest = words.strip().partition(" ")
        try:
            deed, *numbers = rest.split()
            values = [int(number) for number in numbers]
            if name == SENSOR[0]:
                self.line.command(sensor=[name, deed, *values])
            elif deed in DEEDS:
                DEEDS[deed](self, name, *values)
            else:
                (value,) = values
                self._sensors[name].set(deed, value)
        except (KeyError, ValueError, TypeError, LineError) as error:
            raise ValueError(f"{words.strip()}: {error}; {self.possible()}") from None

    def possible(self) -> str:
        """What may be told."""
        told = [f"{name} {'|'.join((*self._sensors[name].quantities, *DEEDS))}" for name in self.boards]
        return "; ".join([*told, f"{SENSOR[0]} gap_mm"])

    def tip(self, name: str, count: int) -> None:
        """The bucket of `name` tips so often, as fast as buckets do."""
        if "rain_um" not in self._sensors[name].quantities:
            raise KeyError(f"{name} has no rain gauge")
        self._sensors[name].tip(count)

    def restart(self, name: str, *, boot_held: bool) -> None:
        """Take its power and give it back."""
        self.boards[name].switch_off()
        self.boards[name].plug(boot_held=boot_held)

    def voltage(self, name: str, adc: int, there_uv: int) -> None:
        """A known voltage at a terminal of the converter."""
        self._sensors[name].voltage(adc, there_uv)


def _blank(board: RomBoard) -> bool:
    """Was it never flashed? Then it stands in its loader."""
    return problem(board.chip.read(0, board.chip.flash_bytes)) != ""


DEEDS: dict[str, Callable[..., None]] = {
    "tip": lambda bench, name, count=1: bench.tip(name, count),  # [times]
    "volts_uv": lambda bench, name, adc, uv: bench.voltage(name, adc, uv),  # converter's port, voltage at it
    "unplug": lambda bench, name: bench.boards[name].unplug(),  # the USB cable; its own supply stays
    "plug": lambda bench, name: bench.boards[name].plug(boot_held=False),
    "boot": lambda bench, name: bench.restart(name, boot_held=True),  # RESET while BOOT is held: into the loader
    "reset": lambda bench, name: bench.restart(name, boot_held=False),
}
