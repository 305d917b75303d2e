import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards import board_json
from tools.emulator.stimulus import AT_REST, DRIVERS, TIP_GAP_MS, Stimulus


def stimulus(*fit, board_type="esp32-rs485"):
    return Stimulus(board_json(board_type, 11, 9600, "8N1", fit=fit))


def test_every_driver_of_every_board_has_a_stimulus():
    for board_type in ("esp32-rs485", "esp32-wifi", "rp2040-rs485"):
        for fit in ("level", "gap", "rain", "tilt", "smoke"):
            definition = board_json(board_type, 11, 9600, "8N1", fit=(fit,))
            made = Stimulus(definition)
            channels = [name for sensor in definition["sensors"] for name in sensor["channels"]]
            assert sorted(made.quantities) == sorted(channels)


@pytest.mark.parametrize(
    ("head_mm", "microvolt"),
    # 100 ohm: 4 mA = 0.4 V, 20 mA = 2 V; 10 m full scale, so 1 m is 1.6 mA or 0.16 V.
    [(0, 400_000), (10_000, 2_000_000), (5_000, 1_200_000), (1_000, 560_000), (-100, 384_000), (None, 0)],
)
def test_a_head_is_a_current_over_the_shunt(head_mm, microvolt):
    assert stimulus("level").set("head_mm", head_mm) == {"adc": {"0": microvolt}}


@pytest.mark.parametrize(
    ("quantity", "value", "message"),
    [
        ("smoke_mdbm", 0, {"adc": {"1": 400_000}}),
        ("smoke_mdbm", 100, {"adc": {"1": 600_000}}),  # 2 V for 1 dB/m: 0.1 dB/m is 0.2 V more
        ("smoke_mdbm", None, {"adc": {"1": 0}}),
        ("smoke_contact", 1, {"pin": {"smoke": 1}}),
        ("smoke_contact", 0, {"pin": {"smoke": 0}}),
        ("supply_mv", 11_000, {"adc": {"2": 1_000_000}}),  # divider 11 : 1
        ("supply_mv", None, {"adc": {"2": None}}),
    ],
)
def test_smoke_contact_and_supply_show_at_their_pins(quantity, value, message):
    assert stimulus("smoke").set(quantity, value) == message


def test_the_frame_of_the_ultrasonic_sensor_is_that_of_its_data_sheet():
    gap = stimulus("gap")
    gap.set("gap_mm", 1953)
    assert gap.frames() == {"uart": {"1": "ff07a1a7"}}  # FF 07 A1 A7 = 1953 mm


@given(st.integers(0, 7_500))
def test_every_frame_has_its_sum(gap_mm):
    gap = stimulus("gap")
    gap.set("gap_mm", gap_mm)
    frame = bytes.fromhex(gap.frames()["uart"]["1"])
    assert frame[0] == 0xFF
    assert frame[1] * 256 + frame[2] == gap_mm
    assert sum(frame[:3]) % 256 == frame[3]


def test_an_ultrasonic_sensor_that_is_gone_sends_nothing():
    gap = stimulus("gap")
    gap.set("gap_mm", None)
    assert gap.frames() == {}
    gap.set("gap_mm", 1000)
    gap.fault("missing")
    assert gap.frames() == {}


def test_tilt_goes_to_the_chip_and_faults_are_the_chips():
    tilt = stimulus("tilt")
    whole = tilt.set("tilt_x_mdeg", -1500)["spi"]["0"]
    assert whole == {"x_mdeg": -1500, "y_mdeg": 0, "temp_cdeg": AT_REST["temp_cdeg"], "fault": ""}
    assert tilt.fault("crc")["spi"]["0"]["fault"] == "crc"
    assert tilt.fault("missing")["spi"]["0"]["fault"] == "silent"
    assert tilt.fault("")["spi"]["0"] == whole


def test_a_stuck_sensor_stays_and_follows_when_it_is_mended():
    level = stimulus("level")
    level.set("head_mm", 0)
    level.fault("stuck")
    assert level.set("head_mm", 10_000) == {"adc": {"0": 400_000}}
    assert level.fault("")["adc"]["0"] == 2_000_000


def test_a_spike_is_far_off_until_it_settles():
    level = stimulus("level")
    level.set("head_mm", 0)
    assert level.fault("spike", "head_mm")["adc"]["0"] > 900_000
    assert level.spiking
    assert level.settle()["adc"]["0"] == 400_000
    assert not level.spiking


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5_000), st.integers(0, 3_000)), max_size=20))
def test_tips_are_all_there_in_order_and_never_too_close(calls):
    rain = stimulus("rain")
    now_ms = 0
    times = []
    for count, spread_ms, later_ms in calls:
        now_ms += later_ms
        times += rain.tips(count, spread_ms, now_ms)
    assert len(times) == sum(count for count, _, _ in calls)
    assert all(b - a >= TIP_GAP_MS for a, b in zip(times, times[1:], strict=False))


def test_what_cannot_be_is_refused():
    level = stimulus("level")
    with pytest.raises(KeyError, match="not rain_um"):
        level.set("rain_um", 1)
    with pytest.raises(ValueError, match="no fault 'broken'"):
        level.fault("broken")
    with pytest.raises(ValueError, match="tips at once"):
        stimulus("rain").tips(0, 0, 0)
    with pytest.raises(ValueError, match="no stimulus"):
        Stimulus({"sensors": [{"driver": "geiger"}]})


def test_a_board_that_starts_is_told_every_pin():
    told = stimulus("level", "tilt", "smoke").everything()
    assert set(told) == {"adc", "spi", "pin"}
    assert set(told["adc"]) == {"0", "1", "2"}
    assert {"head_mm", "rain_um"} <= {quantity for quantities in DRIVERS.values() for quantity in quantities}
