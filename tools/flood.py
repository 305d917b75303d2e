"""Floods as scenarios: the levels of gauges by points and straight lines, and when every stage must be passed.

Rules of this file: integers all the way, in millimetres and milliseconds; what a sensor shows is cut off below the
millimetre, so that nothing is reached early. A flood is a file of tools/scenarios; what its points and its expected
times rest on stands in the .md beside it.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from gateway.amounts import amount

FOLDER = Path(__file__).parent / "scenarios"

At = Callable[[float], int | None]


class Stage(NamedTuple):
    """A step of a rule, and when it must be reached and left (unix seconds): t_event of the alarm's changes."""

    rule: str
    name: str
    level_mm: int
    up_unix_s: int
    down_unix_s: int


class Flood(NamedTuple):
    """`gauges`: name -> level in mm over the gauge's datum, by seconds since `start_unix_s`. `text`: its whole file."""

    name: str
    title: str
    start_unix_s: int
    duration_s: int
    gauges: dict[str, At]
    stages: tuple[Stage, ...]
    text: str


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> Flood:
    """The flood `name`, one of `names()`. KeyError, ValueError: the file is not as the others are."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    start_s = _unix_s(document["start"])
    gauges = {}
    for gauge in document["gauge"]:
        points = [((_unix_s(p["at"]) - start_s) * 1000, amount(p["level"], "length")) for p in gauge["point"]]
        if any(left >= right for (left, _), (right, _) in zip(points, points[1:], strict=False)):
            raise ValueError(f"{name}: the points of {gauge['name']} do not follow each other in time")
        gauges[gauge["name"]] = through(points)
    stages = tuple(
        Stage(s["rule"], s["name"], amount(s["level"], "length"), _unix_s(s["up"]), _unix_s(s["down"]))
        for s in document["stage"]
    )
    duration_s = _unix_s(document["end"]) - start_s
    return Flood(document["name"], document["title"], start_s, duration_s, gauges, stages, text)


def through(points: list[tuple[int, int]]) -> At:
    """Straight lines through (ms, mm), ascending in time, by seconds; the part of a millimetre is cut off."""
    times = [at_ms for at_ms, _ in points]

    def at(t_s: float) -> int:
        t_ms = round(t_s * 1000)
        i = bisect_right(times, t_ms) - 1
        if i < 0:
            return points[0][1]
        left_ms, left_mm = points[i]
        if i + 1 == len(points):
            return left_mm
        right_ms, right_mm = points[i + 1]
        return left_mm + (right_mm - left_mm) * (t_ms - left_ms) // (right_ms - left_ms)

    return at


def _unix_s(at: datetime) -> int:
    """A stamp that names its offset, in whole unix seconds. ValueError for another."""
    if not isinstance(at, datetime) or at.tzinfo is None or at.microsecond:
        raise ValueError(f"{at}: a stamp is a date, a time in whole seconds, and an offset")
    return int(at.timestamp())
