"""What is drawn, for the terminal and for the page alike: curves with their gaps, flags and thresholds.

Rules of this file (UX.md 6): a gap is never bridged and never left out; of all samples in one column of pixels the
lowest and the highest are kept; a threshold above the curve stays in sight if it is near.
"""

from array import array
from dataclasses import dataclass, field

from gateway.config import Step
from tools.replay.judging import Result
from tools.replay.play import Trace
from wire.reading import FAIL, QUANTITIES, SUSPECT

GAP_CADENCES = 2
NEAR_MM = 3_500  # A threshold above the curve is in the picture if it is within this, for levels.
SPAN_MM_MIN = 1_000
TRACED_MAX = 3  # Panels of judged values, beside those of what was recorded.


@dataclass
class Panel:
    """One curve on the time axis. `bars`: amounts that hang from the top."""

    name: str
    quantity: str
    per_day: bool
    times: array
    values: array
    qualities: array | None
    cadence_ms: int
    bars: bool = False
    steps: list[tuple[Step, str]] = field(default_factory=list)  # (threshold, rule)
    datum: str = ""
    traced: bool = False  # What a rule judged, not what was recorded.

    def span(self) -> tuple[int, int]:
        """Lowest and highest value of the axis, near thresholds included."""
        good = [v for v, q in self._usable()]
        if not good:
            return 0, 1
        low, high = min(good), max(good)
        if self.bars:
            return 0, max(high, 1)
        level = self.quantity == "level_mm"
        near = NEAR_MM if level else max(high - low, abs(high) // 2)
        above = [step.at for step, _ in self.steps if high < step.at <= high + near]
        if above:
            high = min(above)
        least = SPAN_MM_MIN if level else max(1, abs(high) // 50)
        if high - low < least:
            middle = (high + low) // 2
            low, high = min(low, middle - least // 2), max(high, middle + least // 2)
        room = (high - low) // 20 + 1
        floor = 0 if low >= 0 and not level else low - room
        return max(floor, low - room), high + room

    def gaps(self) -> list[tuple[int, int]]:
        """(from, to) of every stretch longer than two cadences without a usable sample, also at either end."""
        found = []
        limit_ms = GAP_CADENCES * self.cadence_ms
        before_ms: int | None = self.times[0] if self.times else None
        for unix_ms, usable in zip(self.times, self._goodness(), strict=True):
            if not usable:
                continue
            if before_ms is not None and unix_ms - before_ms > limit_ms:
                found.append((before_ms, unix_ms))
            before_ms = unix_ms
        if before_ms is not None and self.times[-1] - before_ms > limit_ms:
            found.append((before_ms, self.times[-1]))
        return found

    def columns(self, first_ms: int, last_ms: int, count: int) -> list[list[tuple[int, int, int, int, int, int]]]:
        """Runs of (column, low, high, first, last, last time) that may be joined: no gap lies inside one."""
        runs: list[list[tuple[int, int, int, int, int, int]]] = [[]]
        width_ms = max(1, last_ms - first_ms)
        limit_ms = GAP_CADENCES * self.cadence_ms
        now: list[int] | None = None
        for unix_ms, value, usable in zip(self.times, self.values, self._joinable(), strict=True):
            if not usable:
                continue
            column = (unix_ms - first_ms) * count // width_ms
            if column >= count:
                column = count - 1
            if now is not None and unix_ms - now[5] > limit_ms:
                runs[-1].append((now[0], now[1], now[2], now[3], now[4], now[5]))
                runs.append([])
                now = None
            if now is None or now[0] != column:
                if now is not None:
                    runs[-1].append((now[0], now[1], now[2], now[3], now[4], now[5]))
                now = [column, value, value, value, value, unix_ms]
            else:
                if value < now[1]:
                    now[1] = value
                elif value > now[2]:
                    now[2] = value
                now[4], now[5] = value, unix_ms
        if now is not None:
            runs[-1].append((now[0], now[1], now[2], now[3], now[4], now[5]))
        return [run for run in runs if run]

    def marked(self, quality: int) -> list[tuple[int, int]]:
        """(time, value) of the samples with this flag."""
        if self.qualities is None:
            return []
        return [(t, v) for t, v, q in zip(self.times, self.values, self.qualities, strict=True) if q == quality]

    def _usable(self) -> list[tuple[int, int]]:
        if self.qualities is None:
            return [(v, 1) for v in self.values]
        return [(v, q) for v, q in zip(self.values, self.qualities, strict=True) if q < FAIL]

    def _goodness(self):
        return (True for _ in self.times) if self.qualities is None else (q < FAIL for q in self.qualities)

    def _joinable(self):
        """Suspect samples are circles of their own, not part of the line."""
        return (True for _ in self.times) if self.qualities is None else (q < SUSPECT for q in self.qualities)


def panels(result: Result) -> list[Panel]:
    """The curves of a replay: what was recorded, then what was judged where that is another thing."""
    drawn: list[Panel] = []
    judged: list[Panel] = []
    rules = result.site.config.rules
    cadence_ms = result.site.cadence_ms
    for lane in result.player.lanes:
        channel = lane.point.channel
        quantity = QUANTITIES[lane.point.quantity][0]
        bars = channel.quantity == "rain_um"
        panel = Panel(lane.label, quantity, False, lane.times, lane.values, lane.qualities, cadence_ms, bars)
        panel.datum = channel.level.datum if channel.level is not None else ""
        if not bars:
            direct = [rule for rule in rules if rule.channel == channel.name and rule.kind in ("high", "low", "smoke")]
            panel.steps = [(step, rule.name) for rule in direct for step in rule.steps]
        drawn.append(panel)
    for trace in _chosen(result):
        panel = Panel(
            trace.rule.name, trace.quantity, trace.rule.kind == "tilt_rate", trace.times, trace.values, None,
            cadence_ms if not drawn or not drawn[0].bars else 1 << 60,
        )  # fmt: skip
        panel.traced = True
        panel.steps = [(step, trace.rule.name) for step in trace.rule.steps]
        judged.append(panel)
    # What an acceleration means is only seen in what is judged of it.
    return [*judged, *drawn] if drawn[0].quantity.startswith("acc_") else [*drawn, *judged]


def _chosen(result: Result) -> list[Trace]:
    """Judged values worth a panel: those of rules that had an episode, else the first rule's."""
    rung = {episode.rule for episode in result.episodes}
    traces = [trace for trace in result.player.traces if len(trace.times)]
    return ([t for t in traces if t.rule.name in rung] or traces[:1])[:TRACED_MAX]
