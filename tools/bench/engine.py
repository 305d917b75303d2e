"""The judging alone: how many readings a second pass the station on one core, and how much of it must be kept.

Rules of this file: the station is the gateway's own, made from engine.toml, with every kind of rule; it is given
now-values as the bus gives them, one answer of every board a scan, and a look at what is lost behind each scan. Time is
processor time of this process: what else runs on the machine does not count. Making the now-values is not judging and
is not counted. Keeping the state is a matter of time, not of readings (every 10 s at most), and has a line of its own.
"""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from gateway.clock import StandingClock
from gateway.config import Siren as SirenConfig
from gateway.config import Station as Config
from gateway.load import load
from gateway.points import NowValue
from gateway.siren import Siren
from gateway.station import Station
from tools.bench.figures import Figure
from tools.bench.machine import Load, typical
from tools.bench.station import Plan
from wire.reading import GOOD, RAIN_WRAP_UM
from wire.telemetry import E_KIND, EVENT_KINDS

ABOUT = "readings judged a second on one core, in calm weather and after 72 h of record rain; the state that is kept"
STATION = Path(__file__).parent / "engine.toml"
READINGS_LEAST = 100_000.0
STATE_KIB_MOST = 1_024.0
KEEP_MS_MOST = 100.0  # One hundredth of the 10 s between two of them.
KEEPS = 5
SCAN_MS = 1_000
PIECE_SCANS = 600  # Made at once, outside of what is timed.
RECORD_MM = 3_930  # in 72 h at Commerson, La Réunion, February 2007: the most that was ever measured.
RECORD_H = 72
TIP_UM = 100  # The finest bucket: the most tips.
BEGIN_MS = 1_591_000_000_000
SEED = 4
TILT_MDEG, NOISE = 120, 4_096

ALARM_KINDS = frozenset(code for code, name in EVENT_KINDS.items() if name.startswith("alarm "))
Answer = tuple[str, list[NowValue]]
Weather = Callable[[int], dict[str, int]]  # scan -> value of each quantity


class Taker:
    """The station's sink: counts events of alarms, and states."""

    def __init__(self) -> None:
        self.alarms = 0
        self.states = 0

    def event(self, event: dict[int, object]) -> None:
        self.alarms += event[E_KIND] in ALARM_KINDS

    def keep_state(self, name: str, data: bytes) -> None:
        self.states += 1

    note_state = keep_state


class Unkept(Station):
    """Packs its state only where it is weighed."""

    weighed = False

    def state_bytes(self) -> bytes:
        return super().state_bytes() if self.weighed else b""


class Engine:
    """A station that is fed scan by scan. `readings` were judged in `spent_s` of processor time."""

    def __init__(self, config: Config) -> None:
        self.clock = StandingClock(BEGIN_MS)
        self.sink = Taker()
        self.station = Unkept(config, self.clock, Siren(SirenConfig(), self.clock), self.sink)
        self.readings = 0
        self.spent_s = 0.0
        self._sources = [(source.name, [(c.column, c.quantity) for c in source.channels]) for source in config.sources]
        self._scan = 0

    def run(self, scans: int, weather: Weather) -> float:
        """Judge so many scans; readings a second."""
        self.readings, self.spent_s = 0, 0.0
        for begin in range(0, scans, PIECE_SCANS):
            piece = [self._answers(weather) for _ in range(min(PIECE_SCANS, scans - begin))]
            self._judge(piece)
            self.readings += sum(len(words) for _, answers in piece for _, words in answers)
        return self.readings / self.spent_s

    def keep(self) -> tuple[float, int]:
        """Milliseconds that it takes to pack the state, and its bytes."""
        self.station.weighed = True
        begin_s = time.process_time()
        data = self.station.state_bytes()
        took_ms = (time.process_time() - begin_s) * 1_000
        self.station.weighed = False
        return took_ms, len(data)

    @property
    def scan(self) -> int:
        return self._scan

    def _answers(self, weather: Weather) -> tuple[int, list[Answer]]:
        self._scan += 1
        now_ms = BEGIN_MS + self._scan * SCAN_MS
        values = weather(self._scan)
        answers = [
            (name, [NowValue(column, values[what], GOOD, 0, now_ms, now_ms) for column, what in columns])
            for name, columns in self._sources
        ]
        return now_ms, answers

    def _judge(self, piece: list[tuple[int, list[Answer]]]) -> None:
        clock, on_now, tick = self.clock, self.station.on_now, self.station.tick
        begin_s = time.process_time()
        for now_ms, answers in piece:
            clock.now_ms = now_ms
            for source, words in answers:
                on_now(source, words)
            tick(now_ms)
        self.spent_s += time.process_time() - begin_s


