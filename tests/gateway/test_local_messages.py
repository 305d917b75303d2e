"""What a board on the station's broker may say, and what is refused whole: anybody may publish there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local_messages import SLOTS_MAX, MessageError, ack, read_rows, read_state
from tests.gateway.small_station import EPOCH, packed_row
from wire import local
from wire.cbor import Encoder, decode

ROWS = {0: 1, 1: EPOCH, 2: 90_000, 3: 1_717_200_000_123, 4: 2, 5: 1, 6: 9, 7: [[2, 1, 500, 20]]}
BIRTH = {0: 1, 1: EPOCH, 5: 1, 6: 9, 10: 3, 11: bytes(range(8)), 14: True}


def cbor(message) -> bytes:
    return bytes(Encoder(4_096).encode(message))


def with_rows(*seqs, first=1, data=b"", **more):
    packed = b"".join(packed_row(seq) for seq in seqs) + data
    return cbor(ROWS | {8: first, 9: packed} | {int(key[1:]): value for key, value in more.items()})


def test_rows_come_byte_for_byte_and_what_lies_between_them_is_gone():
    read = read_rows(with_rows(3, 4, 7))
    assert read.packed == [packed_row(3), packed_row(4), packed_row(7)]
    assert read.gone == [(1, 2), (5, 6)]
    assert (read.first, read.last, read.tail, read.head) == (1, 7, 1, 9)


def test_a_message_without_rows_speaks_of_none():
    read = read_rows(cbor(ROWS))
    assert (read.first, read.packed, read.gone, read.last) == (0, [], [], 0)
    assert read.now is not None
    assert read.now[0].value == 500


def test_no_rows_from_a_seq_on_means_that_all_to_the_head_are_gone():
    assert read_rows(with_rows(first=4)).gone == [(4, 9)]


REFUSED = {
    "no bytes": ROWS,
    "too many bytes": cbor(ROWS | {-1: bytes(local.MESSAGE_BYTES_MAX)}),
    "no CBOR": b"\xff\xff",
    "a list": cbor([1]),
    "another major version": cbor(ROWS | {0: 2}),
    "bytes behind the end": cbor(ROWS) + b"\0",
    "an epoch of 33 bits": cbor(ROWS | {1: 1 << 32}),
    "an epoch that is true": cbor(ROWS | {1: True}),
    "no uptime": cbor({key: value for key, value in ROWS.items() if key != 2}),
    "an uptime of a thousand years": cbor(ROWS | {2: 1 << 45}),
    "time quality 3": cbor(ROWS | {4: 3}),
    "a tail without a head": cbor(ROWS | {6: 0}),
    "a tail above the head": cbor(ROWS | {5: 10}),
    "rows without where they begin": cbor(ROWS | {9: packed_row(1)}),
    "a beginning without rows": cbor(ROWS | {8: 1}),
    "rows above the head": with_rows(10, first=10),
    "a row above the head behind a good one": with_rows(9, 10),
    "a row below where they begin": with_rows(2, first=3),
    "rows out of order": with_rows(4, 3),
    "the same row twice": with_rows(3, 3),
    "a row of another epoch": with_rows(data=packed_row(1, epoch=EPOCH + 1)),
    "a row that is cut": with_rows(data=packed_row(1)[:-1]),
    "noise": with_rows(1, data=bytes(range(1, 40))),
    "zeros behind the rows": with_rows(1, data=bytes(4)),
    "more rows than one message takes": with_rows(*range(1, 40), k6=99),
    "now-values that are no list": cbor(ROWS | {7: 1}),
    "too many now-values": cbor(ROWS | {7: [[2, 1, 5, 0]] * (SLOTS_MAX + 1)}),
    "a now-value of three": cbor(ROWS | {7: [[2, 1, 5]]}),
    "a quality that is none": cbor(ROWS | {7: [[2, 5, 5, 0]]}),
    "a quality that is true": cbor(ROWS | {7: [[2, True, 5, 0]]}),
    "a quantity that is text": cbor(ROWS | {7: [["2", 1, 5, 0]]}),
    "a value of 33 bits": cbor(ROWS | {7: [[2, 1, 1 << 31, 0]]}),
    "an age of 17 bits": cbor(ROWS | {7: [[2, 1, 5, 65_536]]}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rows_message_that_breaks_the_contract_is_refused_whole(name):
    with pytest.raises(MessageError):
        read_rows(REFUSED[name])


STATES = {
    "neither dead nor alive": cbor(BIRTH | {14: 1}),
    "a short definition": cbor(BIRTH | {11: bytes(7)}),
    "a definition that is text": cbor(BIRTH | {11: "01234567"}),
    "boot of 17 bits": cbor(BIRTH | {10: 65_536}),
    "no epoch": cbor({key: value for key, value in BIRTH.items() if key != 1}),
    "a tail above the head": cbor(BIRTH | {5: 10}),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_breaks_the_contract_is_refused(name):
    with pytest.raises(MessageError):
        read_state(STATES[name])


def test_birth_and_death():
    assert read_state(cbor(BIRTH))[:6] == (True, EPOCH, 3, 1, 9, "0001020304050607")
    assert not read_state(cbor({0: 1, 14: False})).alive


@given(st.binary(max_size=80))
def test_noise_is_refused_and_nothing_else_happens(data):
    for read in (read_rows, read_state):
        with pytest.raises(MessageError):
            read(data)


def test_unknown_keys_are_ignored():
    assert read_rows(cbor(ROWS | {-3: [1, 2], 23: "x"})) == read_rows(cbor(ROWS))


def test_an_acknowledgement_repeats_the_boards_uptime_with_our_time():
    assert decode(ack(EPOCH, 5, 4, (90_000, 1_717_200_000_123))) == {
        local.K_MAJOR: 1, local.K_EPOCH: EPOCH, local.K_GATEWAY_HAS: 5, local.K_CENTER_HAS: 4,
        local.K_UP_MS: 90_000, local.K_UNIX_MS: 1_717_200_000_123,
    }  # fmt: skip
    assert decode(ack(EPOCH, 5, 4, None)) == {0: 1, 1: EPOCH, 12: 5, 13: 4}
