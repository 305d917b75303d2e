"""A check from its first step to its result: runs the plan, tells each step, and knows what came of all of it.

Rules of this file: whatever ends a check (a person, a gateway that is gone), what was done until then is kept, the mode
is put back, and the result says that it was stopped.
"""

from collections import Counter
from dataclasses import dataclass

from tools.check.mode import TestMode
from tools.check.person import Person
from tools.check.plan import Plan
from tools.check.said import said, tell
from tools.check.site import Site
from tools.check.step import FAIL, LOOK, OK, SKIP, STATES, STOP, Outcome, Skipped, Step, Stopped, Text
from tools.check.still import local_time, skipped
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_STOPPED, Failure
from tools.faults import fault
from tools.station_now import real_alarms

ACCEPTED, IN_ORDER, NOT_ACCEPTED, STOPPED = "accepted", "in order", "not accepted", "stopped"
ATTEMPTS_MAX = 9


@dataclass
class Done:
    """A step that was done, or was to be done: `attempts` = how often."""

    step: Step
    outcome: Outcome
    began_ms: int = 0
    ended_ms: int = 0
    attempts: int = 1


class Course:
    """`run()` does it all; then `done`, `result`, `failure` (what the gateway refused, or that it is gone)."""

    def __init__(self, site: Site, plan: Plan, person: Person, mode: TestMode, whole: bool) -> None:
        self.site = site
        self.plan = plan
        self.mode = mode
        self.done: list[Done] = []
        self.failure: Failure | None = None
        self._person = person
        self._whole = whole  # Is it all of a check, or only some channels of it?
        self._stopped = False
        self._screen = person.screen

    @property
    def result(self) -> str:
        """ACCEPTED, IN_ORDER (nothing failed, but it is not a whole check), NOT_ACCEPTED or STOPPED."""
        if self._stopped or self.failure is not None:
            return STOPPED
        if self.failed:
            return NOT_ACCEPTED
        return ACCEPTED if self._whole and self._person.by_hand else IN_ORDER

    @property
    def failed(self) -> list[Done]:
        """The steps that failed."""
        return [done for done in self.done if done.outcome.state == FAIL]

    @property
    def counts(self) -> dict[str, int]:
        """How many steps ended in each state."""
        found = Counter(done.outcome.state for done in self.done)
        return {state: found[state] for state in STATES}

    @property
    def exit_code(self) -> int:
        if self._stopped:
            return EXIT_STOPPED
        return EXIT_NOT_RIGHT if self.failed else EXIT_DONE

    def run(self) -> None:
        """Every step; nothing is raised but what is a mistake of ours."""
        plan, person = self.plan, self._person
        try:
            self._all(plan.still)
            if any(not person.skips(step) for step in plan.hands):
                self._with_hands()
            else:
                self._leave_out(plan.hands)
            self._all(plan.ending)
        except (Stopped, KeyboardInterrupt):
            self._stopped = True
        except Failure as failure:
            self.failure = failure
        if self.result == STOPPED:
            begun = {done.step.id for done in self.done}
            rest = [step for step in plan.steps if step.id not in begun]
            self.done += [Done(step, Outcome(STOP, said("not_done"))) for step in rest]

    def _with_hands(self) -> None:
        try:
            with self.mode.held():
                siren = said("siren_on" if self.mode.siren else "siren_off")
                before = said(f"mode_{self.mode.before['mode']}")
                self._tell(said("mode_test_until", until=self.mode_ends(), siren=siren, before=before))
                self._all(self.plan.hands, renew=True)
        finally:
            if self.mode.left:
                self._tell(said("mode_left", until=self.mode_ends()))
            elif self.mode.was_set:
                self._tell(said("mode_back", mode=said(f"mode_{self.mode.after}")))

    def mode_ends(self) -> str:
        """When the mode ends by itself, as a time of day."""
        until_s = self.site.latest["mode_until_s"] or 0
        return local_time(until_s * 1000, self.site.config.time_zone)[11:16]

    def _tell(self, sentence: Text) -> None:
        self._screen.lines([tell(sentence, self._screen.lang)])

    def _all(self, steps: tuple[Step, ...], *, renew: bool = False) -> None:
        for step in steps:
            if renew:
                self.mode.renew()
            self._one(step)

    def _leave_out(self, steps: tuple[Step, ...]) -> None:
        """Steps of which none is done, as one line."""
        reason: Text = ""
        for step in steps:
            reason = self._person.skips(step)
            self.done.append(Done(step, skipped(reason), self.site.latest["unix_ms"], self.site.latest["unix_ms"]))
        if steps:
            self._screen.left_out(len(self.done) - len(steps) + 1, len(self.done), reason)

    def _one(self, step: Step) -> None:
        number = len(self.done) + 1
        done = Done(step, Outcome(SKIP, ""), self.site.latest["unix_ms"])
        for attempt in range(1, ATTEMPTS_MAX + 1):
            done.attempts = attempt
            reason = self._person.skips(step)
            try:
                done.outcome = skipped(reason) if reason else step.run(self.site)
            except Skipped as left_out:
                done.outcome = skipped(left_out.reason)
            self._screen.step(number, step, done.outcome)
            again = done.outcome.state == FAIL and step.person and self._person.asks
            if not again or not self._person.repeat(step):
                break
        done.ended_ms = self.site.latest["unix_ms"]
        self.done.append(done)


def result_lines(course: Course, report: str, command: str, lang: str) -> list[str]:
    """How it ended, where the report is, what is next; `command` as it was called."""
    counts = course.counts
    result = said(f"result_{course.result.replace(' ', '_')}")
    facts = {"ok": counts[OK], "look": counts[LOOK], "failed": counts[FAIL], "skipped": counts[SKIP]}
    lines = [tell(said("counts", **facts, result=result), lang)]
    if course.failed:
        lines.append(tell(said("failed_steps", steps=", ".join(done.step.id for done in course.failed)), lang))
    lines.append(tell(said("report_at", path=report), lang))
    if course.result == ACCEPTED:
        lines.append(tell(said("next_sign"), lang))
    elif course.result == IN_ORDER:
        lines += [tell(said("next_whole"), lang), f"  {command}"]
    elif course.failed:
        call = " ".join([f"  {command}", *(f"--only {done.step.id}" for done in course.failed)])
        lines += [tell(said("next_again"), lang), call]
    return lines


def refuse_other_file(site: Site, lang: str) -> None:
    """`Failure` where the gateway runs by another station.toml than the one that is checked against."""
    config = site.config
    if site.began["config"] != config.version:
        seen = f"station.toml {config.version:08x}, gateway {site.began['config']:08x}"
        raise fault("check_other_file", lang, seen=seen)


def refuse_while_alarmed(site: Site, lang: str) -> None:
    """`Failure` where an alarm of a real event stands: a check with hands would cover the next one."""
    if seen := real_alarms(site.began):
        raise fault("check_alarm", lang, seen=seen)
