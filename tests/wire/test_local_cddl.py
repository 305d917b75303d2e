"""local.cddl against an independent validator: what board and gateway say fits it, what is wrong does not."""

from pathlib import Path

import cbor2
import pytest
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from gateway.local_messages import ack, read_rows
from tests.wire.strategies import data_rows, epochs
from wire import local
from wire.cbor import DecodeError, Encoder, decode
from wire.package import PACKAGE_BYTES_MAX
from wire.reading import QUALITIES
from wire.registers import ORDER_DROP, ORDER_INSTALL
from wire.row import pack

CONTRACT = Validator(Path(local.__file__).parent / "local.cddl")
u32 = st.integers(0, 0xFFFFFFFF)
slots = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.sampled_from(QUALITIES),
        st.one_of(st.none(), st.integers(-(1 << 31), (1 << 31) - 1)),
        st.integers(0, 65_535),
    ).map(list),
    max_size=8,
)


def fits(message) -> bool:
    return CONTRACT.validate(cbor2.dumps(message, canonical=True)).valid


def packed_from(rows, first, epoch):
    for place, row in enumerate(rows):
        row.seq = first + place
    return [pack(row, epoch) for row in rows]


@given(epochs, st.integers(0, 1 << 40), slots, st.lists(data_rows(2), max_size=4), st.integers(1, 1 << 31))
def test_every_message_of_a_board_fits_the_contract_and_is_read_as_it_was_meant(epoch, up_ms, now, rows, first):
    packed = packed_from(rows, first, epoch)
    head = first + 5
    message = {0: 1, 1: epoch, 2: up_ms, 4: 2, 5: 1, 6: head, 7: now, 8: first, 9: b"".join(packed)}
    ours = bytes(Encoder(local.MESSAGE_BYTES_MAX).encode(message))
    assert CONTRACT.validate(ours).errors == ()
    read = read_rows(ours)
    assert (read.epoch, read.up_ms, read.packed, read.first) == (epoch, up_ms, packed, first)
    assert [list(slot) for slot in read.now or []] == now
    assert (read.last, read.gone) == ((first + len(rows) - 1, []) if rows else (head, [(first, head)]))


@given(epochs, u32, u32, st.one_of(st.none(), st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 42))))
def test_every_acknowledgement_fits_the_contract(epoch, gateway, center, echo):
    assert CONTRACT.validate(ack(epoch, gateway, center, echo)).errors == ()


GOOD = {
    "now-values alone": {0: 1, 1: 7, 2: 5, 3: 9, 4: 2, 5: 1, 6: 3, 7: [[2, 1, 500, 20], [10, 9, None, 65_535]]},
    "rows alone": {0: 1, 1: 7, 2: 5, 4: 0, 5: 1, 6: 3, 8: 1, 9: bytes(40)},
    "birth": {0: 1, 1: 7, 5: 0, 6: 0, 10: 3, 11: bytes(8), 14: True},
    "leave to sleep": {0: 1, 1: 7, 5: 1, 6: 9, 10: 3, 11: bytes(8), 14: True, 23: 604_800_000},
    "death": {0: 1, 14: False},
    "ack with the time": {0: 1, 1: 7, 2: 5, 3: 9, 12: 0, 13: 0},
    "a piece of a package": {0: 1, 15: 4_096, 16: bytes(local.UPDATE_BYTES_MAX)},
    "the last byte of the longest package": {0: 1, 15: PACKAGE_BYTES_MAX - 1, 16: b"a"},
    "an order to drop": {0: 1, 17: ORDER_DROP},
    "an order to install": {0: 1, 17: ORDER_INSTALL},
    "where a package is": {0: 1, 10: 3, 15: 4_608, 18: 0x0304, 19: 3, 20: 12, 21: 0x102, 22: [0, 1, 0]},
}
BAD = {
    "another major version": GOOD["rows alone"] | {0: 2},
    "no epoch": {0: 1, 2: 5, 4: 0, 5: 1, 6: 3, 8: 1, 9: bytes(40)},
    "rows from nowhere": {0: 1, 1: 7, 2: 5, 4: 0, 5: 1, 6: 3, 9: bytes(40)},
    "rows from seq 0": GOOD["rows alone"] | {8: 0},
    "too many rows": GOOD["rows alone"] | {9: bytes(local.ROWS_BYTES_MAX + 1)},
    "time quality 3": GOOD["rows alone"] | {4: 3},
    "slot of three": GOOD["now-values alone"] | {7: [[2, 1, 500]]},
    "flag 5": GOOD["now-values alone"] | {7: [[2, 5, 500, 20]]},
    "a value with a fraction": GOOD["now-values alone"] | {7: [[2, 1, 0.5, 20]]},
    "birth without definition": {0: 1, 1: 7, 5: 0, 6: 0, 10: 3, 14: True},
    "a sleep of no time": GOOD["leave to sleep"] | {23: 0},
    "a sleep of more than a week": GOOD["leave to sleep"] | {23: 604_800_001},
    "neither dead nor alive": {0: 1, 14: 1},
    "ack of half": {0: 1, 1: 7, 12: 0},
    "a piece of nothing": {0: 1, 15: 0, 16: b""},
    "a piece from nowhere": {0: 1, 16: b"a"},
    "too large a piece": {0: 1, 15: 0, 16: bytes(local.UPDATE_BYTES_MAX + 1)},
    "a piece beyond the longest package": {0: 1, 15: PACKAGE_BYTES_MAX + 1, 16: b"a"},
    "a third order": {0: 1, 17: 3},
    "where a package is, without its state": {0: 1, 10: 3, 15: 0, 19: 0, 20: 12, 21: 2, 22: [0, 1, 0]},
    "where a package is, of some start": {0: 1, 15: 0, 18: 0, 19: 0, 20: 12, 21: 2, 22: [0, 1, 0]},
    "nothing": {},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_message_of_each_kind_fits_the_contract(name):
    assert fits(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_message_that_breaks_the_contract_is_refused(name):
    assert not fits(BAD[name])


def test_topics_name_station_board_and_leaf():
    assert local.topic("CYB01", "00112233445566aa", local.ACK) == "rp/1/CYB01/board/00112233445566aa/ack"


integers = st.integers(-(1 << 64), (1 << 64) - 1)
plain = st.one_of(st.none(), st.booleans(), integers, st.binary(max_size=300), st.text(max_size=40))
values = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.integers(-24, 23), inner, max_size=4)),
    max_leaves=8,
)


@given(values)
def test_what_cbor2_encodes_canonically_is_decoded_to_the_same(value):
    assert decode(cbor2.dumps(value, canonical=True)) == value


@given(st.binary(max_size=60))
def test_bytes_are_decoded_only_where_they_are_the_canonical_form_of_what_cbor2_sees(data):
    try:
        value = decode(data)
    except DecodeError:
        return
    assert cbor2.dumps(value, canonical=True) == data
    assert cbor2.loads(data) == value


@given(values, st.data())
def test_a_message_cut_anywhere_or_followed_by_a_byte_is_refused(value, data):
    whole = cbor2.dumps(value, canonical=True)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + b"\0"):
        with pytest.raises(DecodeError):
            decode(wrong)


def test_deep_nesting_is_refused():
    with pytest.raises(DecodeError, match="nested"):
        decode(b"\x81" * 100 + b"\0")
