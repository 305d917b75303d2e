"""Directions of gravity in a sensor's own axes: from what it measures to the angle between two of them.

Rules of this file: no clock; floats inside, whole millidegrees outside. A direction is a unit vector; how the sensor is
mounted does not matter, because only the angle between two directions of the same sensor is asked for.
"""

from math import atan2, degrees, hypot, radians, sin, sqrt

Direction = tuple[float, float, float]
Vector = tuple[int, ...]

_FAR = 1e-12  # below it a vector has no direction


def direction(values: Vector) -> Direction | None:
    """Where gravity points, of two inclinations (mdeg over the horizon, x and y) or three accelerations (any scale).

    Two inclinations do not say on which side of the board gravity is: it is taken for the same one always. None for
    an acceleration of nothing (free fall, a dead sensor).
    """
    if len(values) == 2:
        x, y = sin(radians(values[0] / 1000)), sin(radians(values[1] / 1000))
        rest = 1.0 - x * x - y * y
        if rest > 0.0:
            return x, y, sqrt(rest)
        length = hypot(x, y)  # Noise of a board that stands on its edge: never more than all of gravity.
        return x / length, y / length, 0.0
    x, y, z = values
    length = hypot(x, y, z)
    return (x / length, y / length, z / length) if length > _FAR else None


def angle_mdeg(a: Direction, b: Direction) -> int:
    """Angle between two directions, 0 to 180,000 mdeg; exact to the millidegree near 0 and near 180 degrees too."""
    return round(degrees(_angle(a, b)) * 1000)


def turn_udeg(a: Direction, b: Direction) -> tuple[int, int, int]:
    """Which way from `a` to `b`: the angle in microdegrees, along the axes of the sensor that gravity moved to."""
    along = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    x, y, z = b[0] - along * a[0], b[1] - along * a[1], b[2] - along * a[2]  # of b, what is square to a
    length = hypot(x, y, z)
    if length < _FAR:
        return 0, 0, 0
    scale = degrees(atan2(length, along)) * 1_000_000 / length
    return round(x * scale), round(y * scale), round(z * scale)


def _angle(a: Direction, b: Direction) -> float:
    ax, ay, az = a
    bx, by, bz = b
    # acos of the product would lose half of the digits near zero.
    across = hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return atan2(across, ax * bx + ay * by + az * bz)
