"""What makes levels of a station's channels: fused ones, air over the river, staff gauges, other datums.

Rules of this file: made once, before the rules that judge them.
"""

from gateway.air import Air
from gateway.config import Station
from gateway.fusion import add_fusions
from gateway.level import other_datums
from gateway.points import Points
from gateway.staff import Staff


def add_levels(config: Station, points: Points) -> None:
    """Put all that into the points of a station."""
    _add_air(points)
    add_fusions(config, points)
    for point in points.by_channel.values():
        if point.channel.level is None:
            continue
        point.others = other_datums(point.channel.level.datum, config.datum_offsets)
        point.staff = Staff(point.channel.staff_limit_mm, point.channel.level.zero_mm)
        point.judges.append(point.staff)
        points.keep("staff", point.channel.name, point.staff)


def _add_air(points: Points) -> None:
    """Let gap channels that say so follow the temperature of their source."""
    for by_column in points.by_source.values():
        for point in by_column.values():
            if point.channel.sound_cdeg is None:
                continue
            thermometer = next(other for other in by_column.values() if other.channel.quantity == "temp_cdeg")
            point.air = Air(point.channel.sound_cdeg, thermometer.channel.column)
            thermometer.judges.append(point.air)
            points.look_first(point, thermometer)
