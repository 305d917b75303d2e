import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.strategies import anchor_rows, data_rows, epochs
from wire.reading import DERIVED, GOOD, HOLDOVER, MISSING, NEVER, QUANTITIES, SYNCED, VALUE_MAX, VALUE_MIN
from wire.row import (
    ANCHOR,
    CHANNELS_MAX,
    LENGTH_MAX,
    TIPS_MAX,
    Reading,
    Row,
    RowError,
    crc_of,
    measure,
    pack,
    split,
    unpack,
)

rows = st.one_of(data_rows(), anchor_rows())


def oracle_crc32(data: bytes, seed: int) -> int:
    """CRC-32 of ISO 3309 bit by bit: polynomial EDB88320 reflected, register inverted twice; `seed` = CRC so far."""
    register = seed ^ 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


# Derived by hand from the table in wire/row.py. 2018-06-03T22:05:00Z is day 17,685 of the Unix epoch
# (48 years with 12 leap days = 17,532 to 2018-01-01, and 153 to June 3rd), 17,685 * 86,400 + 79,500 s
# = 1,528,063,500 = 5B14660C.
#   30             length 48 = 15 head + 1 + (2 + 4 + 12) + (2 + 4) + 1 + 3 + 4
#   01             kind DATA
#   00 00 00 07    seq 7
#   00 02          boot 2
#   02             synced
#   5B 14 66 0C    t_s
#   00 FA          250 ms
#   02             two readings
#   00 11          channel 0, good (1) with stats (10)
#   00 00 07 59    1,881 mm
#   FF FF FF FE    low -2
#   00 00 07 60    high 1,888
#   00 00 00 03    spread 3
#   01 09          channel 1, missing
#   80 00 00 00    no value
#   01             one pair of tips
#   00 05 02       5 s before, 2 tips
#   .. .. .. ..    CRC-32 of the 44 bytes before, seeded with the epoch; from the oracle above
GOLDEN_EPOCH = 0x01020304
GOLDEN_BODY = bytes.fromhex(
    "30 01 00000007 0002 02 5B14660C 00FA 02 00 11 00000759 FFFFFFFE 00000760 00000003 01 09 80000000 01 0005 02"
)
GOLDEN_ROW = Row(
    7, 2, SYNCED, 1_528_063_500, 250, [Reading(0, 1_881, GOOD, -2, 1_888, 3), Reading(1, None, MISSING)], [(5, 2)]
)
#   20             length 32 = 15 + 13 + 4
#   02             kind ANCHOR
#   00 00 00 08    seq 8
#   00 02          boot 2
#   00             never
#   00 00 00 4D    uptime 77 s
#   00 05          5 ms
#   5B 14 66 0C    unix time of that moment
#   00 01          1 ms
#   02             synced
#   00 00 00 4D    uptime 77 s
#   00 05          5 ms
ANCHOR_BODY = bytes.fromhex("20 02 00000008 0002 00 0000004D 0005 5B14660C 0001 02 0000004D 0005")
ANCHOR_ROW = Row(8, 2, NEVER, 77, 5, kind=ANCHOR, anchor=(1_528_063_500, 1, SYNCED, 77, 5))


def sealed(body: bytes, epoch: int) -> bytes:
    return body + oracle_crc32(body, epoch).to_bytes(4, "big")


def test_oracle_gives_the_published_check_value():
    assert oracle_crc32(b"123456789", 0) == 0xCBF43926  # The check value of CRC-32/ISO-HDLC.


@pytest.mark.parametrize(("row", "body"), [(GOLDEN_ROW, GOLDEN_BODY), (ANCHOR_ROW, ANCHOR_BODY)])
def test_row_and_hand_made_bytes_are_each_other(row, body):
    packed = sealed(body, GOLDEN_EPOCH)
    assert pack(row, GOLDEN_EPOCH) == packed
    assert unpack(packed, GOLDEN_EPOCH) == row
    assert crc_of(packed) == oracle_crc32(body, GOLDEN_EPOCH)
    assert measure(packed) == len(packed) == body[0]


@given(rows, epochs)
def test_every_row_comes_back_and_carries_the_oracles_crc(row, epoch):
    packed = pack(row, epoch)
    assert len(packed) <= LENGTH_MAX
    assert unpack(packed, epoch) == row
    assert packed == sealed(packed[:-4], epoch)


@settings(max_examples=25)
@given(rows, epochs)
def test_any_flipped_bit_is_refused(row, epoch):
    packed = pack(row, epoch)
    for bit in range(8 * len(packed)):
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RowError):
            unpack(bytes(flipped), epoch)


@given(rows, epochs, epochs)
def test_row_of_another_epoch_is_refused(row, epoch, other):
    if epoch != other:
        with pytest.raises(RowError, match="CRC"):
            unpack(pack(row, epoch), other)


@given(st.binary(max_size=260))
def test_arbitrary_bytes_raise_only_row_error(data):
    with pytest.raises(RowError):
        unpack(data, 0)


