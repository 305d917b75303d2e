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
    ) -> None:
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.likely = likely
        self.do = do
        self.state = state
        self.exit_code = exit_code

    def text(self) -> str:
        """Return the five parts as lines for a terminal; a part of several lines is indented below its name."""
        steps = [f"{number} {step}" for number, step in enumerate(self.do, 1)]
        parts = [
            ("FAIL", [self.what]),
            ("Seen", self.seen.splitlines() or ["nothing"]),
            ("Likely", [self.likely]),
            ("Do", steps),
            ("State", [self.state]),
        ]
        lines = []
        for name, texts in parts:
            lines += [f"{name if index == 0 else '':<8}{text}" for index, text in enumerate(texts)]
        return "\n".join(lines)
