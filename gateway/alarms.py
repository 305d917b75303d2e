"""Alarms: one object for each rule and channel, from judged values to changes of level.

Rules of this file: no clock, no disk, no network; the same input gives the same output. Delays run on monotonic time,
unix time only names when something happened. Upward may skip steps, downward is one step at a time. A value that is not
known is never fed: `hold` says so, and then nothing is lowered and nothing is raised.
States follow ISA-18.2 (IEC 62682): normal, unacknowledged, acknowledged, returned, latched.
"""

from bisect import bisect_right

from msgspec import Struct

from gateway.config import Rule

NORMAL, UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, LATCHED = range(5)
STATE_NAMES = ("normal", "unacknowledged", "acknowledged", "returned", "latched")

RAISED = "alarm raised"
ESCALATED = "alarm escalated"
LOWERED = "alarm lowered"
CLEARED = "alarm cleared"
ACKED = "alarm acknowledged"
REBASED = "alarm rebased"
QUIET = ""  # A change that is no event, but must survive a restart.


class Change(Struct, frozen=True, gc=False):
    """What happened to an alarm: `kind` as in wire.telemetry.EVENT_KINDS, `level` after it."""

    alarm: "Alarm"
    kind: str
    level: int
    at_ms: int  # unix ms of the crossing
    episode_ms: int  # unix ms of the episode's first crossing
    value: int | None
    threshold: int | None  # of the step that was reached or left
    threshold_set: str
    detail: str = ""


