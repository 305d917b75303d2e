"""Wire use of a saturated poller: how much of the time the line is at work, by the line's own count.

T(n) of the exchanges that took place, over the time that passed. The units answer after t3.5, the least that the
standard allows, so that what is missing to 100 % is the gateway's (and the emulated line's own lateness). A
pseudo-terminal knows no parity: 8N2 stands for every framing of 11 bits, 8E1 too.
"""

import time
from typing import Any

from tools.bench.figures import Figure, char_bits, silence_s, wire_use
from tools.bench.machine import Load, typical
from tools.bench.station import ADDRESSES, REGISTERS, BenchStation, Line, Plan, station_toml
from tools.failure import Failure

ABOUT = "use of the wire by a poller that has no pause, against T(n)"
LINES = (Line(9_600, "8N1", True), Line(9_600, "8N2", True), Line(115_200, "8N1", True), Line(115_200, "8N2", True))
LIMIT_PERCENT = 95.0
LIMIT_BUSY_PERCENT = 90.0
WARM_UP_S = 2.0
READ_CHARS = 13 + 2 * REGISTERS


def measure(plan: Plan) -> list[Figure]:
    return [figure for line in LINES for figure in _measure_line(plan, line)]


def _measure_line(plan: Plan, line: Line) -> list[Figure]:
    name = f"{line.baud} {line.framing}"
    folder = plan.folder / f"wire-{line.baud}-{line.framing}"
    uses, gaps, shortest, loads = [], [], [], []
    with BenchStation(folder, line, station_toml(line, scan="2 s"), hurried=True) as station:
        time.sleep(WARM_UP_S)
        for run in range(1, plan.repeat + 1):
            station.rig.line.stats(reset=True)
            load = Load()
            time.sleep(plan.seconds)
            stats = station.rig.line.stats()
            loads.append(load.end())
            uses.append(100 * wire_use(_exchanges(stats), REGISTERS, line.baud, line.framing, _elapsed_s(stats)))
            gaps.append(stats["gap_violations"])
            shortest.append(stats["gap_min_us"])
            plan.tell(f"wire {name} run {run}/{plan.repeat}: {uses[-1]:.1f} %, {load.words()}")
    load = typical(loads)
    silences = f"shortest {min(shortest)} us, t3.5 is {silence_s(line.baud, char_bits(line.framing)) * 1e6:.0f} us"
    limit = LIMIT_BUSY_PERCENT if load.busy else LIMIT_PERCENT
    return [
        Figure(f"wire use at {name}, n = {REGISTERS}", "%", tuple(uses), limit, least=True, note=load.words()),
        Figure(f"silences below t3.5 at {name}", "", (float(sum(gaps)),), 0.0, decimals=0, note=silences),
    ]


def _exchanges(stats: dict[str, Any]) -> int:
    """Reads that took place. Failure if there was anything else on the line: T(n) would not describe it."""
    ports = stats["ports"]
    answers = sum(ports[name]["frames"] for name in ADDRESSES)
    asked = ports["master"]["frames"]
    chars = sum(port["bytes"] for port in ports.values())
    if abs(asked - answers) > 1 or abs(chars - answers * READ_CHARS) > READ_CHARS:
        raise Failure(
            "the line carried something else than reads and their answers",
            seen=f"{asked} requests, {answers} answers, {chars} characters; {READ_CHARS} make an exchange",
            likely="answers were lost, or the poller does more than it should here",
            do=["riverpost bench wire --keep DIR, and look at gateway.log there"],
        )
    return answers


def _elapsed_s(stats: dict[str, Any]) -> float:
    return stats["elapsed_us"] / 1e6
