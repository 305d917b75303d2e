"""A message says of its rows which modes held at their time, whenever it is sent."""

import random
from contextlib import closing

import cbor2
import pytest

from gateway.mode_log import PLAIN, SPANS_MAX, ModeLog, Stand
from tests.gateway.shelf import Shelf, minutes
from tests.gateway.small_station import START_S
from wire.telemetry import K_MODE, K_MODE_BY, K_OPERATING

EXERCISE = Stand(1, "07", START_S + 600)
SEASON = Stand(0, "", 0, 2, "calendar", 0)


def exercised():
    """An exercise from 130 s to 270 s after the start."""
    log = ModeLog()
    log.note((START_S + 130) * 1000, EXERCISE)
    log.note((START_S + 270) * 1000, PLAIN)
    return log


def test_a_row_that_an_exercise_touches_is_the_exercises_and_no_other_is():
    log = exercised()
    stands = [log.at(START_S + 60 * n, 60) for n in range(1, 8)]
    assert [bool(stand.mode) for stand in stands] == [False, False, True, True, True, False, False]


def test_an_exercise_that_ended_while_the_gateway_was_down_ended_at_its_time():
    log = ModeLog()
    log.note(START_S * 1000, EXERCISE)  # Until 600 s; nobody noted its end.
    assert [log.at(START_S + 60 * n, 60).mode for n in (1, 10, 11, 12)] == [1, 1, 0, 0]


def test_rows_of_an_exercise_go_in_messages_of_their_own_also_when_it_is_long_over(tmp_path):
    shelf = Shelf(tmp_path)
    with closing(shelf.db):
        shelf.put("level", minutes("level", 7, random.Random(1)))
        batches = shelf.live([shelf.want("level", (1, 7))], modes=exercised())
        told = {}
        for batch in batches:
            message = shelf.message(batch)
            ((_, seqs),) = batch.parts
            told.setdefault(message.get(K_MODE, 0), []).extend(seqs)
            assert message.get(K_MODE_BY) == (["07", START_S + 600] if message.get(K_MODE) else None)
        assert told == {0: [(1, 2), (6, 7)], 1: [(3, 5)]}


def test_the_operating_mode_stands_in_the_message_with_who_and_until():
    assert SEASON.keys() == {K_OPERATING: [2, "calendar", 0]}
    assert PLAIN.keys() == {}
    assert PLAIN.is_plain
    assert not SEASON.is_plain


def test_the_log_is_the_same_after_a_restart_and_bounded():
    log = exercised()
    again = ModeLog()
    again.restore(cbor2.loads(cbor2.dumps(log.save())))
    assert again.save() == log.save()
    for n in range(2 * SPANS_MAX):
        log.note((START_S + 300 + n) * 1000, EXERCISE if n % 2 else SEASON)
    assert len(log.save()) == SPANS_MAX
    assert log.at(START_S - 1, 60) == PLAIN, "what is older than all of it was actual"


def test_a_clock_that_went_back_overwrites_what_it_said_before():
    log = exercised()
    log.note((START_S + 100) * 1000, SEASON)
    assert log.at(START_S + 200, 60) == SEASON
    assert log.now == SEASON
    assert not log.note((START_S + 101) * 1000, SEASON)


@pytest.mark.parametrize(
    "saved", [[], [[0, 9, "", 0, 0, "", 0]], [["x", 0, "", 0, 0, "", 0]], [[0, 0, 1, 0, 0, "", 0]]]
)
def test_what_is_no_log_is_refused(saved):
    with pytest.raises((ValueError, TypeError)):
        ModeLog().restore(saved)
