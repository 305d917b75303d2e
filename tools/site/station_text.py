"""The station.toml of a site, with a comment beside every value.

Rules of this file: what is written loads (gateway.load); a rule that may not judge yet stands there behind WAITS, with
the reason above it.
"""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from tools.failure import columns, wrapped
from tools.site.answers import quoted
from tools.site.texts import said

WAITS = "#| "  # Before each line of a rule that waits.
UNTIL = "#- until "  # The line above a rule that stands in for one that waits.
WIDE = 110
NOTE_COLUMN = 34


class Waiting(NamedTuple):
    """A rule that waits: because of which port of which board."""

    rule: str
    channel: str
    board: str
    port: int


class Lines:
    """Lines of a station.toml while they are written. `note`: a key of comments.toml; `file`: its name in commands."""

    def __init__(self, lang: str, file: str) -> None:
        self.lang = lang
        self.file = file
        self.waiting: list[Waiting] = []
        self._lines: list[str] = []
        self._before = ""

    def text(self) -> str:
        return "\n".join(self._lines).strip("\n") + "\n"

    def table(self, name: str) -> None:
        """A table, or one of several."""
        self._lines.append(f"{self._before}{name}")

    def blank(self) -> None:
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def note(self, key: str, /, **facts: object) -> None:
        """A comment of its own."""
        self._comment(self._said(key, facts))

    def plain(self, text: str) -> None:
        """A line as it stands."""
        self._lines.append(f"{self._before}{text}")

    def value(self, key: str, value: str, note: str, **facts: object) -> None:
        """`key = value` with its comment: behind it where there is room, else above it."""
        line = f"{key} = {value}"
        comment = self._said(note, facts)
        behind = f"{line}{' ' * max(2, NOTE_COLUMN - columns(line))}# {comment}"
        if columns(self._before + behind) > WIDE:
            self._comment(comment)
            behind = line
        self._lines.append(f"{self._before}{behind}")

    def texted(self, key: str, text: str, note: str, **facts: object) -> None:
        """The same of a text."""
        self.value(key, quoted(text), note, **facts)

    def rule(self, note: str, name: str, kind: str, channel: str, waiting: Waiting | None = None) -> None:
        """The head of a rule; where it is `waiting`, all of it up to `end` stands behind WAITS."""
        self.blank()
        if waiting is not None:
            self.note("waits", channel=waiting.channel, board=shlex.quote(waiting.board), port=waiting.port)
            self.waiting.append(waiting)
            self._before = WAITS
        self.plain(f"# {self._said(note, {})}")
        self.table("[[rule]]")
        self.plain(f"name = {quoted(name)}")
        self.plain(f"kind = {quoted(kind)}")
        if channel:
            self.plain(f"channel = {quoted(channel)}")

    def end(self) -> None:
        """The rule is over."""
        self._before = ""

    def steps(self, names: Sequence[str], values: Sequence[str], notes: Sequence[str]) -> None:
        for name, value, note in zip(names, values, notes, strict=True):
            self.texted(name, value, note)

    def _said(self, key: str, facts: dict[str, object]) -> str:
        return said("comments", "note", key, self.lang, file=self.file, **facts)

    def _comment(self, text: str) -> None:
        room = WIDE - columns(self._before) - 2
        for part in text.split("\n"):  # A command has a line of its own, to be copied.
            lines = [part] if part.startswith(" ") else wrapped(part, room)
            self._lines += [f"{self._before}# {line}" for line in lines]
