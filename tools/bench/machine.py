"""The machine under a bench: what others took of it while we measured, and what a process of ours used.

Rules of this file: Linux's /proc only (proc(5)); it measures, and changes nothing.
"""

import os
import statistics
import time
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
OTHERS_BUSY = 0.05  # share of all processors that other work may take before the machine counts as busy
STOLEN_BUSY = 0.01  # the same for time that the host of a virtual machine took
FSYNC_TRIES = 20
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # places in /proc/PID/stat behind the name


class Load:
    """What happened to the processors between its making and `end()`."""

    def __init__(self) -> None:
        self._total, self._busy, self._stolen = _processors()
        self._own_s = _own_s()
        self.others = 0.0  # shares of all processors, known after `end()`
        self.stolen = 0.0

    def end(self) -> "Load":
        total, busy, stolen = _processors()
        elapsed = max(1, total - self._total)
        own_ticks = (_own_s() - self._own_s) * TICKS_PER_S
        self.others = max(0.0, (busy - self._busy - own_ticks) / elapsed)
        self.stolen = (stolen - self._stolen) / elapsed
        return self

    @property
    def busy(self) -> bool:
        return self.others > OTHERS_BUSY or self.stolen > STOLEN_BUSY

    def words(self) -> str:
        state = "busy" if self.busy else "quiet"
        return f"machine {state}: others {self.others * 100:.0f} %, stolen {self.stolen * 100:.1f} %"


def typical(loads: list[Load]) -> Load:
    """The middle one of the loads of several runs."""
    ordered = sorted(loads, key=lambda load: max(load.others / OTHERS_BUSY, load.stolen / STOLEN_BUSY))
    return ordered[len(ordered) // 2]


def cpu_s(pid: int) -> float:
    """Processor time that process `pid` has used, all threads, in seconds. FileNotFoundError where there is none."""
    fields = _fields(pid)
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / TICKS_PER_S


def peak_rss_mib(pid: int) -> float:
    """The most memory that process `pid` has held at once, in MiB."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def fsync_ms(folder: Path) -> float:
    """Median time of appending a page to a file in `folder` and making it durable, in milliseconds."""
    path = folder / "fsync"
    took_ms = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNC_TRIES):
            file.write(bytes(4096))
            begin_s = time.monotonic()
            os.fsync(file.fileno())
            took_ms.append((time.monotonic() - begin_s) * 1000)
    path.unlink()
    return statistics.median(took_ms)


def _processors() -> tuple[int, int, int]:
    """(all, busy, stolen) ticks since the start of the machine, all processors together."""
    ticks = [int(word) for word in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _, _, irq, softirq, stolen = ticks
    return sum(ticks), user + nice + system + irq + softirq, stolen


def _own_s() -> float:
    """Processor time of this process and everything that descends from it, in seconds."""
    spent = os.times()
    total_s = spent.user + spent.system + spent.children_user + spent.children_system
    parents: dict[int, int] = {}
    for place in PROC.glob("[0-9]*"):
        try:
            parents[int(place.name)] = int(_fields(int(place.name))[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has just ended.
    for pid in parents:
        if _descends(pid, os.getpid(), parents):
            try:
                total_s += cpu_s(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total_s


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    for _ in range(len(parents)):
        pid = parents.get(pid, 0)
        if pid == ancestor:
            return True
        if pid == 0:
            return False
    return False


def _fields(pid: int) -> list[str]:
    return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
