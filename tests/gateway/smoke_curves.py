"""Obscuration curves made up for tests, in 0.001 dB/m, one value a sample. Imports nothing of ours.

No recorded fires: shapes as the test fires of EN 54-7 have them (a smouldering fire grows slowly and steadily, a
flaming one doubles in seconds), and what is no fire: steam that comes and goes, dust that settles over months. Noise
of the chamber is a few mdB/m, drawn from a seed.
"""

from random import Random


def noisy(values, seed, span=3):
    random = Random(seed)
    return [value + random.randint(-span, span) for value in values]


def smouldering(samples, mdbm_per_sample, clear=5):
    """Clear air, then a straight rise."""
    return [clear + round(mdbm_per_sample * i) for i in range(samples)]


def flaming(samples, doubling, start=4, most=4_000):
    """Doubles every `doubling` samples."""
    return [min(most, round(start * 2 ** (i / doubling))) for i in range(samples)]


def steam(samples, peak, width, at):
    """A puff: up and down again as a triangle of `width` samples."""
    return [max(0, peak - abs(i - at) * 2 * peak // width) for i in range(samples)]


def dust(hours, mdbm_per_day, clear=5):
    """One value an hour."""
    return [clear + round(mdbm_per_day * hour / 24) for hour in range(hours)]
