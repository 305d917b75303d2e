"""Rows as a station would have written them in the recorded week: four sources, six channels, one row a minute.

Rules of this file: the same call gives the same rows on every machine; what no recording has is said here. Each row is
what a board makes of 60 scans: the median, and for the water also lowest, highest and the spread between quartiles.

  level  head_mm        USGS Dead Run, 2018-06-01 on, as recorded (5 minutes, straight between them)
  rain   rain_um        USGS Mukilteo, 2015-11-11 on, as recorded (15 minutes, tips of 0.2 mm evenly in them)
  tilt   tilt_x, _y     Munich bridge load test: each minute any minute of it (seeded), both axes from the one recorded
         temp_cdeg      synthetic: a day's swing of 6 degrees, and 0.04 degrees of noise
  smoke  smoke_mdbm     synthetic: clean air and the chamber's noise, as tools/scenario.py
"""

import math
import random
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from gateway import config
from gateway.clock import Clock
from gateway.spool import Spool
from tools.scenario import (
    RAIN,
    RAIN_STEP_S,
    RIVER,
    RIVER_STEP_S,
    TILT,
    TILT_STEP_S,
    UM_PER_INCH,
    UM_PER_TIP,
    between,
    recording,
)
from wire.reading import GOOD, MISSING, SYNCED
from wire.row import TIPS_MAX, Reading, Row, pack

SOURCES = {  # name: quantities of its columns
    "level": ("head_mm",),
    "rain": ("rain_um",),
    "tilt": ("tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg"),
    "smoke": ("smoke_mdbm",),
}
CHANNELS = sum(len(quantities) for quantities in SOURCES.values())
ROW_S = 60
DAY_ROWS = 86_400 // ROW_S
DAYS_MAX = 7
SEED = 20_180_601
EPOCH = 0xC0FFEE
CHUNK_ROWS = 500  # Stored at a time.
FIRST_SEQ = 100_001  # Nobody sends a backlog from the first day: more than two months of minutes lie before it.
BOOTS = {"level": 3, "rain": 5, "tilt": 2, "smoke": 9}
RIVER_DAY = datetime(2018, 6, 2, tzinfo=UTC)
RAIN_DAY = datetime(2015, 11, 11)  # noqa: DTZ001 - local time of the gauge, the file names no zone
RAIN_BEFORE_UM = 12_000_000  # What the counter had seen before.


def week(start_s: int, days: int = DAYS_MAX, seed: int = SEED) -> dict[str, list[Row]]:
    """{source: rows, ascending} for `days` (1..7) from unix second `start_s`, a full minute, on. ValueError."""
    if not 1 <= days <= DAYS_MAX or start_s % ROW_S:
        raise ValueError(f"1 to {DAYS_MAX} days from a full minute on")
    dice = random.Random(seed)
    count = days * DAY_ROWS
    stamps = [start_s + i * ROW_S for i in range(count)]
    plain = {
        "level": [_water(count)],
        "tilt": [_tilt(dice, count), _tilt(dice, count), _temperature(dice, count)],
        "smoke": [_smoke(dice, count)],
    }
    rows = {"level": [], "rain": _rain(dice, stamps)}  # In the order of SOURCES.
    for place, (name, columns) in enumerate(plain.items()):
        first = FIRST_SEQ + 37 * place  # Boards are switched on one after the other.
        rows[name] = [
            Row(
                first + i,
                BOOTS[name],
                SYNCED,
                stamps[i] + ROW_S,
                0,
                [Reading(c, *column[i]) for c, column in enumerate(columns)],
            )
            for i in range(count)
        ]
    return rows


def station(folder: Path, port: int) -> config.Station:
    """The station of these sources, its spool in `folder`, its center's broker on `port` of this machine."""
    sources = tuple(
        config.Source(
            name, "main", 11 + place, board_type="esp32-rs485", row_s=ROW_S,
            channels=tuple(config.Channel(f"{name}.{q}", name, column, q) for column, q in enumerate(quantities)),
        )
        for place, (name, quantities) in enumerate(SOURCES.items())
    )  # fmt: skip
    return config.Station(
        id="RECORDED", name="录制站", name_en="Recorded station", time_zone="Asia/Shanghai",
        gateway_serial="00000000be000002", mode="test",
        buses=(config.Bus("main", "/dev/null", 9_600, "8N1", 1_000, sources),), rules=(), siren=config.Siren(),
        spool=config.Spool(str(folder / "spool.db"), 256, 20), center=config.Center(host="127.0.0.1", port=port),
    )  # fmt: skip


