"""From the wire to the broker: how long an alarm takes from the end of its answer, a live batch from its commit.

The answer's end is the line's own time, the arrival that of a second listener at the broker; both read the machine's
monotonic clock. The gateway publishes an event only after its commit, so that one is inside.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cbor2
import paho.mqtt.client as mqtt

from tools.bench import machine
from tools.bench.figures import Figure, percentile
from tools.bench.station import RULE, THRESHOLD_UM, BenchStation, Line, Plan, station_toml
from tools.broker import end_with_parent
from tools.demo.tap import SeenEvent, Tap
from tools.emulator.whole import ROOT
from tools.failure import Failure
from wire.short import lengthen
from wire.telemetry import E_KIND, E_RULE, EVENT_CODES, K_SEGMENTS

ABOUT = "end of answer -> event at the broker, commit -> live batch at the broker"
EVENT_LIMIT_MS = 30.0
BATCH_LIMIT_MS = 10.0
SCAN = "200 ms"
TOGGLE_TIMEOUT_S = 5.0
LOOK_S = 0.002
UNIT = "unit1"
ABOVE_UM, BELOW_UM = 2 * THRESHOLD_UM, 0
_KINDS = {True: EVENT_CODES["alarm raised"], False: EVENT_CODES["alarm cleared"]}


def measure(plan: Plan) -> list[Figure]:
    return [*_events(plan), _batches(plan)]


def _events(plan: Plan) -> list[Figure]:
    """Toggle one channel across its threshold again and again, at random moments of the scan."""
    line = Line(115_200, "8N1")
    p50s, p99s, loads = [], [], []
    with BenchStation(plan.folder / "latency", line, station_toml(line, scan=SCAN, rules=RULE)) as station:
        tap = Tap(station.broker.port)
        tap.start()
        station.wait_for(lambda: tap.messages.get("state"), TOGGLE_TIMEOUT_S, "the gateway at the broker")
        rng = random.Random(1)
        above = False
        for run in range(1, plan.repeat + 1):
            load, took_ms, until_s = machine.Load(), [], time.monotonic() + plan.seconds
            while time.monotonic() < until_s or not took_ms:
                above = not above
                time.sleep(rng.random() * 0.1)  # The phase against the scan changes.
                took_ms.append(_toggle(station, tap, above))
            loads.append(load.end())
            p50s.append(percentile(took_ms, 50))
            p99s.append(percentile(took_ms, 99))
            told = f"{len(took_ms)} alarms, p50 {p50s[-1]:.1f} ms, p99 {p99s[-1]:.1f} ms"
            plan.tell(f"latency run {run}/{plan.repeat}: {told}, {load.words()}")
        tap.stop()
    note = f"fsync here {machine.fsync_ms(plan.folder):.1f} ms; {machine.typical(loads).words()}"
    return [
        Figure("end of answer -> event at broker, p50", "ms", tuple(p50s), EVENT_LIMIT_MS, note=note),
        Figure("the same, p99", "ms", tuple(p99s)),
    ]


def _toggle(station: BenchStation, tap: Tap, above: bool) -> float:
    """Milliseconds from the end of the first answer on the other side of the threshold to its event."""
    known = {seen.key for seen in tap.seen()}
    station.rig.line.answers()
    station.rig.set(UNIT, "crack_um", ABOVE_UM if above else BELOW_UM)
    deadline_s = time.monotonic() + TOGGLE_TIMEOUT_S
    while (event := _told(tap, known, _KINDS[above])) is None:
        if time.monotonic() > deadline_s:
            raise Failure(
                "an alarm did not reach the broker",
                seen=f"no event within {TOGGLE_TIMEOUT_S:.0f} s",
                likely="the gateway does not judge, store or publish",
                do=["riverpost bench latency --keep DIR, and look at gateway.log there"],
            )
        time.sleep(LOOK_S)
    crossing_us = next(
        end_us for name, end_us, data in station.rig.line.answers() if name == UNIT and _is_above(data) == above
    )
    return event.published_s * 1000 - crossing_us / 1000


def _told(tap: Tap, known: set[tuple[bytes, int, int]], kind: int) -> SeenEvent | None:
    for seen in tap.seen():
        if seen.key not in known and seen.event.get(E_RULE) == "crack" and seen.event[E_KIND] == kind:
            return seen
    return None


def _is_above(answer: bytes) -> bool:
    """The crack is the first of the unit's registers, two of them, high word first."""
    return int.from_bytes(answer[3:7], "big", signed=True) >= THRESHOLD_UM


