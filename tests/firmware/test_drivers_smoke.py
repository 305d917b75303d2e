"""The smoke chamber's baseline, its limits, and the detector's contact; and the board's supply."""

from fractions import Fraction
from math import floor

import pytest
from drivers.smoke_photo import CLEAR_MDBM, DRIFT_MDBM_PER_H, SmokePhoto
from drivers.supply import Supply
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.drivers_world import TICKS_WRAP, Contact, Voltage, ticks_diff
from wire.reading import GOOD, MISSING, SUSPECT

CLEAR_UV = 400_000
UV_PER_DBM = 2_000_000  # 1 mdB/m is 2 mV.
HOUR_S = 3_600


class Chamber:
    """A chamber that is read every `scan_s`; `smoke_mdbm` and `dust_mdbm` are what is in it."""

    def __init__(self, scan_s=10, **settings):
        self.voltage = Voltage()
        self.contact = Contact()
        self.driver = SmokePhoto(self.voltage, self.contact, ticks_diff, CLEAR_UV, UV_PER_DBM, **settings)
        self.scan_s = scan_s
        self.time_s = 0

    def scan(self, smoke_mdbm: float, dust_mdbm: float = 0):
        self.time_s += self.scan_s
        self.voltage.uv = floor(CLEAR_UV + (smoke_mdbm + dust_mdbm) * UV_PER_DBM / 1000)
        return self.read()

    def read(self):
        return self.driver.read((TICKS_WRAP - 60_000 + self.time_s * 1000) % TICKS_WRAP)


def nearest(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))


