"""The inclinometer's driver against the register-level model of the chip, and both against the data sheet."""

from fractions import Fraction
from math import floor

import pytest
from drivers.scl3300 import SETTLE_MS, Scl3300, crc8
from hal.posix_chips import Scl3300 as Chip
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware.drivers_world import TICKS_WRAP, ticks_diff
from wire.reading import GOOD, MISSING

NOTHING = [(None, MISSING)] * 3
START = TICKS_WRAP - 1_500

# Commands as the data sheet prints them, with their CRC: the only values here that no code of ours made.
DATA_SHEET_COMMANDS = (
    "040000F7",
    "080000FD",
    "0C0000FB",
    "240000C7",
    "280000CD",
    "2C0000CB",
    "140000EF",
    "180000E5",
    "1C0000E3",
    "200000C1",
    "340000DF",
    "40000091",
    "640000A7",
    "680000AD",
    "7C0000B3",
    "B0001F6F",
    "B400001F",
    "B4000102",
    "B4000225",
    "B4000338",
    "B400046B",
    "B4002098",
)


class Bus:
    """The chip behind a wire that can be looked at and spoilt. `spoil(number, answer)` -> answer."""

    def __init__(self, chip, spoil=None):
        self.chip = chip
        self.sent = []
        self.spoil = spoil

    def transfer(self, command):
        self.sent.append(bytes(command).hex().upper())
        answer = self.chip.transfer(command)
        return self.spoil(len(self.sent) - 1, answer) if self.spoil else answer


class Inclinometer:
    """Driver, bus and chip; `scan()` reads once a second."""

    def __init__(self, **options):
        self.state = {"x_mdeg": 0, "y_mdeg": 0, "z_mdeg": 90_000, "temp_cdeg": 2_000, "fault": ""}
        self.chip = Chip(self.state)
        self.bus = Bus(self.chip)
        self.driver = Scl3300(self.bus, ticks_diff, **options)
        self.now_ms = START

    def scan(self, after_ms=1_000):
        self.now_ms = (self.now_ms + after_ms) % TICKS_WRAP
        return list(self.driver.read(self.now_ms))

    def started(self):
        for _ in range(3):
            self.scan()
        return self


def nearest(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))


def angle_of(counts: int) -> int:
    """Millidegrees of a count, from FIELD's formula int16 / 16384 * 90 degrees."""
    return nearest(Fraction(counts, 16_384) * 90_000)


@pytest.mark.parametrize("command", DATA_SHEET_COMMANDS)
def test_the_crc_is_the_data_sheets(command):
    frame = bytes.fromhex(command)
    assert crc8(frame) == frame[3]


def test_the_crc_of_a_known_answer_is_right():
    assert crc8(bytes((3, 0, 0))) == 125  # First answer after power-on, as a published test of another driver has it.


def test_the_driver_sends_the_data_sheets_commands_only():
    inclinometer = Inclinometer(mode=2).started()
    assert set(inclinometer.bus.sent) <= set(DATA_SHEET_COMMANDS)
    assert inclinometer.bus.sent[:3] == ["B4002098", "B4000102", "B0001F6F"]
    assert inclinometer.chip.mode == 2


def test_the_first_value_comes_with_the_third_scan():
    inclinometer = Inclinometer()
    inclinometer.state["x_mdeg"] = 1_000
    assert inclinometer.scan() == NOTHING
    assert inclinometer.scan() == NOTHING
    assert inclinometer.scan()[0] == (1_000, GOOD)
    assert inclinometer.driver.errors == 0


def test_nothing_is_read_before_the_chip_has_settled():
    inclinometer = Inclinometer()
    inclinometer.scan()
    inclinometer.scan()
    sent = len(inclinometer.bus.sent)
    assert inclinometer.scan(SETTLE_MS - 1) == NOTHING
    assert len(inclinometer.bus.sent) == sent
    assert inclinometer.scan(1)[0] == (0, GOOD)


