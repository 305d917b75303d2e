"""How soon a gateway is at work: from its start to the first stored reading; without a broker, without a network.

Its process starts with an empty spool beside a board that has rows in its log. The machine's cache is warm: what is
left of a cold start on a card is reading the files.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tools.bench.figures import Figure
from tools.bench.station import HEAD, STATION_ID, Plan
from tools.demo.tap import Tap
from tools.emulator.rig import BoardSpec, Rig
from tools.emulator.whole import WholeStation
from wire.row import DATA

ABOUT = "start of the gateway to the first stored reading; with no broker and no network"
TIMEOUT_S = 60.0
LOOK_S = 0.005
FAST = 60.0  # Rate at which the board makes its first rows.
ROWS = 2
ALONE_S = 3.0  # so long without a broker
BACK_LIMIT_S = 30.0  # An uplink waits no longer than this between two tries.
NOWHERE = "center.invalid"  # No such name can exist (RFC 6761, 6.4).
BOARD = BoardSpec("level", ("level",), 11)
BUS = """
[center]
host = "{host}"
port = {{broker}}

[[bus]]
name = "main"
port = "{{port}}"

[[bus.board]]
name = "level"
address = 11
type = "esp32-rs485"
fit = ["level"]
"""


def measure(plan: Plan) -> list[Figure]:
    folder = plan.folder / "start"
    folder.mkdir(parents=True)
    rig = Rig(folder / "rig", boards=[BOARD])
    near = WholeStation(folder, rig, HEAD + BUS.format(host="127.0.0.1") + BOARD.converter_toml, station_id=STATION_ID)
    far = WholeStation(folder, rig, HEAD + BUS.format(host=NOWHERE) + BOARD.converter_toml, station_id=STATION_ID)
    stored, alone, published, nowhere = [], [], [], []
    with near.broker, rig:
        _make_rows(near)
        for run in range(1, plan.repeat + 1):
            stored.append(_first_reading(near))
            near.gateway.stop()
            near.broker.stop()
            alone.append(_first_reading(near))
            published.append(_first_message(near))
            near.gateway.stop()
            far.broker.port = near.broker.port
            nowhere.append(_first_reading(far))
            far.gateway.stop()
            told = f"{stored[-1]:.2f} s, without broker {alone[-1]:.2f} s, without network {nowhere[-1]:.2f} s"
            plan.tell(f"start run {run}/{plan.repeat}: {told}, published after {published[-1]:.2f} s")
    return [
        Figure("start -> first stored reading", "s", tuple(stored), decimals=2),
        Figure("the same, no broker", "s", tuple(alone), decimals=2),
        Figure("the same, no such host", "s", tuple(nowhere), decimals=2),
        Figure("a broker appears -> first message there", "s", tuple(published), BACK_LIMIT_S, decimals=2),
    ]


def _make_rows(station: WholeStation) -> None:
    """Let the board write some rows before any gateway is there."""
    station.rig.set_rate(FAST)
    board = station.rig.boards["level"]
    station.wait_for(lambda: len(board.ledger) >= ROWS, TIMEOUT_S, "the board's first rows")
    station.rig.set_rate(1.0)


def _first_reading(station: WholeStation) -> float:
    """Seconds from the start of a gateway with an empty spool to a reading in it."""
    for leftover in station.data_folder.glob("spool.db*"):
        leftover.unlink()
    station.write_station()
    begin_s = time.monotonic()
    station.gateway.start()
    while not _has_reading(station.spool_file):
        if time.monotonic() - begin_s > TIMEOUT_S or not station.gateway.running:
            raise TimeoutError(f"no reading was stored; the gateway's log ends:\n{station.gateway.last_lines()}")
        time.sleep(LOOK_S)
    return time.monotonic() - begin_s


def _has_reading(spool: Path) -> bool:
    if not spool.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=5)) as db:
            return db.execute("SELECT 1 FROM rows WHERE kind = ? LIMIT 1", (DATA,)).fetchone() is not None
    except sqlite3.OperationalError:
        return False  # Its tables are being made.


def _first_message(station: WholeStation) -> float:
    """Seconds from the moment a broker takes connections to the gateway's first message there."""
    time.sleep(ALONE_S)
    station.broker.start()
    begin_s = time.monotonic()
    tap = Tap(station.broker.port)
    tap.start()
    try:
        station.wait_for(lambda: sum(tap.messages.values()), TIMEOUT_S, "a message of the gateway")
        return time.monotonic() - begin_s
    finally:
        tap.stop()