@given(st.integers(CLEAR_UV // 2, 3_300_000))
def test_obscuration_is_the_exact_fraction_over_clear_air(uv):
    chamber = Chamber()
    chamber.voltage.uv = uv
    exact = nearest(Fraction(uv - CLEAR_UV, UV_PER_DBM) * 1000)
    assert chamber.read()[0] == (exact, GOOD)


@pytest.mark.parametrize("uv", [None, 0, CLEAR_UV // 2 - 1])
def test_a_chamber_without_its_light_is_blind_and_gives_no_number(uv):
    chamber = Chamber()
    chamber.voltage.uv = uv
    assert chamber.read() == [(None, MISSING), (0, GOOD)]
    assert chamber.driver.errors == 1


def test_smoke_beyond_the_scale_stays_at_its_end_and_good():
    dense = SmokePhoto(Voltage(3_000_000), Contact(), ticks_diff, CLEAR_UV, 10_000)
    assert dense.read(0)[0] == (20_000, GOOD)
    thin = SmokePhoto(Voltage(CLEAR_UV // 2), Contact(), ticks_diff, CLEAR_UV, 10_000)
    assert thin.read(0)[0] == (-500, GOOD)


def test_the_contact_passes_at_once_whatever_the_chamber_says():
    chamber = Chamber()
    for uv in (None, 0, CLEAR_UV, 3_000_000):
        chamber.voltage.uv = uv
        chamber.contact.level = 1
        assert chamber.read()[1] == (1, GOOD)
        chamber.contact.level = 0
        assert chamber.read()[1] == (0, GOOD)


def test_a_contact_that_opens_in_alarm_is_turned_round():
    chamber = Chamber(contact_active=0)
    chamber.voltage.uv = CLEAR_UV
    assert chamber.read()[1] == (1, GOOD)
    chamber.contact.level = 1
    assert chamber.read()[1] == (0, GOOD)


def test_a_contact_that_cannot_be_read_is_missing():
    chamber = Chamber()
    chamber.voltage.uv = CLEAR_UV
    chamber.contact.level = None
    assert chamber.read()[1] == (None, MISSING)


def test_dust_that_settles_slowly_is_taken_out():
    chamber = Chamber(scan_s=60)
    for minute in range(40 * 60):
        value, quality = chamber.scan(0, dust_mdbm=minute / 60)[0]  # 1 mdB/m an hour, 40 hours.
        assert quality == GOOD
        assert value is not None
        assert abs(value) <= 1
    assert chamber.driver.baseline_uv > CLEAR_UV + 70_000


def test_the_baseline_moves_no_faster_than_its_limit():
    chamber = Chamber(scan_s=60)
    for minute in range(1, 10 * 60):
        chamber.scan(CLEAR_MDBM - 1)
        moved_mdbm = Fraction((chamber.driver.baseline_uv - CLEAR_UV) * 1000, UV_PER_DBM)
        assert moved_mdbm <= Fraction(DRIFT_MDBM_PER_H * minute, 60)
    assert chamber.driver.baseline_uv == CLEAR_UV + 598 * DRIFT_MDBM_PER_H * 2_000 // 60


def test_a_long_pause_between_scans_teaches_no_more_than_a_minute():
    chamber = Chamber(scan_s=24 * HOUR_S)
    chamber.scan(40)
    chamber.scan(40)
    assert chamber.driver.baseline_uv - CLEAR_UV <= DRIFT_MDBM_PER_H * 2_000 // 60


def test_smoke_is_never_learned():
    chamber = Chamber()
    for _ in range(6 * HOUR_S // 10):
        assert chamber.scan(CLEAR_MDBM + 1)[0] == (CLEAR_MDBM + 1, GOOD)
    assert chamber.driver.baseline_uv == CLEAR_UV


@pytest.mark.parametrize("threshold_mdbm", [100, 200])
@pytest.mark.parametrize("share_an_hour", [Fraction(1, 4), Fraction(1, 2), Fraction(2)])
def test_a_slow_fire_is_delayed_no_more_than_en_54_7_allows(threshold_mdbm, share_an_hour):
    growth = threshold_mdbm * share_an_hour  # mdB/m an hour
    chamber = Chamber()
    limit_s = Fraction(16, 10) * threshold_mdbm / growth * HOUR_S + 100
    while True:
        value, _ = chamber.scan(float(growth * chamber.time_s / HOUR_S))[0]
        if value is not None and value >= threshold_mdbm:
            break
        assert chamber.time_s < limit_s
    assert chamber.time_s <= limit_s


@pytest.mark.parametrize("sign", [1, -1])
def test_a_chamber_that_drifts_too_far_is_dirty_and_still_measures(sign):
    chamber = Chamber(scan_s=60, drift_max_mdbm=20)
    dust = 0.0
    while chamber.driver.errors == 0:
        dust += sign / 60
        assert abs(dust) < 25
        chamber.scan(0, dust)
    assert chamber.driver.baseline_uv == CLEAR_UV + sign * 20 * 2_000
    for _ in range(60):
        dust += sign / 60
        assert chamber.scan(0, dust)[0][1] == SUSPECT
    assert chamber.driver.errors == 1
    assert chamber.driver.baseline_uv == CLEAR_UV + sign * 20 * 2_000
    smoke, quality = chamber.scan(300, dust)[0]
    assert smoke is not None
    assert smoke >= 299
    assert quality == SUSPECT


def test_a_baseline_that_may_not_drift_stays():
    chamber = Chamber(scan_s=60, drift_max_mdbm=0)
    for _ in range(60):
        chamber.scan(5)
    assert chamber.driver.baseline_uv == CLEAR_UV


def test_a_chamber_that_was_cleaned_is_good_again():
    chamber = Chamber(scan_s=60, drift_max_mdbm=20)
    for minute in range(25 * 60):
        chamber.scan(0, dust_mdbm=minute / 60)
    assert chamber.driver.dirty
    for _ in range(3 * 60):
        chamber.scan(0)
    assert chamber.scan(0)[0][1] == GOOD


@pytest.mark.parametrize(("clear_uv", "uv_per_dbm", "drift"), [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_settings_of_the_chamber_that_cannot_be_are_refused(clear_uv, uv_per_dbm, drift):
    with pytest.raises(ValueError):
        SmokePhoto(Voltage(), Contact(), ticks_diff, clear_uv, uv_per_dbm, drift_max_mdbm=drift)


@given(st.integers(0, 3_300_000), st.integers(1_000, 100_000))
def test_supply_is_the_pins_voltage_times_the_divider(uv, ratio_permil):
    exact = nearest(Fraction(uv * ratio_permil, 1_000_000))
    assert Supply(Voltage(uv), ratio_permil).read(0) == [(exact, GOOD)]


def test_a_supply_that_cannot_be_read_is_missing():
    supply = Supply(Voltage(None), 11_000)
    assert supply.read(0) == [(None, MISSING)]
    assert supply.errors == 1
    with pytest.raises(ValueError):
        Supply(Voltage(0), 999)