def serial(name: str) -> bytes:
    """Of the board that is this source."""
    return bytes([0xB0 + list(SOURCES).index(name)]) * 8


async def fill(folder: Path, start_s: int, days: int) -> int:
    """Put rows of `days` before now into the spool in `folder`; how many."""
    spool = Spool(station(folder, 1), Clock())
    await spool.open()
    count = 0
    for name, rows in week(start_s, days).items():
        spool.seen(name, serial(name), EPOCH, SOURCES[name])
        packed = [pack(row, EPOCH) for row in rows]
        for at in range(0, len(packed), CHUNK_ROWS):
            await spool.append_rows(serial(name), EPOCH, name, packed[at : at + CHUNK_ROWS])
        count += len(packed)
    await spool.close()
    return count


def _water(count: int) -> list[tuple]:
    """Value, quality, low, high, spread of each minute."""
    samples = []
    for line in recording(RIVER, ("datetime_utc", "gage_height_m")):
        at = datetime.fromisoformat(line["datetime_utc"].replace("Z", "+00:00"))
        metres = line["gage_height_m"]
        samples.append(((at - RIVER_DAY).total_seconds(), float(Decimal(metres) * 1000) if metres else None))
    water = between(samples, RIVER_STEP_S)
    rows: list[tuple] = []
    for minute in range(count):
        seen = sorted(v for s in range(ROW_S) if (v := water(minute * ROW_S + s)) is not None)
        if seen:
            spread = seen[(3 * len(seen) - 1) // 4] - seen[len(seen) // 4]
            rows.append((_median(seen), GOOD, seen[0], seen[-1], max(0, spread)))
        else:
            rows.append((None, MISSING))
    return rows


def _tilt(dice: random.Random, count: int) -> list[tuple]:
    cells = [line["inc01_deg"] for line in recording(TILT, ("t_rel_s", "inc01_deg"))]
    samples = [round(Decimal(cell) * 1000) for cell in cells if cell]
    step = round(1 / TILT_STEP_S)
    starts = [dice.randrange(len(samples) - ROW_S * step) for _ in range(count)]
    return [(_median(sorted(samples[at : at + ROW_S * step : step])), GOOD) for at in starts]


def _temperature(dice: random.Random, count: int) -> list[tuple]:
    return [(round(1_800 - 300 * math.cos(math.tau * i / DAY_ROWS) + dice.gauss(0, 4)), GOOD) for i in range(count)]


def _smoke(dice: random.Random, count: int) -> list[tuple]:
    return [(_median(sorted(round(6 + dice.gauss(0, 3)) for _ in range(ROW_S))), GOOD) for _ in range(count)]


def _rain(dice: random.Random, stamps: list[int]) -> list[Row]:
    """Rows of the rain gauge; one that has no room for another tip ends early."""
    tips = _tips_s(dice, len(stamps) * ROW_S)
    total_um, done, rows = RAIN_BEFORE_UM, 0, []
    for stamp_s in stamps:
        seconds = sorted({int(t_s) for t_s in tips[done : bisect_left(tips, stamp_s - stamps[0] + ROW_S)]})
        for at in range(0, max(len(seconds), 1), TIPS_MAX):
            part = seconds[at : at + TIPS_MAX]
            last = at + TIPS_MAX >= len(seconds)
            t_s = stamp_s + ROW_S if last else stamps[0] + part[-1]
            pairs = [(t_s - stamps[0] - second, 1) for second in part]
            total_um += UM_PER_TIP * len(part)
            rows.append(Row(FIRST_SEQ + 900 + len(rows), BOOTS["rain"], SYNCED, t_s, 0, [Reading(0, total_um)], pairs))
        done = bisect_left(tips, stamp_s - stamps[0] + ROW_S)
    return rows


def _tips_s(dice: random.Random, duration_s: int) -> list[float]:
    """Seconds of the tips of UM_PER_TIP."""
    left_um, tips = Decimal(0), []
    for line in recording(RAIN, ("datetime_local", "rain_in")):
        ends = datetime.fromisoformat(line["datetime_local"])
        begins_s = (ends - timedelta(seconds=RAIN_STEP_S) - RAIN_DAY).total_seconds()
        if 0 <= begins_s <= duration_s - RAIN_STEP_S and line["rain_in"]:
            left_um += Decimal(line["rain_in"]) * UM_PER_INCH
            count = int(left_um // UM_PER_TIP)
            left_um -= count * UM_PER_TIP
            tips += [begins_s + RAIN_STEP_S * (i + dice.random()) / count for i in range(count)]
    return sorted(tips)


def _median(ordered: list[int]) -> int:
    """As the boards' sampler takes it."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
