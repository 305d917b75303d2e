"""The receiver on a shared line: what others say, what noise says, and what is meant for this board."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.wire.test_modbus import ANSWERS, PYMODBUS, PYMODBUS_SERVER, REQUESTS, oracle_crc16, with_crc
from wire.modbus import Receiver

ME = 11
ROOM = 512
READ = with_crc(bytes([ME, 3, 0, 4, 0, 10]))


def frame_to(address: int, pdu, framer) -> bytes:
    pdu.dev_id = address
    return framer.buildFrame(pdu)


def requests_to(address):
    return st.one_of(*REQUESTS.values()).map(lambda pdu: frame_to(address, pdu, PYMODBUS))


def answers_from(address):
    return st.one_of(*ANSWERS.values()).map(lambda pdu: frame_to(address, pdu, PYMODBUS_SERVER))


others = st.one_of(st.integers(1, ME - 1), st.integers(ME + 1, 247))
mine = requests_to(ME).map(lambda frame: (True, frame))
foreign = st.one_of(others.flatmap(requests_to), others.flatmap(answers_from)).map(lambda frame: (False, frame))
lookalikes = st.sampled_from([0, ME, ME, 3, 4, 16, 20, 43, 247, 248, 255, 131])
nasty = st.lists(st.one_of(lookalikes, st.integers(0, 255)), max_size=300).map(bytes)
garbage = st.one_of(st.binary(max_size=300), nasty)


def feed(receiver: Receiver, stream: bytes, chunk: int) -> list[bytes]:
    """Put `stream` in pieces of `chunk` bytes; return all requests that came out before any silence."""
    taken = []
    for at in range(0, len(stream), chunk):
        piece = stream[at : at + chunk]
        receiver.put(piece, len(piece))
        taken += drain(receiver, receiver.take)
    return taken


def drain(receiver: Receiver, look) -> list[bytes]:
    taken = []
    for _ in range(2 * ROOM):
        length = look()
        if not length:
            return taken
        taken.append(bytes(receiver.buffer[receiver.start : receiver.start + length]))
        receiver.consume(length)
    raise AssertionError("the receiver gives without end")


def has_whole_beginning(frame: bytes) -> bool:
    """Do some first bytes of it already carry a fitting CRC? One frame in 65,536 does; nothing can tell it then."""
    crc = oracle_crc16(b"")
    for n, byte in enumerate(frame[:-2]):
        if n >= 2 and frame[n : n + 2] == crc.to_bytes(2, "little"):
            return True
        crc = oracle_crc16(bytes([byte]), crc)
    return False


@given(st.lists(st.one_of(mine, foreign), max_size=8), st.integers(1, 64))
def test_requests_for_me_come_out_whole_and_the_frames_of_others_are_stepped_over(frames, chunk):
    assume(not any(has_whole_beginning(frame) for _, frame in frames))
    receiver = Receiver(ME)
    taken = feed(receiver, b"".join(frame for _, frame in frames), chunk)
    assert taken == [frame for is_mine, frame in frames if is_mine]
    assert (receiver.dropped, receiver.twins, receiver.crc_errors) == (0, 0, 0)


@given(st.lists(garbage, max_size=3), requests_to(ME), st.integers(1, 64))
def test_garbage_never_hides_the_next_request_after_silence(noise, request, chunk):
    receiver = Receiver(ME)
    for piece in noise:
        feed(receiver, piece, chunk)
        drain(receiver, receiver.idle)
    assert receiver.start == receiver.end
    taken = feed(receiver, request, chunk) or drain(receiver, receiver.idle)
    assert taken[-1:] == [request] or has_whole_beginning(request)


@given(garbage, requests_to(ME), st.integers(1, 64))
def test_garbage_just_before_a_request_hides_it_at_most_until_silence(noise, request, chunk):
    receiver = Receiver(ME)
    taken = feed(receiver, noise + request, chunk) + drain(receiver, receiver.idle)
    assert taken[-1:] == [request] or has_whole_beginning(noise + request)
    assert receiver.start == receiver.end


@given(garbage, st.integers(1, 64))
def test_what_comes_out_always_carries_its_crc_and_an_address_of_mine(noise, chunk):
    receiver = Receiver(ME)
    for frame in feed(receiver, noise, chunk) + drain(receiver, receiver.idle):
        assert frame[0] in (0, ME)
        assert with_crc(frame[:-2]) == frame
    assert receiver.dropped <= len(noise)


@pytest.mark.parametrize("alphabet", [range(256), [0, ME, 3, 4, 6, 16, 20, 43]])
def test_noise_invents_a_request_no_more_often_than_the_crc_allows(alphabet):
    # 40,000 places for a frame to begin, each with a chance of at most 2^-16 to fit: 0.6 expected, 5 in 3,000 seeds.
    receiver, source = Receiver(ME), random.Random(20_180_603)
    invented = 0
    for _ in range(400):
        noise = bytes(source.choices(alphabet, k=100))
        invented += len(feed(receiver, noise, 25)) + len(drain(receiver, receiver.idle))
    assert invented < 5
    assert receiver.dropped > 35_000


@given(answers_from(ME), st.integers(1, 64))
def test_an_answer_that_i_did_not_give_counts_a_twin(answer, chunk):
    # The answers of functions 6 and 21 are their requests over again: nothing on the line tells them apart.
    assume(answer[1] not in (6, 21) and not has_whole_beginning(answer))
    receiver = Receiver(ME)
    assert feed(receiver, answer, chunk) == []
    assert (receiver.twins, receiver.dropped, receiver.crc_errors) == (1, 0, 0)
    assert feed(receiver, READ, chunk) == [READ]


def test_an_answer_of_another_address_is_no_twin():
    receiver = Receiver(ME)
    assert feed(receiver, with_crc(bytes([ME + 1, 3, 2, 0, 7])) + READ, 64) == [READ]
    assert receiver.twins == 0


def test_a_request_inside_the_answer_of_another_is_stepped_over():
    inside = with_crc(bytes([12, 3, len(READ)]) + READ)
    receiver = Receiver(ME)
    assert feed(receiver, inside, 64) + drain(receiver, receiver.idle) == []


def test_a_broken_request_for_me_is_counted_and_the_next_one_found():
    receiver = Receiver(ME)
    broken = READ[:-1] + bytes([READ[-1] ^ 1])
    assert feed(receiver, broken, 8) + drain(receiver, receiver.idle) == []
    assert (receiver.crc_errors, receiver.dropped) == (1, 8)
    assert feed(receiver, READ, 8) == [READ]


def test_half_a_request_waits_for_its_other_half_but_not_past_silence():
    receiver = Receiver(ME)
    assert feed(receiver, READ[:5], 5) == []
    assert feed(receiver, READ[5:], 5) == [READ]
    assert feed(receiver, READ[:5], 5) == []
    assert drain(receiver, receiver.idle) == []
    assert feed(receiver, READ[5:], 5) + drain(receiver, receiver.idle) == []
    assert receiver.dropped == 8


@pytest.mark.parametrize("address", [0, ME])
@pytest.mark.parametrize("function", [1, 8, 17, 23, 100])
def test_an_unknown_function_is_given_after_silence_so_that_it_gets_exception_1(address, function):
    request = with_crc(bytes([address, function, 1, 2, 3, 4]))
    receiver = Receiver(ME)
    assert feed(receiver, request, 4) == []
    assert drain(receiver, receiver.idle) == [request]
    assert feed(receiver, with_crc(bytes([12, function, 1, 2])), 4) + drain(receiver, receiver.idle) == []


@pytest.mark.parametrize("function", [7, 11, 12, 17])
def test_the_shortest_request_there_is_gets_its_exception(function):
    request = with_crc(bytes([ME, function]))  # V1.1b3, 6.7: read exception status has no data: 4 bytes.
    receiver = Receiver(ME)
    assert feed(receiver, request, 4) == []
    assert drain(receiver, receiver.idle) == [request]


@pytest.mark.parametrize("address", range(1, 248))
def test_three_bytes_are_no_request_though_their_crc_fits(address):
    receiver = Receiver(address)
    assert feed(receiver, with_crc(bytes([address])), 3) + drain(receiver, receiver.idle) == []


def test_the_longest_request_there_is_is_found():
    longest = with_crc(bytes([ME, 21, 251, 6, 0, 1, 0, 0, 0, 122]) + bytes(244))
    assert len(longest) == 256
    receiver = Receiver(ME)
    assert feed(receiver, longest, 64) == [longest]


@pytest.mark.parametrize("address", range(1, 248))
def test_no_register_number_makes_the_first_bytes_of_a_request_an_answer(address):
    receiver = Receiver(address)
    for function in (3, 4):
        for register in range(256):
            request = with_crc(bytes([address, function, 0, register, 0, 1]))
            receiver.put(request, 5)
            assert receiver.take() == 0, f"register {register}"
            receiver.clear()
    assert receiver.twins == 0


@given(st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=4))
def test_what_does_not_fit_drops_the_oldest_bytes_and_never_grows_the_buffer(pieces):
    receiver = Receiver(ME)
    for piece in pieces:
        receiver.put(piece, len(piece))
        assert len(receiver.buffer) == ROOM
        assert 0 <= receiver.start <= receiver.end <= ROOM
    everything = b"".join(pieces)
    assert bytes(receiver.buffer[receiver.start : receiver.end]) == everything[-ROOM:]
    assert receiver.dropped == max(0, len(everything) - ROOM)


def test_a_flood_ends_with_the_request_that_came_last():
    receiver = Receiver(ME)
    for _ in range(40):
        receiver.put(b"\x0b\x14\xfb" * 20, 60)
    receiver.put(READ, len(READ))
    assert drain(receiver, receiver.idle) == [READ]


def test_clear_forgets_the_own_echo():
    receiver = Receiver(ME)
    receiver.put(READ, len(READ))
    receiver.clear()
    assert drain(receiver, receiver.idle) == []
    assert feed(receiver, READ, 3) == [READ]
