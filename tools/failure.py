"""A failure that a person can act on, in five parts: what, seen, likely, do, state.

Every sub-command may raise it; `tools.__main__` prints it and ends with its code.
"""

EXIT_DONE = 0
EXIT_NOT_RIGHT = 1  # Looked at, and not right (check, scan, test).
EXIT_WRONG_CALL = 2  # Wrong call or configuration.
EXIT_NOTHING_FOUND = 3
EXIT_FAILED = 4  # A device, a bus or a program failed.
EXIT_REFUSED = 5  # Refused for safety.
EXIT_STOPPED = 130  # Stopped by hand.
COLUMN = 8  # Where the text of a part begins.
PARTS = {
    "en": ("FAIL", "Seen", "Likely", "Do", "State"),
    "zh": ("不通过", "所见", "可能", "处理", "现状"),
}
NOTHING = {"en": "nothing", "zh": "无"}


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
    ) -> None:
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.likely = likely
        self.do = do
        self.state = state
        self.exit_code = exit_code
        self.lang = lang

    def text(self) -> str:
        """Return the five parts as lines for a terminal; a part of several lines is indented below its name."""
        steps = [f"{number} {step}" for number, step in enumerate(self.do, 1)]
        seen = self.seen.splitlines() or [NOTHING[self.lang]]
        said = ([self.what], seen, [self.likely], steps, [self.state])
        lines = []
        for name, texts in zip(PARTS[self.lang], said, strict=True):
            wide = sum(1 for letter in name if ord(letter) > 0x2E80)  # Chinese takes two columns.
            lines.append(f"{name:<{COLUMN - wide}}{texts[0]}")
            lines += [" " * COLUMN + text for text in texts[1:]]
        return "\n".join(lines)
