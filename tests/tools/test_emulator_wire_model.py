"""The emulated line as arithmetic: every time below is computed by hand from the baud rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from tools.emulator import rtu
from tools.emulator.wire_model import MASTER, Wire

CHAR_NS = 1_041_667  # 10 bits at 9600 baud
T35_NS = 3_645_833
S = 1_000_000_000


class Ears:
    """A wire with a master and boards, and what each of them heard, with the time of its last byte."""

    def __init__(self, addresses=(11, 12), **settings):
        self.wire = Wire(**settings)
        self.ports = {address: self.wire.join(f"board {address}", address) for address in addresses}
        self.heard = dict.fromkeys((MASTER, *self.ports.values()), b"")
        self.wire.advance(S)

    def at(self, now_ns):
        for heard in self.wire.advance(now_ns):
            for port in self.heard:
                if port not in heard.deaf:
                    self.heard[port] += heard.data

    def say(self, address, data, now_ns):
        self.at(now_ns)
        self.wire.talk(self.ports[address] if address else MASTER, data, now_ns)

    def of(self, address):
        return self.heard[self.ports[address] if address else MASTER]


REQUEST = rtu.sealed(bytes((11, 3, 0, 4, 0, 8)))
ANSWER = rtu.sealed(bytes((11, 3, 4, 1, 2, 3, 4)))
OTHER = rtu.sealed(bytes((12, 3, 4, 5, 6, 7, 8)))


def test_a_byte_is_heard_when_its_last_bit_has_left_and_not_before():
    ears = Ears(chunk_ns=1)
    ears.say(0, b"abc", 2 * S)
    for count in range(1, 4):
        ears.at(2 * S + count * CHAR_NS - 1)
        assert ears.of(11) == b"abc"[: count - 1]
        ears.at(2 * S + count * CHAR_NS)
        assert ears.of(11) == b"abc"[:count]


def test_a_frame_is_handed_over_whole_when_its_last_bit_has_left():
    ears = Ears()
    ears.say(0, REQUEST, 2 * S)
    ears.at(2 * S + 8 * CHAR_NS - 1)
    assert ears.of(11) == b""
    assert ears.wire.next_ns() == 2 * S + 8 * CHAR_NS
    ears.at(2 * S + 8 * CHAR_NS)
    assert ears.of(11) == REQUEST


def test_every_byte_reaches_everybody_but_who_says_it():
    ears = Ears()
    ears.say(11, ANSWER, 2 * S)
    ears.at(3 * S)
    assert ears.of(0) == ears.of(12) == ANSWER
    assert ears.of(11) == b""


def test_eleven_bits_a_character_take_a_tenth_longer():
    ears = Ears(char_bits=11)
    ears.say(0, b"x", 2 * S)
    ears.at(2 * S + 11 * S // 9600 - 1_000)
    assert ears.of(11) == b""
    ears.at(2 * S + 11 * S // 9600 + 1_000)
    assert ears.of(11) == b"x"


def test_acceleration_shortens_the_character_and_nothing_else():
    ears = Ears(rate=60.0)
    ears.say(0, REQUEST, 2 * S)
    ears.at(2 * S + 8 * (CHAR_NS // 60) - 10_000)
    assert ears.of(11) != REQUEST
    ears.at(2 * S + 8 * (CHAR_NS // 60 + 1))
    assert ears.of(11) == REQUEST


def test_two_that_answer_at_once_destroy_both_frames_for_everybody():
    ears = Ears(addresses=(11, 12, 13))
    ears.say(11, ANSWER, 2 * S)
    ears.say(12, OTHER, 2 * S + CHAR_NS // 3)
    ears.at(3 * S)
    for listener in (0, 13):
        assert ANSWER not in ears.of(listener)
        assert OTHER not in ears.of(listener)
        assert len(ears.of(listener)) in (9, 10)
    assert ears.wire.stats(3 * S)["collisions"] == 1


@given(delay_ns=st.integers(0, 9 * CHAR_NS - 1), seed=st.integers(0, 999))
def test_no_delay_inside_the_first_answer_lets_either_frame_through(delay_ns, seed):
    ears = Ears(addresses=(11, 12, 13))
    ears.wire.faults.noise(0, seed)
    ears.say(11, ANSWER, 2 * S)
    ears.say(12, OTHER, 2 * S + delay_ns)
    ears.at(3 * S)
    assert ANSWER not in ears.of(13)
    assert OTHER not in ears.of(13)


def test_an_answer_right_behind_the_other_is_left_whole():
    ears = Ears()
    ears.say(11, ANSWER, 2 * S)
    ears.say(12, OTHER, 2 * S + 9 * CHAR_NS)
    ears.at(3 * S)
    assert ears.of(0) == ANSWER + OTHER
    assert ears.wire.stats(3 * S)["collisions"] == 0


def test_what_was_heard_before_the_collision_was_heard_right():
    ears = Ears(addresses=(11, 12, 13))
    ears.say(11, ANSWER, 2 * S)
    ears.say(12, OTHER, 2 * S + 4 * CHAR_NS)
    ears.at(3 * S)
    assert ears.of(13)[:4] == ANSWER[:4]
    assert ears.of(13)[4:9] != ANSWER[4:]


def test_a_frame_of_the_master_before_the_silence_is_over_is_counted():
    ears = Ears()
    ears.say(0, REQUEST, 2 * S)
    answered_ns = 2 * S + 8 * CHAR_NS + T35_NS
    ears.say(11, ANSWER, answered_ns)
    end_ns = answered_ns + 9 * CHAR_NS
    ears.say(0, REQUEST, end_ns + T35_NS + 1_000)
    assert ears.wire.stats(end_ns + T35_NS + 1_000)["gap_violations"] == 0
    end_ns += T35_NS + 1_000 + 8 * CHAR_NS
    ears.say(0, REQUEST, end_ns + T35_NS - 10_000)
    stats = ears.wire.stats(end_ns + T35_NS)
    assert stats["gap_violations"] == 1
    assert stats["gap_min_us"] == (T35_NS - 10_000) // 1000
    assert stats["answer_gap_violations"] == 0


def test_a_frame_in_two_pieces_is_one_frame_and_no_violation():
    ears = Ears()
    ears.say(0, REQUEST[:3], 2 * S)
    ears.say(0, REQUEST[3:], 2 * S + 2 * CHAR_NS)
    ears.at(3 * S)
    stats = ears.wire.stats(3 * S)
    assert ears.of(11) == REQUEST
    assert (stats["frames"], stats["gap_violations"]) == (1, 0)


def test_an_answer_that_comes_too_early_is_counted():
    ears = Ears()
    ears.say(0, REQUEST, 2 * S)
    ears.say(11, ANSWER, 2 * S + 8 * CHAR_NS + 1_000_000)
    assert ears.wire.stats(3 * S)["answer_gap_violations"] == 1


def test_busy_time_is_that_of_the_bytes_on_the_stations_clock():
    ears = Ears(rate=10.0)
    ears.say(0, bytes(96), 2 * S)
    ears.at(2 * S + S // 10)
    stats = ears.wire.stats(2 * S + S // 10)
    assert stats["busy_us"] == pytest.approx(100_000, rel=1e-4)
    assert stats["elapsed_us"] == 11 * 1_000_000  # 1.1 s of the world since the first look at 1 s


def test_the_line_says_when_to_look_again():
    ears = Ears(chunk_ns=1)
    assert ears.wire.next_ns() is None
    ears.say(0, b"ab", 2 * S)
    assert ears.wire.next_ns() == 2 * S + CHAR_NS
    ears.at(2 * S + CHAR_NS)
    assert ears.wire.next_ns() == 2 * S + 2 * CHAR_NS
    ears.at(2 * S + 2 * CHAR_NS)
    assert ears.wire.next_ns() is None


def test_a_silent_address_neither_hears_nor_speaks():
    ears = Ears()
    ears.wire.faults.silent.add(11)
    ears.say(0, REQUEST, 2 * S)
    ears.say(11, ANSWER, 2 * S + S // 2)
    ears.at(3 * S)
    assert (ears.of(11), ears.of(0)) == (b"", b"")
    assert ears.of(12) == REQUEST


def test_truncation_cuts_answers_and_not_requests():
    ears = Ears()
    ears.wire.faults.answer_bytes_max = 4
    ears.say(0, REQUEST, 2 * S)
    ears.say(11, ANSWER, 2 * S + S // 2)
    ears.at(3 * S)
    assert (ears.of(11), ears.of(0)) == (REQUEST, ANSWER[:4])


def test_a_wrong_id_is_a_good_frame_of_somebody_else():
    ears = Ears()
    ears.wire.faults.wrong_ids.add(11)
    ears.say(11, ANSWER, 2 * S)
    ears.at(3 * S)
    assert ears.of(0)[0] == 12
    assert ears.of(0)[1:-2] == ANSWER[1:-2]
    assert FramerRTU.compute_CRC(ears.of(0)[:-2]).to_bytes(2, "big") == ears.of(0)[-2:]


def test_a_second_device_with_the_same_address_answers_too():
    ears = Ears()
    ears.wire.faults.twins.add(11)
    spoilt = behind = 0
    for second in range(2, 202):
        ears.heard[MASTER] = b""
        ears.say(11, ANSWER, second * S)
        ears.at(second * S + S // 2)
        behind += ears.of(0).startswith(ANSWER) and len(ears.of(0)) > len(ANSWER)
        spoilt += not ears.of(0).startswith(ANSWER)
    assert spoilt + behind == 200
    assert spoilt > 30
    assert behind > 30


def test_noise_inverts_about_as_many_bits_as_it_says():
    ears = Ears()
    ears.wire.faults.noise(10, seed=7)
    ears.say(11, bytes(4000), 2 * S)
    ears.at(10 * S)
    wrong = sum(byte.bit_count() for byte in ears.of(0))
    assert 250 < wrong < 400  # 32,000 bits at 10 per mille


def test_garbage_ends_by_the_stations_clock():
    ears = Ears(rate=10.0)
    ears.wire.garbage(2 * S, station_s=20.0, seed=3)
    ears.at(3 * S)
    half = len(ears.of(0))
    ears.at(4 * S + S // 10)
    whole = len(ears.of(0))
    ears.at(9 * S)
    assert half > 1_000
    assert whole > half
    assert len(ears.of(0)) == whole


def test_echo_lets_the_master_hear_itself():
    ears = Ears()
    ears.wire.faults.echo = True
    ears.say(0, REQUEST, 2 * S)
    ears.at(3 * S)
    assert ears.of(0) == REQUEST


def test_silence_hands_over_the_whole_frame_once():
    ears = Ears()
    frames = []
    ears.wire.quiet_listeners.append(lambda frame, end_ns: frames.append((frame, end_ns)))
    ears.say(0, REQUEST, 2 * S)
    ears.at(2 * S + 8 * CHAR_NS + T35_NS - 1_000)
    assert frames == []
    ears.at(3 * S)
    assert frames == [(REQUEST, 2 * S + 8 * CHAR_NS)]


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=30), st.integers(0, 40)), max_size=12))
def test_whoever_talks_whenever_nothing_is_heard_more_often_than_said(script):
    ears = Ears()
    now_ns = 2 * S
    for who, data, pause_chars in script:
        now_ns += pause_chars * CHAR_NS // 2
        ears.say((0, 11, 12)[who], data, now_ns)
    ears.at(now_ns + 10 * S)
    said = sum(len(data) for _, data, _ in script)
    assert ears.wire.stats(now_ns + 10 * S)["bytes"] <= said
    assert max(len(ears.of(who)) for who in (0, 11, 12)) <= said
