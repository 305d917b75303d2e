"""What the sensors of an emulated station feel, second by second: recordings, curves derived from them, and floods.

Rules of this file: a curve says in its label what was done to the recording; a blank of the recording stays a blank;
the same name gives the same scenario on every machine.

Recordings come from the folder that RIVERPOST_DATA names, else from ../shared/data beside the checkout, else from
tools/data, which carries the same files.
"""

import csv
import math
import os
import random
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tools import flood
from tools.failure import EXIT_WRONG_CALL, Failure

ROOT = Path(__file__).parents[1]
CARRIED = ROOT / "tools" / "data"

RIVER = "river_usgs_dead_run/01589330_2018-06-01_2018-06-15.csv"
RIVER_START = datetime(2018, 6, 3, 21, 0, tzinfo=UTC)
RIVER_END = datetime(2018, 6, 3, 23, 50, tzinfo=UTC)
RIVER_STEP_S = 300
RIVER_TIMES = 4  # Dead Run rises by 1.2 m; four times that crosses four characteristic levels.

RAIN = "rain_usgs_mukilteo/waMVD116_rain15min_2015.csv"
RAIN_START = datetime(2015, 11, 17, 13, 45)  # noqa: DTZ001 - local time of the gauge, the file names no zone
RAIN_STEP_S = 900
RAIN_TIMES = 3
UM_PER_INCH = 25_400
UM_PER_TIP = 200
RAIN_SEED = 20_151_117

TILT = "tilt_munich_bridge/load_test_2022-04-11_10hz.csv"
TILT_STEP_S = 0.1

SMOKE_SEED = 4_711


@dataclass(frozen=True)
class Curve:
    """One physical quantity over the scenario: `at(t_s)` in the integer sub-unit of `quantity` (wire.reading)."""

    label: str
    quantity: str
    at: Callable[[float], int | None]


@dataclass(frozen=True)
class Scenario:
    """What happens, from `start_unix_s` on for `duration_s`. `tips`: (seconds, tips of UM_PER_TIP), ascending."""

    name: str
    start_unix_s: int
    duration_s: int
    curves: dict[str, Curve]
    tips: list[tuple[float, int]]
    tips_label: str

    @staticmethod
    def load(name: str = "demo") -> "Scenario":
        """The scenario `name`. Failure where there is none, or where a recording cannot be read."""
        if name == "demo":
            return _demo()
        if name in flood.names():
            return _flood(name)
        raise Failure(
            f"There is no scenario {name!r}",
            seen=f"known: {', '.join(['demo', *flood.names()])}",
            likely="a slip in the name",
            do=["give one of these, or nothing"],
            exit_code=EXIT_WRONG_CALL,
        )

    def part(self, from_s: int, duration_s: int) -> "Scenario":
        """The scenario from second `from_s` on, for `duration_s`, as one of its own. ValueError if it has none of it.

        It begins with the first second of `self` that it shows: seconds and tips are counted from there.
        """
        if not 0 <= from_s < from_s + duration_s <= self.duration_s:
            raise ValueError(f"{self.name} lasts {self.duration_s} s: there is no {from_s} s and {duration_s} s more")
        curves = {name: replace(curve, at=_later(curve.at, from_s)) for name, curve in self.curves.items()}
        tips = [(t_s - from_s, count) for t_s, count in self.tips if from_s <= t_s < from_s + duration_s]
        return replace(self, start_unix_s=self.start_unix_s + from_s, duration_s=duration_s, curves=curves, tips=tips)


def _demo() -> Scenario:
    """A small flood with rain, a wall and a fire, for the demo."""
    duration_s = int((RIVER_END - RIVER_START).total_seconds())
    curves = {
        "level": Curve(f"USGS Dead Run 2018-06-03, derived: x{RIVER_TIMES}", "head_mm", river_mm()),
        "tilt": Curve("Munich bridge load test 2022-04-11, looped", "tilt_x_mdeg", tilt_mdeg()),
        "smoke": Curve(f"synthetic, seed {SMOKE_SEED}", "smoke_mdbm", smoke_mdbm(duration_s)),
    }
    label = f"USGS Mukilteo 2015-11-17, derived: x{RAIN_TIMES}, spread in each 15 min (seed {RAIN_SEED})"
    return Scenario("demo", int(RIVER_START.timestamp()), duration_s, curves, rain_tips(duration_s), label)


