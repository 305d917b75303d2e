"""From the stimulus at a sensor to the output of the siren, at 1x, while network, broker, center and disk are dead.

The stimulus is the moment before the sensor is told of it, the siren that of its output; both by the station's clock.
A board looks once a scan, the gateway polls once a scan, the phases are by chance. What asks for a confirming sample
takes one poll more. Dead: the center killed; the broker first frozen, as a network looks that swallows everything, then
killed; the disk read-only, as a card that fails, so that nothing can be stored.
"""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tools.bench.figures import Figure, percentile
from tools.bench.machine import Load
from tools.bench.station import Plan
from tools.emulator.rig import BoardSpec, Rig
from tools.emulator.small_disk import SmallDisk
from tools.emulator.whole import WholeStation
from tools.failure import Failure

ABOUT = "stimulus -> siren at 1x, with network, broker, center and disk dead"
STATION = Path(__file__).parent / "siren.toml"
STATION_ID = "BENCH02"
BOARDS = (
    BoardSpec("level", ("level",), 11),
    BoardSpec("rain", ("rain",), 12, board_type="rp2040-rs485"),
    BoardSpec("tilt", ("tilt",), 13),
    BoardSpec("smoke", ("smoke",), 14),
)
SCAN_MS, POLL_MS, ON_DELAY_MS, SPARE_MS = 1_000, 1_000, 0, 100
LIMIT_MS = SCAN_MS + POLL_MS + ON_DELAY_MS + SPARE_MS  # DESIGN 6
CONFIRMED_MS = LIMIT_MS + POLL_MS
DISK_MIB = 16
TIMEOUT_S = 20.0
READY_S = 60.0
SEED = 11

CALM_MM = 4_890  # Low enough to clear the flood (5.00 m, deadband 0.10 m),
NEAR_MM = 4_955  # and from here
RISEN_MM = 5_010  # 55 mm: less than the rate allows from one sample to the next.
JUMP_MM = 5_600  # More than it allows: asks for a confirming sample.


@dataclass(frozen=True)
class Stimulus:
    """What happens at a sensor, the word that the siren's output then shows, and how long it may take."""

    name: str
    board: str
    quantity: str
    value: int
    word: str
    limit_ms: int


RISE = Stimulus("a river that rises", "level", "head_mm", RISEN_MM, "yellow", LIMIT_MS)
CONTACT = Stimulus("a detector's contact", "smoke", "smoke_contact", 1, "red", LIMIT_MS)
JUMP = Stimulus("a river that jumps: one more sample", "level", "head_mm", JUMP_MM, "yellow", CONFIRMED_MS)


class Trials:
    """Trials on a started station at 1x, round by round: `took_ms[stimulus name]`."""

    def __init__(self, station: WholeStation, seed: int = SEED) -> None:
        self.took_ms: dict[str, list[int]] = {stimulus.name: [] for stimulus in (RISE, CONTACT, JUMP)}
        self._station = station
        self._rng = random.Random(seed)

    @property
    def count(self) -> int:
        return sum(len(samples) for samples in self.took_ms.values())

    def round(self) -> None:
        """One trial of each stimulus, from calm to calm."""
        rig = self._station.rig
        rig.set("level", "head_mm", NEAR_MM)
        self._pass_by(2 * SCAN_MS + POLL_MS)  # Seen, and confirmed.
        self._try(RISE)
        self._try(CONTACT)  # The river's alarm stands; red is above it.
        rig.set("smoke", "smoke_contact", 0)
        rig.set("level", "head_mm", CALM_MM)
        self._siren("none")  # So the fall is confirmed.
        self._try(JUMP)
        rig.set("level", "head_mm", CALM_MM)
        self._siren("none")

    def _try(self, stimulus: Stimulus) -> None:
        self._pass_by(self._rng.randrange(SCAN_MS))  # The phase against scan and poll changes.
        rig = self._station.rig
        at_ms = rig.unix_ms()
        rig.set(stimulus.board, stimulus.quantity, stimulus.value)
        self._siren(stimulus.word)
        self.took_ms[stimulus.name].append(self._station.siren()[1] - at_ms)

    def _siren(self, word: str) -> None:
        self._station.wait_for(lambda: self._station.siren()[0] == word, TIMEOUT_S, f"the siren at {word}")

    def _pass_by(self, station_ms: int) -> None:
        rig = self._station.rig
        end_ms = rig.now_ms() + station_ms
        self._station.wait_for(lambda: rig.now_ms() >= end_ms, TIMEOUT_S, f"{station_ms} ms")