class Alarm:
    """The alarm of one rule. `step` takes each usable value; `level` is 0..4 (none, blue, yellow, orange, red)."""

    __slots__ = (
        "_below",
        "_rebase",
        "_starts",
        "actor",
        "ats",
        "downs",
        "episode_ms",
        "index",
        "rule",
        "state",
        "threshold_set",
        "value",
    )

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.ats = tuple(step.at for step in rule.steps)
        self.downs = tuple(step.at - step.deadband for step in rule.steps)  # ascending; below it a step is left
        self.index = 0  # steps reached: 0 = none, 1 = the first
        self.state = NORMAL
        self.episode_ms = 0  # unix ms of the first crossing: with rule and channel the identity of the episode
        self.threshold_set = rule.threshold_set  # the one that the present episode was raised under
        self.value: int | None = None  # newest judged value
        self.actor = ""  # who acknowledged
        self._starts: list[tuple[int, int] | None] = [None] * len(self.ats)  # (mono, unix) since when a step is reached
        self._below: tuple[int, int] | None = None  # since when the value is below the step's deadband
        self._rebase = False

    @property
    def timing(self) -> bool:
        """Is a delay under way?"""
        return self._below is not None or any(self._starts)

    @property
    def level(self) -> int:
        return self.rule.steps[self.index - 1].level if self.index else 0

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        """Judge one usable value; a doubtful one may begin a crossing but neither completes nor ends one."""
        self.value = value
        return self.move(bisect_right(self.ats, value), bisect_right(self.downs, value), mono_ms, unix_ms, doubt)

    def move(self, up: int, held: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        """Judge by steps: the sample reaches `up` of them, and keeps up `held` (>= up) that were reached before."""
        if self._rebase and not doubt:
            return self._rejudge(up, held, unix_ms)
        index = self.index
        reached = self._time_upward(up, mono_ms, unix_ms, doubt)
        change = None
        if reached > index:
            change = self._raise(reached)
        elif held >= index or self.state == LATCHED:
            if not doubt:
                self._below = None
        elif self._below is None:
            self._below = (mono_ms, unix_ms)
        if change is None and not doubt and self._below is not None:
            change = self._lower(held, mono_ms, unix_ms)
        return change

    def hold(self) -> None:
        """The value is not known: an off-delay starts anew when it is, nothing else changes."""
        self._below = None

    def acknowledge(self, actor: str, unix_ms: int) -> Change | None:
        """`actor` has seen it; None where there is nothing to acknowledge. Acknowledging silences nothing."""
        if self.state == UNACKNOWLEDGED:
            self.state = ACKNOWLEDGED
        elif self.state == RETURNED:
            self.state = NORMAL
        else:
            return None
        self.actor = actor
        return self._change(ACKED, unix_ms, self.index, actor)

    def reset(self, actor: str, unix_ms: int) -> Change | None:
        """End a latched alarm on site; None where none is latched."""
        if self.state != LATCHED:
            return None
        step = self.index
        self.index = 0
        self.state = NORMAL
        self.actor = actor
        return self._change(CLEARED, unix_ms, step, actor)

    def save(self, mono_ms: int) -> list[object]:
        """Plain integers and text; times on the monotonic clock become ages."""
        starts = [None if start is None else (mono_ms - start[0], start[1]) for start in self._starts]
        below = None if self._below is None else (mono_ms - self._below[0], self._below[1])
        kept = (self.index, self.state, self.episode_ms, self.threshold_set, self.value, self.actor)
        return [list(self.ats), [step.level for step in self.rule.steps], *kept, starts, below]

    def restore(self, saved: list, mono_ms: int, down_ms: int) -> None:
        """Take over what `save` gave `down_ms` ago; under other steps an active alarm is judged anew at once."""
        ats, levels, index, self.state, self.episode_ms, threshold_set, self.value, self.actor, starts, below = saved
        same = tuple(ats) == self.ats and levels == [step.level for step in self.rule.steps]
        if same:
            self.index = index
            self._starts = [start and (mono_ms - down_ms - start[0], start[1]) for start in starts]
            self._below = below and (mono_ms - down_ms - below[0], below[1])
        elif index:
            # The highest of the new steps that is no worse than the old level, else the first.
            self.index = max(1, sum(step.level <= levels[index - 1] for step in self.rule.steps))
        if index:
            self.threshold_set = threshold_set
            self._rebase = not same or threshold_set != self.rule.threshold_set

    def adopt(self, kind: str, level: int, episode_ms: int, value: int | None, actor: str) -> None:
        """Take over an event of the log that is newer than the saved state: the kill came between the two."""
        self.index = sum(step.level <= level for step in self.rule.steps)
        self.episode_ms, self.value = episode_ms, value
        self._starts = [None] * len(self.ats)
        self._below = None
        if kind in (RAISED, ESCALATED):
            self.state, self.actor = UNACKNOWLEDGED, ""
        elif kind == ACKED:
            self.state, self.actor = (ACKNOWLEDGED if self.index else NORMAL), actor
        elif not self.index:
            self.state = NORMAL if self.state == ACKNOWLEDGED else RETURNED

    def _time_upward(self, up: int, mono_ms: int, unix_ms: int, doubt: bool) -> int:
        """Run the on-delays of the steps above; the number of steps that are reached for good."""
        index = self.index
        starts = self._starts
        reached = index
        for step in range(index, len(starts)):
            if step < up:
                start = starts[step]
                if start is None:
                    starts[step] = start = (mono_ms, unix_ms)
                if not doubt and mono_ms - start[0] >= self.rule.steps[step].on_delay_ms:
                    reached = step + 1
            elif not doubt:
                starts[step] = None
        return reached

    def _raise(self, reached: int) -> Change:
        first = self._starts[self.index]
        crossed = self._starts[reached - 1]
        assert first is not None
        assert crossed is not None
        kind = ESCALATED
        if not self.index:
            kind = RAISED
            self.episode_ms = first[1]
        for step in range(self.index, reached):
            self._starts[step] = None
        self.index = reached
        self.state = UNACKNOWLEDGED
        self.actor = ""
        self._below = None
        return self._change(kind, crossed[1], reached)

    def _lower(self, held: int, mono_ms: int, unix_ms: int) -> Change | None:
        assert self._below is not None
        if mono_ms - self._below[0] < self.rule.steps[self.index - 1].off_delay_ms:
            return None
        if self.rule.latch:
            if self.state == LATCHED:
                return None
            self.state = LATCHED
            return self._change(QUIET, unix_ms, self.index)
        left = self.index
        at_ms = self._below[1]
        self.index -= 1
        # The next step down waits its own off-delay, from now.
        self._below = (mono_ms, unix_ms) if held < self.index else None
        if not self.index:
            self.state = NORMAL if self.state == ACKNOWLEDGED else RETURNED
        return self._change(LOWERED if self.index else CLEARED, at_ms, left)

    def _rejudge(self, up: int, held: int, unix_ms: int) -> Change:
        """The thresholds changed during the episode: one judgement under the new ones, without delay, said aloud."""
        before = self.level
        self._rebase = False
        self.threshold_set = self.rule.threshold_set
        self._starts = [None] * len(self.ats)
        self._below = None
        self.index = max(up, min(self.index, held))
        if not self.index:
            self.state = NORMAL if self.state == ACKNOWLEDGED else RETURNED
        elif self.level > before:
            self.state = UNACKNOWLEDGED
        return self._change(REBASED, unix_ms, max(1, self.index))

    def _change(self, kind: str, at_ms: int, step: int, detail: str = "") -> Change:
        threshold = self.ats[step - 1] if step else None
        return Change(self, kind, self.level, at_ms, self.episode_ms, self.value, threshold, self.threshold_set, detail)
