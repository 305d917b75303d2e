"""A year of a recording through `riverpost replay`, as a person starts it: with its page, its JSON and its picture.

Rules of this file: the whole command is measured, the start of Python included; the year is synthetic and the same on
every machine.
"""

import math
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools.bench.figures import Figure
from tools.bench.machine import Load, typical
from tools.bench.station import Plan

ABOUT = "a year of rows, every five minutes, through the replay with its page"
ROWS = 105_120
SECONDS_MOST = 5.0
LIMIT_S = 300
SEED = 20_200_820
YEAR = datetime(2020, 1, 1, tzinfo=UTC)
FLOODS = (20_000, 45_000, 46_500, 88_000)  # rows of the crests
SITE = """
[station]
name = "一年"
name_en = "A year"
time_zone = "Asia/Shanghai"

[recording]

[[channel]]
name = "stage"
gauge_zero = "0.00 m"
datum = "local"
flat_after = "6 h"

[[threshold_set]]
id = "YEAR"
channel = "stage"
datum = "local"
guard = "3.00 m"
warning = "4.00 m"
guarantee = "5.00 m"
record = "6.50 m"

[[rule]]
name = "flood"
kind = "high"
channel = "stage"
thresholds = "YEAR"
deadband = "0.10 m"

[[rule]]
name = "rise"
kind = "rise"
channel = "stage"
window = "1 h"
orange = "0.50 m"
"""


def measure(plan: Plan) -> list[Figure]:
    folder = plan.folder / "replay"
    folder.mkdir()
    site = folder / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    figures = []
    for name, rows in (("level", _levels()), ("rain", _rain())):
        file = folder / f"{name}.csv"
        file.write_text("time,value\n" + "".join(rows), encoding="utf-8")
        command = [
            sys.executable, "-P", "-m", "tools", "replay", "--csv", str(file), "--time", "time", "--value", "value",
            "--quantity", name, "--html", str(folder / f"{name}.html"), "--json", str(folder / f"{name}.json"),
            *(("--unit", "m", "--station", str(site)) if name == "level" else ("--unit", "mm")),
        ]  # fmt: skip
        figures.append(_timed(plan, name, command))
    return figures


def _timed(plan: Plan, name: str, command: list[str]) -> Figure:
    took_s, loads = [], []
    for run in range(1, plan.repeat + 1):
        load = Load()
        begin_s = time.monotonic()
        subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, timeout=LIMIT_S, check=True)
        took_s.append(time.monotonic() - begin_s)
        loads.append(load.end())
        plan.tell(f"replay {name} run {run}/{plan.repeat}: {took_s[-1]:.1f} s, {loads[-1].words()}")
    note = f"{ROWS:,} rows; {typical(loads).words()}"
    return Figure(f"a year of 5-minute {name}", "s", tuple(took_s), SECONDS_MOST, note=note)


def _stamp(row: int) -> str:
    return (YEAR + timedelta(minutes=5 * row)).strftime("%Y-%m-%dT%H:%MZ")


def _levels() -> list[str]:
    """A season's swing, a day's, noise of some millimetres, and four floods."""
    dice = random.Random(SEED)
    rows = []
    for row in range(ROWS):
        level = 1.2 + 0.4 * math.sin(row * math.tau / ROWS) + 0.05 * math.sin(row * math.tau / 288)
        level += sum(5.2 * math.exp(-(((row - crest) / 150) ** 2)) for crest in FLOODS)
        rows.append(f"{_stamp(row)},{level + dice.gauss(0, 0.004):.3f}\n")
    return rows


def _rain() -> list[str]:
    """Rain in one hour of twelve, up to 2 mm in five minutes."""
    dice = random.Random(SEED)
    wet = [dice.random() < 1 / 12 for _ in range(ROWS // 12)]
    return [f"{_stamp(row)},{0.2 * dice.randrange(10) if wet[row // 12] else 0:.1f}\n" for row in range(ROWS)]
