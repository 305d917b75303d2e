"""What each channel showed in the last minutes, from one state of the gateway to the next.

Rules of this file: pure; times are the station's clock in ms. A sample is kept once, however often the state is read; a
missing value is kept as missing, so that no curve goes over it.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gateway.config import Step
from tools.replay.panels import Panel
from tools.watch.rows import value_of
from wire.reading import FAIL, MISSING

SPAN_MS = 600_000  # What a plot shows.
SAMPLES_MAX = 4_000
SAME_MS = 200  # Two ages of one sample, as they are read, differ by less.
CELL_MS = 2_000  # What one character of a small curve shows.
BLOCKS = "▁▂▃▄▅▆▇█"
FLAT_STEPS = 4  # A curve that moved less than so many of the last digit shown lies in the middle.
CADENCE_MS = 1_000


class Sample(NamedTuple):
    """`value` None = there was none."""

    unix_ms: int
    value: int | None
    quality: int


class History:
    """`take` each state; `curve` and `panel` show a channel."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[Sample]] = {}
        self.now_ms = 0

    def take(self, status: dict[str, Any]) -> None:
        self.now_ms = int(status["unix_ms"])
        for channel in status["channels"]:
            kept = self._samples.setdefault(channel["name"], deque(maxlen=SAMPLES_MAX))
            value, quality = value_of(channel), channel["quality"]
            age_ms = channel["age_ms"]
            at_ms = self.now_ms if value is None or age_ms is None else self.now_ms - age_ms
            if kept and at_ms < kept[-1].unix_ms - SAME_MS:
                kept.clear()  # The clock was set back.
            if not kept or at_ms > kept[-1].unix_ms + SAME_MS:
                kept.append(Sample(at_ms, value, quality))

    def samples(self, name: str, span_ms: int = SPAN_MS) -> list[Sample]:
        """Of the last `span_ms`."""
        return [one for one in self._samples.get(name, ()) if one.unix_ms > self.now_ms - span_ms]

    def curve(self, name: str, cells: int, step: int) -> str:
        """The last `cells` * CELL_MS as characters, a blank where nothing usable came.

        `step`: of the last digit shown, in sub-units.
        """
        last: list[int | None] = [None] * cells
        for sample in self.samples(name, cells * CELL_MS):
            cell = cells - 1 - (self.now_ms - sample.unix_ms) // CELL_MS
            if 0 <= cell < cells:
                last[cell] = sample.value if usable(sample) else None
        values = [value for value in last if value is not None]
        if not values:
            return ""
        low, high = min(values), max(values)
        room = max(high - low, FLAT_STEPS * step)
        base = (low + high - room) / 2
        return "".join(" " if value is None else _block((value - base) / room) for value in last)

    def panel(self, channel: dict[str, Any], steps: Sequence[tuple[Step, str]]) -> Panel:
        """The same as a plot, with the thresholds `steps`."""
        found = list(self._usable(channel["name"]))
        times, values = array("q", (one.unix_ms for one in found)), array("q", (one.value or 0 for one in found))
        qualities = array("b", (one.quality for one in found))
        panel = Panel(channel["name"], channel["quantity"], False, times, values, qualities, CADENCE_MS * 2)
        panel.steps = list(steps)
        panel.datum = channel["datum"] or ""
        return panel

    def _usable(self, name: str) -> Iterator[Sample]:
        return (one for one in self.samples(name) if usable(one))


def usable(sample: Sample) -> bool:
    return sample.value is not None and sample.quality not in (FAIL, MISSING)


def _block(share: float) -> str:
    return BLOCKS[min(len(BLOCKS) - 1, max(0, round(share * (len(BLOCKS) - 1))))]
