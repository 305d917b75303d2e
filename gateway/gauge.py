"""A rain gauge among the judges: its windows are fed before the rules that ask for them, and filled from logs.

Rules of this file: no clock, disk or network. Every rain channel has its windows, for people to see; a rule may ask for
a longer one.
"""

from zoneinfo import ZoneInfo

from gateway.config import Channel
from gateway.downtime import Witness
from gateway.points import Points
from gateway.rain import WINDOWS_S, Rain
from wire.reading import FAIL, NEVER
from wire.row import DATA, Row, unpack

KEPT = "rain"


class Gauge:
    """Judge, and what is kept, of one rain channel."""

    __slots__ = ("channel", "moved", "rain")

    def __init__(self, channel: Channel, rain: Rain) -> None:
        self.rain = rain
        self.moved = False  # Has rain fallen since the state was last kept?
        self.channel = channel

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        if self.rain.feed(value, mono_ms // 1000, (unix_ms - mono_ms) // 1000):
            self.moved = True

    def hold(self) -> None:
        """A counter keeps counting while it is not seen."""

    def refill(self, row: Row) -> bool:
        """Take the tips of a row of this gauge's log; False where it says nothing that could be used."""
        reading = next((one for one in row.readings if one.channel == self.channel.column), None)
        if reading is None or reading.value is None or reading.quality >= FAIL:
            return False
        if row.kind != DATA or row.time_quality == NEVER:
            return False
        tip_um = self.channel.tip_um
        tips = [(age_s, count * tip_um) for age_s, count in row.tips] if tip_um else []
        return self.rain.refill(reading.value, row.t_s, tips)

    def now(self, mono_ms: int, unix_ms: int, zone: ZoneInfo) -> dict[str, object] | None:
        """What people are told, in micrometres: sums of the windows by their seconds, rain days, storm, intensity.

        None before the first sample: that is not dry, but not known.
        """
        rain = self.rain
        if not rain.seen:
            return None
        rain.slide(mono_ms // 1000)
        unix_s = unix_ms // 1000
        today_um, yesterday_um = rain.days_um(unix_s, zone)
        return {
            "sums_um": {str(window_s): rain.sum_um(window_s) for window_s in WINDOWS_S},
            "day_um": today_um,
            "day_before_um": yesterday_um,
            "storm_um": rain.storm_um(unix_s, zone),
            "intensity_um_h": rain.intensity_um_h(),
        }

    def correct(self, until_ms: int, by_ms: int) -> None:
        """What was before `until_ms` was `by_ms` later than it was taken for (earlier if negative)."""
        self.rain.correct(until_ms // 1000, by_ms // 1000)

    def save(self, mono_ms: int) -> object:
        return self.rain.save(mono_ms // 1000)

    def restore(self, saved: list, mono_ms: int, down_ms: int) -> None:
        now_s = mono_ms // 1000
        self.rain.restore(saved, now_s, now_s - (mono_ms - down_ms) // 1000)


def gauge_of(points: Points, channel: str, rule: str = "") -> Gauge:
    """The gauge of a rain channel, made at the first call. ConfigError for no such channel."""
    gauge = points.kept_as(KEPT, channel, Gauge)
    if gauge is None:
        point = points.point(channel, rule)
        rules = [rule for rule in points.rules if rule.channel == channel]
        longest_ms = max((max(rule.window_ms, *rule.windows_ms, 0) for rule in rules), default=0)
        gauge = Gauge(point.channel, Rain(longest_ms // 1000))
        points.keep(KEPT, channel, gauge)
        point.judges.append(gauge)
    return gauge


def add_gauges(points: Points) -> None:
    """Windows for every rain channel, before any rule asks for them."""
    for name, point in points.by_channel.items():
        if point.channel.quantity == "rain_um":
            gauge_of(points, name)


def gauges_of(points: Points) -> dict[str, list[Gauge]]:
    """The gauges of each source that has any."""
    found: dict[str, list[Gauge]] = {}
    for name, point in points.by_channel.items():
        gauge = points.kept_as(KEPT, name, Gauge)
        if gauge is not None:
            found.setdefault(point.channel.source, []).append(gauge)
    return found


class Gauges:
    """All gauges of a station, by source, and the boards that know how long the gateway was away."""

    def __init__(self, points: Points) -> None:
        self.witness = Witness()
        points.keep("downtime", "boards", self.witness)
        self._by_source = gauges_of(points)
        self._restored_ms = points.start[0]

    def refill(self, source: str, epoch: int, packed_rows: list[bytes]) -> None:
        """Take what stored rows of a board say of rain."""
        for packed in packed_rows if source in self._by_source else ():
            row = unpack(packed, epoch)
            for gauge in self._by_source[source]:
                gauge.refill(row)

    def seen(self) -> dict[str, bool]:
        """Sources that measure rain, and whether their counters have been seen."""
        return {source: all(gauge.rain.seen for gauge in gauges) for source, gauges in self._by_source.items()}

    def correct(self, by_ms: int) -> None:
        """What was restored was `by_ms` later than it was taken for (earlier if negative)."""
        for gauges in self._by_source.values():
            for gauge in gauges:
                gauge.correct(self._restored_ms, by_ms)
