"""Smoke and the delays of its alarm: what is not seen starts them anew."""

import pytest

from gateway.alarms import Alarm
from gateway.config import Rule, Step
from gateway.smoke import Smoke


def smoke_with(on_delay_ms: int = 0, off_delay_ms: int = 0) -> Smoke:
    steps = (Step(2, 100, "", 20, on_delay_ms, off_delay_ms), Step(4, 200, "", 20, on_delay_ms, off_delay_ms))
    return Smoke(Alarm(Rule("smoke", "smoke", "smoke", steps)), contact=True)


def test_a_closed_contact_runs_its_on_delay_while_only_the_chamber_is_heard():
    smoke = smoke_with(on_delay_ms=2_000)
    smoke.touch(1, 0, 0)
    smoke.step(5, 1_000, 1_000)
    assert smoke.alarm.level == 0
    smoke.step(5, 2_000, 2_000)
    assert smoke.alarm.level == 4


@pytest.mark.parametrize("unseen", ["hold", "hold_contact"])
def test_an_off_delay_starts_anew_after_what_was_not_seen(unseen):
    smoke = smoke_with(off_delay_ms=10_000)
    smoke.touch(1, 0, 0)
    smoke.touch(0, 1_000, 1_000)
    smoke.step(5, 2_000, 2_000)  # Far below: the off-delay runs from here.
    getattr(smoke, unseen)()
    smoke.touch(0, 11_000, 11_000)
    smoke.step(5, 12_000, 12_000)
    assert smoke.alarm.level == 4
    smoke.step(5, 22_000, 22_000)
    assert smoke.alarm.level == 2
