"""How a check looks: a line a step with its state at the end, and a line that is drawn anew while it waits.

Rules of this file: right at 80 columns and at 40, in both languages; no escape bytes at all: a line is drawn anew with
blanks behind it. What is awaited is shown on a terminal only; elsewhere a step is one plain line.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from typing import TextIO

from gateway import words
from tools.check.said import said, tell
from tools.check.step import SKIP, Outcome, Step, Text
from tools.failure import into_nowhere, to_be_copied, wrapped
from tools.phrases import phrase

NAME_COLUMNS = 12
NUMBER_COLUMNS = 4
NARROW = 60  # Below it what was found goes on the next line.
WIDE_MOST = 80
COLUMNS_LEAST = 20
LEFT_AFTER_S = 2.0


class Screen:
    """`out`: where results go; `talk`: prompts, and what is drawn anew."""

    def __init__(self, lang: str, out: TextIO | None = None, talk: TextIO | None = None) -> None:
        self.lang = lang
        self._out = out or sys.stdout
        self._talk = talk or sys.stderr
        self._drawn = self._talk.isatty()
        self._shown = 0  # Columns of the line that is drawn anew.

    @property
    def narrow(self) -> bool:
        """Too narrow for what is said beside what is drawn?"""
        return self.columns < NARROW

    @property
    def columns(self) -> int:
        """Columns of the terminal that is drawn on, else of the results'."""
        if not self._drawn or os.environ.get("COLUMNS"):
            return max(COLUMNS_LEAST, shutil.get_terminal_size().columns)
        return max(COLUMNS_LEAST, os.get_terminal_size(self._talk.fileno()).columns)

    def lines(self, texts: Iterable[str]) -> None:
        """Whole lines, each within the terminal."""
        self.clear()
        for text in texts:
            whole = not self._out.isatty() or to_be_copied(text)
            parts = [text] if whole else wrapped(text, self._room())
            self._put(self._out, parts)

    def step(self, number: int, step: Step, outcome: Outcome) -> None:
        """The line of a step that is over."""
        self.clear()
        state = phrase(outcome.state, self.lang)
        found = tell(outcome.said, self.lang)
        self._put(self._out, self.laid_out(self._head(number, step), found, state))

    def left_out(self, first: int, last: int, reason: Text) -> None:
        """Steps that are not done, all for one reason."""
        self.clear()
        told = said("steps_left_out", count=last - first + 1, reason=reason)
        head = f"{first:>{NUMBER_COLUMNS - 1}}-{last} "
        head += " " * max(0, NUMBER_COLUMNS + NAME_COLUMNS - len(head))
        self._put(self._out, self.laid_out(head, tell(told, self.lang), phrase(SKIP, self.lang)))

    def plan(self, number: int, step: Step, texts: list[Text]) -> None:
        """A step that would be done."""
        head, *rest = [part for text in texts for part in wrapped(tell(text, self.lang), self._plan_room())]
        indent = " " * (NUMBER_COLUMNS + NAME_COLUMNS if self._wide() else NUMBER_COLUMNS)
        name = self._head(number, step)
        first = [name + head] if self._wide() else [name.rstrip(), indent + head]
        self._put(self._out, [*first, *(indent + part for part in rest)])

    def prompt(self, step: Step, prompt: Text) -> None:
        """What a person is asked to do."""
        self.clear()
        text = f"{tell(step.name, self.lang)}: {tell(prompt, self.lang)}"
        parts = wrapped(text, self._room(NUMBER_COLUMNS)) if self._drawn else [text]
        self._put(self._talk, [" " * NUMBER_COLUMNS + part for part in parts])

    def hint(self, text: str) -> None:
        """What keys do, below a prompt."""
        self._put(self._talk, wrapped(text, self._room()))

    def live(self, text: object, left_s: float = 0.0) -> None:
        """Draw the line that shows how it is now."""
        if not self._drawn:
            return
        left = f"{left_s:3.0f} s  " if left_s > LEFT_AFTER_S else ""
        self.draw(left + tell(text, self.lang))

    def draw(self, line: str) -> None:
        """The same with its text as it is."""
        if not self._drawn:
            return
        line = cut(line if self.narrow else " " * NUMBER_COLUMNS + line, self.columns - 1)
        taken = words.columns(line)
        self._put(self._talk, ["\r" + line + " " * max(0, self._shown - taken)], end="")
        self._shown = taken

    def clear(self) -> None:
        """Take that line away."""
        if self._drawn and self._shown:
            self._put(self._talk, ["\r" + " " * self._shown + "\r"], end="")
            self._shown = 0

    def laid_out(self, head: str, found: str, state: str) -> list[str]:
        """Head, what was found and the state, the state at the end of the first line."""
        if not self._out.isatty():
            return [f"{head}{found}  {state}"]
        room = self._room()
        if not self._wide():
            name = cut(head.rstrip(), room - words.columns(state) - 1)
            first = name + " " * (room - words.columns(name) - words.columns(state)) + state
            return [first, *(" " * NUMBER_COLUMNS + part for part in wrapped(found, room - NUMBER_COLUMNS))]
        first, *rest = wrapped(found, room - words.columns(head) - words.columns(state) - 2)
        gap = max(2, room - words.columns(head) - words.columns(first) - words.columns(state))
        below = [part for part in wrapped(" ".join(rest), room - NUMBER_COLUMNS - NAME_COLUMNS) if part]
        indent = " " * (NUMBER_COLUMNS + NAME_COLUMNS)
        return [head + first + " " * gap + state, *(indent + part for part in below)]

    def _head(self, number: int, step: Step) -> str:
        name = tell(step.name, self.lang)
        return f"{number:>{NUMBER_COLUMNS - 1}} {name}" + " " * max(1, NAME_COLUMNS - words.columns(name))

    def _put(self, stream: TextIO, lines: list[str], end: str = "\n") -> None:
        """Write; a terminal or pipe that is gone keeps nobody from putting the mode back and writing the report."""
        try:
            stream.write("".join(line + end for line in lines))
            stream.flush()
        except OSError:
            into_nowhere(stream)

    def _wide(self) -> bool:
        return not self._out.isatty() or not self.narrow

    def _room(self, indent: int = 0) -> int:
        return max(COLUMNS_LEAST, min(self.columns - 1, WIDE_MOST - 1) - indent)

    def _plan_room(self) -> int:
        if not self._out.isatty():
            return WIDE_MOST * 2
        return self._room(NUMBER_COLUMNS + NAME_COLUMNS if self._wide() else NUMBER_COLUMNS)


def cut(text: str, room: int) -> str:
    """`text` within `room` columns."""
    while words.columns(text) > room:
        text = text[:-1]
    return text