def measure(plan: Plan) -> list[Figure]:
    config = load(STATION)
    engine = Engine(config)
    loads: list[Load] = []
    scans = round(plan.seconds * READINGS_LEAST / len(config.channels))

    def runs(name: str, weather: Weather) -> tuple[float, ...]:
        """So many runs of about plan.seconds of processor time, if the limit is just kept."""
        out = []
        for run in range(1, plan.repeat + 1):
            begun = Load()
            out.append(engine.run(scans, weather))
            loads.append(begun.end())
            plan.tell(f"engine run {run}/{plan.repeat}: {out[-1]:,.0f} readings/s {name}, {loads[-1].words()}")
        return tuple(out)

    calm_s = runs("in calm", calm())
    rain = storm(engine.scan)
    engine.run(RECORD_H * 3_600, rain)
    kept = [engine.keep() for _ in range(KEEPS)]
    storm_s = runs("with full windows", rain)
    kinds = f"{len(config.rules)} rules, {len(config.channels)} channels; processor time; {typical(loads).words()}"
    full = f"after {RECORD_H} h of {RECORD_MM} mm in tips of {TIP_UM / 1_000} mm"
    return [
        Figure("readings judged on one core, calm", "1/s", calm_s, READINGS_LEAST, least=True, decimals=0, note=kinds),
        Figure("the same, full windows", "1/s", storm_s, READINGS_LEAST, least=True, decimals=0, note=full),
        Figure("kept state, full windows", "KiB", (kept[0][1] / 1_024,), STATE_KIB_MOST, note=full),
        Figure("packing it, every 10 s at most", "ms", tuple(took_ms for took_ms, _ in kept), KEEP_MS_MOST),
    ]


def calm() -> Weather:
    """Waves on a river far below its marks, no rain, a wall in the sun, clean air."""
    noise = _noise()
    return lambda scan: _values(noise[scan % NOISE], 5_000 + scan // 600 % 50, 0)


def storm(since: int) -> Weather:
    """The record rain, spread evenly, while the river rises by 0.12 m/h: every window is as full as it can be."""
    noise = _noise()

    def at(scan: int) -> dict[str, int]:
        past = scan - since
        fell_um = past * RECORD_MM * 1_000 // (RECORD_H * 3_600)
        return _values(noise[scan % NOISE] // 8, 5_000 + past // 30, fell_um // TIP_UM * TIP_UM % RAIN_WRAP_UM)

    return at


def _noise() -> list[int]:
    rng = Random(SEED)
    return [round(rng.gauss(0, 8)) for _ in range(NOISE)]


def _values(noise: int, head_mm: int, rain_um: int) -> dict[str, int]:
    return {
        "head_mm": head_mm + noise, "rain_um": rain_um, "tilt_x_mdeg": TILT_MDEG + noise // 2,
        "tilt_y_mdeg": -TILT_MDEG - noise // 3, "temp_cdeg": 2_150 + noise // 4, "smoke_mdbm": 6 + abs(noise) // 4,
        "smoke_contact": 0, "supply_mv": 12_600 + noise,
    }  # fmt: skip
