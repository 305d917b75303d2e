"""The alarm of one rule, as a table of cases."""

import pytest

from gateway.alarms import STATE_NAMES, Alarm
from gateway.changes import Change, Recalled
from gateway.config import Rule, Step

LATER_MS = 1_600_000_000_000  # unix time of monotonic 0


def flood(ats=(1000, 2000, 3000, 4000), deadband=100, on_delay_ms=0, off_delay_ms=0, **more) -> Rule:
    steps = tuple(Step(level, at, "", deadband, on_delay_ms, off_delay_ms) for level, at in enumerate(ats, start=1))
    return Rule("flood", "high", "river", steps, **more)


def feed(alarm: Alarm, samples, start_s=0):
    """One sample a second; (value, True) is a doubtful one, None is not seen. What was told: (kind, level)."""
    told = []
    for second, sample in enumerate(samples, start=start_s):
        value, doubt = sample if isinstance(sample, tuple) else (sample, False)
        if value is None:
            alarm.hold()
            continue
        change = alarm.step(value, second * 1000, LATER_MS + second * 1000, doubt)
        if change:
            told.append((change.kind.removeprefix("alarm "), change.level))
    return told


CASES = {
    "calm says nothing": (flood(), [0, 999, 500], []),
    "the threshold itself raises": (flood(), [999, 1000], [("raised", 1)]),
    "a jump skips levels upward": (flood(), [0, 4500], [("raised", 4)]),
    "an escalation skips levels too": (flood(), [1500, 4500], [("raised", 1), ("escalated", 4)]),
    "it holds within the deadband": (flood(), [1000, 999, 900, 950], [("raised", 1)]),
    "it clears below the deadband": (flood(), [1000, 900, 899], [("raised", 1), ("cleared", 0)]),
    "downward is one level a sample": (
        flood(),
        [4000, 0, 0, 0, 0, 0],
        [("raised", 4), ("lowered", 3), ("lowered", 2), ("lowered", 1), ("cleared", 0)],
    ),
    "each level down waits its own off-delay": (
        flood(off_delay_ms=2000),
        [2500, 0, 0, 0, 0, 0],
        [("raised", 2), ("lowered", 1), ("cleared", 0)],
    ),
    "an off-delay starts anew after a rise": (flood(off_delay_ms=2000), [1000, 0, 0, 950, 0, 0], [("raised", 1)]),
    "an off-delay starts anew after a gap": (flood(off_delay_ms=2000), [1000, 0, 0, None, 0, 0], [("raised", 1)]),
    "a level that holds begins no off-delay": (
        flood(off_delay_ms=2000),
        [2500, 1500, 1500, 1500, 0, 0],
        [("raised", 2), ("lowered", 1)],
    ),
    "a fall that was only doubted is forgotten by a rise": (
        flood(off_delay_ms=3000),
        [1000, (0, True), 2000, 0, 0],
        [("raised", 1), ("escalated", 2)],
    ),
    "missing lowers nothing": (flood(), [1000, None, None, None], [("raised", 1)]),
    "an on-delay must be served": (flood(on_delay_ms=2000), [1000, 1000, 999, 1000, 1000], []),
    "a served on-delay raises": (flood(on_delay_ms=2000), [1000, 1000, 1000], [("raised", 1)]),
    "missing does not cancel an on-delay": (flood(on_delay_ms=2000), [1000, None, 1000], [("raised", 1)]),
    "missing completes no on-delay": (flood(on_delay_ms=2000), [1000, 1000, None, None], []),
    "each step serves its own on-delay": (
        flood(on_delay_ms=2000),
        [1500, 2500, 2500, 2500],
        [("raised", 1), ("escalated", 2)],
    ),
    "doubt alone raises nothing": (flood(), [0, (5000, True), 0, 0], []),
    "doubt and its confirmation raise": (flood(), [0, (5000, True), 5000], [("raised", 4)]),
    "doubt alone lowers nothing": (flood(), [1000, (0, True), 1000], [("raised", 1)]),
    "doubt does not cancel an on-delay": (flood(on_delay_ms=2000), [1000, (0, True), 1000], [("raised", 1)]),
    "negative levels count as others": (flood(ats=(-300, -200)), [-400, -250, -401], [("raised", 1), ("cleared", 0)]),
    "a latched alarm is not lowered": (flood(latch=True), [2000, 0, 0, 0], [("raised", 2), ("latched", 2)]),
    "a latched alarm escalates, and is held again": (
        flood(latch=True),
        [2000, 0, 2000, 3000, 2950, 0, 0],
        [("raised", 2), ("latched", 2), ("escalated", 3), ("latched", 3)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_follows_its_table(name):
    rule, samples, told = CASES[name]
    assert feed(Alarm(rule), samples) == told


def test_an_episode_is_named_by_its_first_crossing_and_an_escalation_by_its_own():
    alarm = Alarm(flood(on_delay_ms=3000))
    changes = [
        alarm.step(v, s * 1000, LATER_MS + s * 1000) for s, v in enumerate([0, 1000, 1000, 2000, 2000, 2000, 2000])
    ]
    raised, escalated = [change for change in changes if change]
    assert (raised.at_ms, raised.episode_ms) == (LATER_MS + 1000, LATER_MS + 1000)
    assert (escalated.at_ms, escalated.episode_ms) == (LATER_MS + 3000, LATER_MS + 1000)
    assert (raised.threshold, escalated.threshold) == (1000, 2000)


def test_a_step_of_unix_time_changes_no_delay():
    alarm = Alarm(flood(on_delay_ms=2000))
    assert alarm.step(1000, 0, LATER_MS) is None
    assert alarm.step(1000, 1000, 5) is None
    assert alarm.step(1000, 2000, LATER_MS * 2) is not None


ACKNOWLEDGE = [
    ([1000], True, "acknowledged"),
    ([1000, 0], True, "normal"),
    ([0], False, "normal"),
]


@pytest.mark.parametrize(("samples", "done", "state"), ACKNOWLEDGE)
def test_acknowledging_moves_the_state(samples, done, state):
    alarm = Alarm(flood())
    feed(alarm, samples)
    change = alarm.acknowledge("07", "station", 4, LATER_MS)
    assert isinstance(change, Change) == done
    assert STATE_NAMES[alarm.state] == state
    assert isinstance(change, str) or (change.actor, change.tier) == ("07", "station")


def test_an_acknowledgement_says_who_and_at_which_level():
    alarm = Alarm(flood())
    feed(alarm, [2000])
    change = alarm.acknowledge("07", "station", 4, LATER_MS)
    assert isinstance(change, Change)
    assert (change.kind, change.level, change.value, alarm.actor) == ("alarm acknowledged", 2, 2000, "07")


def test_an_acknowledged_alarm_that_escalates_is_not_acknowledged():
    alarm = Alarm(flood())
    feed(alarm, [1000])
    alarm.acknowledge("07", "station", 4, LATER_MS)
    feed(alarm, [2000], start_s=5)
    assert STATE_NAMES[alarm.state] == "unacknowledged"
    assert alarm.actor == ""


def test_a_latched_alarm_ends_only_by_a_reset():
    alarm = Alarm(flood(latch=True))
    feed(alarm, [2000])
    assert alarm.reset("07", LATER_MS) == "not latched"
    feed(alarm, [0, 0], start_s=1)
    assert STATE_NAMES[alarm.state] == "latched"
    assert alarm.level == 2
    change = alarm.reset("07", LATER_MS)
    assert isinstance(change, Change)
    assert (change.kind, change.level, alarm.level) == ("alarm cleared", 0, 0)
    assert (STATE_NAMES[alarm.state], alarm.actor) == ("normal", "07")


def restarted(alarm: Alarm, rule: Rule, mono_ms: int, down_ms: int = 0) -> Alarm:
    after = Alarm(rule)
    after.restore(alarm.save(mono_ms), 50_000, down_ms)
    return after


def test_becoming_latched_is_told_once():
    alarm = Alarm(flood(latch=True))
    feed(alarm, [2000])
    change = alarm.step(0, 1_000, LATER_MS)
    assert change is not None
    assert (change.kind, change.level) == ("alarm latched", 2)
    assert alarm.step(0, 2_000, LATER_MS) is None


def test_changed_thresholds_judge_an_active_alarm_once_and_say_so():
    alarm = Alarm(flood(threshold_set="A"))
    feed(alarm, [2500])
    after = restarted(alarm, flood(ats=(1000, 1500, 2400), threshold_set="B"), 1000)
    assert after.threshold_set == "A"
    change = after.step(2500, 51_000, LATER_MS)
    assert change is not None
    assert (change.kind, change.level, change.threshold_set) == ("alarm rebased", 3, "B")
    assert after.step(2500, 52_000, LATER_MS) is None


def test_changed_thresholds_never_clear_in_silence():
    alarm = Alarm(flood(threshold_set="A"))
    feed(alarm, [1500])
    after = restarted(alarm, flood(ats=(1800, 2000), threshold_set="B"), 1000)
    assert after.level == 1
    change = after.step(1500, 51_000, LATER_MS)
    assert change is not None
    assert (change.kind, change.level) == ("alarm rebased", 0)
    assert STATE_NAMES[after.state] == "returned"


def test_a_threshold_set_that_only_changed_its_name_is_said_once():
    alarm = Alarm(flood(threshold_set="A"))
    feed(alarm, [1500])
    after = restarted(alarm, flood(threshold_set="B"), 1000)
    change = after.step(950, 51_000, LATER_MS)  # within the deadband: held
    assert change is not None
    assert (change.kind, change.level, change.threshold_set) == ("alarm rebased", 1, "B")


def test_the_same_steps_with_other_levels_are_judged_anew():
    alarm = Alarm(flood(ats=(1000, 2000)))
    feed(alarm, [2500])
    steps = (Step(2, 1000, "", 100), Step(4, 2000, "", 100))
    after = restarted(alarm, Rule("flood", "high", "river", steps), 1000)
    assert after.level == 2  # no worse than it was
    change = after.step(2500, 51_000, LATER_MS)
    assert change is not None
    assert (change.kind, change.level) == ("alarm rebased", 4)


def test_a_rebased_alarm_that_is_worse_must_be_acknowledged_again_and_one_that_is_not_must_not():
    for ats, state in (((500, 1000, 1500), "unacknowledged"), ((1000, 2500), "acknowledged"), ((1800,), "normal")):
        alarm = Alarm(flood())
        feed(alarm, [1500])
        alarm.acknowledge("07", "station", 4, LATER_MS)
        after = restarted(alarm, flood(ats=ats), 1000)
        after.step(1500, 51_000, LATER_MS)
        assert STATE_NAMES[after.state] == state


def test_a_rebase_forgets_the_delays_of_the_old_thresholds():
    rule = flood(on_delay_ms=2000, off_delay_ms=2000, threshold_set="B")
    alarm = Alarm(flood(on_delay_ms=2000, off_delay_ms=2000, threshold_set="A"))
    feed(alarm, [1500, 1500, 1500, 2500])
    after = restarted(alarm, rule, 3000)
    after.step(1500, 51_000, LATER_MS)
    assert [after.step(2500, 52_000 + i * 1000, LATER_MS) for i in range(2)] == [None, None]
    alarm = Alarm(flood(off_delay_ms=2000, threshold_set="A"))
    feed(alarm, [1500, 0])
    after = restarted(alarm, rule, 1000)
    after.step(950, 51_000, LATER_MS)
    assert [after.step(0, 52_000 + i * 1000, LATER_MS) for i in range(2)] == [None, None]


def recalled(kind: str, level: int, **more) -> Recalled:
    fields = {"at_ms": LATER_MS, "episode_ms": LATER_MS, "number": 3, "value": 1_234, "threshold": None}
    texts = {"threshold_set": "", "actor": "07", "tier": "", "until_ms": 0, "mode": 0, "detail": ""}
    return Recalled(**({"kind": kind, "level": level} | fields | texts | more))


ADOPTED = [
    ([("alarm raised", 1)], 1, "unacknowledged", ""),
    ([("alarm raised", 1), ("alarm acknowledged", 1)], 1, "acknowledged", "07"),
    ([("alarm raised", 1), ("alarm acknowledged", 1), ("alarm escalated", 3)], 3, "unacknowledged", ""),
    ([("alarm raised", 2), ("alarm lowered", 1)], 1, "unacknowledged", ""),
    ([("alarm raised", 1), ("alarm cleared", 0)], 0, "returned", ""),
    ([("alarm raised", 1), ("alarm cleared", 0), ("alarm acknowledged", 0)], 0, "normal", "07"),
    ([("alarm raised", 1), ("alarm acknowledged", 1), ("alarm cleared", 0)], 0, "normal", "07"),
]


@pytest.mark.parametrize(("events", "level", "state", "actor"), ADOPTED)
def test_events_of_the_log_bring_an_alarm_where_they_left_it(events, level, state, actor):
    alarm = Alarm(flood(on_delay_ms=9000))
    feed(alarm, [1000] * 10)
    feed(alarm, [4000, (0, True)], start_s=10)  # delays under way, from before
    for kind, to in events:
        alarm.adopt(recalled(kind, to), 0, LATER_MS)
    assert (alarm.level, STATE_NAMES[alarm.state], alarm.actor) == (level, state, actor)
    assert (alarm.episode_ms, alarm.value, alarm.timing) == (LATER_MS, 1_234, False)


def test_delays_run_on_while_the_gateway_is_down():
    alarm = Alarm(flood(on_delay_ms=5000))
    feed(alarm, [1000])
    after = restarted(alarm, flood(on_delay_ms=5000), 0, down_ms=4000)
    assert after.step(1000, 50_999, LATER_MS) is None
    assert after.step(1000, 51_000, LATER_MS) is not None
    alarm = Alarm(flood(off_delay_ms=5000))
    feed(alarm, [1000, 0])
    after = restarted(alarm, flood(off_delay_ms=5000), 1000, down_ms=4000)
    assert after.timing
    assert after.step(0, 50_999, LATER_MS) is None
    assert after.step(0, 51_000, LATER_MS) is not None
