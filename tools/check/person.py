"""The person in front of a check: what is asked, what is watched meanwhile, and what comes back.

Rules of this file: the check asks, whoever answers: a terminal (keys.py), a file with answers, or nobody. What a person
has to do with hands is never taken from a file: it is awaited.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tools.check.said import said
from tools.check.screen import Screen
from tools.check.step import Step, Text

POLL_S = 0.25  # The gateway renews its state twice a second.


class Live(NamedTuple):
    """How it is now, for the line that is drawn anew; `over`: nothing more is to be waited for."""

    said: object
    over: bool = False


Look = Callable[[], Live]
OVER, DONE, TIME = "over", "done", "time"  # Why a wait has ended: of itself, by a key, by the clock.


class Person:
    """Nobody: there is nothing to answer with, and a step that needs somebody is left out."""

    asks = False  # Can it be asked, and asked again?
    by_hand = False  # Is somebody at the sensors?

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def wait(self, look: Look, limit_s: float) -> bool:
        """Until it is over by itself; False where it is not within `limit_s`."""
        end_s = time.monotonic() + limit_s
        while True:
            live = look()
            if live.over:
                self.screen.clear()
                return True
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                self.screen.clear()
                return False
            self.screen.live(live.said, left_s)
            self._pause()

    def watch(self, step: Step, prompt: Text, look: Look, limit_s: float) -> str:
        """Ask for something with hands, and look until it is done: OVER, DONE or TIME. Skipped, Stopped."""
        raise NotImplementedError

    def number(self, step: Step, prompt: Text, look: Look, usual: int | None) -> int:
        """A height in mm that a person reads; `usual`: what Enter alone means. Skipped, Stopped."""
        raise NotImplementedError

    def yes(self, step: Step, prompt: Text, again: Callable[[], None]) -> bool:
        """Yes or no; `again` is done where a person wants it once more. Skipped, Stopped."""
        raise NotImplementedError

    def skips(self, step: Step) -> Text:
        """Why `step` is left out before it begins, "" if it is not."""
        return said("unattended") if step.person else ""

    def repeat(self, step: Step) -> bool:
        """A step was not passed: shall it be done again?"""
        return False

    def close(self) -> None:
        """Give back what was taken."""

    def _pause(self) -> None:
        time.sleep(POLL_S)


@dataclass(frozen=True)
class Answers:
    """What a file says: heights read at the staff by channel, what was heard, which steps are left out and why."""

    staff_mm: dict[str, int]
    heard: dict[str, bool]
    skip: dict[str, str]


class Prepared(Person):
    """Answers that were given before. What hands do is awaited."""

    by_hand = True

    def __init__(self, screen: Screen, answers: Answers) -> None:
        super().__init__(screen)
        self._answers = answers

    def watch(self, step: Step, prompt: Text, look: Look, limit_s: float) -> str:
        self.screen.prompt(step, prompt)
        return OVER if self.wait(look, limit_s) else TIME

    def number(self, step: Step, prompt: Text, look: Look, usual: int | None) -> int:
        self.screen.prompt(step, prompt)
        self.wait(look, 2 * POLL_S)  # So that there is something to compare with.
        return self._answers.staff_mm[step.id.partition("/")[0]]

    def yes(self, step: Step, prompt: Text, again: Callable[[], None]) -> bool:
        self.screen.prompt(step, prompt)
        return self._answers.heard[step.id]

    def skips(self, step: Step) -> Text:
        return self._answers.skip.get(step.id, "")
