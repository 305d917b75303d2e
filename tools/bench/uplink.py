"""The uplink: a week's backlog on loopback and at 64 kbit/s, live batches meanwhile, and what a reading costs.

The slow line is a proxy (tools/slow_link.py) that counts the heads of IP and TCP too. The center's database is compared
with the spool, row by row. A live batch's wait runs from its closing to the center's acknowledgement.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from tools.bench import recorded, uplink_bytes
from tools.bench.figures import Figure, percentile
from tools.bench.machine import Load, typical
from tools.bench.station import Plan
from tools.broker import Broker, end_with_parent
from tools.emulator.whole import ROOT, Child
from tools.failure import Failure
from tools.slow_link import SlowLink

ABOUT = "a week's backlog and live batches to the center, bytes and time a reading"
LOOPBACK_LIMIT_S = 30.0
SLOW_BITS = 64_000
SLOW_TIMES = 1.3  # times the payload's own time on the line
LIVE_LIMIT_S = 2.0
CENTER_S = 10.0
PROBE_S = 600.0


def measure(plan: Plan) -> list[Figure]:
    figures = uplink_bytes.table()
    figures += uplink_bytes.costs(plan.repeat)
    for bits_per_s in (None, SLOW_BITS):
        runs, loads = [], []
        for run in range(1, plan.repeat + 1):
            load = Load()
            runs.append(deliver(plan.folder / f"uplink-{bits_per_s or 'loopback'}-{run}", bits_per_s))
            loads.append(load.end())
            took = f"{runs[-1]['rows']:,} rows in {runs[-1]['took_s']:.1f} s, {len(runs[-1]['live_s'])} live batches"
            plan.tell(f"uplink {_line(bits_per_s)} run {run}/{plan.repeat}: {took}, {load.words()}")
        figures += _figures(bits_per_s, runs, typical(loads).words())
    return figures


def deliver(folder: Path, bits_per_s: float | None, days: int = recorded.DAYS_MAX) -> dict[str, Any]:
    """A spool with a backlog of `days`, delivered over a line of `bits_per_s` (None: loopback) to a center's process.

    The probe's result and "rows"; Failure where the center does not end up with exactly what was stored.
    """
    folder.mkdir(parents=True)
    today_s = int(time.time()) // 86_400 * 86_400
    rows = asyncio.run(recorded.fill(folder, today_s - days * 86_400, days))
    with Broker(folder / "broker") as broker:
        command = [sys.executable, "-m", "tools", "center", "run", "--port", str(broker.port)]
        center = Child("center", lambda: [*command, "--db", str(folder / "center.db")], folder)
        center.start()
        line = SlowLink(broker.port, bits_per_s) if bits_per_s else nullcontext(broker)
        try:
            _wait_for_center(folder / "center.db")
            with line as far:
                result = _probe(folder, far.port)
        finally:
            center.stop()
    _compare(folder)
    return result | {"rows": rows}


def _probe(folder: Path, port: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tools.bench.backlog_probe", str(folder), str(port)],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROBE_S, check=False,
        preexec_fn=end_with_parent(),
    )  # fmt: skip
    if done.returncode:
        raise Failure(
            "the backlog was not delivered",
            seen="\n".join(done.stderr.splitlines()[-5:]),
            likely="store or uplink failed; the lines above say where",
            do=["riverpost bench uplink --keep DIR, and look at center.log there"],
        )
    return json.loads(done.stdout)


def _wait_for_center(path: Path) -> None:
    deadline_s = time.monotonic() + CENTER_S
    while not path.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    time.sleep(0.5)  # It makes its tables, then it subscribes.


def _compare(folder: Path) -> None:
    sets = []
    for name in ("spool.db", "center.db"):
        with closing(sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT source, epoch, seq, crc FROM rows").fetchall()
        sets.append(set(found))
        if len(found) != len(sets[-1]):
            raise _not_equal(f"{name} has a row twice")
    if sets[0] != sets[1]:
        raise _not_equal(f"{len(sets[0] - sets[1])} rows missing at the center, {len(sets[1] - sets[0])} too many")


def _not_equal(seen: str) -> Failure:
    return Failure(
        "the center does not have what was stored",
        seen=seen,
        likely="a fault of the uplink or of the center",
        do=["riverpost bench uplink --keep DIR, and compare spool.db and center.db there"],
    )


def _figures(bits_per_s: float | None, runs: list[dict[str, Any]], note: str) -> list[Figure]:
    took = tuple(run["took_s"] for run in runs)
    live = [run["live_s"] for run in runs]
    name = _line(bits_per_s)
    if bits_per_s:
        times = tuple(run["took_s"] * bits_per_s / (8 * sum(run["bytes"].values())) for run in runs)
        sent = Figure(f"{recorded.DAYS_MAX} days, {name}: time / payload's own", "", times, SLOW_TIMES, decimals=2)
        first = [sent, Figure("the same in seconds", "s", took, decimals=2, note=note)]
    else:
        rates = tuple(run["rows"] / run["took_s"] for run in runs)
        first = [
            Figure(f"{recorded.DAYS_MAX} days, {name}", "s", took, LOOPBACK_LIMIT_S, decimals=2, note=note),
            Figure("the same, rows a second", "", rates, decimals=0),
        ]
    resent = tuple(float(run["counters"].get("resent", 0)) for run in runs)
    return [
        *first,
        Figure(f"live batch meanwhile, {name}, p50", "s", tuple(percentile(of, 50) for of in live), decimals=3),
        Figure("the same, p99", "s", tuple(percentile(of, 99) for of in live), LIVE_LIMIT_S, decimals=3),
        Figure("messages sent again meanwhile", "", resent, 0.0, decimals=0),
    ]


def _line(bits_per_s: float | None) -> str:
    return f"{bits_per_s / 1000:.0f} kbit/s" if bits_per_s else "loopback"