def _flood(name: str) -> Scenario:
    """A flood of tools/scenarios: one curve a gauge, elevations; no rain."""
    it = flood.read(name)
    curves = {gauge: Curve(it.title, "level_mm", at) for gauge, at in it.gauges.items()}
    return Scenario(name, it.start_unix_s, it.duration_s, curves, [], "no rain")


def _later(at: Callable[[float], int | None], by_s: int) -> Callable[[float], int | None]:
    return lambda t_s: at(t_s + by_s)


def data_folder() -> Path:
    """Where recordings are read from."""
    named = os.environ.get("RIVERPOST_DATA")
    if named:
        return Path(named)
    shared = ROOT.parent / "shared" / "data"
    return shared if (shared / RIVER).is_file() else CARRIED


def between(samples: list[tuple[float, float | None]], step_s: float) -> Callable[[float], int | None]:
    """A line from sample to sample (seconds, value or None), ascending; before the first and behind the last they hold.

    None beside a blank sample, and inside any pair that lies more than one and a half steps apart.
    """
    times = [t_s for t_s, _ in samples]

    def at(t_s: float) -> int | None:
        t_s = min(max(t_s, times[0]), times[-1])
        i = bisect_right(times, t_s) - 1
        left_s, left = samples[i]
        if left is None or t_s == left_s:
            return None if left is None else round(left)
        right_s, right = samples[i + 1]
        if right is None or right_s - left_s > 1.5 * step_s:
            return None
        return round(left + (right - left) * (t_s - left_s) / (right_s - left_s))

    return at


def river_mm() -> Callable[[float], int | None]:
    """Head of water over the sensor in mm: the stage from RIVER_START to RIVER_END, times RIVER_TIMES."""
    samples = []
    for row in recording(RIVER, ("datetime_utc", "gage_height_m")):
        at = datetime.fromisoformat(row["datetime_utc"].replace("Z", "+00:00"))
        if RIVER_START <= at <= RIVER_END:
            metres = row["gage_height_m"]
            stage_mm = float(Decimal(metres) * 1000 * RIVER_TIMES) if metres else None
            samples.append(((at - RIVER_START).total_seconds(), stage_mm))
    return between(samples, RIVER_STEP_S)


def tilt_mdeg() -> Callable[[float], int | None]:
    """Tilt in 0.001 degrees: each 10 Hz sample holds until the next, and the recording begins again at its end."""
    cells = [row["inc01_deg"] for row in recording(TILT, ("t_rel_s", "inc01_deg"))]
    samples = [round(Decimal(cell) * 1000) if cell else None for cell in cells]
    return lambda t_s: samples[int(round(t_s / TILT_STEP_S, 6)) % len(samples)]


def smoke_mdbm(duration_s: int, seed: int = SMOKE_SEED) -> Callable[[float], int | None]:
    """Obscuration in 0.001 dB/m, once a second; synthetic, no recording. With t in seconds:

        6 + N(0, 3)                                     clean air and the chamber's noise
        + 45 * exp(-((t - 2,400) / 700)^2)              cooking: a haze that rises to 45 over 20 minutes and goes
        + 700 * (1 - exp(-((t - 8,400) / 420)^2)) * (1 + N(0, 0.04))     from t = 8,400 on: a fire that grows with t^2

    The haze stays below 100 (0.10 dB/m); the fire passes 100 after about 160 s and 200 after about 240 s.
    """
    noise = random.Random(seed)
    samples = []
    for t_s in range(duration_s + 1):
        value = 6 + noise.gauss(0, 3) + 45 * math.exp(-(((t_s - 2_400) / 700) ** 2))
        if t_s >= 8_400:
            value += 700 * (1 - math.exp(-(((t_s - 8_400) / 420) ** 2))) * (1 + noise.gauss(0, 0.04))
        samples.append(round(value))
    return lambda t_s: samples[min(max(int(t_s), 0), duration_s)]