@given(st.sampled_from([GOLDEN_BODY, ANCHOR_BODY]), st.data())
def test_wrong_content_under_a_right_crc_raises_only_row_error(body, data):
    # A board with a bug seals its nonsense well: kind, counts, flags and lengths are then the only guard.
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(1, len(body) - 1))] = data.draw(st.integers(0, 255))
    packed = sealed(bytes(changed), 5)
    try:
        row = unpack(packed, 5)
    except RowError:
        return
    assert pack(row, 5) == packed  # What is accepted is canonical, so the center computes the same CRC again.


@pytest.mark.parametrize(
    ("at", "byte", "reason"),
    [
        (1, 3, "unknown kind 3"),
        (8, 3, "no such time quality"),
        (13, 0x04, "time out of range"),  # 0x04FA = 1,274 ms
        (15, 0, "bytes behind"),
        (15, 3, "too short"),
        (17, 0x31, "unknown reading flags"),
        (17, 0x51, "unknown reading flags"),
        (17, 0x91, "unknown reading flags"),
        (17, 0x15, "no such quality"),
        (17, 0x10, "no such quality"),
        (17, 0x19, "quality 9"),
        (35, 0x01, "quality 9"),
        (40, 0, "bytes behind"),
        (40, 2, "too short"),
        (43, 0, "tip pair"),
    ],
)
def test_each_field_of_a_data_row_is_checked(at, byte, reason):
    changed = bytearray(GOLDEN_BODY)
    changed[at] = byte
    with pytest.raises(RowError, match=reason):
        unpack(sealed(bytes(changed), 5), 5)


@pytest.mark.parametrize(
    ("at", "byte", "reason"),
    [
        (19, 0x04, "anchor out of range"),
        (21, NEVER, "names a time"),
        (21, 3, "names a time"),
        (26, 0x04, "out of range"),
    ],
)
def test_each_field_of_an_anchor_is_checked(at, byte, reason):
    changed = bytearray(ANCHOR_BODY)
    changed[at] = byte
    with pytest.raises(RowError, match=reason):
        unpack(sealed(bytes(changed), 5), 5)


@pytest.mark.parametrize("body_hex", ["", "01 00 01 00000005"])  # No count of readings; no count of tips.
def test_a_data_row_that_ends_before_a_count_is_refused(body_hex):
    body = bytes.fromhex(body_hex)
    head = bytes([19 + len(body)]) + GOLDEN_BODY[1:15]
    with pytest.raises(RowError, match="too short"):
        unpack(sealed(head + body, 5), 5)


def test_anchor_of_another_length_is_refused():
    body = bytes([0x21]) + ANCHOR_BODY[1:] + b"\0"
    with pytest.raises(RowError, match="13 bytes"):
        unpack(sealed(body, 5), 5)


def row(**changes):
    fields = {"seq": 1, "boot": 0, "time_quality": SYNCED, "t_s": 0, "readings": [Reading(0, 1)]}
    return Row(**(fields | changes))


NO_ROW = {
    "seq of zero": row(seq=0),
    "seq too large": row(seq=1 << 32),
    "boot too large": row(boot=1 << 16),
    "negative boot": row(boot=-1),
    "time quality 3": row(time_quality=3),
    "negative time": row(t_s=-1),
    "time too large": row(t_s=1 << 32),
    "1,000 ms": row(ms=1_000),
    "time of no integer": row(t_s=1.5),
    "no readings": row(readings=[]),
    "nine readings": row(readings=[Reading(c, 1) for c in range(CHANNELS_MAX + 1)]),
    "negative channel": row(readings=[Reading(-1, 1)]),
    "channel too large": row(readings=[Reading(256, 1)]),
    "value too large": row(readings=[Reading(0, VALUE_MAX + 1)]),
    "value of the mark for none": row(readings=[Reading(0, VALUE_MIN - 1)]),
    "value of no integer": row(readings=[Reading(0, 1.5)]),
    "low too small": row(readings=[Reading(0, 1, GOOD, VALUE_MIN - 1, 1, 0)]),
    "high too large": row(readings=[Reading(0, 1, GOOD, 1, VALUE_MAX + 1, 0)]),
    "negative spread": row(readings=[Reading(0, 1, GOOD, 1, 1, -1)]),
    "spread too large": row(readings=[Reading(0, 1, GOOD, 1, 1, 1 << 32)]),
    "low without high": row(readings=[Reading(0, 1, GOOD, 1, None, None)]),
    "high without low": row(readings=[Reading(0, 1, GOOD, None, 1, None)]),
    "spread alone": row(readings=[Reading(0, 1, GOOD, None, None, 1)]),
    "flag 5": row(readings=[Reading(0, 1, 5)]),
    "flag of no integer": row(readings=[Reading(0, 1, 1.0)]),  # pyright: ignore[reportArgumentType]
    "a pair of no tips": row(tips=[(0, 0)]),
    "256 tips in a pair": row(tips=[(0, 256)]),
    "negative age of a tip": row(tips=[(-1, 1)]),
    "age of a tip too large": row(tips=[(65_536, 1)]),
    "33 pairs of tips": row(tips=[(0, 1)] * (TIPS_MAX + 1)),
    "longer than a chunk": row(readings=[Reading(c, 1, GOOD, 1, 1, 0) for c in range(8)], tips=[(0, 1)] * 24),
    "unknown kind": row(kind=3),
    "data with an anchor": row(anchor=(1, 0, SYNCED, 0, 0)),
    "anchor without one": Row(1, 0, NEVER, 0, kind=ANCHOR),
    "anchor with readings": row(kind=ANCHOR, anchor=(1, 0, SYNCED, 0, 0)),
    "anchor with tips": Row(1, 0, NEVER, 0, kind=ANCHOR, anchor=(1, 0, SYNCED, 0, 0), tips=[(0, 1)]),
    "anchor without time": Row(1, 0, NEVER, 0, kind=ANCHOR, anchor=(1, 0, NEVER, 0, 0)),
    "anchor of four": Row(1, 0, NEVER, 0, kind=ANCHOR, anchor=(1, 0, SYNCED, 0)),
    "anchor beyond 2106": Row(1, 0, NEVER, 0, kind=ANCHOR, anchor=(1 << 32, 0, SYNCED, 0, 0)),
    "anchor with 1,000 ms": Row(1, 0, NEVER, 0, kind=ANCHOR, anchor=(1, 1_000, SYNCED, 0, 0)),
    "anchor with 1,000 ms of uptime": Row(1, 0, NEVER, 0, kind=ANCHOR, anchor=(1, 0, SYNCED, 0, 1_000)),
}


