"""A whole board for a week of its own time, on RS-485 and on Wi-Fi: it must not need more memory on the last day.

The script that plays its world is tests/firmware/week_scenario.py; here it is run, and its figures are judged. The heap
is of 32 bits where the machine has such a MicroPython; the played line or broker, some 10 KB, stands in the same heap.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boards
from tools.bench.lone_board import interpreter
from tools.firmware_build import BUILD, build, script
from tools.image.files import BOARD, pack_twin

SCRIPT = Path(__file__).resolve().parents[2] / "tests" / "firmware" / "week_scenario.py"
DAYS, DAY_S = 7, 86_400
HEAP_KIB = {32: 224, 64: 336}
ROW_S = 10
GROWTH_BYTES_MAX = 512  # What a day's most may differ by: a message more or less under way.
WEEK_LIMIT_S = 2_400
# Together they carry every driver, each eight channels, as many as a row.
FITS = {"esp32-rs485": ("level", "rain", "tilt", "smoke"), "esp32-wifi": ("gap", "rain", "tilt", "smoke")}
PERIOD = re.compile(r"^period \d+ live (\d+) low (\d+)$", re.MULTILINE)


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


def live(board_type: str, folder: Path, periods: int, period_s: int, more: Sequence[str] = ()) -> Week:
    """Let a board live through so many periods. RuntimeError, with what it printed, if it does not come to the end."""
    folder.mkdir(parents=True, exist_ok=True)
    definition = boards.board_json(board_type, 11, 9_600, "8N1", None, fit=FITS[board_type])
    definition["row_s"] = ROW_S
    if board_type.endswith("wifi"):
        definition["link"] = {"kind": "mqtt", "host": "127.0.0.1", "port": 1_883, "station": "WEEK01"}
    (folder / BOARD).write_bytes(pack_twin(1, json.dumps(definition).encode()))
    program, bits = interpreter()
    files = [str(folder), str(folder / "flash"), str(folder / "keep")]
    done = subprocess.run(
        [
            str(program),
            "-X",
            f"heapsize={HEAP_KIB[bits]}k",
            str(script(SCRIPT)),
            *files,
            str(periods),
            str(period_s),
            *more,
        ],
        env={**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}"},
        capture_output=True,
        text=True,
        timeout=WEEK_LIMIT_S,
        check=False,
    )
    found = tuple(int(used) for used, _ in PERIOD.findall(done.stdout))
    if done.returncode or len(found) != periods:
        raise RuntimeError(f"{board_type} ended in period {len(found) + 1}: {done.stderr[-600:]}{done.stdout[-600:]}")
    return Week(found, json.loads(done.stdout.strip().splitlines()[-1]))
