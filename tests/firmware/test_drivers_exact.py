"""What a driver must forget, and what must be right to the last unit: mistakes that change one number in thousands."""

import pytest
from drivers.integers import MeanVoltage
from drivers.pressure_420 import Pressure420
from drivers.scl3300 import Scl3300
from drivers.smoke_photo import SmokePhoto
from drivers.supply import Supply
from drivers.ultrasonic_uart import UltrasonicUart
from hal.posix_chips import Scl3300 as Chip

from tests.firmware.drivers_world import Contact, Voltage, Wire, ticks_diff
from wire.reading import GOOD, MISSING


@pytest.mark.parametrize(("samples_uv", "mean_uv"), [([5], 5), ([0], 0), ([2, 3], 3), ([1, 2, 2], 2), ([-1, -2], -1)])
def test_the_mean_voltage_is_exact_with_halves_up(samples_uv, mean_uv):
    assert MeanVoltage(Voltage(samples_uv), len(samples_uv)).read_uv() == mean_uv


# 100 ohm, 60 m: a microvolt over 400,000 uV (4 mA) is 60,000 / 1,600,000 = 3 / 80 mm.
# 1,599,933 uV over it: 4,799,799 / 80 = 59,997.4875 mm; a millionth of the voltage more is 0.075 mm and rounds up.
def test_head_has_no_error_of_a_millionth():
    assert Pressure420(Voltage(1_999_933), 100_000, 60_000).read(0) == [(59_997, GOOD)]


def test_frames_behind_one_another_drop_no_byte():
    # FF 07 A1 A7 = 1,953 mm: FF + 07 + A1 = 1A7.
    sensor = UltrasonicUart(Wire(bytes.fromhex("FF07A1A7") * 5))
    assert sensor.read(0) == [(1_953, GOOD)]
    assert sensor.dropped == 0


# T = -273 + raw / 18.9 (data sheet): 27.00 degC is raw 5,670, -30.00 degC is 4,592.7 and comes back from 4,593.
@pytest.mark.parametrize(("temp_cdeg", "read_cdeg"), [(2_700, 2_700), (-3_000, -2_998)])
def test_temperature_is_the_data_sheets_formula(temp_cdeg, read_cdeg):
    chip = Chip({"x_mdeg": 0, "y_mdeg": 0, "z_mdeg": 90_000, "temp_cdeg": temp_cdeg, "fault": ""})
    driver = Scl3300(chip, ticks_diff)
    newest = [list(driver.read(1_000 * scan)) for scan in range(4)][-1]
    assert newest[2] == (read_cdeg, GOOD)


# 3,000,046 uV times 11 = 33,000.506 mV; a millionth less, 0.033 mV, would round down.
def test_supply_has_no_error_of_a_millionth_and_does_not_show_its_last_number():
    voltage = Voltage(3_000_046)
    supply = Supply(voltage, 11_000)
    assert supply.read(0) == [(33_001, GOOD)]
    voltage.uv = None
    assert supply.read(1_000) == [(None, MISSING)]


CLEAR_UV = 400_000
UV_PER_DBM = 2_000_000
HAZE_UV = CLEAR_UV + 20 * UV_PER_DBM // 1000  # 20 mdB/m: near enough to clear air for the baseline to follow.


def test_a_chamber_that_goes_blind_does_not_show_its_last_number():
    voltage = Voltage(HAZE_UV)
    chamber = SmokePhoto(voltage, Contact(), ticks_diff, CLEAR_UV, UV_PER_DBM)
    assert chamber.read(0)[0] == (20, GOOD)
    voltage.uv = None
    assert chamber.read(1_000)[0] == (None, MISSING)


def test_the_baseline_learns_nothing_from_a_pause_in_which_the_chamber_was_blind():
    voltage = Voltage()
    chamber = SmokePhoto(voltage, Contact(), ticks_diff, CLEAR_UV, UV_PER_DBM)
    for minute in range(600):
        voltage.uv = HAZE_UV if minute % 2 else None
        chamber.read(60_000 * minute)
    assert chamber.baseline_uv == CLEAR_UV
