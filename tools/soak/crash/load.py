"""A station under load whose gateway is recorded: boards, a bought sensor, a real broker, a real center.

Rules of this file: the gateway is the process that runs in the field, started with its own command; only strace runs
beside it. What happens to it (alarms, kills, orderly stops, outages of center and broker) comes from the seed.
"""

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.emulator.rig import BoardSpec, Rig, SensorSpec
from tools.emulator.whole import ROOT, WholeStation
from tools.soak.crash import trace
from tools.soak.crash.recording import Recorder, Recording, RecordingError
from tools.soak.crash.talk import Key, Talk, listen

STATION_ID = "CRASH1"
RATE = 30.0
BOARDS = (BoardSpec("level", ("level",), 11), BoardSpec("rain", ("rain",), 12))
CONVERTER = BOARDS[0].converter_toml
SENSOR = SensorSpec("radar", "radar-60ghz", 21)
CALM_MM = 3_000
LEVELS_MM = (CALM_MM, 4_500, 5_200, 6_300, 7_600)
STEP_S = (0.1, 0.6)  # from one happening to the next
RUN_S = (4.0, 9.0)  # from one start of the gateway to its next end
TIMEOUT_S = 60.0
POLL_S = 0.02

STATION = f"""
[station]
id = "{STATION_ID}"
name = "断电站"
name_en = "Power cut station"
time_zone = "Asia/Shanghai"
mode = "test"
gateway_serial = "00000000c4a50001"

[center]
host = "127.0.0.1"
port = {{broker}}
live_batch = "60 s"
ack_timeout = "5 s"

[spool]
path = "{{spool}}"
cap = "16 MiB"

[siren]
file = "{{siren}}"
from = "yellow"

[[bus]]
name = "main"
port = "{{port}}"
scan = "1 s"

[[bus.board]]
name = "level"
address = 11
type = "esp32-rs485"
fit = ["level"]
{CONVERTER}[[bus.board.channel]]
name = "river"
quantity = "head_mm"
gauge_zero = "0.00 m"
offset = "0.00 m"
datum = "local"

[[bus.board]]
name = "rain"
address = 12
type = "esp32-rs485"
fit = ["rain"]
{CONVERTER}
[[bus.sensor]]
name = "radar"
address = 21
profile = "radar-60ghz"
row = "10 s"
[[bus.sensor.channel]]
name = "river_radar"
quantity = "gap_mm"
gauge_zero = "0.00 m"
offset = "12.00 m"
datum = "local"

[[rule]]
name = "flood"
kind = "high"
channel = "river"
datum = "local"
blue = "4.20 m"
yellow = "5.00 m"
orange = "6.00 m"
red = "7.40 m"
deadband = "0.10 m"
on_delay = "0 s"
off_delay = "1 s"
"""


@dataclass(frozen=True)
class Recorded:
    """A recording with what was said in it, and the configuration of its station."""

    recording: Recording
    talk: Talk
    station: str  # text of its station.toml
    database: str
    starts: int
    cap_mib: int = 0  # where it is not that of station.toml


class RecordedStation(WholeStation):
    """The station in `folder`; its gateway runs from the checkout `tree`, and keeps its files in `data`."""

    def __init__(self, folder: Path, rig: Rig, tree: Path) -> None:
        super().__init__(folder, rig, STATION, station_id=STATION_ID)
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.spool_file = self.data / "spool.db"
        self.starts = 0
        self.trace_file = folder / "trace"
        self._tree = tree

    def _gateway_arguments(self) -> list[str]:
        self.starts += 1
        self.trace_file = self.folder / f"trace-{self.starts}"
        gateway = ["env", f"--chdir={self._tree}", sys.executable, "-m", "gateway", str(self.station_file)]
        return trace.command(self.trace_file, gateway)


class Load:
    """Records a gateway for about `seconds`, in a new `folder`."""

    def __init__(self, folder: Path, seed: int, tree: Path = ROOT) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._chance = random.Random(seed)
        self._rig = Rig(folder / "rig", BOARDS, (SENSOR,), rate=RATE)
        self._station = RecordedStation(folder, self._rig, tree)
        self._recorder: Recorder | None = None

    def record(self, seconds: float) -> Recorded:
        """Run the load. TimeoutError where the station does not work, RecordingError where it promised nothing."""
        station = self._station
        try:
            station.start()
            self._recorder = Recorder(station.data, self._rig.port)
            end_s = time.monotonic() + seconds
            while True:
                station.wait_for(self._new_at_center(), TIMEOUT_S, "new rows at the center")
                self._happen(min(end_s, time.monotonic() + self._chance.uniform(*RUN_S)))
                last = time.monotonic() >= end_s
                if last:
                    station.wait_for(self._new_at_center(), TIMEOUT_S, "the last rows at the center")
                self._end_gateway(last)
                if last:
                    break
                station.gateway.start()
            return self._recorded()
        finally:
            station.stop()

    def _happen(self, until_s: float) -> None:
        """One thing after the other, as the seed has it."""
        chance, station, rig = self._chance, self._station, self._rig
        while time.monotonic() < until_s:
            match chance.randrange(12):
                case 0:
                    rig.tip("rain", chance.randint(1, 5))
                case 1:
                    station.center.kill()
                case 2:
                    station.broker.restart()
                case _:
                    rig.set("level", "head_mm", chance.choice(LEVELS_MM))
            if not station.center.running and chance.random() < 0.3:
                station.center.start()
            time.sleep(chance.uniform(*STEP_S))
        if not station.center.running:
            station.center.start()

    def _end_gateway(self, last: bool) -> None:
        gateway = self._station.gateway
        pid = gateway.pid
        if last or self._chance.random() < 0.5:
            gateway.stop()
        else:
            gateway.kill()
        trace.wait_for_end(self._station.trace_file, pid)
        assert self._recorder is not None
        self._recorder.add_run(self._station.trace_file, self._station.data)
        self._station.trace_file.unlink()

    def _new_at_center(self) -> Callable[[], bool]:
        before = self._rows_at_center()
        return lambda: self._rows_at_center() > before

    def _rows_at_center(self) -> int:
        return sum(count for (count,) in self._station.center_query("SELECT count(*) FROM rows"))

    def _recorded(self) -> Recorded:
        assert self._recorder is not None
        ledgers: dict[Key, dict[int, int]] = {}
        for board in self._rig.boards.values():
            for epoch, seq, crc in board.ledger:
                ledgers.setdefault((board.serial, epoch), {})[seq] = crc
        recording = self._recorder.recording
        talk = listen(recording.pieces, ledgers)
        if talk.unclear or not (talk.boards and talk.stated and talk.promises):
            raise RecordingError(f"not all of it is understood: {talk.unclear[:3] or dict(talk.counts)}")
        station = self._station
        text = station.station_file.read_text(encoding="utf-8")
        return Recorded(recording, talk, text, station.spool_file.name, station.starts)
