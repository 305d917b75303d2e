"""From what a sensor showed and what was there to the settings with which it would have shown that.

Rules of this file: pure; fractions all the way, rounded once at the end, as integers of the settings' units. A sensor
is its entry of board.json. What gives no settings is NoSettings, with why.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

IDEAL_ZERO_NA, IDEAL_SPAN_NA = 4_000_000, 16_000_000  # A probe by the book: 4 mA at no head, 20 mA at full scale.

Pairs = Sequence[Sequence[int]]


class NoSettings(ValueError):
    """Why nothing follows: a key of the phrases."""


class Known(NamedTuple):
    """A state that was known: what the sensor showed, in 1/1000 of its sub-unit, and what was there."""

    shown_milli: int
    there: Fraction


class Line(NamedTuple):
    """The straight line nearest to a table's pairs, and how far each of them is from it."""

    slope: Fraction
    off: tuple[Fraction, ...]


def before_points(points: Pairs, shown: Fraction) -> Fraction:
    """What was measured where the driver's line through `points` made `shown` of it: `corrected` read backwards."""
    if not points:
        return shown
    if any(after[1] <= before[1] for before, after in zip(points, points[1:], strict=False)):
        raise NoSettings("why_points")
    if shown <= points[0][1]:
        return shown - points[0][1] + points[0][0]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if shown <= y1:
            return x0 + (shown - y0) * Fraction(x1 - x0, y1 - y0)
    return shown - points[-1][1] + points[-1][0]


def after_points(points: Pairs, measured: Fraction) -> Fraction:
    """What the driver's line through `points` makes of what was measured."""
    if not points:
        return measured
    if measured <= points[0][0]:
        return measured + points[0][1] - points[0][0]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if measured <= x1:
            return y0 + (measured - x0) * Fraction(y1 - y0, x1 - x0)
    return measured + points[-1][1] - points[-1][0]


def loop_na(sensor: dict[str, Any], shown_milli: int) -> Fraction:
    """The current of a 4-20 mA probe that showed this head, as the board measures it."""
    head_mm = before_points(sensor["points"], Fraction(shown_milli, 1_000))
    return sensor["zero_na"] + head_mm * (sensor["full_na"] - sensor["zero_na"]) / sensor["full_scale_mm"]


def head_of(current_na: int, sensor: dict[str, Any]) -> Fraction:
    """The head in mm at which a probe by the book gives this current."""
    return Fraction((current_na - IDEAL_ZERO_NA) * sensor["full_scale_mm"], IDEAL_SPAN_NA)


def loop_settings(sensor: dict[str, Any], low: Known, high: Known) -> dict[str, int]:
    """zero_na and full_na of a 4-20 mA probe, which its points are no part of."""
    _apart(low, high)
    at_low, at_high = loop_na(sensor, low.shown_milli), loop_na(sensor, high.shown_milli)
    span_na = (at_high - at_low) * sensor["full_scale_mm"] / (high.there - low.there)
    zero_na = at_low - low.there * span_na / sensor["full_scale_mm"]
    return {"zero_na": round(zero_na), "full_na": round(zero_na + span_na)}


def loop_head(sensor: dict[str, Any], settings: dict[str, int], shown_milli: int) -> Fraction:
    """The head in mm that such a probe would have shown with `settings`."""
    over_na = loop_na(sensor, shown_milli) - settings["zero_na"]
    return over_na * sensor["full_scale_mm"] / (settings["full_na"] - settings["zero_na"])


def gap_points(sensor: dict[str, Any], low: Known, high: Known) -> list[list[int]]:
    """The points of a sensor that measures a distance."""
    _apart(low, high)
    measured = [round(before_points(sensor["points"], Fraction(one.shown_milli, 1_000))) for one in (low, high)]
    there = [round(one.there) for one in (low, high)]
    if measured[1] <= measured[0] or there[1] <= there[0]:
        raise NoSettings("why_same")
    return [list(pair) for pair in zip(measured, there, strict=True)]


def tip_um(depth_um: Fraction, tips: int) -> int:
    """The rain of one tip."""
    if tips < 1 or depth_um <= 0:
        raise NoSettings("why_dry")
    return round(depth_um / tips)


def there_uv(sensor: dict[str, Any], shown_milli: int) -> Fraction:
    """The voltage at the converter of which a board's sensor made this value. NoSettings where it cannot be told."""
    if sensor["driver"] == "pressure_420":
        return loop_na(sensor, shown_milli) * sensor["shunt_mohm"] / 1_000_000
    if sensor["driver"] == "supply":
        return Fraction(shown_milli, 1_000) * 1_000_000 / sensor["ratio_permil"]
    raise NoSettings("why_own_zero")


def converter_uv(sensor: dict[str, Any], shown_milli: int) -> int:
    """What the converter itself showed then, before the table that the board has."""
    return round(before_points(sensor.get("adc_points") or (), there_uv(sensor, shown_milli)))


def nearest_line(pairs: Pairs) -> Line:
    """By least squares. NoSettings for fewer than two places."""
    count = len(pairs)
    mean_x, mean_y = (Fraction(sum(pair[side] for pair in pairs), max(1, count)) for side in (0, 1))
    wide = sum((pair[0] - mean_x) ** 2 for pair in pairs)
    if not wide:
        raise NoSettings("why_same")
    slope = sum((pair[0] - mean_x) * (pair[1] - mean_y) for pair in pairs) / wide
    return Line(slope, tuple(pair[1] - mean_y - slope * (pair[0] - mean_x) for pair in pairs))


def _apart(low: Known, high: Known) -> None:
    if high.there <= low.there:
        raise NoSettings("why_order")
    if high.shown_milli <= low.shown_milli:
        raise NoSettings("why_still")
