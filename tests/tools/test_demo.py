"""The demo's own judgement: what it calls right, and when it slows down."""

from tools.demo import EXPECTED, verdict
from tools.demo.account import Account
from tools.demo.pace import Pace

ROW = (b"12345678", 7, 1, 0xAB)
OTHER_CONTENT = (b"12345678", 7, 1, 0xCD)
SECOND = (b"12345678", 7, 2, 0xEF)


def good():
    alarms = [{"rule": rule, "kind": kind} for rule, kinds in EXPECTED.items() for kind in kinds]
    return {"lost": 0, "duplicated": 0, "rows_stored": 9, "scans": 1000, "scans_skipped": 10, "alarms": alarms}


def test_a_run_without_fault_is_right():
    assert verdict(good()) == []


def test_anything_lost_or_doubled_is_not_right():
    assert verdict(good() | {"lost": 1})
    assert verdict(good() | {"duplicated": 1})
    assert verdict(good() | {"rows_stored": 0})


def test_more_than_one_percent_of_skipped_scans_is_not_right():
    assert verdict(good() | {"scans_skipped": 11})


def test_an_alarm_that_did_not_happen_is_not_right():
    assert verdict(good() | {"alarms": good()["alarms"][1:]})


def test_rows_are_compared_as_sets_with_their_content():
    assert Account(frozenset({ROW, SECOND}), frozenset({ROW, SECOND}), 2).lost == 0
    one_lost_one_twice = Account(frozenset({ROW, SECOND}), frozenset({ROW}), 2)
    assert (one_lost_one_twice.lost, one_lost_one_twice.duplicated) == (1, 1)
    other_content = Account(frozenset({ROW}), frozenset({OTHER_CONTENT}), 1)
    assert (other_content.lost, other_content.duplicated) == (1, 1)


def paced(looks):
    rates = []
    pace = Pace(60.0, rates.append)
    for second, scans, skipped in looks:
        pace.look(scans, skipped, float(second))
    return rates


def test_a_machine_that_keeps_up_is_not_slowed_down():
    assert paced([(0, 0, 50), (6, 360, 52), (12, 720, 55)]) == []


def test_a_machine_that_misses_scans_is_slowed_down_to_half_at_most():
    rates = paced([(0, 0, 0), (6, 330, 30), (12, 580, 60), (18, 800, 90), (24, 1000, 120)])
    assert rates == [45.0, 33.75, 30.0]