@pytest.mark.parametrize("axis", [0, 1])
def test_every_angle_has_its_sign_and_the_other_axis_stays(axis):
    inclinometer = Inclinometer(samples=1).started()
    key = ("x_mdeg", "y_mdeg")[axis]
    counts = [*range(-32_768, 32_768, 127), *range(-64, 65), -16_385, -16_384, 16_384, 16_385, 32_767]
    for count in counts:
        inclinometer.state[key] = nearest(Fraction(count * 90_000, 16_384))
        got = inclinometer.scan()
        assert got[axis] == (angle_of(count), GOOD), count
        assert got[1 - axis] == (0, GOOD)


@settings(max_examples=50)
@given(st.integers(-90_000, 90_000), st.integers(-90_000, 90_000), st.integers(-4_000, 12_500), st.integers(1, 16))
def test_angles_and_temperature_come_back_within_half_a_count(x_mdeg, y_mdeg, temp_cdeg, samples):
    inclinometer = Inclinometer(samples=samples).started()
    inclinometer.state.update(x_mdeg=x_mdeg, y_mdeg=y_mdeg, temp_cdeg=temp_cdeg)
    (x_got, _), (y_got, _), (temp_got, _) = inclinometer.scan()
    assert x_got is not None
    assert y_got is not None
    assert temp_got is not None
    assert abs(x_got - x_mdeg) <= 3  # A count is 5.5 mdeg.
    assert abs(y_got - y_mdeg) <= 3
    assert abs(temp_got - temp_cdeg) <= 3  # A count is 5.3 cdeg.


def test_samples_of_a_scan_are_averaged_with_their_signs():
    inclinometer = Inclinometer(samples=2).started()
    counts = iter([-100, 400, -101, 400])  # Answers to x, y, x, y; the rest passes.

    def spoil(number, answer):
        if answer[0] >> 2 not in (0x09, 0x0A):
            return answer
        frame = bytes((answer[0], *(next(counts) & 0xFFFF).to_bytes(2, "big")))
        return frame + bytes((crc8(frame),))

    inclinometer.bus.spoil = spoil
    got = inclinometer.scan()
    assert got[0] == (nearest(Fraction(-201, 2) * 90_000 / 16_384), GOOD)
    assert got[1] == (angle_of(400), GOOD)


@pytest.mark.parametrize("fault", ["silent", "crc", "whoami", "status"])
def test_a_fault_gives_no_value_from_the_first_scan_on_and_values_return_after_it(fault):
    inclinometer = Inclinometer().started()
    inclinometer.state["fault"] = fault
    assert inclinometer.scan() == NOTHING
    assert inclinometer.driver.errors == 1
    assert [inclinometer.scan() for _ in range(6)] == [NOTHING] * 6
    assert inclinometer.driver.errors >= 3
    inclinometer.state.update(fault="", x_mdeg=2_000)
    returned = [inclinometer.scan()[0] for _ in range(5)]
    assert returned[-1] == (2_000, GOOD)
    assert set(returned) <= {(None, MISSING), (2_000, GOOD)}


def test_one_spoilt_scan_does_not_start_the_chip_anew_and_two_in_a_row_do():
    inclinometer = Inclinometer().started()
    reset = "B4002098"
    for _ in range(2):
        inclinometer.state["fault"] = "crc"
        inclinometer.scan()
        inclinometer.state["fault"] = ""
        assert inclinometer.scan()[0] == (0, GOOD)
    assert inclinometer.bus.sent.count(reset) == 1
    inclinometer.state["fault"] = "crc"
    inclinometer.scan()
    inclinometer.scan()
    inclinometer.scan()
    assert inclinometer.bus.sent.count(reset) == 2


@pytest.mark.parametrize("fault", ["silent", "crc", "whoami", "status"])
def test_a_chip_with_a_fault_at_power_on_never_gives_a_value(fault):
    inclinometer = Inclinometer()
    inclinometer.state["fault"] = fault
    assert [inclinometer.scan() for _ in range(12)] == [NOTHING] * 12
    assert inclinometer.driver.errors >= 3


def frames_in_a_scan() -> int:
    inclinometer = Inclinometer(samples=2).started()
    before = len(inclinometer.bus.sent)
    inclinometer.scan()
    return len(inclinometer.bus.sent) - before


