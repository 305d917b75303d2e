"""What the spool's index says of held and acknowledged rows, against plain sets of numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ranges import Ranges
from gateway.spool_index import Index, Log
from gateway.spool_schema import LogInfo
from tests.gateway.small_station import BOARD, EPOCH

KEY = (BOARD, EPOCH)
COLUMNS = ("head_mm", "supply_mv")
STATEMENT = st.tuples(st.integers(0, 12), st.lists(st.integers(1, 20), max_size=6, unique=True).map(sorted))


@settings(max_examples=200)
@given(st.sets(st.integers(1, 20)), st.lists(st.tuples(st.integers(1, 2), STATEMENT), max_size=8))
def test_the_index_says_what_sets_of_numbers_say(held, statements):
    log = Log(LogInfo(BOARD, EPOCH, 1, "level", 0, COLUMNS))
    log.held = Ranges((number, number) for number in held)
    index = Index([log], 0)
    acked, generation = set(), 0
    for new_generation, (watermark, numbers) in statements:
        flat = numbers[: len(numbers) // 2 * 2]
        index.acknowledge(new_generation, [(BOARD, EPOCH, watermark, flat), (BOARD, 5, 1, [])])
        stated = set(range(1, watermark + 1))
        for first, last in zip(flat[::2], flat[1::2], strict=True):
            stated |= set(range(first, last + 1))
        acked = stated | (acked if new_generation == generation else set())
        generation = new_generation
    assert index.depth() == len(held - acked)
    assert {n for _, ranges in index.unsent(events=False) for n in range(1, 30) if n in ranges} == held - acked
    tail = min(held | acked, default=1)
    for answer, known in ((index.watermark(KEY), held | acked), (index.center_has(KEY), acked)):
        expected = tail - 1
        while expected + 1 in known:
            expected += 1
        assert answer == (expected if expected >= tail else 0)


@given(
    st.sets(st.integers(1, 20)),
    st.sets(st.integers(1, 20)),
    st.sets(st.integers(1, 20)),
    st.integers(1, 22),
    st.integers(0, 22),
)
def test_what_is_wanted_of_a_board_is_what_nobody_has(held, acked, gone, tail, head):
    log = Log(LogInfo(BOARD, EPOCH, 1, "level", 0, COLUMNS))
    log.held, log.acked, log.gone = (Ranges((n, n) for n in numbers) for numbers in (held, acked, gone))
    missing = [n for n in range(tail, head + 1) if n not in held | acked | gone]
    wanted = Index([log], 0).wanted(KEY, tail, head)
    if not missing:
        assert wanted is None
    else:
        last = next(n for n in range(missing[0], 24) if n + 1 not in missing)
        assert wanted == (missing[0], last)


def test_rows_that_a_board_holds_below_ours_are_missing_and_in_reach():
    log = Log(LogInfo(BOARD, EPOCH, 1, "level", 0, COLUMNS))
    log.held = Ranges([(50, 60)])
    index = Index([log], 0)
    assert (index.watermark(KEY), index.reach_of(log)) == (60, (50, 60))
    index.reach[KEY] = (10, 70)
    assert (index.watermark(KEY), index.reach_of(log)) == (0, (10, 70))
    log.held.add(10, 49)
    assert index.watermark(KEY) == 60
    index.reach[KEY] = (55, 70)  # The board has overwritten what we have.
    assert (index.watermark(KEY), index.reach_of(log)) == (60, (10, 70))
    assert Index([log], 0).wanted((BOARD, 1), 3, 5) == (3, 5), "of an unknown log everything is wanted"