@pytest.mark.parametrize("name", NO_ROW)
def test_what_no_field_can_carry_is_refused_before_it_is_written(name):
    with pytest.raises(RowError):
        pack(NO_ROW[name], 1)


def test_widest_values_fit():
    ends = [Reading(0, VALUE_MIN, GOOD, VALUE_MIN, VALUE_MAX, 0xFFFFFFFF), Reading(255, VALUE_MAX)]
    row = Row(0xFFFFFFFF, 0xFFFF, HOLDOVER, 0xFFFFFFFF, 999, ends, [(65_535, 255)] * TIPS_MAX)
    assert unpack(pack(row, 0xFFFFFFFF), 0xFFFFFFFF) == row
    longest = Row(1, 0, SYNCED, 0, 0, [Reading(c, 1, GOOD, 1, 1, 0) for c in range(8)], [(0, 1)] * 23)
    assert len(pack(longest, 0)) == LENGTH_MAX


def test_a_row_has_room_for_every_quantity_that_a_bought_sensor_can_have():
    row = Row(1, 0, SYNCED, 0, 0, [Reading(c, VALUE_MAX) for c in range(len(QUANTITIES) - len(DERIVED))])
    assert unpack(pack(row, 0), 0) == row
    pack(Row(1, 0, SYNCED, 0, 0, [Reading(c, 0) for c in range(CHANNELS_MAX)]), 0)
    with pytest.raises(RowError, match="1 to"):
        pack(Row(1, 0, SYNCED, 0, 0, [Reading(c, 0) for c in range(CHANNELS_MAX + 1)]), 0)


@pytest.mark.parametrize(("value", "quality"), [(None, GOOD), (5, MISSING)])
def test_a_value_and_the_flag_missing_exclude_each_other(value, quality):
    with pytest.raises(RowError, match="quality 9"):
        Reading(0, value, quality)


@pytest.mark.parametrize(("attribute", "value"), [("value", None), ("quality", MISSING)])
def test_a_reading_that_was_changed_afterwards_is_looked_at_again(attribute, value):
    reading = Reading(0, 5)
    setattr(reading, attribute, value)
    with pytest.raises(RowError, match="quality 9"):
        pack(Row(1, 0, SYNCED, 0, 0, [reading]), 1)


@given(st.lists(rows, max_size=4), st.integers(0, 9))
def test_rows_behind_one_another_are_split_at_their_lengths(some, zeros):
    packed = [pack(one, 1) for one in some]
    assert split(b"".join(packed) + bytes(zeros)) == packed


@given(data_rows(), st.data())
def test_a_torn_row_is_told_and_not_given(one, data):
    packed = pack(one, 1)
    with pytest.raises(RowError, match="cut at byte"):
        split(packed + packed[: data.draw(st.integers(1, len(packed) - 1))])


@pytest.mark.parametrize("data", [b"", b"\x12", b"\xff" * 300, b"\xeb" + bytes(234)])
def test_no_row_begins_with_an_impossible_length(data):
    with pytest.raises(RowError):
        measure(data)


def test_rows_are_equal_by_content_and_say_it():
    assert unpack(pack(GOLDEN_ROW, 3), 3) == GOLDEN_ROW
    assert hash(GOLDEN_ROW) == hash(unpack(pack(GOLDEN_ROW, 3), 3))
    assert GOLDEN_ROW != ANCHOR_ROW
    assert GOLDEN_ROW.readings[0] != GOLDEN_ROW.readings[1]
    assert "1881" in repr(GOLDEN_ROW)