def rain_tips(duration_s: int, seed: int = RAIN_SEED) -> list[tuple[float, int]]:
    """(seconds, 1) for each tip of UM_PER_TIP: the rain of each 15 minutes times RAIN_TIMES, evenly with some play.

    A stamp of the file is taken as the end of its 15 minutes; what is left below one tip goes on to the next.
    """
    play = random.Random(seed)
    tips = []
    left_um = Decimal(0)
    for row in recording(RAIN, ("datetime_local", "rain_in")):
        ends = datetime.fromisoformat(row["datetime_local"])
        begins_s = (ends - timedelta(seconds=RAIN_STEP_S) - RAIN_START).total_seconds()
        if not 0 <= begins_s <= duration_s - RAIN_STEP_S or not row["rain_in"]:
            continue
        left_um += Decimal(row["rain_in"]) * UM_PER_INCH * RAIN_TIMES
        count = int(left_um // UM_PER_TIP)
        left_um -= count * UM_PER_TIP
        tips += [(round(begins_s + RAIN_STEP_S * (i + play.random()) / count, 3), 1) for i in range(count)]
    return tips


def recording(name: str, columns: tuple[str, ...]) -> Iterable[dict[str, str]]:
    """The lines of a recording, by column. Failure where it cannot be read, or lacks one of `columns`."""
    path = data_folder() / name
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise _unreadable(path, str(error)) from None
    if not rows or any(column not in rows[0] for column in columns):
        raise _unreadable(path, "no rows, or not the columns " + ", ".join(columns))
    return rows


def _unreadable(path: Path, seen: str) -> Failure:
    return Failure(
        "A recording cannot be read",
        seen=f"{path}: {seen}",
        likely="RIVERPOST_DATA names a folder without it, or the checkout is not complete",
        do=["unset RIVERPOST_DATA, or let it name a folder with the layout of tools/data", "git status tools/data"],
        exit_code=EXIT_WRONG_CALL,
    )


def picture(scenario: Scenario, columns: int = 68) -> str:
    """The scenario as text: one line of blocks a curve, with its span; a gap is a missing measurement."""
    blocks = "▁▂▃▄▅▆▇█"
    starts = datetime.fromtimestamp(scenario.start_unix_s, UTC)
    lines = [f"{scenario.name}: {starts:%Y-%m-%dT%H:%MZ}, {scenario.duration_s // 60} min"]
    for name, curve in scenario.curves.items():
        values = [curve.at(scenario.duration_s * i / (columns - 1)) for i in range(columns)]
        known = [value for value in values if value is not None]
        low, high = min(known), max(known)
        steps = [None if v is None else (v - low) * (len(blocks) - 1) // max(1, high - low) for v in values]
        line = "".join(" " if step is None else blocks[step] for step in steps)
        lines += [f"{name:6} {line}", f"       {curve.quantity} {low} .. {high}; {curve.label}"]
    width_s = scenario.duration_s / columns
    counts = [sum(n for t_s, n in scenario.tips if i * width_s <= t_s < (i + 1) * width_s) for i in range(columns)]
    line = "".join(" " if not n else blocks[(n - 1) * (len(blocks) - 1) // max(1, max(counts) - 1)] for n in counts)
    total = sum(n for _, n in scenario.tips)
    lines += [f"rain   {line}", f"       {total} tips of {UM_PER_TIP} um = {total * UM_PER_TIP / 1000:.1f} mm; "]
    lines[-1] += scenario.tips_label
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        print(picture(Scenario.load(*sys.argv[1:2])))
    except Failure as failure:
        print(failure.text(), file=sys.stderr)
        sys.exit(failure.exit_code)
