"""Segments shortened by what they share with the one before, and back; no bytes of anybody do more than be refused."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.strategies import logs, structures
from wire.reading import FAIL, SYNCED
from wire.row import Reading, Row
from wire.short import lengthen, shorten
from wire.telemetry import F_GATEWAY_QUALITY, ROWS_MAX, TelemetryError, rows_of, segments_of

BASE_S = 1_528_063_500
EPOCH = 0xC0FFEE

WHOLE = [[0, 41, 5, 2, 3, [[7, 1], []]], [1, 100_000, 5, 9, 3, [[4]], {0: 1}], [2, 99_990, 5, 3, 3, [[], [1], [2]]]]
SHORT = [WHOLE[0], [1, 99_959, 7, [4], {0: 1}], [2, -10, -6, [], [1], [2]]]


def test_a_segment_leaves_out_what_it_shares_with_the_one_before():
    assert shorten(WHOLE) == SHORT
    assert lengthen(SHORT) == WHOLE


@pytest.mark.parametrize("place", [2, 4])
def test_a_segment_of_another_start_or_number_of_rows_stays_whole(place):
    other = list(WHOLE[1])
    other[place] += 1
    segments = [WHOLE[0], other, WHOLE[2]]
    assert shorten(segments) == segments


def test_behind_a_packed_row_a_segment_is_whole():
    packed = [0, 40, bytes(19)]
    assert shorten([packed, *WHOLE]) == [packed, *SHORT]
    assert shorten([WHOLE[0], packed, WHOLE[1]]) == [WHOLE[0], packed, WHOLE[1]]


@given(st.lists(st.integers(1, 4).flatmap(lambda n: st.tuples(st.just(n), logs(n))), min_size=1, max_size=4))
def test_any_sources_of_one_message_come_back(sources):
    segments = []
    for index, (channels, rows) in enumerate(sources):
        segments += segments_of(index, 60, EPOCH, rows, BASE_S, channels)
    for segment in segments[::2]:
        if len(segment) == 6:
            segment.append({F_GATEWAY_QUALITY: {0: [FAIL, segment[4]]}})
    assert lengthen(shorten(segments)) == segments


@given(st.lists(st.one_of(structures, st.lists(structures, min_size=3, max_size=8)), max_size=4))
def test_whatever_cbor_gives_is_left_for_the_rows_to_refuse(segments):
    for segment in lengthen(segments):
        with suppress(TelemetryError):  # Any other error ends the test.
            rows_of(segment, 60, EPOCH, BASE_S, 2)


BAD = {
    "nothing before it": [[0, 1, 0, [5]]],
    "a packed row before it": [[0, 1, bytes(19)], [0, 1, 0, [5]]],
    "a broken one before it": [[0, 1, 0, 0, 2], [0, 1, 0, [5]]],
    "a seq that is text": [WHOLE[0], [0, "1", 0, [5], [5]]],
    "a boot of true": [WHOLE[0], [0, 1, True, [5], [5]]],
    "a seq below 1": [WHOLE[0], [0, -41, 0, [5], [5]]],
    "a number behind its columns": [WHOLE[0], [0, 1, 0, [5], [5], 7]],
    "a column behind its flags": [WHOLE[0], [0, 1, 0, [5], {}, [5]]],
}


@pytest.mark.parametrize("name", BAD)
def test_a_short_segment_that_is_short_of_nothing_is_refused(name):
    with pytest.raises(TelemetryError):
        rows_of(lengthen(BAD[name])[-1], 60, EPOCH, BASE_S, 2)


def test_a_number_without_end_does_not_grow_from_segment_to_segment():
    greedy = [[0, 1, 0, 0, 2, [[5]]], *([0, 1 << 400_000, 0, [5]] for _ in range(255))]
    tracemalloc.start()
    try:
        lengthened = lengthen(greedy)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 100_000
    with pytest.raises(TelemetryError):
        rows_of(lengthened[-1], 60, EPOCH, BASE_S, 1)


def test_a_column_of_a_short_segment_may_be_as_long_as_its_rows():
    rows = [Row(1 + i, 0, SYNCED, BASE_S + 60 * i, 0, [Reading(0, i * i)]) for i in range(ROWS_MAX)]
    segments = [*segments_of(0, 60, EPOCH, rows, BASE_S, 1), *segments_of(1, 60, EPOCH, rows, BASE_S, 1)]
    assert len(shorten(segments)[1]) == 4
    assert rows_of(lengthen(shorten(segments))[1], 60, EPOCH, BASE_S, 1) == rows
