"""The alarm of one rule against a brute-force oracle: whatever happens to it, in whatever order, under hypothesis."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.alarms import Alarm
from gateway.changes import Change
from gateway.config import Rule, Step
from gateway.suppression import SHELF_MS_MAX, Shelf
from tests.gateway.alarm_oracle import Limit, Oracle

pytestmark = pytest.mark.long

LATER_MS = 1_600_000_000_000  # unix time of monotonic 0
EDGES = (899, 900, 999, 1000, 1900, 1999, 2000, 2900, 2999, 3000)

values = st.one_of(st.none(), st.integers(700, 3300), st.sampled_from(EDGES))
samples = st.lists(st.tuples(st.integers(1, 9), values, st.booleans()), max_size=60)
delays_ms = st.sampled_from([0, 0, 1_000, 5_000, 12_000])


@st.composite
def limits(draw):
    """Ascending limits of ascending levels; a worse one is left first."""
    levels = sorted(draw(st.lists(st.integers(1, 4), min_size=1, max_size=5)))
    ats = sorted(draw(st.sets(st.sampled_from([1000, 1500, 2000, 2400, 3000]), min_size=len(levels))))
    out, down = [], 0
    for level, at in zip(levels, ats, strict=False):
        deadband = min(draw(st.sampled_from([0, 1, 100, 600])), at - down - 1)
        down = at - deadband
        out.append(Limit(level, at, deadband, draw(delays_ms), draw(delays_ms)))
    return out


def rule_of(some, kind="high", latch=False, sign=1):
    steps = tuple(Step(one.level, sign * one.at, "", one.deadband, one.on_ms, one.off_ms) for one in some)
    return Rule("flood", kind, "river", steps, latch=latch)


def told_of(change):
    return (change.kind, change.level, change.at_ms, change.episode_ms, change.number)


@settings(max_examples=300)
@given(samples, limits(), st.booleans())
def test_every_history_gives_what_brute_force_gives_upside_down_too(history, some, latch):
    alarm, oracle = Alarm(rule_of(some, latch=latch)), Oracle(some, latch)
    low = Alarm(rule_of(some, "low", latch, -1))
    told, told_low, mono_ms = [], [], 0
    for gap_s, value, doubt in history:
        mono_ms += gap_s * 1000
        oracle.sample(mono_ms, LATER_MS + mono_ms, value, doubt)
        for one, sign, out in ((alarm, 1, told), (low, -1, told_low)):
            if value is None:
                one.hold()
            elif change := one.step(sign * value, mono_ms, LATER_MS + mono_ms, doubt):
                out.append(told_of(change))
                assert change.value == sign * value
                assert change.threshold in [sign * limit.at for limit in some]
    assert told == told_low == oracle.told


class AlarmMachine(RuleBasedStateMachine):
    """Samples, gaps, people, restarts, also with other limits, in any order: the oracle never restarts."""

    @initialize(some=limits(), latch=st.booleans())
    def begin(self, some, latch):
        self.latch = latch
        self.alarm, self.oracle = Alarm(rule_of(some, latch=latch)), Oracle(some, latch)
        self.now_ms = 0  # of the oracle and of unix time
        self.origin_ms = 0  # monotonic time of the process that runs now
        self.told = []

    @rule(gap_s=st.integers(1, 9), value=values, doubt=st.booleans())
    def sample(self, gap_s, value, doubt):
        self.now_ms += gap_s * 1000
        self.oracle.sample(self.now_ms, self.unix_ms, value, doubt)
        if value is None:
            self.alarm.hold()
        elif change := self.alarm.step(value, self.mono_ms, self.unix_ms, doubt):
            self.told.append(told_of(change))
        self.look()

    @rule(run=st.integers(2, 9), value=values.filter(bool))
    def stay(self, run, value):
        for _ in range(run):
            self.sample(3, value, False)

    @rule(seen=st.integers(0, 4))
    def acknowledge(self, seen):
        done = self.alarm.acknowledge("07", "station", seen, self.unix_ms)
        assert isinstance(done, Change) == self.oracle.acknowledge(seen)
        assert isinstance(done, Change) or done in ("risen", "seen", "normal")

    @precondition(lambda self: self.latch)
    @rule()
    def reset(self):
        done = self.alarm.reset("07", self.unix_ms)
        assert isinstance(done, Change) == self.oracle.reset(self.unix_ms)
        if isinstance(done, Change):
            self.told.append(told_of(done))

    @rule(minutes=st.integers(1, 3))
    def shelve(self, minutes):
        left_ms = minutes * 10_000
        level = self.alarm.level or self.alarm.highest
        shelf = Shelf(level, self.mono_ms + left_ms, self.unix_ms + left_ms, "07", "works")
        done = self.alarm.put_aside(shelf, self.unix_ms)
        assert isinstance(done, Change) == self.oracle.shelve(self.now_ms + left_ms)

    @rule()
    def unshelve(self):
        done = self.alarm.unshelve("07", self.unix_ms)
        assert isinstance(done, Change) == (self.oracle.shelf is not None)
        self.oracle.shelf = None

    @rule(out=st.booleans())
    def serve(self, out):
        done = self.alarm.serve(not out, "07", "works", self.unix_ms)
        assert isinstance(done, Change) == (out != self.oracle.out)
        self.oracle.out = out

    @rule(down_s=st.integers(0, 20), origin_ms=st.integers(-1_000_000, 1_000_000), some=st.none() | limits())
    def restart(self, down_s, origin_ms, some):
        saved = self.alarm.save(self.mono_ms)
        self.now_ms += down_s * 1000
        self.origin_ms = origin_ms
        self.oracle.change_limits(some or self.oracle.limits)
        self.alarm = Alarm(rule_of(self.oracle.limits, latch=self.latch))
        self.alarm.restore(saved, self.mono_ms, down_s * 1000)
        self.look()

    @property
    def mono_ms(self):
        return self.now_ms - self.origin_ms

    @property
    def unix_ms(self):
        return LATER_MS + self.now_ms

    def look(self):
        self.alarm.outgrown(self.mono_ms, self.unix_ms)
        self.oracle.look(self.now_ms)

    @invariant()
    def same(self):
        if hasattr(self, "alarm"):
            assert self.told == self.oracle.told
            assert (self.alarm.index, self.alarm.level) == (self.oracle.reached, self.oracle.level)
            assert self.alarm.state_name == self.oracle.state
            assert (self.alarm.sounds, self.alarm.number) == (self.oracle.sounds, self.oracle.number)
            assert self.oracle.shelf is None or self.oracle.shelf[0] < 4
            assert self.alarm.shelf is None or self.alarm.shelf.until_ms - self.mono_ms <= SHELF_MS_MAX


AlarmMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=40)
TestAlarmMachine = AlarmMachine.TestCase
