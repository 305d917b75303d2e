"""Readings of a channel, collected from the running gateway, and whether a calibration may be built on them.

Rules of this file: a reading counts once, however often it is looked at; one that is not good is left out and counted;
nothing is waited for without an end.
"""

import time
from collections.abc import Callable
from typing import Any

from gateway.config import Source, Station
from tools.faults import fault
from tools.station_now import StationNow
from wire.reading import GOOD, QUALITY_NAMES, SUSPECT

LOOK_S = 0.1  # The gateway says twice a second how it is.
QUIET_S, QUIET_SCANS = 15.0, 2  # Longer without a reading, and so many of its scans, is a sensor that says nothing.
CURED = {"due", "gap"}  # Flags that this very calibration ends, or that say nothing of the value.
LEFT_OUT_PART = 4  # One in so many may be left out,
LEFT_OUT_LEAST = 3  # and so many whatever the count.

Show = Callable[[int, int], None]


class Readings:
    """What one state of a sensor looked like: `values` in the quantity's sub-unit, oldest first."""

    def __init__(self, values: list[int], left_out: int = 0) -> None:
        self.values = values
        self.left_out = left_out
        self._ordered = sorted(values)

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def median(self) -> int:
        """Of an even count the upper of the two in the middle, as the gateway's windows take it."""
        return self._ordered[self.count // 2]

    @property
    def spread(self) -> int:
        """Between the quartiles: as deaf to single waves as the spread in rows."""
        return self._ordered[(3 * self.count - 1) // 4] - self._ordered[self.count // 4]

    @property
    def middle_milli(self) -> int:
        """Mean of the half in the middle, in 1/1000 of the sub-unit: finer than a single reading where those differ."""
        inner = self._ordered[self.count // 4 : max(self.count // 4 + 1, self.count - self.count // 4)]
        return (2_000 * sum(inner) + len(inner)) // (2 * len(inner))

    @property
    def moved(self) -> int:
        """Median of the last third minus that of the first: how far it went meanwhile."""
        third = max(1, self.count // 3)
        return Readings(self.values[-third:]).median - Readings(self.values[:third]).median


class Collector:
    """Reads the channel `name` of a station at its running gateway."""

    def __init__(
        self,
        now: StationNow,
        name: str,
        lang: str,
        *,
        key: str = "value",
        take: Callable[[dict[str, Any]], bool] | None = None,
        bad: str = "calibrate_not_good",
    ) -> None:
        """`key`: "value" as judged, or "raw" as measured; `take`: which samples count (`good`); `bad`: what is told of
        too many that do not.
        """
        self._key = key
        self._take = take or good
        self._bad = bad
        self._now = now
        self._name = name
        self._lang = lang
        source, scan_ms = _source(now.config, name)
        self._every_ms = max(scan_ms, source.cadence_ms)
        self._seen_ms: int | None = None
        self.unix_ms = 0  # of the gateway, when it was looked at last

    def channel(self) -> dict[str, Any]:
        """The channel as it is now. `Failure` where the gateway runs another station.toml, or says nothing."""
        document = self._now.read()
        check_config(self._now, document, self._lang)
        self.unix_ms = document["unix_ms"]
        return next(one for one in document["channels"] if one["name"] == self._name)

    def collect(self, count: int, show: Show) -> Readings:
        """`count` good readings from now on; `show(done, count)` meanwhile. `Failure` where they do not come."""
        values: list[int] = []
        left_out = 0
        quiet_s = QUIET_S + QUIET_SCANS * self._every_ms / 1_000
        end_s = time.monotonic() + quiet_s
        self._fresh(self.channel())  # What there was before counts no more.
        while len(values) < count:
            show(len(values), count)
            channel = self.channel()
            if not self._fresh(channel):
                if time.monotonic() > end_s:
                    raise self._fault("calibrate_silent", _words(channel, f"{quiet_s:.0f} s"))
                time.sleep(LOOK_S)
                continue
            end_s = time.monotonic() + quiet_s
            if self._take(channel):
                values.append(channel[self._key])
                continue
            left_out += 1
            if left_out > max(LEFT_OUT_LEAST, count // LEFT_OUT_PART):
                raise self._fault(self._bad, _words(channel, f"{len(values)}/{len(values) + left_out}"))
        show(count, count)
        return Readings(values, left_out)

    def _fresh(self, channel: dict[str, Any]) -> bool:
        """Is this sample another one than that of the last look?"""
        if channel["age_ms"] is None:
            return False
        at_ms = self.unix_ms - channel["age_ms"]
        if self._seen_ms is not None and abs(at_ms - self._seen_ms) <= self._every_ms // 2:
            return False
        self._seen_ms = at_ms
        return True

    def _fault(self, key: str, seen: str) -> Exception:
        return fault(key, self._lang, seen=seen, channel=self._name)


def check_config(now: StationNow, document: dict[str, Any], lang: str) -> None:
    """`Failure` unless the gateway runs the very station.toml that is to be changed: its values are what was read."""
    running = document.get("config")
    if running != now.config.version:
        raise fault("calibrate_other_config", lang, seen=f"{running} / {now.config.version}", station=now.config.id)


def good(channel: dict[str, Any]) -> bool:
    """May a calibration be built on the newest sample? What only the calibration itself cures is no hindrance."""
    if channel["value"] is None:
        return False
    cured = "due" in channel["flags"] or channel["calibrate"]
    return channel["quality"] == GOOD or (
        channel["quality"] == SUSPECT and bool(cured) and set(channel["flags"]) <= CURED
    )


def _words(channel: dict[str, Any], more: str) -> str:
    """What the gateway says of it."""
    return ", ".join([QUALITY_NAMES[channel["quality"]], *channel["flags"], more])


def _source(config: Station, name: str) -> tuple[Source, int]:
    """The source of a channel, and how often its place is looked at. KeyError."""
    for place in config.places:
        for source in place.sources:
            if any(channel.name == name for channel in source.channels):
                return source, place.scan_ms
    raise KeyError(name)
