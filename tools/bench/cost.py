"""What the gateway costs: processor time for 1,000 readings that are polled, judged, stored and delivered; memory.

Every look at a unit becomes a stored row here (row = scan = 1 s), which is more than a station does with what it polls.
"""

import sqlite3
import time
from contextlib import closing

from tools.bench.figures import Figure
from tools.bench.machine import Load, cpu_s, peak_rss_mib, typical
from tools.bench.station import CHANNELS, RULE, BenchStation, Line, Plan, station_toml
from wire.row import DATA

ABOUT = "processor time for 1,000 readings, ten channels a unit; peak memory"
# Measured by the project before this gateway existed (issue "One station, from pin to center"), s for 1,000 readings.
PEERS = {"modpoll, nothing durable": 0.14, "Node-RED": 0.32, "ThingsBoard gateway": 2.1}
LIMIT_S = 0.32  # Of the peers that are whole gateways, the cheapest.
RSS_LIMIT_MIB = 80.0
WARM_UP_S = 5.0


def measure(plan: Plan) -> list[Figure]:
    line = Line(115_200, "8N1")
    toml = station_toml(line, scan="1 s", row="1 s", live_batch="5 s", rules=RULE)
    costs, loads = [], []
    with BenchStation(plan.folder / "cost", line, toml) as station:
        time.sleep(WARM_UP_S)
        pid = station.gateway.pid
        for run in range(1, plan.repeat + 1):
            load, before, before_s = Load(), _readings(station), cpu_s(pid)
            time.sleep(plan.seconds)
            used_s, made = cpu_s(pid) - before_s, _readings(station) - before
            loads.append(load.end())
            costs.append(1000 * used_s / max(1, made))
            plan.tell(f"cost run {run}/{plan.repeat}: {made} readings, {used_s:.2f} s of CPU, {load.words()}")
        peak_mib = peak_rss_mib(pid)
    peers = ", ".join(f"{name} {cost}" for name, cost in PEERS.items())
    return [
        Figure("CPU for 1,000 readings", "s", tuple(costs), LIMIT_S, decimals=3, note=f"peers: {peers}"),
        Figure("peak memory of the gateway", "MiB", (peak_mib,), RSS_LIMIT_MIB, note=typical(loads).words()),
    ]


def _readings(station: BenchStation) -> int:
    """Readings in the gateway's spool by now."""
    with closing(sqlite3.connect(f"file:{station.spool_file}?mode=ro", uri=True, timeout=5)) as db:
        (rows,) = db.execute("SELECT count(*) FROM rows WHERE kind = ?", (DATA,)).fetchone()
    return rows * CHANNELS
