"""The kinds of rules: one file each, with how a rule of it is read from station.toml and how it is judged.

Rules of this folder: a kind registers in `KINDS` and nowhere else. `read` names what is wrong and gives None then;
`make` puts alarms and judges into the points, and what must survive a restart into `points.kept`.
"""

from gateway.config import ConfigError, Station
from gateway.double_count import watch_gauges
from gateway.due import add_dues
from gateway.gauge import add_gauges
from gateway.kinds import fault, high, lost, low, rain_sum, rise, smoke, storage, storm, tilt, tilt_rate
from gateway.kinds.kind import Kind
from gateway.levels import add_levels
from gateway.points import Points

KINDS: dict[str, Kind] = {
    "high": high.KIND,
    "low": low.KIND,
    "rise": rise.KIND,
    "rain_sum": rain_sum.KIND,
    "storm": storm.KIND,
    "tilt": tilt.KIND,
    "tilt_rate": tilt_rate.KIND,
    "smoke": smoke.KIND,
    "lost": lost.KIND,
    "fault": fault.KIND,
    "storage": storage.KIND,
}


def make_points(config: Station, mono_ms: int, unix_ms: int) -> Points:
    """The points of a station that starts now, with the judges of all its rules. ConfigError."""
    points = Points(config, mono_ms, unix_ms)
    add_gauges(points)
    add_levels(config, points)
    watch_gauges(points)
    add_dues(points)
    for rule in config.rules:
        if rule.kind not in KINDS:
            raise ConfigError([f"rule {rule.name}: kind {rule.kind!r} cannot be judged; use {', '.join(KINDS)}"])
        KINDS[rule.kind].make(rule, points)
    return points
