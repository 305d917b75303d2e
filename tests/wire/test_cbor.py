import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cbor import NESTING_MAX, EncodeError, Encoder, decode

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "cbor" / "appendix_a.json"
ROOM = 4_096

integers = st.one_of(
    st.integers(-(1 << 64), (1 << 64) - 1),
    st.sampled_from([edge + off for edge in (0, 24, 256, 1 << 16, 1 << 32, 1 << 63) for off in (-1, 0, 1)]),
    st.sampled_from([-edge - off for edge in (24, 256, 1 << 16, 1 << 32) for off in (0, 1, 2)]),
)
keys = st.integers(-24, 23)
subset = st.recursive(
    st.one_of(st.none(), st.booleans(), integers, st.binary(max_size=300), st.text(max_size=40)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=12,
)


def depth_of(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return 1 + max(map(depth_of, inner), default=-1)


def encoded(value, size: int = ROOM) -> bytes:
    return bytes(Encoder(size).encode(value))


@given(subset.filter(lambda value: depth_of(value) <= NESTING_MAX))
def test_bytes_are_those_of_cbor2_in_its_canonical_form(value):
    assert encoded(value) == cbor2.dumps(value, canonical=True)


# RFC 8949, appendix A, and by hand from its section 3: major type in the high three bits, shortest argument.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (1_000_000, "1a000f4240"),
        (18_446_744_073_709_551_615, "1bffffffffffffffff"),
        (-1, "20"),
        (-24, "37"),
        (-25, "3818"),
        (-18_446_744_073_709_551_616, "3bffffffffffffffff"),
        (False, "f4"),
        (True, "f5"),
        (None, "f6"),
        (b"\1\2\3\4", "4401020304"),
        (bytearray(b"\1"), "4101"),
        ("ü", "62c3bc"),
        ("水", "63e6b0b4"),
        ([1, [2, 3], (4, 5)], "8301820203820405"),
        ({}, "a0"),
        ({-1: 0, 0: 1, 23: 2, -24: 3}, "a4000117022000" + "3703"),  # 00 < 17 < 20 < 37
    ],
)
def test_value_and_hand_made_bytes(value, expected):
    assert encoded(value).hex() == expected


REFUSED = {
    "a float": 1.5,
    "a whole float": 1.0,
    "2^64": 1 << 64,
    "-2^64 - 1": -(1 << 64) - 1,
    "a text key": {"a": 1},
    "a key above 23": {24: 1},
    "a key below -24": {-25: 1},
    "a key that is true": {True: 1},
    "a key that is a float": {1.0: 1},
    "a set": {1, 2},
    "a tag": cbor2.CBORTag(1, 2),
    "undefined": cbor2.undefined,
    "half a character": "\ud800",
    "a float deep inside": [{1: [None, 2.0]}],
}


def test_byte_strings_of_a_view_are_views_and_those_of_anything_else_are_bytes():
    message = bytes.fromhex("a2004201020163616263")
    parts: Any = decode(memoryview(message))
    assert isinstance(parts[0], memoryview)
    assert parts == {0: b"\x01\x02", 1: "abc"}
    for other in (message, bytearray(message)):
        parts = decode(other)
        assert type(parts[0]) is bytes


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_subset_has_not_is_refused(name):
    with pytest.raises(EncodeError):
        encoded(REFUSED[name])


def nested(depth: int):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_has_a_limit():
    assert encoded(nested(NESTING_MAX)) == b"\x81" * NESTING_MAX + b"\x01"
    with pytest.raises(EncodeError, match="nested"):
        encoded(nested(NESTING_MAX + 1))
    around = {}
    around[0] = around  # A ring would never end.
    with pytest.raises(EncodeError, match="nested"):
        encoded(around)


@given(subset.filter(lambda value: depth_of(value) <= NESTING_MAX), st.integers(1, 64))
def test_a_message_that_does_not_fit_raises_and_one_that_just_fits_does_not(value, too_little):
    whole = cbor2.dumps(value, canonical=True)
    assert encoded(value, len(whole)) == whole
    with pytest.raises(EncodeError, match="longer"):
        encoded(value, max(0, len(whole) - too_little))


def test_a_message_after_a_failed_one_begins_anew():
    encoder = Encoder(4)
    with pytest.raises(EncodeError):
        encoder.encode([1, 2, 3, 4])
    assert bytes(encoder.encode([1, 2])) == b"\x82\x01\x02"
    assert bytes(encoder.encode(None)) == b"\xf6"


@pytest.mark.skipif(not VECTORS.exists(), reason="needs the shared recordings: cbor/appendix_a.json")
def test_published_vectors_of_the_subset_come_out_and_the_others_are_refused():
    seen = 0
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        raw = bytes.fromhex(vector["hex"])
        if "decoded" not in vector or not vector["roundtrip"]:
            continue
        value = vector["decoded"]
        if raw[0] >> 5 in (0, 1, 2, 3, 4) and not isinstance(value, float) and "{" not in json.dumps(value):
            assert encoded(value) == raw
            seen += 1
    assert seen > 20
