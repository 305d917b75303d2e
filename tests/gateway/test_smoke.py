"""Smoke by N of M samples, by twice the threshold, by contact; and what is not seen lowers nothing."""

import pytest

from gateway.alarms import Alarm
from gateway.config import Rule, Step
from gateway.smoke import Smoke

RULE = Rule("smoke", "smoke", "smoke", (Step(2, 100, "", 20), Step(4, 200, "", 20)))
OPEN, CLOSED = "open", "closed"
BLIND, CUT = "blind", "cut"  # chamber, contact not seen


def feed(samples, contact=False):
    """The level after each sample; a number is obscuration."""
    smoke = Smoke(Alarm(RULE), contact)
    levels = []
    for second, sample in enumerate(samples):
        now = (second * 1_000, second * 1_000)
        if isinstance(sample, int):
            smoke.step(sample, *now)
        elif sample in (OPEN, CLOSED):
            smoke.touch(int(sample == CLOSED), *now)
        elif sample == BLIND:
            smoke.hold()
        else:
            smoke.hold_contact()
        levels.append(smoke.alarm.level)
    return levels


def test_the_alarm_shows_the_newest_obscuration():
    smoke = Smoke(Alarm(RULE), False)
    smoke.step(37, 0, 0)
    assert smoke.alarm.value == 37


CASES = {
    "clean air is calm": ([5, 5, 5, 5], [0, 0, 0, 0]),
    "one sample of smoke is none": ([5, 150, 5, 5], [0, 0, 0, 0]),
    "two of three are the pre-alarm": ([150, 5, 100], [0, 0, 2]),
    "two of four are not": ([150, 5, 5, 150], [0, 0, 0, 0]),
    "three of four are the alarm": ([250, 5, 250, 200], [0, 0, 2, 4]),
    "three of five are not": ([250, 5, 5, 250, 250], [0, 0, 0, 0, 2]),
    "twice the alarm's threshold is the alarm at once": ([5, 401], [0, 4]),
    "twice and no more is not": ([5, 400], [0, 0]),
    "it holds within the deadband": ([401, 180, 180, 180, 180], [4, 4, 4, 4, 4]),
    "it falls one level a sample": ([401, 5, 5, 5], [4, 2, 0, 0]),
    "a blind chamber lowers nothing": ([401, BLIND, BLIND, BLIND], [4, 4, 4, 4]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_chamber_follows_its_table(name):
    samples, levels = CASES[name]
    assert feed(samples) == levels


WITH_CONTACT = {
    "a closed contact is the alarm at once": ([OPEN, 5, CLOSED], [0, 0, 4]),
    "a closed contact holds it in clean air": ([CLOSED, 5, 5, 5], [4, 4, 4, 4]),
    "an open one lets the chamber lower it": ([CLOSED, OPEN, 5, 5], [4, 4, 2, 0]),
    "a contact that is not seen lowers nothing": ([CLOSED, CUT, 5, 5, 5], [4, 4, 4, 4, 4]),
    "a contact that is not seen stops no alarm": ([CUT, 401], [0, 4]),
    "a contact that is lost while open lowers nothing": ([OPEN, 401, CUT, 5, 5, OPEN, 5], [0, 4, 4, 4, 4, 4, 2]),
    "a contact raises over a blind chamber": ([5, BLIND, CLOSED], [0, 0, 4]),
    "an open contact lowers nothing over a blind chamber": ([CLOSED, BLIND, OPEN, OPEN], [4, 4, 4, 4]),
}


@pytest.mark.parametrize("name", WITH_CONTACT)
def test_the_contact_follows_its_table(name):
    samples, levels = WITH_CONTACT[name]
    assert feed(samples, contact=True) == levels
