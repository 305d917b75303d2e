"""How fast a backlog that is still in the boards comes over the line, against the time that its bytes take on the wire.

The boards start with a log in their flash; the gateway polls each of them once a second all the while and reads the
logs in the gaps. A row's bytes are those that stand in flash; headers, requests, silences, polls are what they cost.
The rig's clock runs faster than the world's, the line with it: what the gateway itself takes counts RATE times.
"""

import random
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tools.bench.figures import Figure, char_bits
from tools.bench.machine import Load, typical
from tools.bench.station import HEAD, STATION_ID, Plan
from tools.emulator import flash_image
from tools.emulator.rig import UNIX_S, BoardSpec, Rig
from tools.emulator.whole import WholeStation
from wire.reading import QUANTITY_CODES, SYNCED, WITH_STATS
from wire.row import Reading, Row

ABOUT = "a backlog in the boards' logs at 9600 8N1, polled every second; 1 = its bytes alone on the wire"
BAUD, FRAMING = 9_600, "8N1"
LIMIT = 1.3
RATE = 4.0
EPOCH = 0x0BAC_0BAC
TIMEOUT_S = 300.0
LOOK_S = 0.02
BUS = """
[[bus]]
name = "main"
port = "{port}"
scan = "1 s"
"""
BOARD = """
[[bus.board]]
name = "{name}"
address = {address}
type = "esp32-rs485"
fit = {fit}
"""


@dataclass(frozen=True)
class Case:
    """Boards alike, each with `rows` rows in its log."""

    name: str
    boards: int
    fit: tuple[str, ...]
    columns: tuple[str, ...]
    rows: int


CASES = (
    Case("one board, 2 channels", 1, ("level",), ("head_mm", "supply_mv"), 1_000),
    Case(
        "one board, 6 channels",
        1,
        ("level", "rain", "tilt"),
        ("head_mm", "rain_um", "tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg", "supply_mv"),
        700,
    ),
    Case("four boards, 2 channels each", 4, ("level",), ("head_mm", "supply_mv"), 250),
)


def measure(plan: Plan) -> list[Figure]:
    return [_measure_case(plan, number, case) for number, case in enumerate(CASES)]


def _measure_case(plan: Plan, number: int, case: Case) -> Figure:
    ratios, loads = [], []
    for run in range(1, plan.repeat + 1):
        load = Load()
        ratios.append(run_once(plan.folder / f"drain-{number}-{run}", case, RATE))
        loads.append(load.end())
        plan.tell(f"drain {case.name} run {run}/{plan.repeat}: {ratios[-1]:.3f}, {loads[-1].words()}")
    note = f"{case.boards * case.rows} rows; {typical(loads).words()}"
    return Figure(f"backlog of {case.name}", "", tuple(ratios), LIMIT, decimals=2, note=note)


def run_once(folder: Path, case: Case, rate: float) -> float:
    """Station time until every row is stored, over the time that the rows' bytes take on the wire."""
    folder.mkdir(parents=True)
    names = [f"board{n}" for n in range(case.boards)]
    specs = [BoardSpec(name, case.fit, 11 + n) for n, name in enumerate(names)]
    toml = HEAD + BUS
    for spec in specs:
        toml += BOARD.format(name=spec.name, address=spec.address, fit=str(list(spec.fit)).replace("'", '"'))
        toml += spec.converter_toml
    rig = Rig(folder / "rig", boards=specs, baud=BAUD, framing=FRAMING, rate=rate)
    rig.folder.mkdir()
    sizes = [len(_backlog(rig.folder / f"{name}.flash", case)) for name in names]
    station = WholeStation(folder, rig, toml, station_id=STATION_ID)
    total = case.boards * case.rows
    with rig:
        station.write_station()
        station.gateway.start()
        try:
            station.wait_for(lambda: _stored(station.spool_file, case.rows), TIMEOUT_S, "the first rows")
            before, begin_ms = _stored(station.spool_file, case.rows), rig.now_ms()
            station.wait_for(lambda: _stored(station.spool_file, case.rows) >= total, TIMEOUT_S, "the last rows")
            took_ms = rig.now_ms() - begin_ms
        finally:
            station.gateway.stop()
    size = sum(sizes) * (total - before) // total
    return took_ms / 1000 / (size * char_bits(FRAMING) / BAUD)


def _backlog(path: Path, case: Case) -> bytes:
    """Minute rows up to the rig's start in a flash file; their bytes. Restless water: few rows are like their last."""
    rows = []
    draw = random.Random(case.rows)
    for back in range(case.rows, 0, -1):
        readings = []
        for column, name in enumerate(case.columns):
            value = draw.randint(800, 1_200)
            wave = draw.randint(5, 300)
            stats = (value - wave, value + wave, wave) if QUANTITY_CODES[name] in WITH_STATS else ()
            readings.append(Reading(column, value, 1, *stats))
        rows.append(Row(0, 1, SYNCED, UNIX_S - 60 * back, readings=readings))
    return b"".join(flash_image.write(path, EPOCH, rows))


def _stored(spool: Path, rows: int) -> int:
    """Rows of the backlogs (seq 1..rows of the boards' logs) in the spool."""
    if not spool.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=5)) as db:
            sql = "SELECT count(*) FROM rows WHERE epoch = ? AND seq BETWEEN 1 AND ?"
            return db.execute(sql, (EPOCH, rows)).fetchone()[0]
    except sqlite3.OperationalError:
        time.sleep(LOOK_S)
        return 0  # Its tables are being made.
