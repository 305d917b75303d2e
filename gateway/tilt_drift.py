"""Temperature drift of an inclinometer: what warmth alone makes it show, taken off before a rule judges.

Rules of this file: no clock; raw values stay as measured. Two coefficients, value per degree and reference, hold within
the temperatures that they were fitted in and not beyond: there the nearest end counts, and it is said.
"""

from collections.abc import Iterable
from statistics import median, median_high
from typing import NamedTuple

from gateway.config import Drift

HOUR_MS = 3_600_000
FIT_HOURS_MAX = 9_000  # The newest year of a history is looked at,
FIT_HOURS_APART_MAX = 24  # each hour with those of the day before: in a day a wall creeps less than the sun bends it.
FIT_PAIRS_MIN = 30
APART_CDEG_MIN = 200  # Less warmth says nothing about warmth,
ALIKE_CDEG_MAX = 50  # and so little of it nothing but creep.
STALE_MS = 1_800_000  # A wall cools slowly: a temperature so old is still its own.


def drifted(drift: Drift, temp_cdeg: int) -> int:
    """What the sensor shows too much at this temperature, in the sub-unit of its channel."""
    within = min(max(temp_cdeg, drift.low_cdeg), drift.high_cdeg)
    return round(drift.per_degc_milli * (within - drift.reference_cdeg) / 100_000)


def beyond(drift: Drift, temp_cdeg: int) -> bool:
    """Is it warmer or colder than the coefficients were fitted in?"""
    return not drift.low_cdeg <= temp_cdeg <= drift.high_cdeg


class Fit(NamedTuple):
    """Coefficients from history, and what they are worth."""

    per_degc_milli: int  # 0.001 of the channel's sub-unit per degree
    reference_cdeg: int
    low_cdeg: int
    high_cdeg: int
    pairs: int  # that they were taken from
    left: (
        int  # median distance of two samples a day apart or less, in the sub-unit, once warmth and creep are taken off
    )


def fit(samples: Iterable[tuple[int, int, int]]) -> Fit | None:
    """Fit (time in ms, temperature in 0.01 degC, value) by Theil-Sen; None where the temperature varied too little.

    The medians of hours are compared with those of the 24 hours before them. Pairs of the same warmth give the creep,
    the others, without it, the drift; each pair counts as much as another, so that blows are nothing.
    """
    hours = _hours(samples)
    pairs: list[tuple[int, int, int]] = []  # hours apart, warmth, change
    for hour, (temp_cdeg, value) in hours.items():
        for before in range(hour - FIT_HOURS_APART_MAX, hour):
            if before in hours:
                pairs.append((hour - before, temp_cdeg - hours[before][0], value - hours[before][1]))
    warm = [pair for pair in pairs if abs(pair[1]) >= APART_CDEG_MIN]
    if len(warm) < FIT_PAIRS_MIN:
        return None
    alike = [change / apart for apart, warmth, change in pairs if abs(warmth) <= ALIKE_CDEG_MAX]
    creep = median(alike) if len(alike) >= FIT_PAIRS_MIN else 0.0  # an hour
    slope = median((change - creep * apart) / warmth for apart, warmth, change in warm)
    left = median(abs(change - creep * apart - slope * warmth) for apart, warmth, change in warm)
    warmths = sorted(temp_cdeg for temp_cdeg, _ in hours.values())
    middle_cdeg = warmths[len(warmths) // 2]
    return Fit(round(slope * 100_000), middle_cdeg, warmths[0], warmths[-1], len(warm), round(left))


def _hours(samples: Iterable[tuple[int, int, int]]) -> dict[int, tuple[int, int]]:
    """{hour: median temperature, median value}, ascending, the newest FIT_HOURS_MAX of them."""
    found: dict[int, tuple[list[int], list[int]]] = {}
    for at_ms, temp_cdeg, value in samples:
        temps, values = found.setdefault(at_ms // HOUR_MS, ([], []))
        temps.append(temp_cdeg)
        values.append(value)
    newest = sorted(found)[-FIT_HOURS_MAX:]
    return {hour: (median_high(found[hour][0]), median_high(found[hour][1])) for hour in newest}
