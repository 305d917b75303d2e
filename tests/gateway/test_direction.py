"""Angles between directions of gravity, against rotation matrices written down here."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.direction import angle_mdeg, direction, turn_udeg

turns = st.floats(-180.0, 180.0)
FINE = 1_000_000  # of an accelerometer: 1 g = so many counts


def matmul(a, b):
    return [[sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)] for i in range(3)]


def apply(a, v):
    return [sum(a[i][k] * v[k] for k in range(3)) for i in range(3)]


def rotation(axis, degrees):
    """Rodrigues' formula: about `axis` (a unit vector) by `degrees`."""
    x, y, z = axis
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    t = 1 - c
    return [
        [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
        [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
        [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
    ]


def mounting(yaw, pitch, roll):
    """Any orientation of a sensor, upside down too."""
    return matmul(rotation((0, 0, 1), yaw), matmul(rotation((0, 1, 0), pitch), rotation((1, 0, 0), roll)))


def counts(vector, scale=FINE):
    return tuple(round(part * scale) for part in vector)


def pull(values):
    found = direction(values)
    assert found is not None
    return found


mountings = st.builds(mounting, turns, turns, turns)
heading = st.floats(0.0, 360.0)


def leaning(heading_deg, turn_deg):
    """Gravity after a wall leaned by `turn_deg` towards `heading_deg`."""
    across = (math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg)), 0.0)
    return apply(rotation(across, turn_deg), (0.0, 0.0, 1.0))


@given(mountings, heading, st.floats(0.0, 180.0))
def test_a_turn_is_the_angle_of_its_rotation_however_the_sensor_is_mounted(mount, heading_deg, turn_deg):
    before = pull(counts(apply(mount, (0.0, 0.0, 1.0))))
    after = pull(counts(apply(mount, leaning(heading_deg, turn_deg))))
    assert abs(angle_mdeg(before, after) - turn_deg * 1000) <= 1
    assert angle_mdeg(after, before) == angle_mdeg(before, after)


@given(mountings, heading, st.floats(0.0, 0.02), st.integers(1, 1000))
def test_the_smallest_turns_are_exact_and_the_scale_does_not_matter(mount, heading_deg, turn_deg, scale):
    before = apply(mount, (0.0, 0.0, 1.0))
    after = apply(mount, leaning(heading_deg, turn_deg))
    plain = angle_mdeg(pull(counts(before, 10**9)), pull(counts(after, 10**9)))
    assert abs(plain - turn_deg * 1000) <= 1
    assert angle_mdeg(pull(counts(before, 10**7 * scale)), pull(counts(after, 10**7 * scale))) in (
        plain - 1, plain, plain + 1)  # fmt: skip


@given(heading, st.floats(0.0, 60.0), heading, st.floats(0.0, 20.0))
def test_two_inclinations_give_the_angle_of_gravity_itself(lean_to, lean_deg, turn_to, turn_deg):
    """Pitch and roll as the data sheet of the inclinometer has them: the angle of each axis over the horizon."""

    def inclinations(gravity):
        x, y, z = gravity
        pitch = math.degrees(math.atan2(x, math.hypot(y, z)))
        roll = math.degrees(math.atan2(y, math.hypot(x, z)))
        return round(pitch * 1000), round(roll * 1000)

    before = leaning(lean_to, lean_deg)
    after = apply(rotation((math.cos(math.radians(turn_to)), math.sin(math.radians(turn_to)), 0.0), turn_deg), before)
    found = angle_mdeg(pull(inclinations(before)), pull(inclinations(after)))
    expected = math.degrees(math.acos(max(-1.0, min(1.0, sum(a * b for a, b in zip(before, after, strict=True))))))
    if after[2] > 0.05:  # Two axes do not see that the board has gone over its edge.
        # Half a millidegree of each axis: near the edge gravity's third part follows from two that hardly change.
        assert abs(found - expected * 1000) <= 4 + 2 / min(after[2], before[2])


@given(mountings, heading, st.floats(0.001, 179.0))
def test_the_way_of_a_turn_is_as_long_as_the_turn_and_square_to_where_it_began(mount, heading_deg, turn_deg):
    before = pull(counts(apply(mount, (0.0, 0.0, 1.0))))
    after = pull(counts(apply(mount, leaning(heading_deg, turn_deg))))
    way = turn_udeg(before, after)
    assert abs(math.hypot(*way) / 1000 - angle_mdeg(before, after)) <= 1
    assert abs(sum(a * b for a, b in zip(way, before, strict=True))) <= 2
    # Gravity has moved towards it.
    assert sum(a * (c - b) for a, b, c in zip(way, before, after, strict=True)) > -1e-6


def test_what_does_not_pull_has_no_direction():
    assert direction((0, 0, 0)) is None
    assert turn_udeg((0.0, 0.0, 1.0), (0.0, 0.0, 1.0)) == (0, 0, 0)


def test_noise_of_a_board_on_its_edge_is_never_more_than_all_of_gravity():
    x, y, z = pull((70_000, 60_000))
    assert z == 0.0
    assert math.isclose(math.hypot(x, y), 1.0)