class DeadStation(WholeStation):
    """A whole station of which `die` leaves only boards, line, gateway and siren."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        rig = Rig(folder / "rig", boards=BOARDS, rate=1.0)
        super().__init__(folder, rig, STATION.read_text(encoding="utf-8"), station_id=STATION_ID)

    def ready(self) -> None:
        """Every channel has a value, and rows have reached the center: all is alive."""
        self.rig.set("level", "head_mm", CALM_MM)

        def all_there() -> bool:
            channels = self.status().get("channels", [])
            return bool(channels) and all(channel["value"] is not None for channel in channels)

        self.wait_for(all_there, READY_S, "a value on every channel")
        self.wait_for(lambda: self.center_query("SELECT count(*) FROM events")[0][0], READY_S, "an event at the center")

    def die(self, disk: SmallDisk) -> None:
        """Center, network and disk; the gateway starts anew among them, as after a power cut that took them all."""
        self.center.kill()
        os.kill(self._broker_pid(), signal.SIGSTOP)
        self.gateway.kill()
        disk.set_read_only(True)
        self.gateway.start()
        self.wait_for(self.store_failed, READY_S, "a store that says that it failed")

    def die_wholly(self) -> None:
        """The broker too."""
        os.kill(self._broker_pid(), signal.SIGKILL)

    def store_failed(self) -> str:
        return self.status().get("store", {}).get("failed", "")

    def polls(self) -> tuple[int, int]:
        """(polls with a good answer, without one) since the gateway started: each of the latter costs one poll more."""
        counters = self.status()["buses"][0]["counters"]
        return counters["ok"], sum(counters[name] for name in ("no_answer", "crc", "truncated", "wrong_id"))

    def _broker_pid(self) -> int:
        pid = self.broker.pid
        assert pid is not None, "the broker has ended by itself"
        return pid


def measure(plan: Plan) -> list[Figure]:
    station = DeadStation(plan.folder / "siren")
    try:
        with SmallDisk(station.data_folder, DISK_MIB) as disk:
            try:
                station.start()
                return _measure(plan, station, disk)
            finally:
                station.stop()
    except PermissionError as error:
        raise Failure(
            "the disk cannot be made to fail",
            seen=f"this machine cannot do: {error}",
            likely="a file system of its own takes root's rights",
            do=["sudo ./riverpost bench siren"],
        ) from None


def _measure(plan: Plan, station: DeadStation, disk: SmallDisk) -> list[Figure]:
    station.ready()
    station.die(disk)
    trials, load, begin_s = Trials(station), Load(), time.monotonic()
    good_before, bad_before = station.polls()
    killed = False
    while trials.count < plan.trials:
        trials.round()
        if not killed and 2 * trials.count >= plan.trials:
            station.die_wholly()
            killed = True
        plan.tell(f"siren {trials.count}/{plan.trials} trials, {time.monotonic() - begin_s:.0f} s")
    if not station.store_failed():
        raise Failure(
            "the disk came back to life",
            seen="the gateway says that its store works",
            likely="something made it writable again",
            do=["riverpost bench siren --keep DIR, and look at gateway.log there"],
        )
    good, bad = station.polls()
    words = f"{bad - bad_before} of {good - good_before} polls without a good answer; {load.end().words()}"
    figures = []
    for stimulus in (RISE, CONTACT, JUMP):
        took_ms = trials.took_ms[stimulus.name]
        note = f"{len(took_ms)} trials, p50 {percentile(took_ms, 50):.0f} ms, longest {max(took_ms)} ms"
        p99_ms = float(percentile(took_ms, 99))
        figures.append(Figure(f"{stimulus.name}, p99", "ms", (p99_ms,), stimulus.limit_ms, decimals=0, note=note))
    return [*figures, Figure("trials", "", (trials.count,), plan.trials, least=True, decimals=0, note=words)]
