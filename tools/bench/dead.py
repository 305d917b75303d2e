"""One dead unit of eight at 9600 baud: do the others keep their schedule?

Polls are counted on the wire by address; each run compares itself with the same line while all were alive.
"""

import statistics
import time

from tools.bench.figures import Figure, kept
from tools.bench.machine import Load, typical
from tools.bench.station import ADDRESSES, BenchStation, Line, Plan, station_toml

ABOUT = "one dead unit of eight at 9600 baud: what the others keep of their schedule"
LIMIT_PERCENT = 95.0
# Eight looks take 536 ms here: 500 ms of T(20), and what the units take to answer beyond the silence.
SCAN = "600 ms"
DEAD = "unit3"
BACK_TIMEOUT_S = 60.0


def measure(plan: Plan) -> list[Figure]:
    line = Line(9_600, "8N1")
    others = [name for name in ADDRESSES if name != DEAD]
    alive_total, dead_total = dict.fromkeys(others, 0), dict.fromkeys(others, 0)
    alive_s = dead_s = 0.0
    shares, loads = [], []
    with BenchStation(plan.folder / "dead", line, station_toml(line, scan=SCAN)) as station:
        for run in range(1, plan.repeat + 1):
            load = Load()
            before, before_s = _count(station, plan.seconds)
            station.rig.line.silence(ADDRESSES[DEAD])
            after, after_s = _count(station, plan.seconds)
            loads.append(load.end())
            station.rig.line.clear()
            share = kept({name: before[name] for name in others}, after, before_s, after_s)
            shares.append(100 * statistics.fmean(share.values()))
            for name in others:
                alive_total[name] += before[name]
                dead_total[name] += after[name]
            alive_s, dead_s = alive_s + before_s, dead_s + after_s
            plan.tell(f"dead run {run}/{plan.repeat}: the others keep {shares[-1]:.1f} %, {load.words()}")
            station.rig.line.stats(reset=True)
            station.wait_for(lambda: station.polls()[DEAD] > 1, BACK_TIMEOUT_S, "the dead unit to be found again")
    worst = min(kept(alive_total, dead_total, alive_s, dead_s).values())
    note = f"scan {SCAN}; {typical(loads).words()}"
    return [
        Figure("schedule kept beside a dead unit", "%", tuple(shares), LIMIT_PERCENT, least=True, note=note),
        Figure("the same, worst unit of all runs together", "%", (100 * worst,), LIMIT_PERCENT, least=True),
    ]


def _count(station: BenchStation, seconds: float) -> tuple[dict[str, int], float]:
    """(answers by unit, seconds that the line counted)."""
    station.rig.line.stats(reset=True)
    time.sleep(seconds)
    stats = station.rig.line.stats()
    return {name: stats["ports"][name]["frames"] for name in ADDRESSES}, stats["elapsed_us"] / 1e6