@pytest.mark.parametrize("number", range(1, frames_in_a_scan()))
def test_one_flipped_bit_in_any_answer_of_a_scan_spoils_that_scan_only(number):
    for bit in range(32):
        inclinometer = Inclinometer(samples=2).started()
        first = len(inclinometer.bus.sent)

        def flip(at, answer, first=first, bit=bit):
            if at != first + number:
                return answer
            return (int.from_bytes(answer, "big") ^ 1 << bit).to_bytes(4, "big")

        inclinometer.bus.spoil = flip
        assert inclinometer.scan() == NOTHING
        assert inclinometer.driver.errors == 1
        assert inclinometer.scan()[0] == (0, GOOD)


@pytest.mark.parametrize("number", range(1, frames_in_a_scan()))
@pytest.mark.parametrize(("clear", "put"), [(0x03, 0x00), (0x03, 0x02), (0x03, 0x03), (0xFC, 0x04), (0xFC, 0x80)])
def test_a_whole_answer_with_another_status_or_of_another_register_spoils_the_scan(number, clear, put):
    inclinometer = Inclinometer(samples=2).started()
    first = len(inclinometer.bus.sent)

    def other(at, answer):
        if at != first + number:
            return answer
        frame = bytes((answer[0] & ~clear | put, answer[1], answer[2]))
        return frame + bytes((crc8(frame),))

    inclinometer.bus.spoil = other
    assert inclinometer.scan() == NOTHING


@pytest.mark.parametrize("answer", [b"", b"\x00" * 4, b"\xff" * 4, b"\x00" * 3, b"\x25\x00\x00"])
def test_a_wire_that_is_stuck_or_cut_gives_no_value(answer):
    inclinometer = Inclinometer().started()
    inclinometer.bus.spoil = lambda number, good: answer
    assert inclinometer.scan() == NOTHING


def test_answers_that_belong_to_another_command_are_not_used():
    inclinometer = Inclinometer(samples=1).started()
    inclinometer.state.update(x_mdeg=5_000, y_mdeg=-5_000)
    late = []

    def one_more_late(number, answer):
        late.append(answer)
        return late[-2] if len(late) > 1 else answer

    inclinometer.bus.spoil = one_more_late
    assert [inclinometer.scan() for _ in range(6)] == [NOTHING] * 6


def test_a_bus_that_raises_is_a_fault_of_the_sensor():
    inclinometer = Inclinometer().started()

    def broken(number, answer):
        raise OSError(5)

    inclinometer.bus.spoil = broken
    assert inclinometer.scan() == NOTHING
    assert inclinometer.driver.errors == 1


def test_a_chip_that_lost_its_settings_never_shows_its_zeros():
    inclinometer = Inclinometer().started()
    inclinometer.state["x_mdeg"] = 5_000
    wanted = inclinometer.scan()[0]
    inclinometer.chip.power_on()
    seen = [inclinometer.scan()[0] for _ in range(8)]
    assert seen[-1] == wanted
    assert set(seen) == {wanted, (None, MISSING)}


def test_a_status_that_stands_in_the_summary_spoils_the_scan():
    inclinometer = Inclinometer(samples=1).started()

    def summary(number, answer):
        if answer[0] >> 2 != 0x06:
            return answer
        frame = bytes((answer[0], 0x00, 0x40))
        return frame + bytes((crc8(frame),))

    inclinometer.bus.spoil = summary
    assert inclinometer.scan() == NOTHING


def test_the_model_notes_a_command_with_a_wrong_crc():
    chip = Chip({})
    chip.transfer(bytes.fromhex("B400001F"))
    for _ in range(3):
        chip.transfer(bytes.fromhex("180000E5"))
    assert chip.transfer(bytes.fromhex("180000E5"))[0] & 3 == 1
    chip.transfer(bytes.fromhex("240000C6"))
    assert chip.transfer(bytes.fromhex("180000E5"))[0] & 3 == 3


@pytest.mark.parametrize(("mode", "samples"), [(0, 4), (5, 4), (4, 0), (4, 17)])
def test_settings_that_cannot_be_are_refused(mode, samples):
    with pytest.raises(ValueError):
        Scl3300(Bus(Chip({})), ticks_diff, mode, samples)
