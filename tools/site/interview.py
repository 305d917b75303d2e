"""Asks a person at a terminal, one question after the other.

Rules of this file: an answer is looked at at once, and the reason said; "?" explains, "<" goes back; what was typed
before stands there as the default when one comes back. Nothing is written here.
"""

import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

from gateway import words
from tools.failure import columns, wrapped
from tools.site.checks import Wrong
from tools.site.model import MARKS
from tools.site.questions import Question, questions
from tools.site.texts import asked, said, table

HELPS, BACKS = ("?", "？"), ("<", "＜", "《", "〈")
REFUSED_MAX = 1_000  # Wrong answers to one question: then nobody is there who reads the reasons.
ROOM_LEAST = 20
INDENT = "  "


class Back(Exception):
    """The person wants the question before."""


class Interview:
    """A person at a terminal. `answers`: what is answered so far, in the order of the questions."""

    def __init__(self, lang: str, talk: TextIO | None = None) -> None:
        self.answers: dict[str, str] = {}
        self._before: dict[str, str] = {}  # Answers of an earlier time, and those that were taken back.
        self._lang = lang
        self._talk = talk or sys.stderr
        self._part = ""

    def take(self, given: Mapping[str, str]) -> int:
        """Take answers of an earlier time, up to the first that is not right any more; how many were taken."""
        self._before = dict(given)
        for question in questions(self.answers):
            try:
                self.answers[question.name] = question.check(given[question.name])
            except (KeyError, Wrong):
                break
        return len(self.answers)

    def run(self) -> None:
        """Ask until everything is answered. KeyboardInterrupt where the person stops, or the terminal goes away."""
        while (question := self._next()) is not None:
            if question.part != self._part:
                self._part = question.part
                print(f"\n{said('questions', 'part', self._part, self._lang)}", file=self._talk)
            try:
                self.answers[question.name] = self._ask(question)
            except Back:
                self.back()

    def back(self) -> None:
        """Take the last answer back; it is the default when it is asked again."""
        if self.answers:
            name, value = self.answers.popitem()
            self._before[name] = value
            self._part = ""

    def line(self, prompt: str) -> str:
        """One line of the person. Back, or KeyboardInterrupt at the end of the input."""
        print(prompt, end="", file=self._talk, flush=True)
        line = sys.stdin.readline()
        if not line:
            print(file=self._talk)
            raise KeyboardInterrupt
        if line.strip() in BACKS:
            raise Back
        return line.strip()

    def say(self, text: str, before: str = "") -> None:
        """Tell something within the terminal's width."""
        room = shutil.get_terminal_size().columns - columns(before) - 1
        for line in wrapped(text, max(ROOM_LEAST, room)):
            print(f"{before}{line}", file=self._talk)
            before = " " * columns(before)

    def _next(self) -> Question | None:
        return next((one for one in questions(self.answers) if one.name not in self.answers), None)

    def _ask(self, question: Question) -> str:
        default = self._default(question)
        self.say(asked(question.key, "ask", self._lang, **question.facts))
        for number, choice in enumerate(question.choices, start=1):
            self.say(choice + self._explained(choice), f"{INDENT}{number} ")
        if default is None:
            self.say(said("talk", "ask", "example", self._lang, example=question.example(self._lang)), INDENT)
        for _ in range(REFUSED_MAX):
            text = self.line("> " if default is None else f"[{default}] > ")
            if text in HELPS:
                self.say(asked(question.key, "why", self._lang, **question.facts), INDENT)
                continue
            try:
                if not text and default is None:
                    raise Wrong("empty", example=question.example(self._lang))
                answer = question.check(text or default or "")
                if (look := question.look(answer)) is not None:
                    self.say(because(look, self._lang), INDENT)
                return answer
            except Wrong as reason:
                self.say(because(reason, self._lang), INDENT)
        raise KeyboardInterrupt

    def _default(self, question: Question) -> str | None:
        """What Enter takes: what stood there before, where that is still right."""
        try:
            return question.check(self._before[question.name])
        except (KeyError, Wrong):
            return question.default

    def _explained(self, choice: str) -> str:
        found = table("talk")["choice"].get(choice)
        return f"  {found[self._lang]}" if found else ""


def because(reason: Wrong, lang: str) -> str:
    """Why an answer was not taken, as a sentence."""
    facts = {name: words.word(str(value), lang) if value in MARKS else value for name, value in reason.facts.items()}
    return said("questions", "wrong", reason.key, lang, **facts)
