"""A second opinion on flags: each test of a sample from its definition, over the whole series, without any state.

Rules of this file: it imports nothing of ours; it is slow and plain. `Limits` names what a channel is judged by.
"""

import statistics
from dataclasses import dataclass

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Limits:
    """As a channel's; `raw` is the sensor's span, `invalid` its codes for "no value"."""

    raw: tuple[int, int]
    invalid: tuple[int, ...] = ()
    span: tuple[int, int] | None = None
    rate: int | None = None
    spike: int | None = None
    flat: tuple[int, int, int | None] | None = None  # (after ms, tolerance, at or below this it may)
    cadence_ms: int = 1_000
    gap_ms: int | None = None


def kinds(samples: list[tuple[int, int | None]], limits: Limits) -> list[set[str]]:
    """The kinds of each sample (ms, value). A spike stands at the sample that follows it."""
    out = [_unusable(value, limits) for _, value in samples]
    places = [i for i, found in enumerate(out) if not found]
    usable = [(at, value) for i in places if (value := samples[i][1]) is not None for at in [samples[i][0]]]
    rates = fast(usable, limits.rate)
    for n, (place, (at, value)) in enumerate(zip(places, usable, strict=True)):
        found = out[place]
        if limits.span and not limits.span[0] <= value <= limits.span[1]:
            found.add("span")
        if rates[n]:
            found.add("rate")
        if n and at - usable[n - 1][0] > (limits.gap_ms or 2 * limits.cadence_ms):
            found.add("gap")
        if limits.spike is not None and n >= 2 and spike(usable[n - 2 : n + 1], limits.spike, 2 * limits.cadence_ms):
            found.add("spike")
        if limits.flat and still(usable[: n + 1], *limits.flat):
            found.add("flat")
    return out


def flag(found: set[str]) -> int:
    """QARTOD's flag of a good reading with these kinds."""
    if found & {"missing", "invalid"}:
        return 9
    if "range" in found:
        return 4
    return 3 if found & {"span", "rate", "flat", "companion", "double-count"} else 1


def fast(usable: list[tuple[int, int]], rate: int | None) -> list[bool]:
    """A sample is fast against its reference: the sample before it, unless that one is fast and not yet confirmed."""
    flagged: list[bool] = []
    unconfirmed: list[bool] = []
    for n, sample in enumerate(usable):
        if rate is None or n == 0:
            flagged.append(False)
            unconfirmed.append(False)
        elif unconfirmed[n - 1]:
            flagged.append(_beyond(usable[n - 1], sample, rate) and _beyond(usable[n - 2], sample, rate))
            unconfirmed.append(False)
        else:
            flagged.append(_beyond(usable[n - 1], sample, rate))
            unconfirmed.append(flagged[n])
    return flagged


def spike(three: list[tuple[int, int]], limit: int, near_ms: int) -> bool:
    near = all(b[0] - a[0] <= near_ms for a, b in zip(three, three[1:], strict=False))
    return near and abs(three[1][1] - statistics.median(value for _, value in three)) > limit


def still(usable: list[tuple[int, int]], after_ms: int, tolerance: int, below: int | None) -> bool:
    """Runs are made from the first sample on; the last one is judged."""
    runs: list[list[tuple[int, int]]] = []
    for sample in usable:
        longer = [*(runs[-1] if runs else []), sample]
        values = [value for _, value in longer]
        if runs and max(values) - min(values) <= tolerance:
            runs[-1] = longer
        else:
            runs.append([sample])
    at, value = usable[-1]
    return at - runs[-1][0][0] >= after_ms and (below is None or value > below)


def _unusable(value: int | None, limits: Limits) -> set[str]:
    if value is None:
        return {"missing"}
    if value in limits.invalid:
        return {"invalid"}
    return set() if limits.raw[0] <= value <= limits.raw[1] else {"range"}


def _beyond(before: tuple[int, int], after: tuple[int, int], rate: int) -> bool:
    return abs(after[1] - before[1]) > rate * max(after[0] - before[0], MINUTE_MS) / MINUTE_MS
