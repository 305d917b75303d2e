"""The 1x stretch of the demo: a smoke detector's contact closes again and again; how long until siren and center?"""

import random
import statistics
import time
from dataclasses import dataclass, field

from tools.demo.tap import SeenEvent, Tap
from tools.emulator.whole import WholeStation
from wire.telemetry import E_KIND, E_RULE, EVENT_CODES

TRIALS = 12
TRIAL_TIMEOUT_S = 15.0
RED = "red"
# A contact that closes while the alarm is still on its way down, a step a time, makes it worse again.
WORSE = (EVENT_CODES["alarm raised"], EVENT_CODES["alarm escalated"])


@dataclass
class Latency:
    """Milliseconds from the stimulus at the sensor, one entry a trial."""

    siren_ms: list[float] = field(default_factory=list)
    center_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, dict[str, float]]:
        return {"siren": _percentiles(self.siren_ms), "center": _percentiles(self.center_ms)}


def measure(station: WholeStation, tap: Tap, seed: int = 1) -> Latency:
    """Close the contact TRIALS times at random moments of the scan; siren by its output file, center by its
    acknowledgement.
    """
    rng = random.Random(seed)
    out = Latency()
    for _ in range(TRIALS):
        station.wait_for(lambda: station.siren()[0] != RED, TRIAL_TIMEOUT_S, "a quiet siren")
        time.sleep(rng.random())  # The phase against the scan is what makes the spread.
        before = {seen.key for seen in tap.seen()}
        station.rig.set("smoke", "smoke_contact", 1)
        start_s = time.monotonic()
        station.wait_for(lambda: station.siren()[0] == RED, TRIAL_TIMEOUT_S, "the siren")
        out.siren_ms.append((time.monotonic() - start_s) * 1000)
        raised = station.wait_for(
            lambda known=before: _raised(tap, known), TRIAL_TIMEOUT_S, "the center's acknowledgement"
        )
        out.center_ms.append((raised.acknowledged_s - start_s) * 1000)
        station.rig.set("smoke", "smoke_contact", 0)
    station.wait_for(lambda: station.siren()[0] != RED, TRIAL_TIMEOUT_S, "a quiet siren")
    return out


def _raised(tap: Tap, before: set[tuple[bytes, int, int]]) -> SeenEvent | None:
    for seen in tap.seen():
        new = seen.key not in before and seen.acknowledged_s is not None
        if new and seen.event.get(E_RULE) == "smoke" and seen.event[E_KIND] in WORSE:
            return seen
    return None


def _percentiles(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    if not ordered:
        return {}
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return {"p50": round(statistics.median(ordered), 1), "p99": round(p99, 1), "trials": len(ordered)}
