"""Temperature drift of an inclinometer: its fit, and what is taken off."""

import math
import random

import pytest

from gateway.config import Drift
from gateway.tilt_drift import FIT_PAIRS_MIN, beyond, drifted, fit

HOUR_MS = 3_600_000


def history(days, per_degc_mdeg, creep_mdeg_per_day=0.0, blows=0.0, seed=1):
    """Every 10 minutes (ms, 0.01 degC, mdeg): days of their own warmth, the wall late by nothing. Synthetic."""
    chance = random.Random(seed)
    out = []
    warmest = 10.0
    for i in range(days * 144):
        if i % 144 == 0:
            warmest = chance.uniform(4.0, 14.0)
        temp = 15.0 + warmest * math.sin(2 * math.pi * i / 144)
        value = per_degc_mdeg * (temp - 20.0) + creep_mdeg_per_day * i / 144 + chance.gauss(0, 3)
        if chance.random() < blows:
            value += chance.uniform(-3_000, 3_000)
        out.append((i * 600_000, round(temp * 100), round(value)))
    return out


def fitted(samples):
    found = fit(samples)
    assert found is not None
    return found


@pytest.mark.parametrize("per_degc_mdeg", [-8.5, -0.4, 0.0, 1.25, 20.0])
def test_a_fit_finds_the_coefficient_through_noise_creep_and_blows(per_degc_mdeg):
    found = fitted(history(20, per_degc_mdeg, creep_mdeg_per_day=30.0, blows=0.05))
    assert abs(found.per_degc_milli - 1000 * per_degc_mdeg) <= 60
    assert found.left <= 6


def test_a_fit_says_within_which_temperatures_it_holds():
    samples = history(5, 4.0)
    found = fitted(samples)
    temps = [temp for _, temp, _ in samples]
    assert min(temps) <= found.low_cdeg <= found.reference_cdeg <= found.high_cdeg <= max(temps)
    assert found.high_cdeg - found.low_cdeg > 0.8 * (max(temps) - min(temps))
    assert found.pairs >= FIT_PAIRS_MIN


def test_without_enough_warmth_there_is_no_fit():
    assert fit([]) is None
    assert fit([(i * HOUR_MS, 1_500 + i % 2 * 150, i) for i in range(1_000)]) is None
    assert fit(history(1, 4.0)[:12]) is None


def test_the_drift_is_taken_off_within_the_fit_and_held_beyond_it():
    drift = Drift("wall_temp", -8_500, 2_000, -500, 4_000)
    assert [drifted(drift, temp) for temp in (2_000, 2_100, -500, 4_000)] == [0, -8, 212, -170]
    assert [drifted(drift, temp) for temp in (-3_000, 9_000)] == [212, -170]
    assert [beyond(drift, temp) for temp in (-501, -500, 4_000, 4_001)] == [True, False, False, True]
