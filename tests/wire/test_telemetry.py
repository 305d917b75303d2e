"""Rows, segments and back; what is damaged on the way is refused with one error and never with another."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.wire.strategies import data_rows, epochs, logs, readings, structures
from wire import actions, telemetry
from wire.reading import FAIL, GOOD, HOLDOVER, MISSING, NEVER, SUSPECT, SYNCED
from wire.row import ANCHOR, CHANNELS_MAX, Reading, Row, pack
from wire.telemetry import ROWS_MAX, TelemetryError, gateway_qualities, rows_of, run_lengths, segments_of

BASE_S = 1_528_063_500
EPOCH = 0xC0FFEE
channel_counts = st.integers(1, CHANNELS_MAX)
cadences = st.sampled_from([0, 1, 60, 300, 86_400])


def back(segments, cadence_s, epoch, base_s, channels):
    return [row for segment in segments for row in rows_of(segment, cadence_s, epoch, base_s, channels)]


@given(channel_counts.flatmap(lambda n: st.tuples(st.just(n), logs(n))), cadences, epochs, st.integers(0, 1 << 32))
def test_rows_come_back_from_their_segments_without_loss(log, cadence_s, epoch, base_s):
    channels, rows = log
    segments = segments_of(3, cadence_s, epoch, rows, base_s, channels)
    again = back(segments, cadence_s, epoch, base_s, channels)
    assert again == rows
    assert [pack(row, epoch) for row in again] == [pack(row, epoch) for row in rows]
    assert {segment[0] for segment in segments} == {3}


def minute_rows(levels, **changes):
    rows = []
    for i, level in enumerate(levels):
        reading = Reading(0, None, MISSING) if level is None else Reading(0, level)
        fields = {"seq": 41 + i, "boot": 2, "time_quality": SYNCED, "t_s": BASE_S + 60 * i} | changes
        rows.append(Row(**fields, readings=[reading]))
    return rows


# [source, seq, seconds from base, boot, rows, [column]]: first value, then differences, zeros at the end left out.
@pytest.mark.parametrize(
    ("levels", "column"),
    [
        ([1_881, 1_880, 1_880, 1_883], [1_881, -1, 0, 3]),
        ([1_881, 1_881, 1_881], [1_881]),
        ([0, 0], [0]),
        ([None, None], []),
        ([5, None, 5], [5, None]),
        ([5, None, 4], [5, None, -1]),
        ([5, 5, None], [5, 0, None]),
        ([5, 5, 5, 6], [5, 0, 0, 1]),
        ([5, 5, 5, 5, 6], [5, [3], 1]),
        ([0, 0, 0, 0, 0, 6, 6, 6, 6, 7, 7], [0, [4], 6, [3], 1]),
        ([None, 7, 7, 7, 7, None], [None, 7, [3], None]),
        ([7, 7, None, 7, 7, 8], [7, 0, None, 0, 0, 1]),
        ([None, 7, 7], [None, 7]),
        ([-3], [-3]),
    ],
)
def test_column_and_hand_made_differences(levels, column):
    segments = segments_of(0, 60, EPOCH, minute_rows(levels), BASE_S - 5, 1)
    assert segments == [[0, 41, 5, 2, len(levels), [column]]]
    assert back(segments, 60, EPOCH, BASE_S - 5, 1) == minute_rows(levels)


def test_flags_by_hand():
    rows = minute_rows([100, 110, 120], time_quality=HOLDOVER)
    rows[1].t_s += 1  # One second and 20 ms late: 1,020 ms; then on time again: -1,020.
    rows[1].ms = 20
    rows[1].readings = [Reading(0, 110, SUSPECT, 108, 113, 4)]  # 2 below, 3 above, spread 4
    rows[2].tips = [(7, 2), (0, 1)]
    expected = [
        [0, 41, 0, 2, 3, [[100, 10, 10]]]
        + [
            {
                telemetry.F_TIME_QUALITY: HOLDOVER,
                telemetry.F_OFFSETS: [0, 1_020, -1_020],
                telemetry.F_QUALITY: {0: [GOOD, 1, SUSPECT, 1, GOOD, 1]},
                telemetry.F_STATS: {0: [[None, 2, None], [None, 3, None], [None, 4, None]]},
                telemetry.F_TIPS: [2, 7, 2, 2, 0, 1],
            }
        ]
    ]
    assert segments_of(0, 60, EPOCH, rows, BASE_S, 1) == expected
    assert back(expected, 60, EPOCH, BASE_S, 1) == rows


def test_what_never_varied_within_its_rows_has_empty_columns_for_it():
    rows = minute_rows([100, 110, 120])
    for row in rows:
        row.readings = [Reading(0, 110, GOOD, 110, 110, 0)]
    segments = segments_of(0, 60, EPOCH, rows, BASE_S, 1)
    assert segments == [[0, 41, 0, 2, 3, [[110]], {telemetry.F_STATS: {0: [[], [], []]}}]]
    assert back(segments, 60, EPOCH, BASE_S, 1) == rows


def test_uptime_of_a_clock_that_was_never_set_comes_back():
    rows = minute_rows([1, 2], time_quality=NEVER)
    for i, row in enumerate(rows):
        row.t_s, row.ms = 7 + 60 * i, 250
    segments = segments_of(0, 60, EPOCH, rows, BASE_S, 1)
    assert segments == [[0, 41, 7 - BASE_S, 2, 2, [[1, 1]], {0: NEVER, 1: [250]}]]
    assert back(segments, 60, EPOCH, BASE_S, 1) == rows


@pytest.mark.parametrize("field", ["seq", "boot", "time_quality"])
def test_a_segment_is_cut_where_its_head_would_no_longer_hold(field):
    rows = minute_rows([1, 2, 3, 4])
    for row in rows[2:]:
        setattr(row, field, {"seq": row.seq + 1, "boot": 3, "time_quality": HOLDOVER}[field])
    segments = segments_of(0, 60, EPOCH, rows, BASE_S, 1)
    assert [(segment[1], segment[4]) for segment in segments] == [(41, 2), (rows[2].seq, 2)]
    assert back(segments, 60, EPOCH, BASE_S, 1) == rows


def test_a_segment_is_cut_at_its_limit_of_rows():
    rows = minute_rows([7] * (ROWS_MAX + 1))
    segments = segments_of(0, 60, EPOCH, rows, BASE_S, 1)
    assert [(segment[1], segment[4]) for segment in segments] == [(41, ROWS_MAX), (41 + ROWS_MAX, 1)]
    assert back(segments, 60, EPOCH, BASE_S, 1) == rows


def test_anchors_and_rows_of_other_channels_travel_packed():
    rows = minute_rows([1, 2, 3])
    rows[0] = Row(41, 2, NEVER, 3, kind=ANCHOR, anchor=(BASE_S, 0, SYNCED, 3, 0))
    rows[1].readings = [Reading(1, 2)]
    segments = segments_of(0, 60, EPOCH, rows, BASE_S, 1)
    assert segments == [[0, 41, pack(rows[0], EPOCH)], [0, 42, pack(rows[1], EPOCH)], [0, 43, 120, 2, 1, [[3]]]]
    assert back(segments, 60, EPOCH, BASE_S, 1) == rows


def test_no_rows_make_no_segment():
    assert segments_of(0, 60, EPOCH, [], BASE_S, 1) == []


FLAGS = {0: NEVER, 1: [5], 2: {0: [GOOD, 2]}, 3: {0: [[1], [1], [1]]}, 4: [0, 1, 1], 5: {0: [FAIL, 2]}}


def segment_with(place: int, value) -> list:
    good = [0, 1, 0, 0, 2, [[5]], dict(FLAGS)]
    good[place] = value
    return good


def flagged(key: int, value) -> list:
    return segment_with(6, FLAGS | {key: value})


def test_the_segment_that_the_bad_ones_are_made_of_is_good():
    assert len(rows_of(flagged(0, NEVER), 60, EPOCH, 0, 1)) == 2
    assert gateway_qualities(flagged(0, NEVER), 2) == {0: [FAIL, FAIL]}


BAD = {
    "no array": {0: 1},
    "nothing": None,
    "two long": [0, 1],
    "four long": [0, 1, 2, 3],
    "eight long": [*segment_with(0, 0), 1],
    "packed text": [0, 1, "text"],
    "packed bytes of no row": [0, 1, b"\x13" + bytes(18)],
    "packed row of another seq": [0, 2, pack(minute_rows([1], seq=1)[0], EPOCH)],
    "packed row with a seq of true": [0, True, pack(minute_rows([1], seq=1)[0], EPOCH)],
    "packed row of another epoch": [0, 1, pack(minute_rows([1], seq=1)[0], EPOCH + 1)],
    "seq of zero": segment_with(1, 0),
    "seq that passes its end": segment_with(1, 0xFFFFFFFF),
    "seq that is text": segment_with(1, "1"),
    "time before 1970": segment_with(2, -1),
    "time beyond 2106": segment_with(2, 1 << 32),
    "time without end": segment_with(2, 1 << 4_000),
    "boot too large": segment_with(3, 1 << 16),
    "no rows": segment_with(4, 0),
    "more rows than allowed": segment_with(4, ROWS_MAX + 1),
    "rows by half": segment_with(4, 1.5),
    "rows that are true": segment_with(4, True),
    "no columns": segment_with(5, []),
    "a column too many": segment_with(5, [[5], [5]]),
    "columns of no array": segment_with(5, 5),
    "a column of no array": segment_with(5, [5]),
    "a column longer than its rows": segment_with(5, [[1, 1, 1]]),
    "a column with a fraction": segment_with(5, [[1.0]]),
    "a column with true": segment_with(5, [[True]]),
    "a column that leaves 32 bits": segment_with(5, [[0x7FFFFFFF, 1]]),
    "zeros before any value": segment_with(5, [[[1], 5]]),
    "zeros behind nothing": segment_with(5, [[None, [1]]]),
    "zeros past its rows": segment_with(5, [[5, [2]]]),
    "a value behind zeros past its rows": segment_with(5, [[5, [1], 1]]),
    "no zeros": segment_with(5, [[5, [0]]]),
    "zeros by fraction": segment_with(5, [[5, [1.0]]]),
    "zeros that are true": segment_with(5, [[5, [True]]]),
    "two counts of zeros": segment_with(5, [[5, [1, 1]]]),
    "zeros without end": segment_with(5, [[5, [1 << 60]]]),
    "a step without end": segment_with(5, [[1 << 4_000]]),
    "flags of no map": segment_with(6, [1]),
    "flags that are text": segment_with(6, "text"),
    "time quality 3": flagged(0, 3),
    "time quality by fraction": flagged(0, 1.0),
    "time quality true": flagged(0, True),
    "a row without time": flagged(1, []),
    "a row with a gap in time": flagged(1, [0, None]),
    "times that are no array": flagged(1, 5),
    "quality of no map": flagged(2, [GOOD, 2]),
    "quality of no column": flagged(2, {1: [GOOD, 2]}),
    "quality of column true": flagged(2, {False: [GOOD, 2]}),
    "quality of text": flagged(2, {"0": [GOOD, 2]}),
    "half a pair": flagged(2, {0: [GOOD]}),
    "flag 5": flagged(2, {0: [5, 2]}),
    "flag by fraction": flagged(2, {0: [1.0, 2]}),
    "a run of none": flagged(2, {0: [GOOD, 0, GOOD, 2]}),
    "a run past its rows": flagged(2, {0: [GOOD, 3]}),
    "a run without end": flagged(2, {0: [GOOD, 1 << 60]}),
    "runs that end early": flagged(2, {0: [GOOD, 1]}),
    "missing flag on a value": flagged(2, {0: [MISSING, 2]}),
    "stats of no map": flagged(3, [[1], [1], [1]]),
    "stats of no column": flagged(3, {1: [[1], [1], [1]]}),
    "two stats": flagged(3, {0: [[1], [1]]}),
    "a negative spread": flagged(3, {0: [[1], [1], [-1]]}),
    "a low beyond 32 bits": flagged(3, {0: [[1 << 33], [1], [1]]}),
    "half a triple": flagged(4, [0, 1]),
    "tips of no row": flagged(4, [2, 1, 1]),
    "tips of row -1": flagged(4, [-1, 1, 1]),
    "no tips in a pair": flagged(4, [0, 1, 0]),
    "33 pairs of tips": flagged(4, [0, 1, 1] * 33),
    "tips of no array": flagged(4, {0: 1}),
    "tips by fraction": flagged(4, [0, 1.0, 1]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_segment_that_no_rows_can_have_made_is_refused(name):
    with pytest.raises(TelemetryError):
        rows_of(BAD[name], 60, EPOCH, 0, 1)


@pytest.mark.parametrize(
    "judged",
    [[FAIL, 2], {0: [FAIL]}, {0: [FAIL, 1]}, {0: [5, 2]}, {-1: [FAIL, 2]}, {CHANNELS_MAX: [FAIL, 2]}, {"0": []}],
)
def test_a_gateways_judgement_that_fits_no_rows_is_refused(judged):
    with pytest.raises(TelemetryError):
        gateway_qualities(flagged(5, judged), 2)


def test_unknown_flags_of_a_later_version_are_ignored():
    assert rows_of(flagged(9, "later"), 60, EPOCH, 0, 1) == rows_of(flagged(0, NEVER), 60, EPOCH, 0, 1)


def decoded_or_refused(segment):
    for look in (lambda: rows_of(segment, 60, EPOCH, BASE_S, 2), lambda: gateway_qualities(segment, 2)):
        with suppress(TelemetryError):  # Any other error ends the test.
            look()


@given(structures)
def test_whatever_cbor_gives_raises_only_telemetry_error(structure):
    decoded_or_refused(structure)


@given(st.lists(structures, min_size=3, max_size=7))
def test_an_array_of_whatever_raises_only_telemetry_error(segment):
    decoded_or_refused(segment)


def places(node, path=()):
    """Every place inside a structure, outermost first."""
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, child in inner:
        yield from places(child, (*path, key))


def replaced(node, path, value):
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


@settings(max_examples=150)
@given(logs(2), structures, st.data())
def test_a_good_segment_with_one_damaged_place_raises_only_telemetry_error(rows, damage, data):
    segment = data.draw(st.sampled_from(segments_of(0, 60, EPOCH, rows, BASE_S, 2)))
    path = data.draw(st.sampled_from(list(places(segment))))
    decoded_or_refused(replaced(segment, path, damage))


@pytest.mark.parametrize("channels", [0, 9, -1, None, 1.0])
def test_a_catalogue_that_no_row_can_follow_is_refused(channels):
    with pytest.raises(TelemetryError):
        rows_of([0, 1, 0, 0, 1, []], 60, EPOCH, BASE_S, channels)


@pytest.mark.parametrize(("cadence_s", "base_s"), [(None, 0), (60, None), (1.5, 0), (60, 0.5), (1 << 4_000, 0)])
def test_a_message_whose_times_are_no_integers_is_refused(cadence_s, base_s):
    with pytest.raises(TelemetryError):
        rows_of([0, 1, 0, 0, 2, [[1]]], cadence_s, EPOCH, base_s, 1)


GREEDY = {
    "integers without end": [0, 1, 0, 0, ROWS_MAX, [[1 << 400_000] + [1] * (ROWS_MAX - 1)]],
    "offsets without end": [0, 1, 0, 0, ROWS_MAX, [[1]], {1: [1 << 400_000, 1]}],
    "all tips in one row": [0, 1, 0, 0, ROWS_MAX, [[1]], {4: [0, 0, 1] * 20_000}],
    "zeros again and again": [0, 1, 0, 0, ROWS_MAX, [[1] + [[ROWS_MAX - 1]] * (ROWS_MAX - 1)]],
    "a run without end": [0, 1, 0, 0, ROWS_MAX, [[1]], {5: {0: [GOOD, 1 << 60]}, 2: {0: [GOOD, 1 << 60]}}],
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_small_message_cannot_take_much_memory(name):
    tracemalloc.start()
    try:
        with pytest.raises(TelemetryError):
            rows_of(GREEDY[name], 60, EPOCH, BASE_S, 1)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8_000_000


def test_the_largest_segment_is_decoded():
    columns = [[c] for c in range(CHANNELS_MAX)]
    rows = rows_of([0, 1, 0, 0, ROWS_MAX, columns], 60, EPOCH, BASE_S, CHANNELS_MAX)
    assert len(rows) == ROWS_MAX
    assert rows[-1].t_s == BASE_S + 60 * (ROWS_MAX - 1)


@given(st.lists(st.sampled_from([GOOD, SUSPECT, MISSING]), max_size=30))
def test_run_lengths_expand_to_what_they_were(flags):
    runs = run_lengths(flags)
    assert [flag for flag, run in zip(runs[::2], runs[1::2], strict=True) for _ in range(run)] == flags
    assert all(a != b for a, b in zip(runs[::2], runs[2::2], strict=False))


@given(st.lists(readings(0), min_size=1, max_size=20))
def test_a_column_with_any_flags_comes_back(column):
    rows = [Row(1 + i, 0, SYNCED, 60 * i, 0, [reading]) for i, reading in enumerate(column)]
    assert back(segments_of(0, 60, EPOCH, rows, 0, 1), 60, EPOCH, 0, 1) == rows


@given(data_rows(1), st.integers(1, 0xFFFFFFFF))
def test_a_packed_row_under_another_seq_is_refused(row, seq):
    assume(seq != row.seq)
    with pytest.raises(TelemetryError):
        rows_of([0, seq, pack(row, EPOCH)], 60, EPOCH, BASE_S, 1)


def test_event_kinds_read_in_both_directions():
    assert {telemetry.EVENT_CODES[name]: name for name in telemetry.EVENT_CODES} == telemetry.EVENT_KINDS


def test_topics_stand_below_the_station():
    assert telemetry.topic("CYB01", "live") == "rp/1/CYB01/live"


@pytest.mark.parametrize(
    ("module", "prefix"), [(telemetry, "K_"), (telemetry, "F_"), (telemetry, "E_"), (actions, "A_")]
)
def test_keys_of_a_map_are_unique_and_fit_one_byte(module, prefix):
    keys = [value for name, value in vars(module).items() if name.startswith(prefix)]
    assert len(set(keys)) == len(keys) > 3
    assert all(-24 <= key <= 23 for key in keys)
