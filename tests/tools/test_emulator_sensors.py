import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pymodbus.framer import FramerRTU

from boards import load_profile
from tools.emulator.sensors import TURN_NS, BoughtSensor

S = 1_000_000_000


def ask(address, register, count, function=3):
    body = struct.pack(">BBHH", address, function, register, count)
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def words(answer):
    assert FramerRTU.compute_CRC(answer[:-2]).to_bytes(2, "big") == answer[-2:]
    return list(struct.unpack(f">{answer[2] // 2}H", answer[3:-2]))


class Asked:
    """A sensor that is asked every ten seconds, so that it is always ready."""

    def __init__(self, profile="radar-60ghz", address=21):
        self.sensor = BoughtSensor("radar", load_profile(profile), address)
        self.now_ns = S

    def __call__(self, register, count=1, function=3):
        self.now_ns += 10 * S
        answer = self.sensor.answer(ask(self.sensor.address, register, count, function), self.now_ns)
        return answer[1] if answer else b""


def test_the_radar_gives_gap_and_level_in_both_units_and_a_good_status():
    radar = Asked()
    radar.sensor.set("gap_mm", 4321)
    assert [words(radar(register)) for register in (0, 1, 2, 3, 0x10)] == [[432], [4321], [767], [7679], [0]]


def test_the_radar_answers_rubbish_to_a_block_read_with_a_good_crc():
    radar = Asked()
    radar.sensor.set("gap_mm", 4321)
    answers = [words(radar(0, 4)) for _ in range(5)]
    assert all(len(answer) == 4 for answer in answers)
    assert [432, 4321, 767, 7679] not in answers


def test_no_echo_is_an_invalid_code_with_a_bad_status():
    radar = Asked()
    radar.sensor.set("gap_mm", None)
    assert words(radar(1)) == [0xFFFF]
    assert words(radar(0x10)) != [0]


def test_wrong_questions_get_the_right_exception():
    radar = Asked()
    assert radar(1, function=4)[1:3] == bytes((0x84, 1))
    assert radar(0x55)[1:3] == bytes((0x83, 2))
    assert radar(1, count=0)[1:3] == bytes((0x83, 3))
    assert radar(1, count=126)[1:3] == bytes((0x83, 3))


def test_other_addresses_broadcasts_and_broken_frames_get_no_answer():
    sensor = Asked().sensor
    assert sensor.answer(ask(22, 1, 1), S) is None
    assert sensor.answer(ask(0, 1, 1), S) is None
    assert sensor.answer(ask(21, 1, 1)[:-1], S) is None
    assert sensor.answer(ask(21, 1, 1)[:-1] + b"\x00", S) is None


def test_a_request_before_the_sensor_is_ready_again_gets_no_answer():
    sensor = Asked().sensor
    interval_ns = load_profile("radar-60ghz").min_interval_ms * 1_000_000
    answer = sensor.answer(ask(21, 1, 1), S)
    at_ns = answer[0] if answer else 0
    assert at_ns == S + TURN_NS
    assert sensor.answer(ask(21, 1, 1), at_ns + interval_ns - 1) is None
    assert sensor.answer(ask(21, 1, 1), at_ns + interval_ns) is not None


def test_a_stuck_sensor_stays_and_follows_again_when_it_is_mended():
    radar = Asked()
    radar.sensor.set("gap_mm", 4000)
    radar.sensor.fault("stuck")
    radar.sensor.set("gap_mm", 5000)
    assert words(radar(1)) == [4000]
    radar.sensor.fault("")
    assert words(radar(1)) == [5000]


def test_a_spike_is_one_answer_far_off():
    radar = Asked()
    radar.sensor.set("gap_mm", 4000)
    radar.sensor.fault("spike")
    assert abs(words(radar(1))[0] - 4000) > 1000
    assert words(radar(1)) == [4000]


def test_each_fault_shows_as_it_is_said_to():
    radar = Asked()
    radar.sensor.set("gap_mm", 4000)
    seen = {}
    for kind in ("invalid", "status", "missing", "silent"):
        radar.sensor.fault(kind)
        seen[kind] = [words(answer)[0] if answer else None for answer in (radar(1), radar(0x10))]
    assert seen["invalid"] == [0xFFFF, 0]
    assert seen["status"] == [4000, 1]
    assert seen["missing"] == [0xFFFF, 1]
    assert seen["silent"] == [None, None]
    with pytest.raises(ValueError, match="no fault 'tired'"):
        radar.sensor.fault("tired")


@given(st.integers(0, 10_500))
def test_a_sensor_with_sl651_registers_gives_two_words_high_word_first(head_mm):
    level = Asked("level-485", 31)
    level.sensor.set("head_mm", head_mm)
    assert words(level(2, 2)) == [head_mm >> 16, head_mm & 0xFFFF]


def test_a_quantity_that_it_does_not_measure_is_refused():
    with pytest.raises(KeyError):
        Asked().sensor.set("rain_um", 1)


def test_a_sensor_takes_its_own_time_to_answer():
    prompt = BoughtSensor("radar", load_profile("radar-60ghz"), 21, turn_ns=2_000_000)
    slow = BoughtSensor("radar", load_profile("radar-60ghz"), 21)
    said = [sensor.answer(ask(21, 1, 1), S) for sensor in (prompt, slow)]
    assert [answer and answer[0] for answer in said] == [S + 2_000_000, S + TURN_NS]


def test_a_sensor_does_not_answer_to_its_own_answer():
    sensor = BoughtSensor("level", replace(load_profile("level-485"), min_interval_ms=0), 21)
    said = sensor.answer(ask(21, 2, 2), S)
    assert said
    assert sensor.answer(said[1], 2 * S) is None
    assert sensor.answer(ask(21, 2, 2), 3 * S) == (3 * S + TURN_NS, said[1])
