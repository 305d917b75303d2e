"""What hypothesis draws for tests/wire: rows as a board can write them, and whatever a CBOR decoder can hand over."""

from decimal import Decimal

import cbor2
from hypothesis import strategies as st

from wire.reading import FAIL, GOOD, HOLDOVER, MISSING, NEVER, NOT_EVALUATED, SUSPECT, SYNCED, VALUE_MAX, VALUE_MIN
from wire.row import ANCHOR, CHANNELS_MAX, LENGTH_MAX, TIP_AGE_MAX_S, TIP_COUNT_MAX, TIPS_MAX, Reading, Row

U32 = 0xFFFFFFFF
STATS_CHANNELS_MAX = 11  # (234 - 21) / 18: so many readings with low, high and spread fit a row.
values = st.one_of(st.integers(VALUE_MIN, VALUE_MAX), st.integers(-3, 3), st.sampled_from([VALUE_MIN, VALUE_MAX]))
epochs = st.integers(0, U32)
seqs = st.integers(1, U32)
times_s = st.one_of(st.integers(0, U32), st.integers(1_528_000_000, 1_528_000_400))
time_qualities = st.sampled_from([NEVER, HOLDOVER, SYNCED])


@st.composite
def readings(draw, channel: int, may_have_stats: bool = True) -> Reading:
    """One reading: any value and flag, or missing; with or without low, high and spread."""
    with_stats = may_have_stats and draw(st.booleans())
    stats = (draw(values), draw(values), draw(st.integers(0, U32))) if with_stats else (None, None, None)
    if draw(st.integers(0, 3)) == 0:
        return Reading(channel, None, MISSING, *stats)
    return Reading(channel, draw(values), draw(st.sampled_from([GOOD, NOT_EVALUATED, SUSPECT, FAIL])), *stats)


@st.composite
def data_rows(draw, channels: int | None = None, seq: int | None = None, boot: int | None = None, time_quality=None):
    """A row that fits its 234 bytes; what is not given is drawn."""
    count = draw(st.integers(1, CHANNELS_MAX)) if channels is None else channels
    row_readings = [draw(readings(c, count <= STATS_CHANNELS_MAX)) for c in range(count)]
    used = 21 + sum(6 if r.low is None else 18 for r in row_readings)
    tip = st.tuples(st.integers(0, TIP_AGE_MAX_S), st.integers(1, TIP_COUNT_MAX))
    tips = draw(st.lists(tip, max_size=min(4, TIPS_MAX, (LENGTH_MAX - used) // 3)))
    return Row(
        draw(seqs) if seq is None else seq,
        draw(st.integers(0, 0xFFFF)) if boot is None else boot,
        draw(time_qualities) if time_quality is None else time_quality,
        draw(times_s),
        draw(st.integers(0, 999)),
        row_readings,
        tips,
    )


@st.composite
def anchor_rows(draw, seq: int | None = None):
    """A time-anchor row."""
    ms = st.integers(0, 999)
    quality = draw(st.sampled_from([HOLDOVER, SYNCED]))
    anchor = (draw(times_s), draw(ms), quality, draw(times_s), draw(ms))
    number = draw(seqs) if seq is None else seq
    return Row(number, draw(st.integers(0, 0xFFFF)), NEVER, draw(times_s), draw(ms), kind=ANCHOR, anchor=anchor)


@st.composite
def logs(draw, channels: int) -> list[Row]:
    """Up to a dozen rows with ascending seq: mostly one boot and regular stamps, sometimes neither."""
    seq = draw(st.integers(1, 1 << 31))
    boot, quality, t_s = draw(st.integers(0, 9)), draw(time_qualities), draw(st.integers(0, 1 << 31))
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        change = draw(st.integers(0, 9))
        if change == 0:
            rows.append(draw(anchor_rows(seq)))
        elif change == 1:
            rows.append(draw(data_rows(seq=seq)))  # Any number of channels, any boot, any time.
        else:
            row = draw(data_rows(channels, seq, boot, quality))
            if change > 3:
                row.t_s, row.ms = t_s, 0
            rows.append(row)
        seq += 1 if draw(st.integers(0, 5)) else 7
        t_s += 60
    return rows


# Everything that a decoder of CBOR may hand over, and more: the wrong kind of number, map, text or tag.
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([1 << 63, -(1 << 64), 1 << 4_000, 1_500, 1_501]),
    st.floats(),
    st.sampled_from([1.0, 9.0, Decimal(1), Decimal("NaN")]),
    st.text(max_size=3),
    st.binary(max_size=24),
    st.sampled_from([cbor2.undefined, cbor2.CBORSimpleValue(200), cbor2.frozendict({0: 1})]),
    st.builds(lambda: cbor2.CBORTag(4_711, [1])),
    st.builds(lambda: {1, 2}),
)
structures = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.integers(-2, 7), st.text(max_size=1)), inner, max_size=3),
    ),
    max_leaves=8,
)