class _LiveTap(Tap):
    """Notes when the row of each seq passed the broker in a live batch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.live_s: dict[int, float] = {}

    def _on_message(self, client: object, userdata: object, message: mqtt.MQTTMessage) -> None:
        now_s = time.monotonic()
        super()._on_message(client, userdata, message)
        if message.topic.endswith("/live"):
            for segment in lengthen(cbor2.loads(message.payload)[K_SEGMENTS]):
                for seq in range(segment[1], segment[1] + segment[4]):
                    self.live_s.setdefault(seq, now_s)


def _batches(plan: Plan) -> Figure:
    """A row is committed, its batch closes with the commit: when is it at the broker?"""
    line = Line(115_200, "8N1")
    toml = station_toml(line, scan=SCAN).replace("{port}", "nothing is polled here")
    station = BenchStation(plan.folder / "batches", line, toml)
    p50s, loads = [], []
    with station.broker:
        station.center.start()
        tap = _LiveTap(station.broker.port)
        tap.start()
        station.write_station()
        with (station.folder / "probe.log").open("wb") as log:
            probe = subprocess.Popen(
                [sys.executable, "-m", "tools.bench.batch_probe", str(station.station_file)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                preexec_fn=end_with_parent(),
            )  # fmt: skip
        try:
            commits = _commits(probe, station.folder / "probe.log")
            for run in range(1, plan.repeat + 1):
                load, took_ms, until_s = machine.Load(), [], time.monotonic() + plan.seconds
                while time.monotonic() < until_s or not took_ms:
                    took_ms += _arrivals(commits, tap)
                loads.append(load.end())
                p50s.append(percentile(took_ms, 50))
                plan.tell(
                    f"batch run {run}/{plan.repeat}: {len(took_ms)} batches, p50 {p50s[-1]:.1f} ms, {load.words()}"
                )
        finally:
            probe.terminate()
            probe.wait(TOGGLE_TIMEOUT_S)
            tap.stop()
            station.center.stop()
    note = machine.typical(loads).words()
    return Figure("commit -> live batch at broker, p50", "ms", tuple(p50s), BATCH_LIMIT_MS, note=note)


def _arrivals(commits: Iterator[tuple[int, float]], tap: _LiveTap) -> list[float]:
    """The next commit's way to the broker in milliseconds; [] when it did not come: it went with the backlog."""
    seq, committed_s = next(commits)
    deadline_s = time.monotonic() + TOGGLE_TIMEOUT_S
    while seq not in tap.live_s:
        if time.monotonic() > deadline_s:
            return []
        time.sleep(LOOK_S)
    return [(tap.live_s[seq] - committed_s) * 1000]


def _commits(probe: subprocess.Popen[str], log: Path) -> Iterator[tuple[int, float]]:
    """(seq, time.monotonic() of its commit) of each row that the probe stores."""
    assert probe.stdout is not None
    for text in probe.stdout:
        told = json.loads(text)
        yield told["seq"], told["committed_s"]
    raise Failure(
        "the gateway's store and uplink ended before the bench did",
        seen="\n".join(log.read_text().splitlines()[-5:]),
        likely="they failed; the lines above say where",
        do=["riverpost bench latency --keep DIR, and look at probe.log there"],
    )
