"""The plan of the kill loop, and its judgement; the loop itself runs in hil_tests and in the soak."""

from tools.demo.account import Account
from tools.emulator.whole import WholeStation
from tools.soak import kills

BOARDS = ("level", "rain", "tilt", "smoke")
ROW = (b"\x01" * 8, 7, 1, 99)


class Center(WholeStation):
    """A station of which only the center's counters matter."""

    def __init__(self, aside=0):
        self.aside = aside

    def center_query(self, sql, *values):
        return [(self.aside,)]


def test_a_seed_gives_the_same_kills_again_and_another_seed_others():
    assert kills.plan(5, 50, BOARDS) == kills.plan(5, 50, BOARDS)
    assert kills.plan(5, 50, BOARDS) != kills.plan(6, 50, BOARDS)


def test_a_plan_has_every_kind_and_never_kills_what_is_dead_nor_the_last_two_boards():
    steps = kills.plan(1, 400, BOARDS)
    assert sum(step.what in kills.KILLS for step in steps) == 400
    assert {step.what for step in steps} == {*kills.KILLS, *kills.OUTAGES}
    back = {}  # what is dead -> the number of the step before which it comes back
    for number, step in enumerate(steps):
        assert kills.ROWS_MIN <= step.rows <= kills.ROWS_MAX
        back = {name: until for name, until in back.items() if until > number}
        assert (step.board or step.what) not in back
        if step.dark:
            back[step.board or step.what] = number + 1 + step.dark
        assert len([board for board in BOARDS if board not in back]) >= kills.BOARDS_UP_MIN


def test_rows_that_are_missing_and_rows_that_nobody_made_are_told_by_name():
    other = (*ROW[:2], 2, 98)
    told = kills.wrong_of(Center(), Account(frozenset({ROW}), frozenset({other}), 2))
    assert [text.split(":")[0] for text in told] == [
        "1 rows lost",
        "1 rows made by nobody",
        "1 rows twice in the center's database",
    ]
    assert "0101010101010101 00000007 1" in told[0]
    assert kills.wrong_of(Center(), Account(frozenset({ROW}), frozenset({ROW}), 1)) == []
    assert kills.wrong_of(Center(aside=3), Account(frozenset(), frozenset(), 0)) == ["the center set 3 messages aside"]


def test_a_station_that_does_not_start_is_a_failure_with_its_seed():
    class Broken(Center):
        def __enter__(self):
            raise TimeoutError("board level is not ready")

        def __exit__(self, *_):
            raise AssertionError("not entered")

    result = kills.one_station(Broken(), kills.plan(1, 1, BOARDS), "seed 1", print)
    assert result.sums is None
    assert result.failures == ["seed 1: before or after the kills: TimeoutError: board level is not ready"]
