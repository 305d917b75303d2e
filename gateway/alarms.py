"""Alarms: one object for each rule and channel, from judged values to changes of level.

Rules of this file: no clock, no disk, no network; the same input gives the same output. Delays run on monotonic time,
unix time only names when something happened. Upward may skip steps, downward is one step at a time. A value that is not
known is never fed: `hold` says so, and then nothing is lowered and nothing is raised.
States follow ISA-18.2 (IEC 62682): normal, unacknowledged, acknowledged, returned, latched, and over them shelved and
out of service (suppression.py), in which judging goes on.
"""

from bisect import bisect_right

from gateway.changes import (
    ACKED,
    CLEARED,
    ESCALATED,
    IN,
    IS_OVER,
    LATCHES,
    LOWERED,
    OUT,
    RAISED,
    REBASED,
    SHELVES,
    UNSHELVES,
    Change,
    Recalled,
)
from gateway.config import Rule
from gateway.suppression import OUT_OF_SERVICE, SHELF_MS_MAX, SHELVED, Out, Shelf, out_of, shelf_of
from gateway.tilt import Turn

NORMAL, UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, LATCHED = range(5)
STATE_NAMES = ("normal", "unacknowledged", "acknowledged", "returned", "latched")


class Alarm:
    """The alarm of one rule. `step` takes each usable value; `level` is 0..4 (none, blue, yellow, orange, red)."""

    __slots__ = (
        "_below", "_changed", "_idle", "_kept_level", "_lowest", "_rebase", "_sign", "_starts", "actor", "ats", "basis",
        "downs", "episode_ms", "highest", "index", "mode", "number", "out", "rule", "shelf", "state", "threshold_set",
        "tier", "value",
    )  # fmt: skip

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._sign = sign = -1 if rule.kind == "low" else 1  # What falls is judged upside down.
        self.ats = tuple(sign * step.at for step in rule.steps)
        self.downs = tuple(sign * step.at - step.deadband for step in rule.steps)  # ascending; below it a step is left
        self._lowest = self.ats[0]
        self.index = 0  # steps reached: 0 = none, 1 = the first
        self.state = NORMAL
        self.episode_ms = 0  # unix ms of the first crossing: with rule and channel the identity of the episode
        self.number = 0  # of the newest episode
        self.highest = 0  # its worst level
        self.mode = 0  # under which it was raised (place in MODES); whoever tells the event sets it
        self.threshold_set = rule.threshold_set  # the one that the present episode was raised under
        self.value: int | None = None  # newest judged value
        self.actor = ""  # who acknowledged
        self.tier = ""
        self.shelf: Shelf | None = None
        self.out: Out | None = None
        self.basis: Turn | None = None  # what a tilt is measured from
        self._starts: list[tuple[int, int] | None] = [None] * len(self.ats)  # (mono, unix) since when a step is reached
        self._below: tuple[int, int] | None = None  # since when the value is below the step's deadband
        self._rebase = False  # The thresholds are others than those of the episode: the next sample judges it anew.
        self._changed = False  # They are others than those of the state that was restored.
        self._kept_level = 0  # level of the episode until then, 0 = that of its step
        self._idle = True  # Nothing is under way: a value below the first step changes nothing.

    @property
    def timing(self) -> bool:
        """Is a delay under way?"""
        return self._below is not None or any(self._starts)

    @property
    def level(self) -> int:
        return (self._kept_level or self.rule.steps[self.index - 1].level) if self.index else 0

    @property
    def state_name(self) -> str:
        """The ISA-18.2 state that a person sees first."""
        if self.out is not None:
            return "out of service"
        return "shelved" if self.shelf is not None else STATE_NAMES[self.state]

    @property
    def suppressed(self) -> int:
        """0, or why the siren does not sound for it."""
        if self.out is not None:
            return OUT_OF_SERVICE
        return SHELVED if self.shelf is not None else 0

    @property
    def sounds(self) -> int:
        """The level that the siren has to sound for."""
        return self.level if self.rule.siren and self.shelf is None and self.out is None else 0

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        """Judge one usable value; a doubtful one may begin a crossing but neither completes nor ends one."""
        self.value = value
        value *= self._sign
        if self._idle and value < self._lowest:
            return None
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
        self._idle = not self.index and not any(self._starts)
        return change

    def hold(self) -> None:
        """The value is not known: an off-delay starts anew when it is, nothing else changes."""
        self._below = None

    # What people do: the change, or a sentence that says why not.

    def acknowledge(self, actor: str, tier: str, level_seen: int, unix_ms: int) -> Change | str:
        """`actor` has seen it at `level_seen`. Acknowledging silences nothing."""
        if self.level > level_seen:
            return "risen"
        if self.state == UNACKNOWLEDGED:
            self.state = ACKNOWLEDGED
        elif self.state == RETURNED:
            self.state = NORMAL
        elif self.state != LATCHED or self.actor:
            return "seen" if self.index else "normal"
        self.actor, self.tier = actor, tier
        return self._change(ACKED, unix_ms, self.index, actor, tier)

    def reset(self, actor: str, unix_ms: int) -> Change | str:
        """End a latched alarm on site."""
        if self.state != LATCHED:
            return "not latched"
        step = self.index
        self._forget()
        self.actor = actor
        return self._change(CLEARED, unix_ms, step, actor)

    def put_aside(self, shelf: Shelf, unix_ms: int) -> Change | str:
        """Shelve it: no siren until the time is over or the level is worse than `shelf.level`. Never red."""
        if self.index == 0 and self.state == NORMAL:
            return "normal"
        if shelf.level >= 4:
            return "red"
        self.shelf = shelf
        return self._change(SHELVES, unix_ms, self.index, shelf.actor, "", shelf.until_unix_ms, shelf.reason)

    def unshelve(self, actor: str, unix_ms: int, detail: str = "") -> Change | str:
        """Take it off the shelf: by a person, or because the time is over or it has become worse (`detail`)."""
        if self.shelf is None:
            return "not shelved"
        self.shelf = None
        return self._change(UNSHELVES, unix_ms, self.index, actor, "", 0, detail)

    def serve(self, on: bool, actor: str, reason: str, unix_ms: int) -> Change | str:
        """Out of service (`on` False) with a reason, and back."""
        if on == (self.out is None):
            return "in service" if on else "out of service"
        self.out = None if on else Out(unix_ms, actor, reason)
        return self._change(IN if on else OUT, unix_ms, self.index, actor, "", 0, reason)

    def outgrown(self, mono_ms: int, unix_ms: int) -> Change | None:
        """The end of a shelf whose time is over, or that the level has outgrown."""
        shelf = self.shelf
        if shelf is None or (mono_ms < shelf.until_ms and self.level <= shelf.level):
            return None
        change = self.unshelve("", unix_ms, "it has become worse" if mono_ms < shelf.until_ms else "its time is over")
        return change if isinstance(change, Change) else None

    def end(self, unix_ms: int, detail: str) -> Change | None:
        """End an episode that is not of the present: an exercise is over. What is still above is a new one."""
        step = self.index
        if not step:
            return None
        self._forget()
        return self._change(CLEARED, unix_ms, step, "", "", 0, detail)

    # The state that survives a restart.

    def save(self, mono_ms: int) -> list[object]:
        """Plain integers and text; times on the monotonic clock become ages."""
        starts = [None if start is None else (mono_ms - start[0], start[1]) for start in self._starts]
        below = None if self._below is None else (mono_ms - self._below[0], self._below[1])
        episode = (self.index, self.state, self.episode_ms, self.number, self.highest, self.threshold_set)
        shelf = None if self.shelf is None else self.shelf.save(mono_ms)
        out = None if self.out is None else self.out.save()
        pending = [self._rebase, self._kept_level, self.mode]
        return [_plain(self.rule), *episode, self.value, self.actor, self.tier, starts, below, shelf, out, *pending]

    def restore(self, saved: list, mono_ms: int, down_ms: int) -> None:
        """Take over what `save` gave `down_ms` ago; under other steps an active alarm is judged anew at once."""
        steps, index, state, episode_ms, number, highest, threshold_set, *rest = saved
        value, actor, tier, starts, below, shelf, out, rebase, kept_level, self.mode = rest
        then_ms = mono_ms - down_ms
        same = steps == _plain(self.rule)
        level = (kept_level or steps[index - 1][0]) if index else 0
        self.state, self.episode_ms, self.number, self.highest = state, episode_ms, number, highest
        self.value, self.actor, self.tier = value, actor, tier
        self.shelf, self.out = shelf_of(shelf, mono_ms, down_ms), out_of(out)
        self._changed = not same or (threshold_set != self.rule.threshold_set and not rebase)
        if same:
            self.index, self._kept_level = index, kept_level
            self._starts = [start and (then_ms - start[0], start[1]) for start in starts]
            self._below = below and (then_ms - below[0], below[1])
        else:
            self._place(level)
        if index:
            self.threshold_set = threshold_set
            self._rebase = rebase or self._changed
        self._idle = False

    def adopt(self, event: Recalled, mono_ms: int, unix_ms: int) -> None:
        """Take over an event of the log that is newer than the saved state: the kill came between the two."""
        kind, actor = event.kind, event.actor
        if kind == SHELVES:
            left_ms = min(max(event.until_ms - unix_ms, 0), SHELF_MS_MAX)
            self.shelf = Shelf(event.level or self.highest, mono_ms + left_ms, event.until_ms, actor, event.detail)
        elif kind == UNSHELVES:
            self.shelf = None
        elif kind in (OUT, IN):
            self.out = Out(event.at_ms, actor, event.detail) if kind == OUT else None
        else:
            self._adopt_level(event)

    def _adopt_level(self, event: Recalled) -> None:
        kind, before = event.kind, self.level
        self._place(event.level, event.threshold, left=kind in (LOWERED, CLEARED))
        self.episode_ms, self.value = event.episode_ms, event.value
        self.number = event.number or self.number
        self.highest = event.level if kind == RAISED else max(self.highest, event.level)
        self.threshold_set = event.threshold_set
        self._starts = [None] * len(self.ats)
        self._below = None
        if kind in (RAISED, ESCALATED):
            self.state, self.actor, self.tier, self.mode = UNACKNOWLEDGED, "", "", event.mode
        elif kind == ACKED:
            self.actor, self.tier = event.actor, event.tier
            if self.state != LATCHED:
                self.state = ACKNOWLEDGED if self.index else NORMAL
        elif kind == LATCHES:
            self.state = LATCHED
        elif not self.index:
            seen = self.state in (ACKNOWLEDGED, LATCHED) or event.detail.endswith(IS_OVER)
            self.state = NORMAL if seen else RETURNED
        elif kind == REBASED and event.level > before:
            self.state, self.actor, self.tier = UNACKNOWLEDGED, "", ""
        if kind == REBASED:
            self._changed = False  # It was judged under the present thresholds.
        self._rebase = kind != REBASED and self.index > 0 and (self._rebase or self._changed)

    def _forget(self) -> None:
        self.index = self._kept_level = 0
        self.state = NORMAL
        self.actor = self.tier = ""
        self._starts = [None] * len(self.ats)
        self._below = None
        self._rebase = self._changed = False
        self._idle = True

    def _place(self, level: int, threshold: int | None = None, *, left: bool = False) -> None:
        """Stand at `level`: on the step with that threshold (of the step above, if it was `left`), else on the highest
        that is no worse, else on the first; the level stays what it was.
        """
        steps = self.rule.steps
        places = [place + (not left) for place, step in enumerate(steps) if step.at == threshold]
        fits = [place for place in places if place and steps[place - 1].level == level]
        self.index = (fits or [max(1, sum(step.level <= level for step in steps))])[0] if level else 0
        self._kept_level = level if level and steps[self.index - 1].level != level else 0

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
            # What is lost, or was ended with an exercise, may begin again at the same time: it is another episode.
            self.episode_ms = first[1] + int(self.number > 0 and first[1] == self.episode_ms)
            self.number += 1
            self.highest = 0
            self.threshold_set = self.rule.threshold_set
        for step in range(self.index, reached):
            self._starts[step] = None
        self.index = reached
        self._kept_level = 0
        self.highest = max(self.highest, self.level)
        self.state = UNACKNOWLEDGED
        self.actor = self.tier = ""
        self._below = None
        return self._change(kind, crossed[1], reached)

    def _lower(self, held: int, mono_ms: int, unix_ms: int) -> Change | None:
        assert self._below is not None
        if mono_ms - self._below[0] < self.rule.steps[self.index - 1].off_delay_ms:
            return None
        at_ms = self._below[1]
        left = self.index
        if self.rule.latch:
            self.state = LATCHED
            self._below = None
            return self._change(LATCHES, at_ms, left, self.actor)
        self.index -= 1
        self._kept_level = 0
        # The next step down waits its own off-delay, from now.
        self._below = (mono_ms, unix_ms) if held < self.index else None
        if not self.index:
            self.state = NORMAL if self.state == ACKNOWLEDGED else RETURNED
        return self._change(LOWERED if self.index else CLEARED, at_ms, left)

    def _rejudge(self, up: int, held: int, unix_ms: int) -> Change:
        """The thresholds changed during the episode: one judgement under the new ones, without delay, said aloud."""
        before = self.level
        self._rebase = False
        self._kept_level = 0
        self.threshold_set = self.rule.threshold_set
        self._starts = [None] * len(self.ats)
        self._below = None
        stays = self.index if self.rule.latch or self.state == LATCHED else min(self.index, held)
        self.index = max(up, stays)
        self._idle = not self.index
        self.highest = max(self.highest, self.level)
        if not self.index:
            self.state = NORMAL if self.state == ACKNOWLEDGED else RETURNED
        elif self.level > before:
            self.state = UNACKNOWLEDGED
            self.actor = self.tier = ""
        return self._change(REBASED, unix_ms, max(1, self.index))

    def _change(
        self, kind: str, at_ms: int, step: int, actor: str = "", tier: str = "", until_ms: int = 0, detail: str = ""
    ) -> Change:
        threshold = self.rule.steps[step - 1].at if step else None
        return Change(
            self, kind, self.level, at_ms, self.episode_ms, self.number, self.value, threshold, self.threshold_set,
            actor, tier, until_ms, detail,
        )  # fmt: skip


def _plain(rule: Rule) -> list[list[int | None]]:
    """The steps as they are compared over a restart: another deadband or delay is another judgement too."""
    return [[s.level, s.at, s.deadband, s.on_delay_ms, s.off_delay_ms, s.or_level] for s in rule.steps]
