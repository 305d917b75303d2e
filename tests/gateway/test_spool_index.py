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
