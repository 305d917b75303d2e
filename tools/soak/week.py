"""A whole board for a week of its own time, on RS-485 and on Wi-Fi: it must not need more memory on the last day.

Its world is played beside it (week_world.py); tests/firmware/week_scenario.py, which takes the orders, stands in the
board's own heap. Here both are run, and the figures are judged. The heap is of 32 bits, as a board's is, where the
machine has such a MicroPython.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import boards
from tools.bench.lone_board import interpreter
from tools.firmware_build import BUILD, build, files_of, program
from tools.image.files import BOARD, pack_twin
from tools.release import pack, public_of
from tools.soak.week_world import KEEP, MEASURE, Air, Line, Play, Sensors
from wire.package import NO_MEMORY

SCRIPT = Path(__file__).resolve().parents[2] / "tests" / "firmware" / "week_scenario.py"
DAYS, DAY_S = 7, 86_400
HEAP_KIB = {32: 112, 64: 176}
ROW_S = 10
GROWTH_BYTES_MAX = 512  # What a day's most may differ by: a message more or less under way.
MEASURE_EVERY_S = 60
AWAY_SHARE = 18  # For the last of so many parts of a quarter of a period gateway and broker are away.
LEAK_EVERY_S = 30
REFUSED_MAX = 2  # A memory that is nearly full may be in too many pieces; the next time it is not.
ADDRESS = 11
SECRET = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
# Together they carry every driver, each eight channels, as many as a row.
FITS = {"esp32-rs485": ("level", "rain", "tilt", "smoke"), "esp32-wifi": ("gap", "rain", "tilt", "smoke")}


@dataclass(frozen=True)
class Week:
    """What one board told: most bytes in use of each period, and its counters at the end."""

    live: tuple[int, ...]
    stats: dict[str, Any]

    def wrong(self, scans: int) -> list[str]:
        """Everything that a board must not do, as sentences."""
        found = []
        if self.live[-1] - self.live[0] > GROWTH_BYTES_MAX:
            found.append(f"memory grows: {self.live[0]} bytes in use in the first period, {self.live[-1]} in the last")
        stats = self.stats
        if stats["scans"] != scans:
            found.append(f"{stats['scans']} scans instead of {scans}")
        for name in ("row_errors", "sensor_errors", "overwritten", "damaged", "line_errors", "scans_skipped"):
            if stats[name]:
                found.append(f"{name}: {stats[name]}")
        if len(stats["refused"]) > REFUSED_MAX or set(stats["refused"]) - {NO_MEMORY}:
            found.append(f"packages refused for reasons {stats['refused']}")
        if stats["packages"] != len(self.live):
            found.append(f"{stats['packages']} packages taken, {len(self.live)} were sent")
        if not 0 < stats["rows"] == stats["head"] or stats["have"] < stats["head"] * 9 // 10:
            found.append(f"{stats['rows']} rows written, {stats['head']} in the log, {stats['have']} at the gateway")
        return found


def run(minutes: float, seed: int, tell: Callable[[str], None], folder: Path) -> dict[str, Any]:
    """Both boards for a week each; time and seed change nothing about it."""
    build()
    failures, figures = [], {}
    for board_type in FITS:
        week = live(board_type, folder / board_type, DAYS, DAY_S)
        failures += [f"{board_type}: {text}; replay: python -m tools.soak week" for text in week.wrong(DAYS * DAY_S)]
        figures[f"{board_type}_first_day_bytes"], figures[f"{board_type}_last_day_bytes"] = week.live[0], week.live[-1]
        tell(f"    {board_type}: {week.live[0]:,} bytes in use on the first day, {week.live[-1]:,} on the last")
    return {"board_weeks": len(FITS), "heap_bits": interpreter()[1], **figures, "failures": failures}


def live(board_type: str, folder: Path, periods: int, period_s: int, *, leak: bool = False) -> Week:
    """Let a board live through so many periods. RuntimeError, with what it printed, if it does not come to the end.

    `leak`: it keeps two bytes every LEAK_EVERY_S, which must be seen.
    """
    found = []
    package = _package()
    with _play(board_type, folder) as play:
        gateway = Air(play) if board_type.endswith("wifi") else Line(play, ADDRESS)
        sensors = Sensors()
        for period in range(periods):
            most = 0
            gateway.package = package
            for second in range(period * period_s, (period + 1) * period_s):
                quarter_s = period_s // 4
                play.away = second % quarter_s >= quarter_s - quarter_s // AWAY_SHARE
                play.second(second, sensors.at(second))
                gateway.second(second)
                if leak and second % LEAK_EVERY_S == 0:
                    play.order(KEEP)
                if second % MEASURE_EVERY_S == MEASURE_EVERY_S - 1:
                    most = max(most, play.order(MEASURE))
            found.append(most)
        stats = play.end()
    own = {"rows": play.rows, "have": gateway.have, "answers": gateway.answers, "line_errors": gateway.errors}
    own |= {"packages": gateway.packages, "refused": gateway.refused}
    return Week(tuple(found), stats | own)


def _package() -> bytes:
    """The firmware itself, as an update."""
    return pack(
        "posix", 1, (0, 0, 1), {file.as_posix(): (BUILD / file).read_bytes() for file in files_of("posix")}, SECRET
    )


def _play(board_type: str, folder: Path) -> Play:
    """A board of this type with all that fits, at its start."""
    folder.mkdir(parents=True, exist_ok=True)
    definition = boards.board_json(board_type, ADDRESS, 9_600, "8N1", None, fit=FITS[board_type])
    definition["row_s"] = ROW_S
    definition["update_key"] = public_of(SECRET).hex()
    if board_type.endswith("wifi"):
        definition["link"] = {"kind": "mqtt", "host": "127.0.0.1", "port": 1_883, "station": "WEEK01"}
    (folder / BOARD).write_bytes(pack_twin(1, json.dumps(definition).encode()))
    interpreter_of, bits = interpreter()
    script = program(SCRIPT)
    command = [str(interpreter_of), "-X", f"heapsize={HEAP_KIB[bits]}k", "-m", script.stem]
    command += [str(folder), str(folder / "flash"), str(folder / "keep")]
    return Play(command, {**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}:{script.parent}"}, folder)
