"""A failure that a person can act on, in five parts: what, seen, likely, do, state.

Every sub-command may raise it; `tools.__main__` prints it and ends with its code. A failure of the table in
tools/faults.toml has a sixth line: its code, and what explains it.
"""

import os
import unicodedata
from collections.abc import Sequence
from typing import TextIO

EXIT_DONE = 0
EXIT_NOT_RIGHT = 1  # Looked at, and not right (check, scan, test).
EXIT_WRONG_CALL = 2  # Wrong call or configuration.
EXIT_NOTHING_FOUND = 3
EXIT_FAILED = 4  # A device, a bus or a program failed.
EXIT_REFUSED = 5  # Refused for safety.
EXIT_STOPPED = 130  # Stopped by hand.
COLUMN = 8  # Where the text of a part begins.
CODE_END = 72  # Where a code ends on a wide line.
LINE_MAX = 1_000  # Where nobody's terminal ends a line.
ROOM_LEAST = 20
CLOSING, OPENING = "，。；：、）！？”》", "（“《"
COMMANDS = ("riverpost ", "sudo ", "mosquitto_")  # A line with one of these is to be copied: it is never broken.
PARTS = {
    "en": ("FAIL", "Seen", "Likely", "Do", "State", "More"),
    "zh": ("不通过", "所见", "可能", "处理", "现状", "详情"),
}
NOTHING = {"en": "nothing", "zh": "无"}


def into_nowhere(stream: TextIO) -> None:
    """Whoever read `stream` is gone (a pipe, a terminal): what Python still holds back for it, and what comes, goes
    nowhere. Else the end of the program would try once more, and its exit code would be Python's 120.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Failure(Exception):
    """What happened, what was seen, what it likely is, what to do (in order), and which state is left behind."""

    def __init__(
        self,
        what: str,
        *,
        seen: str,
        likely: str,
        do: list[str],
        state: str = "nothing was changed",
        exit_code: int = EXIT_FAILED,
        lang: str = "en",
        code: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.likely = likely
        self.do = do
        self.state = state
        self.exit_code = exit_code
        self.lang = lang
        self.code = code

    def text(self, room: int = LINE_MAX) -> str:
        """Return the parts as lines for a terminal of `room` columns; what goes on is indented below its name."""
        seen = self.seen.splitlines() or [NOTHING[self.lang]]
        said = [[self.what], seen, [self.likely], numbered(self.do), [self.state]]
        said += [[f"riverpost explain {self.code}"]] if self.code else []
        parts = list(zip(PARTS[self.lang], said, strict=False))
        if not self.code:
            return laid_out(parts, room)
        first = laid_out(parts[:1], room - len(self.code) - 2).splitlines()
        gap = max(2, min(room, CODE_END) - columns(first[0]) - len(self.code))
        first[0] += " " * gap + self.code
        return "\n".join([*first, laid_out(parts[1:], room)])


def numbered(steps: list[str]) -> list[str]:
    return [f"{number} {step}" for number, step in enumerate(steps, 1)]


def laid_out(parts: Sequence[tuple[str, list[str]]], room: int = LINE_MAX) -> str:
    """Names and their texts, each text within `room` columns where it holds nothing to be copied."""
    lines = []
    for name, texts in parts:
        for text in texts:
            for line in [text] if to_be_copied(text) else wrapped(text, max(ROOM_LEAST, room - COLUMN)):
                lines.append(name + " " * (COLUMN - columns(name)) + line)
                name = ""
    return "\n".join(lines)


def to_be_copied(text: str) -> bool:
    return any(word in text for word in COMMANDS)


def columns(text: str) -> int:
    """Terminal columns of `text`: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, room: int) -> list[str]:
    """`text` in pieces of at most `room` columns, cut at spaces and beside Chinese characters, never within a word that
    fits; no line begins with a mark that belongs to the one before.
    """
    lines = []
    while columns(text) > room:
        end = len(text)
        while columns(text[:end]) > room:
            end -= 1
        end = next((place for place in range(end, 0, -1) if _may_cut(text, place)), end)
        lines.append(text[:end].rstrip(" "))
        text = text[end:].lstrip(" ")
    return [*lines, text]


def _may_cut(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    if after in CLOSING or before in OPENING or not text[:place].strip(" "):
        return False
    return " " in (before, after) or columns(before) == 2 or columns(after) == 2
